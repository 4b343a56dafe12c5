"""`POST /v1/images/review`: several decisions in one call, each for itself."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from pressroom.contracts.events import ImageApproved, ImageRejected
from pressroom.contracts.image_requests import IMAGES_AT_ONCE_MAX
from pressroom.contracts.subjects import event_filter
from pressroom.contracts.vocabulary import ImageState, ProviderName
from pressroom.gateway.images import reviewing
from pressroom.state.documents import BatchDocument

from .people import a_user, bearer, token_of
from .serving import Gateway, fields_named_in, problem_of

RULE = [{"platform": "shopify", "product_type": "poster"}]


async def review(gateway: Gateway, body: Any) -> dict[str, Any]:
    answer = await gateway.http.post("/v1/images/review", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def generated(gateway: Gateway, count: int = 1, **fields: Any) -> BatchDocument:
    """A batch whose images wait for their review."""
    batch = await gateway.planned(count=count, **fields)
    for image in await gateway.house.database.images.of_batch(batch.id):
        await gateway.house.database.images.change(image.id, {"state": str(ImageState.GENERATED)})
    return batch


def outcomes(reviewed: dict[str, Any]) -> list[str]:
    return [item["outcome"] for item in reviewed["items"]]


async def test_each_decision_has_its_own_outcome_and_none_keeps_another_from_being_made(gateway: Gateway) -> None:
    batch = await generated(gateway, 4, auto_publish=RULE)
    names = [f"{batch.id}-{index:04d}" for index in range(4)]
    await gateway.http.post(f"/v1/images/{names[2]}/approve")
    await gateway.house.database.images.change(names[3], {"state": str(ImageState.PLANNED)})
    reviewed = await review(
        gateway,
        {
            "decisions": [
                {"image_id": names[0], "decision": "approve"},
                {"image_id": names[1], "decision": "reject", "reason": "Too dark."},
                {"image_id": names[2], "decision": "approve"},
                {"image_id": names[3], "decision": "approve"},
                {"image_id": "nobodys", "decision": "reject"},
            ]
        },
    )
    assert outcomes(reviewed) == ["reviewed", "reviewed", "unchanged", "refused", "refused"]
    assert (reviewed["reviewed"], reviewed["unchanged"], reviewed["refused"], reviewed["left"]) == (2, 1, 2, 0)
    assert [item["state"] for item in reviewed["items"]] == ["approved", "rejected", "approved", None, None]
    problems = [item["problem"] for item in reviewed["items"][3:]]
    assert [(problem["status"], problem["type"].rpartition(":")[2]) for problem in problems] == [
        (409, "image-not-reviewable"),
        (404, "not-found"),
    ]
    assert "planned" in problems[0]["detail"]
    assert problems[0]["instance"] == f"/v1/images/{names[3]}"
    approved = await gateway.house.events(event_filter(ImageApproved))
    assert all(isinstance(event.data, ImageApproved) and len(event.data.publish) == 1 for event in approved)
    assert len(approved) == 2
    (rejected,) = await gateway.house.events(event_filter(ImageRejected))
    assert isinstance(rejected.data, ImageRejected)
    assert (rejected.data.image_id, rejected.data.reason) == (names[1], "Too dark.")


async def test_the_same_call_again_changes_nothing(gateway: Gateway) -> None:
    batch = await generated(gateway, 3)
    body = {"decisions": [{"image_id": f"{batch.id}-{index:04d}", "decision": "reject"} for index in range(3)]}
    answers = await asyncio.gather(*(review(gateway, body) for _ in range(4)))
    counts = Counter(outcome for answer in answers for outcome in outcomes(answer))
    assert counts == {"reviewed": 3, "unchanged": 9}
    assert len(await gateway.house.events(event_filter(ImageRejected))) == 3


async def test_all_of_a_batch_that_wait_are_decided_and_no_others(gateway: Gateway) -> None:
    batch = await generated(gateway, 4)
    other = await generated(gateway)
    await gateway.http.post(f"/v1/images/{batch.id}-0001/reject")
    await gateway.house.database.images.change(f"{batch.id}-0002", {"state": str(ImageState.FAILED)})
    reviewed = await review(gateway, {"batch_id": batch.id, "decision": "approve"})
    assert [item["image_id"] for item in reviewed["items"]] == [f"{batch.id}-0000", f"{batch.id}-0003"]
    assert outcomes(reviewed) == ["reviewed", "reviewed"]
    states = [image.state for image in await gateway.house.database.images.of_batch(batch.id)]
    assert states == [ImageState.APPROVED, ImageState.REJECTED, ImageState.FAILED, ImageState.APPROVED]
    assert (await gateway.house.image(f"{other.id}-0000")).state is ImageState.GENERATED


async def test_a_batchs_placeholders_are_passed_over_by_an_approval_and_taken_by_a_rejection(gateway: Gateway) -> None:
    batch = await generated(gateway, 2)
    await gateway.house.database.images.change(f"{batch.id}-0000", {"provider": str(ProviderName.PLACEHOLDER)})
    named = {"decisions": [{"image_id": f"{batch.id}-0000", "decision": "approve"}]}
    (item,) = (await review(gateway, named))["items"]
    assert item["problem"]["type"].endswith(":image-is-placeholder")
    approved = await review(gateway, {"batch_id": batch.id, "decision": "approve"})
    assert [item["image_id"] for item in approved["items"]] == [f"{batch.id}-0001"]
    rejected = await review(gateway, {"batch_id": batch.id, "decision": "reject"})
    assert [item["image_id"] for item in rejected["items"]] == [f"{batch.id}-0000"]


async def test_what_of_a_large_batch_is_not_reached_is_counted(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "IMAGES_AT_ONCE_MAX", 2)
    batch = await generated(gateway, 5)
    body = {"batch_id": batch.id, "decision": "approve"}
    assert [(await review(gateway, body))["left"] for _ in range(4)] == [3, 1, 0, 0]
    assert len(await gateway.house.events(event_filter(ImageApproved))) == 5


async def test_somebody_elses_images_and_batches_are_as_none(gateway: Gateway) -> None:
    batch = await generated(gateway)
    headers = bearer(token_of(await a_user(gateway.house)))
    named = {"decisions": [{"image_id": f"{batch.id}-0000", "decision": "approve"}]}
    answer = await gateway.http.post("/v1/images/review", json=named, headers=headers)
    assert answer.json()["items"][0]["problem"]["type"].endswith(":not-found")
    whole = {"batch_id": batch.id, "decision": "approve"}
    problem_of(await gateway.http.post("/v1/images/review", json=whole, headers=headers), 404, "not-found")
    assert (await gateway.house.image(f"{batch.id}-0000")).state is ImageState.GENERATED


MANY = [{"image_id": str(number), "decision": "reject"} for number in range(IMAGES_AT_ONCE_MAX + 1)]
ONE = {"image_id": "i", "decision": "approve"}


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "body", "either 'decisions' or 'batch_id'"),
        ({"decisions": [ONE], "batch_id": "b", "decision": "approve"}, "body", "not both"),
        ({"batch_id": "b"}, "body", "'decision' goes with 'batch_id'"),
        ({"decisions": [ONE], "decision": "approve"}, "body", "'decision' goes with 'batch_id'"),
        ({"decisions": [ONE], "reason": "Too dark."}, "body", "each of 'decisions' has its own"),
        ({"decisions": [ONE, ONE]}, "body", "the same image twice"),
        ({"decisions": []}, "decisions", "at least 1"),
        ({"decisions": MANY}, "decisions", "500"),
        ({"decisions": [ONE | {"decision": "maybe"}]}, "decisions.0.decision", "'approve' or 'reject'"),
        ({"decisions": [ONE | {"reason": "Too dark."}]}, "decisions.0", "this one is approved"),
        ({"decisions": [ONE | {"decision": "reject", "reason": "x" * 1001}]}, "decisions.0.reason", "1000"),
        ({"batch_id": "b", "decision": "approve", "reason": "Too dark."}, "body", "this one is approved"),
    ],
)
async def test_a_wrong_body_is_refused_by_name(edge: httpx.AsyncClient, body: Any, field: str, said: str) -> None:
    problem = problem_of(await edge.post("/v1/images/review", json=body), 422, "invalid-request")
    assert fields_named_in(problem)[0] == field
    assert said in problem["detail"]
