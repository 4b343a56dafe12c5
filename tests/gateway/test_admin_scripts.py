"""`/api/admin`: requests of the scripts' files, one after another, with what failed told beside what was made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from pressroom.contracts.posts import PostState
from pressroom.image_worker.providers import GenerationRequest
from pressroom.runtime.errors import InvalidRequest

from ..house import House, ReadyProvider
from .serving import Gateway, fields_named_in, problem_of, serving

FOX: dict[str, Any] = {"prompt": "a fox", "providers": ["studio"], "guidance": 7, "size": "64x64", "tags": ["tag1"]}
POST: dict[str, Any] = {"title": "Your Blog Post Title", "content": "Your blog post content..."}
AT_ONCE = {"delayBetweenRequests": 0}


async def _no_rain(request: GenerationRequest) -> bytes | None:
    if "rain" in request.prompt:
        raise InvalidRequest("the provider does not like it")
    return None


@asynccontextmanager
async def an_office(house: House, **settings: Any) -> AsyncIterator[tuple[Gateway, ReadyProvider]]:
    """A gateway with a worker that makes pictures at once."""
    provider = ReadyProvider(_no_rain)
    async with house.worker(provider), serving(house, generate_providers=["studio"], **settings) as gateway:
        yield gateway, provider


async def sent(gateway: Gateway, path: str, body: Any, **more: Any) -> dict[str, Any]:
    answer = await gateway.http.post(f"/api/admin/{path}", json=body, **more)
    assert answer.is_success, answer.text
    return answer.json()


async def test_one_image_is_answered_with_what_made_it(house: House) -> None:
    async with an_office(house) as (gateway, _):
        told = await sent(gateway, "images", FOX | {"providers": ["studio", "studio"]})
        picture = await gateway.http.get(told["imageUrl"], headers={"Authorization": ""})

    assert picture.headers["content-type"] == "image/png"
    assert {name: told[name] for name in ("index", "success", "prompt", "provider", "model")} == {
        "index": 1,
        "success": True,
        "prompt": "a fox",
        "provider": "studio",
        "model": "ready",
    }
    batch = await house.database.batches.get(told["requestId"])
    assert batch is not None
    request = batch.request
    assert (request.guidance, request.width, request.height, request.tags) == (7, 64, 64, ("tag1",))


async def test_a_file_is_worked_off_one_by_one_and_what_fails_holds_nothing_up(house: House) -> None:
    wishes = [
        FOX,
        FOX | {"prompt": "rain"},
        FOX | {"providers": ["midjourney"]},
        {"prompt": "by whoever makes them usually", "size": "64x64"},
        {"prompt": 7},
    ]
    async with an_office(house) as (gateway, provider):
        told = await sent(gateway, "images/batch", wishes, params=AT_ONCE)

    assert [item["index"] for item in told["results"]] == [1, 4]
    assert [(item["index"], item["prompt"], item["statusCode"]) for item in told["errors"]] == [
        (2, "rain", 502),
        (3, "a fox", 400),
        (5, "", 400),
    ]
    assert told["errors"][0]["error"] == "the provider does not like it"
    assert "studio" in told["errors"][1]["error"]
    assert "providers" in told["errors"][1]["error"]
    summary = told["summary"]
    assert (summary["totalRequests"], summary["successful"], summary["failed"], summary["successRate"]) == (
        5,
        2,
        3,
        40.0,
    )
    assert summary["averageTime"] == round(summary["totalTime"] / 5)
    assert provider.most_at_once == 1


async def test_a_file_that_is_sent_again_under_its_key_is_made_once(house: House) -> None:
    async with an_office(house) as (gateway, provider):
        headers = {"Idempotency-Key": "monday"}
        first = await sent(gateway, "images/batch", [FOX, FOX], params=AT_ONCE, headers=headers)
        again = await sent(gateway, "images/batch", [FOX, FOX, FOX], params=AT_ONCE, headers=headers)
        posts = [await sent(gateway, "blogs/batch", [POST, POST], params=AT_ONCE, headers=headers) for _ in range(2)]

    ids = [item["id"] for item in first["results"]]
    assert [item["id"] for item in again["results"]][:2] == ids
    assert len(provider.asked) == 3
    assert [item["id"] for item in posts[0]["results"]] == [item["id"] for item in posts[1]["results"]]


async def test_a_gateway_that_stops_in_the_middle_of_a_file_leaves_nothing_to_be_made_twice(house: House) -> None:
    at_work, may_go_on = asyncio.Event(), asyncio.Event()

    async def waits_at_the_second(request: GenerationRequest) -> bytes | None:
        if request.prompt == "second":
            at_work.set()
            await may_go_on.wait()
        return None

    provider = ReadyProvider(waits_at_the_second)
    wishes = [FOX | {"prompt": name} for name in ("first", "second", "third")]
    more: dict[str, Any] = {"params": AT_ONCE, "headers": {"Idempotency-Key": "monday"}}
    async with house.worker(provider):
        async with serving(house, generate_providers=["studio"]) as gateway:
            asked = asyncio.create_task(gateway.http.post("/api/admin/images/batch", json=wishes, **more))
            await at_work.wait()
        with pytest.raises(httpx.HTTPError):
            await asked
        may_go_on.set()
        async with serving(house, generate_providers=["studio"]) as gateway:
            told = await sent(gateway, "images/batch", wishes, **more)

    assert [item["prompt"] for item in told["results"]] == ["first", "second", "third"]
    assert sorted(request.prompt for request in provider.asked) == ["first", "second", "third"]


async def test_what_is_not_done_in_time_goes_on_and_what_was_not_begun_is_told(house: House) -> None:
    async with serving(house, generate_providers=["studio"], generate_wait_s=0) as gateway:
        alone = await sent(gateway, "images", FOX)
        told = await sent(gateway, "images/batch", [FOX], params=AT_ONCE)

    assert (alone["success"], alone["statusCode"]) == (False, 504)
    assert alone["error"].endswith(f"ask /v1/batches/{alone['requestId']}")
    assert await house.database.batches.get(alone["requestId"]) is not None
    assert [item["statusCode"] for item in told["errors"]] == [503]
    assert "requestId" not in told["errors"][0]


async def test_a_model_that_is_no_more_is_asked_for_under_its_heirs_name(house: House) -> None:
    async with an_office(house, old_models={"old-model": "new-model"}) as (gateway, provider):
        await sent(gateway, "images", FOX | {"model": "old-model"})
        await sent(gateway, "images", FOX | {"model": "other-model"})
    assert [request.model for request in provider.asked] == ["new-model", "other-model"]


async def test_posts_of_a_file_are_stored_as_drafts_or_published(gateway: Gateway) -> None:
    wishes = [POST, POST | {"isPublished": True, "isFeatured": True, "metadata": {"readingTime": "5 minutes"}}, {}]

    told = await sent(gateway, "blogs/batch", wishes, params=AT_ONCE)

    draft, published = told["results"]
    assert (draft["slug"], draft["isPublished"], draft["isFeatured"]) == ("your-blog-post-title", False, False)
    assert (published["slug"], published["isPublished"], published["isFeatured"]) == (
        "your-blog-post-title-2",
        True,
        True,
    )
    assert [(error["index"], error["title"], error["statusCode"]) for error in told["errors"]] == [(3, "", 400)]
    stored = await gateway.house.database.posts.get(published["id"])
    assert stored is not None
    assert (stored.state, stored.described) == (PostState.PUBLISHED, {"readingTime": "5 minutes"})
    assert draft["authorId"] == stored.owner
    alone = await sent(gateway, "blogs", POST | {"title": "Alone"})
    assert (alone["index"], alone["slug"]) == (1, "alone")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("images", {"providers": ["studio"]}, "prompt"),
        ("images", FOX | {"size": "large"}, "size"),
        ("images", FOX | {"providers": ["midjourney"]}, "providers.0"),
        ("images/batch", [], "body"),
        ("images/batch", [FOX] * 101, "body"),
        ("blogs", {"title": "x"}, "content"),
        ("blogs/batch", [7], "0"),
    ],
)
async def test_a_wrong_body_is_refused_by_its_field(edge: httpx.AsyncClient, path: str, body: Any, field: str) -> None:
    answer = await edge.post(f"/api/admin/{path}", json=body)
    assert fields_named_in(problem_of(answer, 422, "invalid-request"))[0] == field
