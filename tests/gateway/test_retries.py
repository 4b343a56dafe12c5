"""`POST /v1/batches/{id}/retry`: what failed goes out again alone, and what cannot is refused with the reason."""

from typing import Any

import pytest

from pressroom.contracts.vocabulary import BatchState, ImageState, Mode, ProviderJobState, ProviderName
from pressroom.runtime.outbox import Outbox
from pressroom.runtime.retries import Retries
from pressroom.runtime.settling import Settling, cancel, job_of
from pressroom.state.collection import Collection
from pressroom.state.documents import BatchDocument, Document
from pressroom.state.machines import IMAGE_SETTLED

from ..house import House, ReadyProvider, eventually
from .serving import Gateway, fields_named_in, problem_of


async def half_done(gateway: Gateway, **fields: Any) -> BatchDocument:
    """A completed batch of three whose last two images failed."""
    house = gateway.house
    batch = await gateway.planned(count=3, **fields)
    for index, state in enumerate((ImageState.GENERATED, ImageState.FAILED, ImageState.FAILED)):
        await house.database.images.change(f"{batch.id}-{index:04d}", {"state": str(state)})
    await house.database.batches.change(batch.id, {"state": str(BatchState.COMPLETED)})
    return batch


async def states(gateway: Gateway, batch: BatchDocument) -> list[tuple[ImageState, Mode]]:
    images = await gateway.house.database.images.of_batch(batch.id)
    return [(image.state, image.mode) for image in images]


async def test_failed_images_wait_in_the_lane_again(gateway: Gateway) -> None:
    batch = await half_done(gateway)
    answer = await gateway.http.post(f"/v1/batches/{batch.id}/retry", json={"mode": "realtime"})
    assert (answer.status_code, answer.json()["state"]) == (202, "accepted")
    assert await states(gateway, batch) == [
        (ImageState.GENERATED, Mode.REALTIME),
        (ImageState.QUEUED, Mode.REALTIME),
        (ImageState.QUEUED, Mode.REALTIME),
    ]


async def test_a_retry_that_is_asked_for_twice_is_one_also_when_it_has_failed_again(gateway: Gateway) -> None:
    house, header = gateway.house, {"Idempotency-Key": "once-more"}
    batch = await half_done(gateway)
    path = f"/v1/batches/{batch.id}/retry"
    assert (await gateway.http.post(path, headers=header)).status_code == 202
    for number in (1, 2):
        await house.database.images.change(f"{batch.id}-{number:04}", {"state": str(ImageState.FAILED)})
    await house.database.batches.change(batch.id, {"state": str(BatchState.COMPLETED)})
    again = await gateway.http.post(path, headers=header)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    assert [state for state, _ in await states(gateway, batch)][1:] == [ImageState.FAILED] * 2
    other = await gateway.http.post(path, json={"provider": "studio"}, headers=header)
    problem_of(other, 409, "idempotency-key-reused")
    assert (await gateway.http.post(path, headers={"Idempotency-Key": "and-again"})).json()["state"] == "accepted"


async def test_failed_images_become_a_provider_job_of_their_own(gateway: Gateway) -> None:
    batch = await half_done(gateway, provider="gemini", mode="batch")
    answer = await gateway.http.post(f"/v1/batches/{batch.id}/retry", json={"mode": "batch"})
    assert answer.status_code == 202, answer.text
    (job,) = await gateway.house.database.provider_jobs.of_batch(batch.id)
    assert job.image_ids == (f"{batch.id}-0001", f"{batch.id}-0002")
    assert (job.state, job.image_count, job.provider) == (ProviderJobState.PLANNED, 2, ProviderName.GEMINI)
    assert (await states(gateway, batch))[1:] == [(ImageState.PLANNED, Mode.BATCH)] * 2


async def test_texts_are_written_again_as_a_provider_job_unasked(gateway: Gateway) -> None:
    batch = await half_done(gateway, provider="gemini", mode="batch", text_kind="plain")
    answer = await gateway.http.post(f"/v1/batches/{batch.id}/retry")
    assert answer.status_code == 202, answer.text
    assert (await states(gateway, batch))[1:] == [(ImageState.PLANNED, Mode.BATCH)] * 2


async def test_another_provider_may_make_what_failed(gateway: Gateway) -> None:
    batch = await half_done(gateway, provider="gemini", mode="batch")
    answer = await gateway.http.post(f"/v1/batches/{batch.id}/retry", json={"mode": "realtime", "provider": "studio"})
    assert answer.status_code == 202, answer.text
    image = await gateway.house.image(f"{batch.id}-0001")
    assert (image.state, image.provider, image.mode) == (ImageState.QUEUED, ProviderName.STUDIO, Mode.REALTIME)


async def test_a_lane_that_nobody_serves_makes_nothing_again(gateway: Gateway) -> None:
    batch = await half_done(gateway)
    answer = await gateway.http.post(f"/v1/batches/{batch.id}/retry", json={"provider": "flux"})
    problem = problem_of(answer, 422, "invalid-request")
    assert fields_named_in(problem) == ["provider"]
    assert (await states(gateway, batch))[1] == (ImageState.FAILED, Mode.REALTIME)


async def test_a_provider_without_a_batch_mode_makes_none(gateway: Gateway) -> None:
    batch = await half_done(gateway)
    answer = await gateway.http.post(f"/v1/batches/{batch.id}/retry", json={"mode": "batch"})
    problem = problem_of(answer, 422, "invalid-request")
    assert fields_named_in(problem) == ["mode"]
    assert "gemini" in problem["detail"]


@pytest.mark.parametrize("state", [BatchState.ACCEPTED, BatchState.CANCELLED])
async def test_only_a_completed_batch_is_made_again(gateway: Gateway, state: BatchState) -> None:
    batch = await half_done(gateway)
    await gateway.house.database.batches.change(batch.id, {"state": str(state)})
    answer = await gateway.http.post(f"/v1/batches/{batch.id}/retry")
    assert str(state) in problem_of(answer, 409, "nothing-to-retry")["detail"]


async def test_a_batch_without_failures_stays_as_it_is(gateway: Gateway) -> None:
    batch = await gateway.planned()
    await gateway.house.database.images.change(f"{batch.id}-0000", {"state": str(ImageState.GENERATED)})
    await gateway.house.database.batches.change(batch.id, {"state": str(BatchState.COMPLETED)})
    problem_of(await gateway.http.post(f"/v1/batches/{batch.id}/retry"), 409, "nothing-to-retry")
    stored = await gateway.house.database.batches.get(batch.id)
    assert stored is not None
    assert stored.state is BatchState.COMPLETED


class CancelsWhatIsOpened(Outbox):
    """Of a process in whose retry somebody cancels the batch as it is open, and before its images are on their way."""

    def __init__(self, house: House) -> None:
        super().__init__("test", house.client, house.js)
        self._database = house.database

    async def publish(self, collection: Collection[Any], document: Document) -> bool:
        done = await super().publish(collection, document)
        if collection is self._database.batches and await cancel(self._database, self, document.id):
            await Settling(self._database, self).settle(document.id)
        return done


async def test_what_goes_out_again_after_its_batch_was_cancelled_is_stopped(gateway: Gateway) -> None:
    house = gateway.house
    batch = await house.batch_in((await half_done(gateway)).id, BatchState.COMPLETED)
    outbox = CancelsWhatIsOpened(house)
    stopped = await Retries(house.database, outbox, house.settings).retry(batch, Mode.REALTIME, None)
    assert stopped.state is BatchState.CANCELLED
    assert [state for state, _ in await states(gateway, batch)][1:] == [ImageState.CANCELLED] * 2


async def test_what_went_out_again_by_who_died_before_it_was_stopped_is_not_made(gateway: Gateway) -> None:
    house, provider = gateway.house, ReadyProvider()
    batch = await half_done(gateway)
    await house.database.batches.change(batch.id, {"state": str(BatchState.CANCELLED)})
    image_id = f"{batch.id}-0001"
    job = house.outbox.job(job_of(batch, image_id, ProviderName.STUDIO))
    queued = await house.database.images.transition(image_id, ImageState.QUEUED, messages=[job])
    assert queued is not None
    await house.outbox.publish(house.database.images, queued)

    async def is_over() -> bool:
        return (await house.image(image_id)).state in IMAGE_SETTLED

    async with house.worker(provider):
        await eventually(is_over)
    assert ((await house.image(image_id)).state, provider.asked) == (ImageState.CANCELLED, [])
