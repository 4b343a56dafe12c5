"""The batch-poller as a whole against the sandbox's Gemini: one job at the provider, each image once, whatever dies."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from pressroom.batch_poller.app import build
from pressroom.batch_poller.gemini import GeminiBatches
from pressroom.batch_poller.provider_jobs import AnyIterable, Reference, ResultRow, VendorJob, WantedJob, WantedRow
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.events import BatchCancelled
from pressroom.contracts.facts import FileFacts
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState, ProviderJobState
from pressroom.imaging.finishing import finish
from pressroom.runtime.admission import Admission
from pressroom.runtime.blobs import BlobStore
from pressroom.runtime.errors import StoreUnavailable
from pressroom.state.documents import BatchDocument, ProviderJobDocument

from ..house import House, eventually, running
from ..vendor_sandbox import GEMINI_KEY, VendorSandbox

STEPS = ("upload", "uploaded", "create", "created", "status", "result 0", "result 2", "results read")


class Interrupted(GeminiBatches):
    """Gemini's client that never comes back from one point, until its process is told to stop."""

    def __init__(self, settings: BatchPollerSettings, at: str) -> None:
        super().__init__(settings)
        self._at = at
        self.reached = asyncio.Event()

    async def _point(self, name: str) -> None:
        if name == self._at:
            self.reached.set()
            await asyncio.Event().wait()

    async def upload(
        self, job: WantedJob, rows: AnyIterable[WantedRow], references: AnyIterable[Reference] = ()
    ) -> str:
        await self._point("upload")
        uploaded = await super().upload(job, rows, references)
        await self._point("uploaded")
        return uploaded

    async def create(self, job: WantedJob, input_file: str) -> VendorJob:
        await self._point("create")
        created = await super().create(job, input_file)
        await self._point("created")
        return created

    async def status(self, name: str) -> VendorJob:
        await self._point("status")
        return await super().status(name)

    async def results(self, job: VendorJob, *, texts: bool = False) -> AsyncGenerator[ResultRow]:
        number = 0
        async for row in super().results(job, texts=texts):
            await self._point(f"result {number}")
            number += 1
            yield row
        await self._point("results read")


def settings_of(house: House, vendors: VendorSandbox, **more: Any) -> BatchPollerSettings:
    values = {
        **house.values,
        "gemini_url": vendors.url,
        "gemini_api_key": GEMINI_KEY,
        "poll_initial_s": 0.1,
        "due_interval_s": 0.05,
        "provider_create_doubt_s": 0.1,
        **more,
    }
    return BatchPollerSettings(**values)


def poller(house: House, vendors: VendorSandbox, **more: Any) -> AbstractAsyncContextManager[None]:
    return running(build(settings_of(house, vendors, **more)))


async def request(house: House, **fields: Any) -> BatchDocument:
    return await house.request(**{"provider": "gemini", "mode": "batch", "count": 4, **fields})


async def job_of(house: House, batch: BatchDocument) -> ProviderJobDocument:
    job = await house.database.provider_jobs.get(f"{batch.id}-job-0")
    assert job is not None
    return job


async def test_a_batch_goes_out_as_one_job_and_comes_back_as_images(house: House, vendors: VendorSandbox) -> None:
    async with poller(house, vendors):
        batch = await request(house)
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 4
    assert vendors.stats("gemini")["batches"] == 1
    assert vendors.stats("gemini")["images_made"] == 4
    job = await job_of(house, batch)
    assert (job.state, job.succeeded, job.failed) == (ProviderJobState.SUCCEEDED, 4, 0)
    assert (await house.audit()).drifts == ()


async def test_a_bad_row_fails_one_image_and_says_why(house: House, vendors: VendorSandbox) -> None:
    prompts = ["a fox", "a fox [sandbox:moderated]", "a hare [sandbox:error]", "a hare"]
    async with poller(house, vendors):
        batch = await request(house, prompt=None, count=1, images=[{"prompt": prompt} for prompt in prompts])
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [
        ImageState.GENERATED,
        ImageState.FAILED,
        ImageState.FAILED,
        ImageState.GENERATED,
    ]
    assert images[1].error is not None
    assert images[1].error.kind is ErrorKind.MODERATION
    assert (await house.audit()).drifts == ()


@pytest.mark.parametrize("step", STEPS)
async def test_a_poller_told_to_stop_at_any_step_hands_its_job_on(
    house: House, vendors: VendorSandbox, step: str
) -> None:
    settings = settings_of(house, vendors)
    stopped = Interrupted(settings, step)
    async with running(build(settings, stopped)):
        batch = await request(house)
        async with asyncio.timeout(20):
            await stopped.reached.wait()
    assert (await job_of(house, batch)).lease is None
    async with poller(house, vendors):
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 4
    assert (await job_of(house, batch)).crashes == 0
    stats = vendors.stats("gemini")
    assert (stats["batches"], stats["images_made"], stats["images_made_twice"]) == (1, 4, 0)
    told = [event.type for event in await house.events()]
    assert told.count("pressroom.image.generated.v1") == 4
    assert told.count("pressroom.provider-job.submitted.v1") == 1
    assert (await house.audit()).drifts == ()


async def test_a_create_whose_answer_is_lost_is_not_paid_twice(house: House, vendors: VendorSandbox) -> None:
    vendors.fault("gemini", "cut_after_effect", "POST .*batchGenerateContent")
    async with poller(house, vendors):
        batch = await request(house)
        await house.completed(batch.id)
    assert vendors.stats("gemini")["batches"] == 1


@pytest.mark.parametrize("kind", ["500", "429_retry_after", "html", "cut_before"])
async def test_a_vendor_that_fails_for_a_while_costs_nothing_but_time(
    house: House, vendors: VendorSandbox, kind: str
) -> None:
    vendors.fault("gemini", kind, "GET .*/batches/.*", times=3, seconds=0.1)
    async with poller(house, vendors):
        batch = await request(house, count=2)
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 2


async def test_a_wrong_key_fails_the_batch_and_names_the_setting(house: House, vendors: VendorSandbox) -> None:
    async with poller(house, vendors, gemini_api_key="not-the-key"):
        batch = await request(house, count=2)
        images = await house.completed(batch.id)
    assert {image.state for image in images} == {ImageState.FAILED}
    assert images[0].error is not None
    assert "PRESSROOM_GEMINI_API_KEY" in images[0].error.message
    assert (await house.audit()).drifts == ()


async def test_a_job_that_the_provider_forgot_ends_as_failed_with_the_reason(
    house: House, vendors: VendorSandbox
) -> None:
    vendors.fault("gemini", "forget", "GET .*/batches/.*")
    async with poller(house, vendors):
        batch = await request(house, count=2)
        images = await house.completed(batch.id)
    assert {image.state for image in images} == {ImageState.FAILED}
    job = await job_of(house, batch)
    assert job.state is ProviderJobState.FAILED
    assert job.error is not None
    assert job.error.recoverable


async def test_a_cancelled_batch_cancels_its_job_at_the_provider(house: House, vendors: VendorSandbox) -> None:
    settings = settings_of(house, vendors)
    held = Interrupted(settings, "status")
    async with running(build(settings, held)):
        batch = await request(house)
        async with asyncio.timeout(20):
            await held.reached.wait()
        cancelled = await house.database.batches.transition(
            batch.id, BatchState.CANCELLED, messages=[house.outbox.event(BatchCancelled(batch_id=batch.id))]
        )
        assert cancelled is not None
        await house.outbox.publish(house.database.batches, cancelled)
    async with poller(house, vendors):

        async def ended() -> bool:
            job = await house.database.provider_jobs.get(f"{batch.id}-job-0")
            return job is not None and job.state in (ProviderJobState.CANCELLED, ProviderJobState.SUCCEEDED)

        await eventually(ended)
        counts = await house.database.images.counts(batch.id)
    assert set(counts) <= {ImageState.CANCELLED, ImageState.GENERATED}
    assert (await house.audit()).drifts == ()


async def test_a_batch_that_was_accepted_and_has_no_job_gets_one_from_the_sweep(
    house: House, vendors: VendorSandbox
) -> None:
    asked = BatchRequest(provider="gemini", mode="batch", prompt="a fox", width=64, height=64, profile="none")
    admission = Admission(house.database, house.outbox, house.settings)
    admitted = await admission.store("jobless", "default", asked, announce=False)
    await admission.plan(admitted.batch)
    await house.database.batches.change("jobless", {"swept_at": admitted.batch.created_at.replace(year=2020)})
    async with poller(house, vendors):
        (image,) = await house.completed("jobless")
    assert image.state is ImageState.GENERATED


async def test_a_picture_that_cannot_be_finished_fails_alone(
    house: House, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad: list[bytes] = []

    def finish_others(data: bytes, *args: Any, **kwargs: Any) -> Any:
        bad.append(data)
        if data == bad[0]:
            raise ValueError("libvips does not like it")
        return finish(data, *args, **kwargs)

    monkeypatch.setattr("pressroom.runtime.finishing.finish", finish_others)
    async with poller(house, vendors):
        batch = await request(house)
        images = await house.completed(batch.id)
    assert sorted(image.state for image in images) == [ImageState.FAILED, *[ImageState.GENERATED] * 3]
    (failed,) = (image for image in images if image.error)
    assert failed.error is not None
    assert failed.error.message == "ValueError: libvips does not like it"
    assert (await job_of(house, batch)).state is ProviderJobState.SUCCEEDED
    assert (await house.audit()).drifts == ()


async def test_a_store_that_is_full_for_a_while_is_no_crash_of_the_job(
    house: House, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, refused = BlobStore.put, iter(range(2))

    async def put_unless_full(store: BlobStore, data: bytes, media_type: str, **sides: int) -> FileFacts:
        if media_type == "image/webp" and next(refused, None) is not None:
            raise StoreUnavailable("no space left")
        return await put(store, data, media_type, **sides)

    monkeypatch.setattr(BlobStore, "put", put_unless_full)
    async with poller(house, vendors):
        batch = await request(house, count=1)
        (image,) = await house.completed(batch.id)
    job = await job_of(house, batch)
    assert (image.state, job.crashes, job.failures) == (ImageState.GENERATED, 0, 0)


async def test_a_wrong_key_costs_no_picture_that_is_paid_for(house: House, vendors: VendorSandbox) -> None:
    held = Interrupted(settings_of(house, vendors), "status")
    async with running(build(settings_of(house, vendors), held)):
        batch = await request(house, count=2)
        async with asyncio.timeout(20):
            await held.reached.wait()
    async with poller(house, vendors, gemini_api_key="not-the-key"):

        async def refused() -> bool:
            return (await job_of(house, batch)).failures > 1

        await eventually(refused)
    async with poller(house, vendors):
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 2
    assert vendors.stats("gemini")["batches"] == 1


async def test_an_image_that_pollers_die_on_fails_and_the_job_goes_on(house: House, vendors: VendorSandbox) -> None:
    doomed = Interrupted(settings_of(house, vendors), "result 0")
    async with running(build(settings_of(house, vendors), doomed)):
        batch = await request(house)
        async with asyncio.timeout(20):
            await doomed.reached.wait()
    # As pollers that were killed again and again leave it.
    await house.database.images.change(f"{batch.id}-0000", {"state": str(ImageState.FINISHING)})
    await house.database.provider_jobs.change(f"{batch.id}-job-0", {"crashes": 51})
    async with poller(house, vendors):
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.FAILED, *[ImageState.GENERATED] * 3]
    assert images[0].error is not None
    assert "51 times" in images[0].error.message
    assert (await house.audit()).drifts == ()
