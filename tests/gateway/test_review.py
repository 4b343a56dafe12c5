"""Approve and reject: which states lead where, and what is told of it."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from pressroom.contracts.events import ImageApproved, ImageRejected
from pressroom.contracts.requests import PublishTarget
from pressroom.contracts.subjects import event_filter
from pressroom.contracts.vocabulary import ImageState, PlatformName, ProductType

from .serving import Gateway, fields_named_in, problem_of

RULE = [{"platform": "shopify", "product_type": "poster", "title": "Harbour"}]
UNREADY = [
    ImageState.PLANNED,
    ImageState.QUEUED,
    ImageState.GENERATING,
    ImageState.FINISHING,
    ImageState.FAILED,
    ImageState.CANCELLED,
]


async def review(gateway: Gateway, image_id: str, verdict: str, body: Any = None) -> Any:
    return await gateway.http.post(f"/v1/images/{image_id}/{verdict}", json=body)


async def test_an_approved_image_is_told_with_the_rule_of_its_batch(gateway: Gateway) -> None:
    image_id = await gateway.image(auto_publish=RULE)
    answer = await review(gateway, image_id, "approve")
    assert (answer.status_code, answer.json()["state"]) == (200, "approved")
    (event,) = await gateway.house.events(event_filter(ImageApproved))
    target = PublishTarget(platform=PlatformName.SHOPIFY, product_type=ProductType.POSTER, title="Harbour")
    batch_id = image_id.rpartition("-")[0]
    assert event.data == ImageApproved(
        batch_id=batch_id, image_id=image_id, index=0, reviewer="default", publish=(target,)
    )


async def test_approving_ten_times_at_once_is_approving_once(gateway: Gateway) -> None:
    image_id = await gateway.image()
    answers = await asyncio.gather(*(review(gateway, image_id, "approve") for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {200: 10}
    assert len(await gateway.house.events(event_filter(ImageApproved))) == 1


async def test_a_rejected_image_is_told_with_its_reason(gateway: Gateway) -> None:
    image_id = await gateway.image()
    answer = await review(gateway, image_id, "reject", {"reason": "Too dark."})
    assert (answer.status_code, answer.json()["state"]) == (200, "rejected")
    (event,) = await gateway.house.events(event_filter(ImageRejected))
    assert isinstance(event.data, ImageRejected)
    assert event.data.reason == "Too dark."


async def test_a_reason_is_not_asked_for(gateway: Gateway) -> None:
    bare = await gateway.http.post(f"/v1/images/{await gateway.image()}/reject")
    assert (bare.status_code, bare.json()["state"]) == (200, "rejected")


async def test_a_reason_of_more_than_1000_characters_is_refused(gateway: Gateway) -> None:
    image_id = await gateway.image()
    answer = await review(gateway, image_id, "reject", {"reason": "x" * 1001})
    assert fields_named_in(problem_of(answer, 422, "invalid-request")) == ["reason"]


async def test_a_rejected_image_may_be_approved_later(gateway: Gateway) -> None:
    image_id = await gateway.image()
    await review(gateway, image_id, "reject", {"reason": "Too dark."})
    assert (await review(gateway, image_id, "approve")).json()["state"] == "approved"


async def test_an_approved_image_cannot_be_rejected_any_more(gateway: Gateway) -> None:
    image_id = await gateway.image()
    await review(gateway, image_id, "approve")
    problem = problem_of(await review(gateway, image_id, "reject"), 409, "image-not-reviewable")
    assert "approved" in problem["detail"]
    assert await gateway.house.events(event_filter(ImageRejected)) == []


@pytest.mark.parametrize("verdict", ["approve", "reject"])
async def test_an_image_that_is_not_ready_cannot_be_reviewed(gateway: Gateway, verdict: str) -> None:
    image_id = await gateway.image()
    for state in UNREADY:
        await gateway.house.database.images.change(image_id, {"state": str(state)})
        problem = problem_of(await review(gateway, image_id, verdict), 409, "image-not-reviewable")
        assert str(state) in problem["detail"]
    assert await gateway.house.events(event_filter(ImageApproved)) == []
