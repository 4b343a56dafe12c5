"""`POST /v1/images/{id}/publish`: only what was approved, and one image on one platform as one product once."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from pressroom.contracts.jobs import PublishImage
from pressroom.contracts.subjects import JOBS_STREAM
from pressroom.contracts.vocabulary import ImageState, PublicationState

from .serving import Gateway, fields_named_in, problem_of

MUG = {"platform": "printify", "product_type": "mug"}


async def publish(gateway: Gateway, image_id: str, body: Any) -> httpx.Response:
    return await gateway.http.post(f"/v1/images/{image_id}/publish", json=body)


async def jobs(gateway: Gateway) -> list[PublishImage]:
    """Every publish job that waits."""
    state = (await gateway.house.js.stream_info(JOBS_STREAM)).state
    messages = [
        await gateway.house.js.get_msg(JOBS_STREAM, seq=number)
        for number in range(max(state.first_seq, 1), state.last_seq + 1)
    ]
    return [PublishImage.model_validate_json(message.data or b"") for message in messages]


@pytest.mark.parametrize("state", [ImageState.PLANNED, ImageState.GENERATED, ImageState.REJECTED])
async def test_nothing_is_published_before_it_is_approved(gateway: Gateway, state: ImageState) -> None:
    image_id = await gateway.image(state)
    problem = problem_of(await publish(gateway, image_id, MUG), 409, "image-not-approved")
    assert str(state) in problem["detail"]
    assert await jobs(gateway) == []


async def test_an_approved_image_gets_a_publication_and_a_job(gateway: Gateway) -> None:
    image_id = await gateway.image(ImageState.APPROVED)
    answer = await publish(gateway, image_id, MUG | {"title": "A harbour for the morning"})
    publication = answer.json()
    assert answer.status_code == 202
    assert publication["id"] == f"{image_id}-printify-mug"
    assert (publication["state"], publication["title"]) == ("requested", "A harbour for the morning")
    (job,) = await jobs(gateway)
    assert (job.publication_id, job.image_id) == (publication["id"], image_id)
    shown = (await gateway.http.get(f"/v1/images/{image_id}")).json()
    assert shown["publications"] == [publication]


async def test_the_same_product_ten_times_at_once_is_one_publication(gateway: Gateway) -> None:
    image_id = await gateway.image(ImageState.APPROVED)
    answers = await asyncio.gather(*(publish(gateway, image_id, MUG) for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {202: 10}
    assert len({answer.text for answer in answers}) == 1
    assert len(await jobs(gateway)) == 1


async def test_another_product_or_platform_is_another_publication(gateway: Gateway) -> None:
    image_id = await gateway.image(ImageState.APPROVED)
    for body in (MUG, MUG | {"product_type": "poster"}, MUG | {"platform": "shopify"}):
        assert (await publish(gateway, image_id, body)).status_code == 202
    shown = (await gateway.http.get(f"/v1/images/{image_id}")).json()
    names = [publication["id"].removeprefix(f"{image_id}-") for publication in shown["publications"]]
    assert names == ["printify-mug", "printify-poster", "shopify-mug"]
    assert len(await jobs(gateway)) == 3


async def test_a_publication_that_failed_is_tried_again(gateway: Gateway) -> None:
    image_id = await gateway.image(ImageState.APPROVED)
    publication_id = (await publish(gateway, image_id, MUG)).json()["id"]
    await gateway.house.js.purge_stream(JOBS_STREAM)
    failed = {"state": str(PublicationState.FAILED), "failures": 3, "attempt": 3}
    await gateway.house.database.publications.change(publication_id, failed)
    again = await publish(gateway, image_id, MUG)
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (202, publication_id, "requested")
    assert [job.publication_id for job in await jobs(gateway)] == [publication_id]


async def test_a_publication_that_is_out_stays_as_it_is(gateway: Gateway) -> None:
    image_id = await gateway.image(ImageState.APPROVED)
    publication_id = (await publish(gateway, image_id, MUG)).json()["id"]
    await gateway.house.js.purge_stream(JOBS_STREAM)
    out = {"state": str(PublicationState.PUBLISHED), "external_id": "65f1", "url": "https://shop.example/65f1"}
    await gateway.house.database.publications.change(publication_id, out)
    again = (await publish(gateway, image_id, MUG)).json()
    assert (again["state"], again["external_id"], again["url"]) == ("published", "65f1", "https://shop.example/65f1")
    assert await jobs(gateway) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"platform": "etsy", "product_type": "mug"}, "platform"),
        ({"platform": "printify", "product_type": "car"}, "product_type"),
        ({"platform": "printify"}, "product_type"),
        (MUG | {"title": ""}, "title"),
        (MUG | {"title": "x" * 201}, "title"),
        (MUG | {"price": 3}, "price"),
    ],
)
async def test_a_wrong_field_is_named(edge: httpx.AsyncClient, body: Any, field: str) -> None:
    answer = await edge.post("/v1/images/i/publish", json=body)
    assert fields_named_in(problem_of(answer, 422, "invalid-request")) == [field]
