"""`/api/generate` and what goes with it: the bodies of its users' guide as they stand, and what they were told."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from pressroom.contracts.vocabulary import BatchState, ImageState
from pressroom.image_worker.providers import GenerationRequest
from pressroom.runtime.errors import InvalidRequest

from ..house import House, ReadyProvider
from .serving import Gateway, problem_of, serving

# As `curl -d` sends it where the guide gives no content type.
AS_A_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
AS_JSON = {"Content-Type": "application/json"}


async def _sometimes(request: GenerationRequest) -> bytes | None:
    if "rain" in request.prompt or ("some" in request.prompt and request.seed is not None and request.seed % 2):
        raise InvalidRequest("the provider does not like it")
    return None


@asynccontextmanager
async def a_shop(house: House) -> AsyncIterator[Gateway]:
    """A gateway whose /api/generate is served by a worker that makes pictures at once."""
    async with (
        house.worker(ReadyProvider(_sometimes)),
        serving(house, generate_providers=["studio"], generate_wait_s=20) as gateway,
    ):
        yield gateway


async def generated(gateway: Gateway, body: dict[str, Any], headers: dict[str, str] = AS_JSON) -> dict[str, Any]:
    small = {"width": 64, "height": 64, **body}
    answer = await gateway.http.post("/api/generate", content=json.dumps(small), headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("body", "headers", "count"),
    [
        ({"prompt": "cyberpunk cat neon lights"}, AS_JSON, 1),
        ({"prompt": "cyberpunk cat neon lights", "batch_size": 5}, AS_JSON, 5),
        ({"prompt": "geometric pattern", "batch_size": 10, "seed": 12345}, AS_JSON, 10),
        (
            {"prompt": "mountain landscape sunset", "batch_size": 3, "style": "minimalist", "genre": "nature"},
            AS_JSON,
            3,
        ),
        ({"prompt": "same prompt", "batch_size": 1}, AS_A_FORM, 1),
        ({"prompt": "abstract geometric", "batch_size": 99}, AS_A_FORM, 25),
    ],
)
async def test_a_batch_is_answered_when_it_is_done(
    house: House, body: dict[str, Any], headers: dict[str, str], count: int
) -> None:
    async with a_shop(house) as shop:
        told = await generated(shop, body, headers)

        assert told["status"] == "completed"
        assert (told["batch_size"], told["success_count"], told["failed_count"]) == (count, count, 0)
        assert told["message"] == f"Generated {count} of {count} image(s)"
        assert len(set(told["images"])) == len(told["prompt_ids"]) == count
        assert all(name.endswith(".png") for name in told["images"])
        assert "error" not in told
        images = await shop.house.database.images.of_batch(told["batch_id"])
        assert told["prompt"] == images[0].sent_prompt
        if "seed" in body:
            assert images[0].seed == body["seed"]
            assert len({image.seed for image in images}) == count


async def test_what_is_not_said_is_what_it_always_was(house: House) -> None:
    async with a_shop(house) as shop:
        answer = await shop.http.post("/api/generate", json={"prompt": "cyberpunk cat neon lights", "seed": None})
        assert answer.status_code == 200, answer.text
        batch = await shop.house.database.batches.get(answer.json()["batch_id"])
        assert batch is not None
        request = batch.request
        assert (request.width, request.height, request.steps, request.guidance) == (4500, 5400, 30, 2.0)
        assert (request.count, request.profile, request.max_concurrent) == (1, "t-shirt", 1)


async def test_a_part_that_fails_is_counted_and_all_of_it_is_a_failure(house: House) -> None:
    async with a_shop(house) as shop:
        failed = await generated(shop, {"prompt": "rain", "batch_size": 2})
        assert failed == {
            "status": "failed",
            "batch_id": failed["batch_id"],
            "error": "No images were generated: the provider does not like it",
            "failed_count": 2,
        }
        seeds = [2, 3, 4]
        partly = await shop.house.request(
            prompt=None, images=[{"prompt": "some", "seed": seed} for seed in seeds], max_concurrent=3
        )
        await shop.house.completed(partly.id)
        info = (await shop.http.get(f"/api/batch/{partly.id}")).json()
        assert [image["status"] for image in info["images"]] == ["generated", "failed", "generated"]


async def test_one_that_takes_too_long_goes_on_and_says_where_to_ask(house: House) -> None:
    async with serving(house, generate_providers=["studio"], generate_wait_s=0) as gateway:
        told = await generated(gateway, {"prompt": "a slow one", "batch_size": 2})

    assert (told["status"], told["success_count"], told["images"]) == ("processing", 0, [])
    assert told["message"].endswith(f"ask /api/batch/{told['batch_id']} for the rest")
    batch = await house.database.batches.get(told["batch_id"])
    assert batch is not None
    assert batch.state is BatchState.REQUESTED


async def test_a_batch_is_told_approved_and_published_as_the_guide_does_it(house: House) -> None:
    async with a_shop(house) as shop:
        made = await generated(shop, {"prompt": "cyberpunk cityscape", "batch_size": 2, "style": "digital art"})

        info = (await shop.http.get(f"/api/batch/{made['batch_id']}")).json()

        assert (info["success"], info["batch_id"], info["batch_size"]) == (True, made["batch_id"], 2)
        assert info["metadata"] == {
            "original_prompt": "cyberpunk cityscape",
            "style": "digital art",
            "genre": "",
            "full_prompt": made["prompt"],
            "batch_size": 2,
        }
        assert [image["filename"] for image in info["images"]] == made["images"]
        assert [image["batch_index"] for image in info["images"]] == [0, 1]
        for image in info["images"]:
            approved = await shop.http.post(f"/api/approve/{image['id']}")
            assert approved.json() == {"success": True, "id": image["id"], "status": "approved"}
        target = {"title": "", "product_type": "hoodie", "platform": "printify"}
        for image in info["images"]:
            answer = await shop.http.post(
                f"/api/publish/{image['filename']}", content=json.dumps(target), headers=AS_JSON
            )
            published = answer.json()
            assert (published["success"], published["id"], published["product_type"]) == (True, image["id"], "hoodie")
        listed = (await shop.http.get("/api/images")).json()
        assert {image["metadata"]["batch_id"] for image in listed["images"]} == {made["batch_id"]}
        assert {image["status"] for image in listed["images"]} == {str(ImageState.APPROVED)}
        file = await shop.http.get(info["images"][0]["url"])
        assert file.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{}", "body.prompt"),
        (b'{"prompt": "x", "batch_size": 0}', "body.batch_size"),
        (b'{"prompt": "x", "width": 10}', "body.width"),
        (b'{"prompt": "x", "seed": -1}', "body.seed"),
        (b"prompt=x", "body"),
    ],
)
async def test_a_wrong_body_is_refused_by_its_field(edge: httpx.AsyncClient, body: bytes, field: str) -> None:
    problem = problem_of(await edge.post("/api/generate", content=body, headers=AS_A_FORM), 422, "invalid-request")
    assert [error["field"] for error in problem["errors"]] == [field.removeprefix("body.")]


async def test_somebody_elses_and_what_is_not_there_is_not_found(house: House) -> None:
    async with a_shop(house) as shop:
        for path in ("/api/batch/nothing", "/api/batch/../images"):
            assert (await shop.http.get(path)).status_code in (404, 200)
        problem_of(await shop.http.post("/api/approve/nothing"), 404, "not-found")
