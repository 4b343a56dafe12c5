"""The fingerprint by which two bodies are the same wish: stable for ever, since stored batches carry it."""

import json
import random
from typing import Any

import pytest

from pressroom.contracts.requests import BatchRequest
from pressroom.runtime.admission import fingerprint

from .test_golden_messages import golden


def a_request(**fields: Any) -> BatchRequest:
    return BatchRequest.model_validate({"provider": "studio", "prompt": "a quiet harbour", **fields})


def test_a_fingerprint_that_was_stored_once_is_still_the_same() -> None:
    assert fingerprint(a_request()) == "528375aed4f2ad144058ab3488ac7f1ae00725da07cc29daf33f76326de49b0f"
    stored = json.loads(golden("pressroom.batch.requested.v1"))["request"]
    assert (
        fingerprint(BatchRequest.model_validate(stored))
        == "1608f3d07e1b099c9b5c744f2d4e055bebcd4efab4e49eb955d127d8f5532aef"
    )


def test_saying_a_default_aloud_changes_nothing() -> None:
    plain = a_request()
    aloud = BatchRequest.model_validate(plain.model_dump(mode="json"))
    assert fingerprint(aloud) == fingerprint(plain)


def test_neither_the_order_nor_the_spelling_of_a_body_matters() -> None:
    body = json.loads(golden("pressroom.batch.requested.v1"))["request"]
    shuffled = list(body.items())
    random.Random(7).shuffle(shuffled)
    spelled = json.dumps(dict(shuffled), ensure_ascii=True, indent=4)
    assert fingerprint(BatchRequest.model_validate_json(spelled)) == fingerprint(BatchRequest.model_validate(body))


def test_a_whole_number_is_the_same_guidance_as_its_decimal() -> None:
    assert fingerprint(a_request(guidance=7)) == fingerprint(a_request(guidance=7.0))


def test_space_around_a_prompt_is_no_other_wish() -> None:
    assert fingerprint(a_request(prompt="  a quiet harbour\n")) == fingerprint(a_request())


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "A quiet harbour"},
        {"prompt": None, "images": [{"prompt": "a quiet harbour"}]},
        {"count": 2},
        {"seed": 0},
        {"width": 1025},
        {"guidance": 2.1},
        {"priority": "bulk"},
        {"tags": ["a", "b"]},
        {"tags": ["b", "a"]},
        {"auto_publish": [{"platform": "printify", "product_type": "mug"}]},
        {"auto_publish": [{"platform": "printify", "product_type": "mug", "title": "x"}]},
    ],
)
def test_another_wish_has_another_fingerprint(fields: dict[str, Any]) -> None:
    assert fingerprint(a_request(**fields)) != fingerprint(a_request())


def test_wishes_that_differ_in_order_or_place_are_different() -> None:
    made = [
        a_request(tags=["a", "b"]),
        a_request(tags=["b", "a"]),
        a_request(tags=["a b"]),
        a_request(title="a"),
        a_request(negative_prompt="a"),
    ]
    assert len({fingerprint(request) for request in made}) == len(made)
