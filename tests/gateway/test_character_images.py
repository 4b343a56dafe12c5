"""`/api/image-generation`: the bodies of its users' guide as they stand, answered in the shapes that it shows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from pressroom.contracts.vocabulary import ProviderName
from pressroom.image_worker.app import build as build_worker
from pressroom.image_worker.placeholder_provider import PlaceholderProvider
from pressroom.image_worker.providers import GenerationRequest
from pressroom.image_worker.settings import ImageWorkerSettings
from pressroom.runtime.errors import InvalidRequest

from ..house import House, ReadyProvider, running
from .people import a_user, bearer, token_of
from .serving import Gateway, problem_of, serving

GARDEN: dict[str, Any] = {
    "characterId": "123",
    "prompt": "character in a beautiful garden",
    "numImages": 5,
    "width": 1024,
    "height": 1536,
}


async def _no_rain(request: GenerationRequest) -> bytes | None:
    if "rain" in request.prompt:
        raise InvalidRequest("the provider does not like it")
    return None


@asynccontextmanager
async def a_platform(house: House) -> AsyncIterator[Gateway]:
    """A gateway with a worker that makes pictures at once, and placeholders for what it refuses."""
    lanes = {ProviderName.STUDIO: ReadyProvider(_no_rain), ProviderName.PLACEHOLDER: PlaceholderProvider()}
    async with (
        running(build_worker(ImageWorkerSettings(**house.values), lanes)),
        serving(house, generate_providers=["studio"], generate_wait_s=20) as gateway,
    ):
        yield gateway


async def generated(gateway: Gateway, headers: dict[str, str], **body: Any) -> dict[str, Any]:
    answer = await gateway.http.post("/api/image-generation/generate", json=GARDEN | body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_pictures_of_a_character_are_answered_and_listed_with_numbers_that_go_on(house: House) -> None:
    headers = bearer(token_of(await a_user(house)))
    async with a_platform(house) as platform:
        first = await generated(platform, headers, characterName="John Doe")
        second = await generated(platform, headers, characterName="John Doe", numImages=1, quantity=2)
        listed = (await platform.http.get("/api/image-generation/character/123", headers=headers)).json()
        pictures = [await platform.http.get(url, headers={"Authorization": ""}) for url in first["data"]["imageUrls"]]

    data = first["data"]
    assert (first["success"], data["generatedCount"], data["usedEmbedding"]) == (True, 5, False)
    assert data["imageUrl"] == data["imageUrls"][0]
    assert data["filenames"] == [f"johndoe_image_{number}" for number in range(1, 6)]
    assert second["data"]["filenames"] == ["johndoe_image_6", "johndoe_image_7"]
    assert {picture.headers["content-type"] for picture in pictures} == {"image/png"}
    assert (listed["success"], listed["data"]["totalCount"], listed["data"]["characterId"]) == (True, 7, "123")
    assert [image["filename"] for image in listed["data"]["images"]] == [
        f"johndoe_image_{number}" for number in (7, 6, 5, 4, 3, 2, 1)
    ]
    assert set(listed["data"]["images"][0]) == {"url", "publicId", "createdAt", "filename"}


async def test_somebody_elses_character_has_no_images(house: House) -> None:
    mine, other = [bearer(token_of(await a_user(house))) for _ in range(2)]
    async with a_platform(house) as platform:
        await generated(platform, mine, numImages=1)
        listed = (await platform.http.get("/api/image-generation/character/123", headers=other)).json()
    assert listed["data"] == {"images": [], "totalCount": 0, "characterId": "123"}


async def test_what_nobody_made_is_a_marked_placeholder_that_costs_nothing(house: House) -> None:
    headers = bearer(token_of(await a_user(house)))
    async with a_platform(house) as platform:
        told = await generated(platform, headers, prompt="in the rain", quantity=2)

    assert (told["success"], told["data"]["generatedCount"], told["data"]["placeholderCount"]) == (True, 2, 2)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"quantity": 0}, "quantity"),
        ({"characterId": "../1"}, "characterId"),
        ({"width": 1}, "width"),
    ],
)
async def test_a_wrong_body_is_refused_by_its_field(
    edge: httpx.AsyncClient, changes: dict[str, Any], field: str
) -> None:
    answer = await edge.post("/api/image-generation/generate", json=GARDEN | changes)
    (error,) = problem_of(answer, 422, "invalid-request")["errors"]
    assert error["field"] == field
