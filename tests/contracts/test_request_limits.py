"""Every limit of a request: what is just inside is taken, what is just outside is refused with its field named."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from pressroom.contracts.api import CreateBatch, CreatePublishTarget
from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.events import BatchRequested
from pressroom.contracts.image_requests import RejectImage
from pressroom.contracts.requests import OF_PICTURES, BatchRequest, PublishTarget
from pressroom.contracts.vocabulary import LaneState, PlatformName, ProductType, ProviderName
from pressroom.runtime.admission import refusals, sorted_out
from pressroom.runtime.settings import Settings
from pressroom.state.documents import LaneDocument, LaneService

MORE_THAN_ANY_BATCH = 10_001
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def lane(
    name: ProviderName, state: LaneState, reason: str | None, *, prompt_max_characters: int = 5000
) -> LaneDocument:
    can = Capabilities(prompt_max_characters=prompt_max_characters)
    service = LaneService(capabilities=can, timeout_s=120, max_attempts=3)
    return LaneDocument(_id=name, created_at=NOW, updated_at=NOW, state=state, reason=reason, service=service)


LANES = {ProviderName.STUDIO: lane(ProviderName.STUDIO, LaneState.OPEN, None)}
MUG = {"platform": "printify", "product_type": "mug"}
PRODUCTS = [{"platform": str(one), "product_type": str(other)} for one in PlatformName for other in ProductType]


def fields_named_by(error: ValidationError) -> set[str]:
    return {".".join(str(part) for part in problem["loc"]) for problem in error.errors()}


def a_request(**fields: Any) -> dict[str, Any]:
    if "images" not in fields:
        fields = {"prompt": "a quiet harbour", **fields}
    return {"provider": "studio", **fields}


INSIDE: list[tuple[str, Any]] = [
    ("prompt", "x"),
    ("prompt", "x" * 4000),
    ("prompt", "夜" * 4000),
    ("prompt", f"  {'x' * 4000}  "),
    ("negative_prompt", None),
    ("negative_prompt", "x" * 4000),
    ("count", 1),
    ("count", 10_000),
    ("images", [{"prompt": "x"}]),
    ("images", [{"prompt": "x", "seed": 2**32 - 1}]),
    ("width", 64),
    ("width", 8192),
    ("height", 64),
    ("height", 8192),
    ("steps", 1),
    ("steps", 150),
    ("guidance", 0),
    ("guidance", 30),
    ("guidance", 30.0),
    ("seed", None),
    ("seed", 0),
    ("seed", 2**32 - 1),
    ("max_concurrent", 1),
    ("max_concurrent", 10_000),
    ("model", "x"),
    ("model", "publishers/google/models/gemini-2.5:x_y"),
    ("model", "x" * 128),
    ("title", "x" * 200),
    ("tags", []),
    ("tags", ["x" * 64] * 50),
    ("auto_publish", PRODUCTS),
    ("profile", "none"),
    ("priority", "bulk"),
    ("mode", "batch"),
    ("provider", "gemini"),
]

OUTSIDE: list[tuple[str, Any, str]] = [
    ("prompt", "", "prompt"),
    ("prompt", " \n\t ", "prompt"),
    ("prompt", "x" * 4001, "prompt"),
    ("prompt", "\ud800", "prompt"),
    ("prompt", 7, "prompt"),
    ("negative_prompt", "", "negative_prompt"),
    ("negative_prompt", "x" * 4001, "negative_prompt"),
    ("count", 0, "count"),
    ("count", -1, "count"),
    ("count", MORE_THAN_ANY_BATCH, "count"),
    ("count", 2.0, "count"),
    ("count", "2", "count"),
    ("count", True, "count"),
    ("images", [], "images"),
    ("images", [{"prompt": "x"}] * MORE_THAN_ANY_BATCH, "images"),
    ("images", [{"prompt": "x"}, {"prompt": ""}], "images.1.prompt"),
    ("images", [{"prompt": "x"}, {"prompt": "x", "seed": 2**32}], "images.1.seed"),
    ("images", [{"prompt": "x"}, {"seed": 1}], "images.1.prompt"),
    ("width", 63, "width"),
    ("width", 8193, "width"),
    ("width", 100.5, "width"),
    ("height", 63, "height"),
    ("height", 8193, "height"),
    ("steps", 0, "steps"),
    ("steps", 151, "steps"),
    ("guidance", -0.001, "guidance"),
    ("guidance", 30.001, "guidance"),
    ("guidance", float("nan"), "guidance"),
    ("guidance", float("inf"), "guidance"),
    ("seed", -1, "seed"),
    ("seed", 2**32, "seed"),
    ("seed", 1.5, "seed"),
    ("max_concurrent", 0, "max_concurrent"),
    ("max_concurrent", MORE_THAN_ANY_BATCH, "max_concurrent"),
    ("model", "", "model"),
    ("model", "x" * 129, "model"),
    ("model", "../etc?x", "model"),
    ("title", "", "title"),
    ("title", "x" * 201, "title"),
    ("tags", [""], "tags.0"),
    ("tags", ["x", "x" * 65], "tags.1"),
    ("tags", ["x"] * 51, "tags"),
    ("auto_publish", [MUG] * 21, "auto_publish"),
    ("auto_publish", [{**MUG, "platform": "etsy"}], "auto_publish.0.platform"),
    ("auto_publish", [{**MUG, "product_type": "car"}], "auto_publish.0.product_type"),
    ("auto_publish", [{**MUG, "title": "x" * 201}], "auto_publish.0.title"),
    ("provider", "dalle", "provider"),
    ("mode", "sometimes", "mode"),
    ("profile", "No Such Name", "profile"),
    ("priority", "now", "priority"),
]

both_ways_in = pytest.mark.parametrize("model", [BatchRequest, CreateBatch])


def _named(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:30]}...{len(value)}"


@both_ways_in
@pytest.mark.parametrize(("field", "value"), INSIDE, ids=_named)
def test_what_is_within_the_limits_is_taken(model: type[BaseModel], field: str, value: Any) -> None:
    model.model_validate(a_request(**{field: value}))


@both_ways_in
@pytest.mark.parametrize(("field", "value", "named"), OUTSIDE, ids=_named)
def test_one_past_a_limit_is_refused_with_its_field(model: type[BaseModel], field: str, value: Any, named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(a_request(**{field: value}))
    assert fields_named_by(refused.value) == {named}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"prompt": None}, "either 'prompt'"),
        ({"prompt": "x", "images": [{"prompt": "x"}]}, "not both"),
        ({"images": [{"prompt": "x"}], "count": 2}, "'count' goes with 'prompt'"),
        ({"images": [{"prompt": "x"}], "seed": 2}, "'seed' goes with 'prompt'"),
        ({"auto_publish": [MUG, {**MUG, "title": "Another"}]}, "twice"),
    ],
)
@both_ways_in
def test_fields_that_do_not_go_together_are_refused(model: type[BaseModel], fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        model.model_validate(a_request(**fields))


@pytest.mark.parametrize("batch_id", ["", "a.b", "a b", "*", ">", "-a", "_a", "x" * 65, "ä", "a\n"])
def test_a_batch_id_that_is_no_subject_token_is_refused(batch_id: str) -> None:
    with pytest.raises(ValidationError) as refused:
        BatchRequested.model_validate({"batch_id": batch_id, "request": a_request()})
    assert fields_named_by(refused.value) == {"batch_id"}


@pytest.mark.parametrize("batch_id", ["a", "7", "x" * 64, "Order_2026-11-20"])
def test_a_caller_may_choose_any_subject_token_as_a_batch_id(batch_id: str) -> None:
    BatchRequested.model_validate({"batch_id": batch_id, "request": a_request()})


def test_an_unknown_field_is_ignored_in_an_event_and_refused_in_a_body() -> None:
    slip = a_request(heigth=2000)
    assert BatchRequest.model_validate(slip) == BatchRequest.model_validate(a_request())
    with pytest.raises(ValidationError) as refused:
        CreateBatch.model_validate(slip)
    assert fields_named_by(refused.value) == {"heigth"}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"images": [{"prompt": "x"}, {"prompt": "x", "sed": 1}]}, "images.1.sed"),
        ({"auto_publish": [{**MUG, "titel": "x"}]}, "auto_publish.0.titel"),
    ],
)
def test_an_unknown_field_inside_a_body_is_refused_too(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CreateBatch.model_validate(a_request(**fields))
    assert fields_named_by(refused.value) == {named}


def test_the_other_bodies_have_limits_too() -> None:
    RejectImage.model_validate({"reason": "x" * 1000})
    with pytest.raises(ValidationError) as refused:
        RejectImage.model_validate({"reason": "x" * 1001, "why": "x"})
    assert fields_named_by(refused.value) == {"reason", "why"}
    with pytest.raises(ValidationError) as refused:
        CreatePublishTarget.model_validate({"platform": "printify", "colour": "red"})
    assert fields_named_by(refused.value) == {"product_type", "colour"}


def test_every_body_of_the_api_is_a_request_as_events_carry_it() -> None:
    body = CreateBatch.model_validate(a_request(images=[{"prompt": "x"}] * 10_000, auto_publish=[MUG]))
    request = BatchRequest.model_validate(body.model_dump())
    assert request.image_count == 10_000
    assert request.auto_publish == (PublishTarget(platform=PlatformName.PRINTIFY, product_type=ProductType.MUG),)


def request_for(count: int, **fields: Any) -> BatchRequest:
    return BatchRequest.model_validate(a_request(count=count, **fields))


def test_a_deployment_takes_25_images_a_batch_and_not_26() -> None:
    assert refusals(request_for(25), Settings(), LANES) == []
    (reason,) = refusals(request_for(26), Settings(), LANES)
    assert reason.field == "count"
    assert "at most 25" in reason.message


def test_a_list_of_26_images_is_refused_under_its_own_name() -> None:
    listed = BatchRequest.model_validate(a_request(images=[{"prompt": "x"}] * 26))
    assert [reason.field for reason in refusals(listed, Settings(), LANES)] == ["images"]


def test_the_setting_says_how_many_images_a_batch_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSROOM_MAX_IMAGES_PER_BATCH", "40")
    assert refusals(request_for(40), Settings(), LANES) == []
    (reason,) = refusals(request_for(41), Settings(), LANES)
    assert "at most 40" in reason.message


def test_a_provider_in_a_mode_that_it_does_not_have_is_refused_naming_who_has_it() -> None:
    (reason,) = refusals(request_for(1, mode="batch"), Settings(), LANES)
    assert reason.field == "provider"
    assert "gemini" in reason.message


def test_a_closed_lane_is_refused_with_its_reason_and_the_open_ones() -> None:
    lanes = {**LANES, ProviderName.FLUX: lane(ProviderName.FLUX, LaneState.CLOSED, "PRESSROOM_FLUX_API_KEY is not set")}
    (reason,) = refusals(request_for(1, provider="flux"), Settings(), lanes)
    assert reason.field == "provider"
    assert "PRESSROOM_FLUX_API_KEY" in reason.message
    assert "open lanes: studio" in reason.message


def test_a_lane_that_no_worker_ever_served_is_closed() -> None:
    (reason,) = refusals(request_for(1, provider="openai"), Settings(), LANES)
    assert "PRESSROOM_IMAGE_WORKER_LANES" in reason.message


def test_of_several_providers_one_that_can_is_enough() -> None:
    listed = BatchRequest.model_validate({"prompt": "x", "providers": ["flux", "studio"]})
    assert refusals(listed, Settings(), LANES) == []
    assert sorted_out(listed, Settings(), LANES)[0] == (ProviderName.STUDIO,)


def test_when_none_of_several_can_each_is_told_why() -> None:
    listed = BatchRequest.model_validate({"prompt": "x", "providers": ["flux", "studio"], "transparent": True})
    reasons = refusals(listed, Settings(), LANES)
    assert [reason.field for reason in reasons] == ["providers", "transparent"]


def test_a_prompt_is_measured_as_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = {ProviderName.STUDIO: lane(ProviderName.STUDIO, LaneState.OPEN, None, prompt_max_characters=40)}
    assert refusals(request_for(1), Settings(), narrow) == []
    (reason,) = refusals(request_for(1, style="digital art", genre="futuristic"), Settings(), narrow)
    assert reason.field == "prompt"
    assert "at most 40" in reason.message
    monkeypatch.setenv("PRESSROOM_QUALITY_WORDS", "high contrast, bold colors and no border at all")
    assert refusals(request_for(1), Settings(), narrow) != []


def test_a_profile_is_a_built_in_one_or_the_deployments_own(monkeypatch: pytest.MonkeyPatch) -> None:
    (reason,) = refusals(request_for(1, profile="sticker"), Settings(), LANES)
    assert reason.field == "profile"
    assert "t-shirt" in reason.message
    monkeypatch.setenv("PRESSROOM_PROFILES", '{"sticker": {"width_px": 600, "height_px": 600, "fit": "pad"}}')
    assert refusals(request_for(1, profile="sticker"), Settings(), LANES) == []


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "x"},
        {"prompt": "x", "provider": "studio", "providers": ["flux"]},
        {"prompt": "x", "providers": ["flux", "flux"]},
    ],
)
def test_there_is_one_way_to_say_who_makes_it(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="provider"):
        BatchRequest.model_validate(body)


@pytest.mark.parametrize("field", OF_PICTURES)
def test_what_says_nothing_about_a_text_is_refused_with_one(field: str) -> None:
    values: dict[str, Any] = {
        "transparent": True,
        "stop_on_error": True,
        "adapters": [{"kind": "lora", "name": "pencil"}],
        "fallback": "placeholder",
        "auto_publish": [{"platform": "printify", "product_type": "mug"}],
    }
    body = {"prompt": "x", "provider": "gemini", "text_kind": "plain", field: values.get(field, "some-words")}
    with pytest.raises(ValidationError, match=f"'{field}' goes with pictures"):
        BatchRequest.model_validate(body)


def test_instructions_go_with_texts() -> None:
    with pytest.raises(ValidationError, match="'instructions' goes with 'text_kind'"):
        BatchRequest.model_validate({"prompt": "x", "provider": "gemini", "instructions": "In English."})
