"""`POST /v1/images/{id}/regenerate`: another of an image, as a batch of one like its own."""

import asyncio
from typing import Any

import httpx
import pytest

from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.events import BatchAccepted
from pressroom.contracts.subjects import event_filter
from pressroom.contracts.vocabulary import ImageState, ProviderName, Scope

from ..house import ReadyProvider
from ..payers import audited, comes_to
from .people import a_key, a_user, bearer, token_of
from .serving import BODY, Gateway, fields_named_in, problem_of

SMALL = BODY | {"width": 64, "height": 64, "profile": "none"}


async def again(gateway: Gateway, image_id: str, body: Any = None, key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await gateway.http.post(f"/v1/images/{image_id}/regenerate", json=body, headers=headers)


async def request_of(gateway: Gateway, image_id: str, body: Any = None) -> dict[str, Any]:
    """What is asked for."""
    answer = await again(gateway, image_id, body)
    assert answer.status_code == 202, answer.text
    return answer.json()["request"]


async def test_another_is_asked_for_as_the_first_was(gateway: Gateway) -> None:
    image_id = await gateway.image(
        ImageState.REJECTED,
        prompt=None,
        images=[{"prompt": "one", "seed": 5}, {"prompt": "two"}],
        style="ink",
        negative_prompt="fog",
        steps=12,
        subject="ann",
        title="Harbours",
        tags=["sea"],
        priority="urgent",
        max_attempts=2,
        deadline_at="2099-01-01T00:00:00Z",
    )
    asked = await request_of(gateway, image_id)
    (wanted,) = asked["images"]
    assert (wanted["prompt"], wanted["seed"]) == ("one", None)
    same = ("provider", "style", "negative_prompt", "steps", "subject", "title", "tags", "priority", "max_attempts")
    batch = (await gateway.http.get(f"/v1/batches/{image_id.rpartition('-')[0]}")).json()["request"]
    assert {name: asked[name] for name in same} == {name: batch[name] for name in same}
    assert (asked["width"], asked["height"], asked["profile"]) == (64, 64, "none")
    assert (asked["off_peak"], asked["schedule_at"], asked["deadline_at"]) == (False, None, None)
    assert (await gateway.house.image(image_id)).state is ImageState.REJECTED


async def test_what_is_said_is_different(gateway: Gateway) -> None:
    await gateway.house.open_lane(ProviderName.FLUX, Capabilities(prompt_max_characters=100_000, models=("flux-2",)))
    image_id = await gateway.image(prompt="one", model=None)
    said = {"prompt": "two", "seed": 7, "width": 128, "height": 96, "provider": "flux", "model": "flux-2"}
    asked = await request_of(gateway, image_id, said)
    (wanted,) = asked["images"]
    assert (wanted["prompt"], wanted["seed"]) == ("two", 7)
    assert {name: asked[name] for name in ("width", "height", "provider", "model")} == {
        name: said[name] for name in ("width", "height", "provider", "model")
    }


async def test_the_image_of_a_row_is_asked_for_with_its_own_words(gateway: Gateway) -> None:
    batch = await gateway.planned(prompt=None, images=[{"prompt": "one"}, {"prompt": "two"}])
    image_id = f"{batch.id}-0001"
    await gateway.house.database.images.change(image_id, {"state": str(ImageState.GENERATED)})
    assert (await request_of(gateway, image_id))["images"][0]["prompt"] == "two"


async def test_batch_and_image_say_what_they_are_another_of(gateway: Gateway) -> None:
    house = gateway.house
    image_id = await gateway.image()
    made = (await again(gateway, image_id)).json()
    assert made["regenerated_from"] == image_id
    async with house.worker(ReadyProvider()):
        (image,) = await house.completed(made["id"])
    shown = (await gateway.http.get(f"/v1/images/{image.id}")).json()
    assert (shown["regenerated_from"], shown["state"]) == (image_id, "generated")
    told = {
        event.data.batch_id: event.data.regenerated_from
        for event in await house.events(event_filter(BatchAccepted))
        if isinstance(event.data, BatchAccepted)
    }
    assert told[made["id"]] == image_id
    assert told[image_id.rpartition("-")[0]] is None


async def test_one_key_is_one_image_and_that_of_another_is_refused(gateway: Gateway) -> None:
    image_id, other = await gateway.image(), await gateway.image()
    answers = await asyncio.gather(*(again(gateway, image_id, {"seed": 3}, "mine") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 4
    problem_of(await again(gateway, image_id, {"seed": 4}, "mine"), 409, "idempotency-key-reused")
    problem_of(await again(gateway, other, {"seed": 3}, "mine"), 409, "idempotency-key-reused")
    same_words = (await again(gateway, image_id, {"seed": 3})).json()["request"]
    plainly = await gateway.http.post("/v1/batches", json=same_words, headers={"Idempotency-Key": "mine"})
    problem_of(plainly, 409, "idempotency-key-reused")


async def test_it_is_paid_for_as_every_batch_is(gateway: Gateway) -> None:
    house = gateway.house
    user = await a_user(house)
    headers = bearer(token_of(user))
    async with house.worker(ReadyProvider()):
        first = (await gateway.http.post("/v1/batches", json=SMALL, headers=headers)).json()
        (image,) = await house.completed(first["id"])
        answer = await gateway.http.post(f"/v1/images/{image.id}/regenerate", headers=headers)
        assert answer.status_code == 202, answer.text
        await house.completed(answer.json()["id"])
    await comes_to(house, user, "92", "0", "8")
    await house.database.ledger.accounts.update_one({"_id": user.id}, {"$set": {"available": 0}})
    poor = await gateway.http.post(f"/v1/images/{image.id}/regenerate", headers=headers)
    problem_of(poor, 402, "insufficient-credits")
    await house.database.ledger.accounts.update_one({"_id": user.id}, {"$set": {"available": 92_000}})
    await audited(house)


async def test_an_image_that_is_not_made_yet_is_waited_for(gateway: Gateway) -> None:
    image_id = await gateway.image(ImageState.PLANNED)
    assert "planned" in problem_of(await again(gateway, image_id), 409, "image-in-the-making")["detail"]


async def test_a_deleted_image_and_somebody_elses_are_as_none(gateway: Gateway) -> None:
    image_id = await gateway.image()
    headers = bearer(token_of(await a_user(gateway.house)))
    address = f"/v1/images/{image_id}/regenerate"
    problem_of(await gateway.http.post(address, headers=headers), 404, "not-found")
    await gateway.http.delete(f"/v1/images/{image_id}")
    problem_of(await gateway.http.post(address), 404, "not-found")


async def test_who_may_not_publish_makes_nothing_that_publishes_itself(gateway: Gateway) -> None:
    image_id = await gateway.image(auto_publish=[{"platform": "printify", "product_type": "mug"}])
    _, secret = await a_key(gateway.house, "default", Scope.READ, Scope.WRITE)
    async with httpx.AsyncClient(base_url=gateway.url, headers=bearer(secret), trust_env=False) as http:
        answer = await http.post(f"/v1/images/{image_id}/regenerate")
    problem_of(answer, 403, "insufficient-scope")


async def test_what_nobody_can_make_is_refused_with_the_field(gateway: Gateway) -> None:
    image_id = await gateway.image()
    problem = problem_of(await again(gateway, image_id, {"provider": "openai"}), 422, "invalid-request")
    assert list(fields_named_in(problem)) == ["provider"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"seed": -1}, "seed"),
        ({"provider": "nobody"}, "provider"),
        ({"model": "a b"}, "model"),
        ({"width": 63}, "width"),
        ({"height": 8193}, "height"),
        ({"mode": "slow"}, "mode"),
        ({"count": 2}, "count"),
    ],
)
async def test_a_wrong_field_is_named(edge: httpx.AsyncClient, body: Any, field: str) -> None:
    problem = problem_of(await edge.post("/v1/images/i/regenerate", json=body), 422, "invalid-request")
    assert list(fields_named_in(problem)) == [field]
