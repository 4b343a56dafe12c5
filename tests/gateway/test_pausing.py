"""A batch is held up and goes on: by its owner, and by an image that fails where it wants that."""

import asyncio

import pytest

from pressroom.contracts.events import BatchPaused, BatchResumed
from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.subjects import story_filter
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState
from pressroom.image_worker.providers import Generation, GenerationRequest, Progress
from pressroom.runtime.errors import InvalidRequest
from pressroom.runtime.settling import Settling
from pressroom.state.documents import ImageDocument

from ..house import House, ReadyProvider, eventually
from .serving import Gateway, problem_of


async def states(house: House, batch_id: str) -> list[str]:
    return [str(image.state) for image in await house.database.images.of_batch(batch_id)]


async def make(house: House, image: ImageDocument) -> None:
    """The image is generated, and what follows from that for its batch is done."""
    await house.database.images.change(image.id, {"state": str(ImageState.GENERATED)})
    await Settling(house.database, house.outbox).settle(image.batch_id)


async def told(house: House, batch_id: str) -> list[type]:
    wanted = (BatchPaused, BatchResumed)
    return [type(event.data) for event in await house.events(story_filter(batch_id)) if isinstance(event.data, wanted)]


async def test_a_paused_batch_begins_no_more_images_until_it_is_resumed(gateway: Gateway) -> None:
    house = gateway.house
    batch = await gateway.planned(count=3)
    settling = Settling(house.database, house.outbox)
    await settling.settle(batch.id)
    paused = (await gateway.http.post(f"/v1/batches/{batch.id}/pause", json={"reason": "wrong colours"})).json()
    assert (paused["state"], paused["pause_reason"]) == ("accepted", "wrong colours")
    assert paused["paused_at"] is not None
    await make(house, await house.image(f"{batch.id}-0000"))
    assert await states(house, batch.id) == ["generated", "planned", "planned"]
    resumed = (await gateway.http.post(f"/v1/batches/{batch.id}/resume")).json()
    assert (resumed["paused_at"], resumed["pause_reason"]) == (None, None)
    assert await states(house, batch.id) == ["generated", "queued", "planned"]
    assert await told(house, batch.id) == [BatchPaused, BatchResumed]


async def test_pausing_and_resuming_many_times_at_once_is_once(gateway: Gateway) -> None:
    batch = await gateway.planned(count=3)
    for way in ("pause", "resume"):
        answers = await asyncio.gather(*(gateway.http.post(f"/v1/batches/{batch.id}/{way}") for _ in range(8)))
        assert {answer.status_code for answer in answers} == {200}
    assert await told(gateway.house, batch.id) == [BatchPaused, BatchResumed]


async def test_a_batch_that_stops_on_an_error_is_paused_by_it_and_goes_on_past_it(gateway: Gateway) -> None:
    house = gateway.house
    batch = await gateway.planned(count=4, stop_on_error=True)
    settling = Settling(house.database, house.outbox)
    await settling.settle(batch.id)
    error = ErrorReport(kind=ErrorKind.MODERATION, message="refused", recoverable=False)
    failed = {"state": str(ImageState.FAILED), "error": error.model_dump()}
    await house.database.images.change(f"{batch.id}-0000", failed)
    await settling.settle(batch.id)
    shown = (await gateway.http.get(f"/v1/batches/{batch.id}")).json()
    assert shown["pause_reason"] == "1 of its images failed, and it stops on an error"
    assert await states(house, batch.id) == ["failed", "planned", "planned", "planned"]
    await gateway.http.post(f"/v1/batches/{batch.id}/resume")
    assert await states(house, batch.id) == ["failed", "queued", "planned", "planned"]
    await make(house, await house.image(f"{batch.id}-0001"))
    assert await states(house, batch.id) == ["failed", "generated", "queued", "planned"]
    await house.database.images.change(f"{batch.id}-0002", failed)
    await settling.settle(batch.id)
    assert await states(house, batch.id) == ["failed", "generated", "failed", "planned"]


class Refusing(ReadyProvider):
    """Makes one picture and refuses the next."""

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        if request.image_id.endswith("-0001"):
            raise InvalidRequest("this prompt is refused")
        return await super().generate(request, progress)


async def test_a_worker_begins_nothing_after_the_image_that_failed(gateway: Gateway) -> None:
    house = gateway.house
    async with house.worker(Refusing()):
        batch = await gateway.batch(count=4, stop_on_error=True, width=64, height=64, profile="none")

        async def paused() -> bool:
            document = await house.database.batches.get(batch["id"])
            return document is not None and document.paused_at is not None

        await eventually(paused)
        # The first may still be finished, and no other is begun.
        assert (await states(house, batch["id"]))[1:] == ["failed", "planned", "planned"]
        await gateway.http.post(f"/v1/batches/{batch['id']}/resume")
        await house.completed(batch["id"])
    assert await states(house, batch["id"]) == ["generated", "failed", "generated", "generated"]


class Failing(ReadyProvider):
    """Refuses every picture, and counts them."""

    asked = 0

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        type(self).asked += 1
        raise InvalidRequest("this prompt is refused")


async def test_a_retry_stops_on_its_first_error_too(gateway: Gateway) -> None:
    house = gateway.house
    batch = await gateway.planned(count=6, stop_on_error=True)
    error = ErrorReport(kind=ErrorKind.MODERATION, message="refused", recoverable=False)
    for index in range(6):
        failed = {"state": str(ImageState.FAILED), "error": error.model_dump()}
        await house.database.images.change(f"{batch.id}-{index:04}", failed)
    await house.database.batches.change(batch.id, {"state": str(BatchState.COMPLETED), "released_through": 6})
    assert (await gateway.http.post(f"/v1/batches/{batch.id}/retry")).status_code == 202
    assert await states(house, batch.id) == ["queued"] * 6
    Failing.asked = 0
    async with house.worker(Failing()):

        async def paused() -> bool:
            document = await house.database.batches.get(batch.id)
            return document is not None and document.paused_at is not None

        await eventually(paused)
        # One may have been fetched ahead of the pause.
        assert Failing.asked <= 2
        assert sorted(set(await states(house, batch.id))) != ["failed"]


@pytest.mark.parametrize("state", [BatchState.COMPLETED, BatchState.CANCELLED])
async def test_a_batch_that_is_over_is_neither_paused_nor_resumed(gateway: Gateway, state: BatchState) -> None:
    batch = (await gateway.planned()).id
    await gateway.house.database.batches.change(batch, {"state": str(state)})
    for way in ("pause", "resume"):
        problem_of(await gateway.http.post(f"/v1/batches/{batch}/{way}"), 409, "batch-over")


async def test_a_batch_of_a_provider_job_is_not_paused(gateway: Gateway) -> None:
    batch = await gateway.batch(provider="gemini", mode="batch")
    problem_of(await gateway.http.post(f"/v1/batches/{batch['id']}/pause"), 409, "not-in-mode-batch")
    answer = await gateway.http.post(
        "/v1/batches", json={"provider": "gemini", "mode": "batch", "prompt": "x", "stop_on_error": True}
    )
    problem = problem_of(answer, 422, "invalid-request")
    assert [error["field"] for error in problem["errors"]] == ["stop_on_error"]


async def test_a_paused_batch_is_cancelled_as_any(gateway: Gateway) -> None:
    batch = (await gateway.planned(count=2)).id
    await gateway.http.post(f"/v1/batches/{batch}/pause")
    assert (await gateway.http.post(f"/v1/batches/{batch}/cancel")).json()["state"] == "cancelled"
