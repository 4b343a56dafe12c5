"""What failed of a batch is made again alone, and a single job is cancelled or deleted at its provider."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from pressroom.contracts.vocabulary import BatchState, ImageState, Mode, ProviderJobState, ProviderName
from pressroom.runtime.admission import Admission
from pressroom.runtime.retries import NotYet, Retries
from pressroom.runtime.settings import Settings
from pressroom.runtime.settling import Settling
from pressroom.state.documents import BatchDocument, ProviderJobDocument
from pressroom.state.images import Images

from ..house import House, ReadyProvider, eventually
from ..vendor_sandbox import VendorSandbox
from .test_following_jobs import job_of, poller, request


async def one_failed(house: House, vendors: VendorSandbox) -> BatchDocument:
    """A batch of three whose second image failed at the provider, which would make it now."""
    prompts = ["a fox", "a hare [sandbox:error]", "a hare"]
    batch = await request(house, prompt=None, count=1, images=[{"prompt": prompt} for prompt in prompts])
    images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED, ImageState.FAILED, ImageState.GENERATED]
    await house.database.images.change(images[1].id, {"prompt": "a hare", "full_prompt": "a hare"})
    return await house.batch_in(batch.id, BatchState.COMPLETED)


async def retry(house: House, batch: BatchDocument, mode: Mode, provider: ProviderName | None = None) -> None:
    await Retries(house.database, house.outbox, house.settings).retry(batch, mode, provider)


async def test_what_failed_is_made_again_as_a_job_of_its_own(house: House, vendors: VendorSandbox) -> None:
    async with poller(house, vendors):
        batch = await one_failed(house, vendors)
        await retry(house, batch, Mode.BATCH)

        async def made() -> bool:
            return (await house.image(f"{batch.id}-0001")).state is ImageState.GENERATED

        await eventually(made)
        await house.completed(batch.id)
    stats = vendors.stats("gemini")
    assert (stats["batches"], stats["images_made_twice"]) == (2, 0)
    first, second = await house.database.provider_jobs.of_batch(batch.id)
    assert (first.succeeded, first.failed) == (2, 1)
    assert (second.image_ids, second.state) == ((f"{batch.id}-0001",), ProviderJobState.SUCCEEDED)
    assert (second.succeeded, second.failed) == (1, 0)
    assert second.results_file is not None
    assert (await house.audit()).drifts == ()


async def test_what_failed_in_a_job_is_made_one_by_one(house: House, vendors: VendorSandbox) -> None:
    provider = ReadyProvider()
    async with poller(house, vendors), house.worker(provider):
        batch = await one_failed(house, vendors)
        await retry(house, batch, Mode.REALTIME, ProviderName.STUDIO)

        async def made() -> bool:
            return (await house.image(f"{batch.id}-0001")).state is ImageState.GENERATED

        await eventually(made)
        await house.completed(batch.id)
    assert [asked.image_id for asked in provider.asked] == [f"{batch.id}-0001"]
    assert vendors.stats("gemini")["batches"] == 1
    assert (await house.audit()).drifts == ()


async def test_what_fails_again_fails_alone(house: House, vendors: VendorSandbox) -> None:
    async with poller(house, vendors):
        batch = await one_failed(house, vendors)
        await house.database.images.change(f"{batch.id}-0001", {"full_prompt": "a hare [sandbox:moderated]"})
        await retry(house, batch, Mode.BATCH)

        async def over() -> bool:
            jobs = await house.database.provider_jobs.of_batch(batch.id)
            return jobs[-1].state is ProviderJobState.SUCCEEDED

        await eventually(over)
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED, ImageState.FAILED, ImageState.GENERATED]
    assert (await house.audit()).drifts == ()


async def test_an_ended_job_is_deleted_at_its_provider_when_asked(house: House, vendors: VendorSandbox) -> None:
    vendors.fault("gemini", "500", "DELETE .*/batches/.*")
    async with poller(house, vendors):
        batch = await request(house, count=1)
        await house.completed(batch.id)
        assert await house.database.provider_jobs.ask_to_delete(f"{batch.id}-job-0", datetime.now(UTC))

        async def deleted() -> ProviderJobDocument | None:
            job = await job_of(house, batch)
            return job if job.deleted_at is not None else None

        job = await eventually(deleted)
    assert (job.state, job.delete_at, job.error) == (ProviderJobState.SUCCEEDED, None, None)
    assert f"DELETE /v1beta/{job.vendor_name}" in vendors.lines("gemini")
    assert (await house.audit()).drifts == ()


async def test_one_job_of_a_batch_is_cancelled_and_the_other_goes_on(house: House, vendors: VendorSandbox) -> None:
    batch = await request(house, count=4)
    async with poller(house, vendors, provider_job_max_images=2, poll_initial_s=3600):

        async def submitted() -> bool:
            jobs = await house.database.provider_jobs.of_batch(batch.id)
            return len(jobs) == 2 and all(job.state is ProviderJobState.SUBMITTED for job in jobs)

        await eventually(submitted)
    # As if the provider had not begun: the sandbox would be done with both by now.
    await house.database.provider_jobs.change(
        f"{batch.id}-job-1", {"state": str(ProviderJobState.PLANNED), "vendor_name": None, "submitted_at": None}
    )
    assert await house.database.provider_jobs.ask_to_cancel(f"{batch.id}-job-1", datetime.now(UTC))
    await house.database.provider_jobs.change(f"{batch.id}-job-0", {"next_poll_at": datetime.now(UTC)})
    async with poller(house, vendors, provider_job_max_images=2):
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 2 + [ImageState.CANCELLED] * 2
    assert (await house.audit()).drifts == ()


async def test_a_retry_whose_process_dies_before_its_images_are_planned_changes_nothing(
    house: House, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object, **__: object) -> int:
        raise asyncio.CancelledError

    async with poller(house, vendors):
        batch = await one_failed(house, vendors)
        monkeypatch.setattr(Images, "plan_again", die)
        with pytest.raises(asyncio.CancelledError):
            await retry(house, batch, Mode.BATCH)
        first, second = await house.database.provider_jobs.of_batch(batch.id)
        assert second.next_poll_at > datetime.now(UTC)
        await house.database.provider_jobs.change(second.id, {"next_poll_at": datetime.now(UTC)})
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED, ImageState.FAILED, ImageState.GENERATED]
    ended = await house.database.provider_jobs.get(second.id)
    assert ended is not None
    assert (first.state, ended.state) == (ProviderJobState.SUCCEEDED, ProviderJobState.FAILED)
    assert vendors.stats("gemini")["batches"] == 1
    assert (await house.audit()).drifts == ()


async def test_a_retry_that_stood_still_plans_nothing_for_a_job_that_is_over(
    house: House, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with poller(house, vendors):
        batch = await one_failed(house, vendors)
    jobs = house.database.provider_jobs
    insert_missing = jobs.insert_missing

    async def insert_and_stand_still(made: Sequence[ProviderJobDocument]) -> None:
        await insert_missing(made)
        for job in made:
            await jobs.transition(job.id, ProviderJobState.FAILED)

    monkeypatch.setattr(jobs, "insert_missing", insert_and_stand_still)
    with pytest.raises(NotYet):
        await retry(house, batch, Mode.BATCH)
    assert (await house.image(f"{batch.id}-0001")).state is ImageState.FAILED


async def test_a_retry_is_cut_into_jobs_by_the_limit_of_now(house: House, vendors: VendorSandbox) -> None:
    """Else what was too large for the provider would be so again."""
    async with poller(house, vendors, gemini_api_key="not-the-key"):
        asked = await request(house, count=3)
        await house.completed(asked.id)
    batch = await house.batch_in(asked.id, BatchState.COMPLETED)
    lower = Settings(**{**house.values, "provider_job_max_images": 2})
    await Retries(house.database, house.outbox, lower).retry(batch, Mode.BATCH, None)
    jobs = await house.database.provider_jobs.of_batch(batch.id)
    assert [job.image_count for job in jobs] == [3, 2, 1]


async def test_a_cancelled_realtime_batch_stops_the_provider_job_of_its_retry(house: House) -> None:
    await house.open_lane(ProviderName.GEMINI)
    asked = await house.request(provider="gemini", count=2)
    batch = await Admission(house.database, house.outbox, house.settings).plan(asked)
    assert batch is not None
    for image in await house.database.images.of_batch(batch.id):
        await house.database.images.change(image.id, {"state": str(ImageState.FAILED)})
    done = await house.database.batches.transition(batch.id, BatchState.COMPLETED)
    assert done is not None
    await retry(house, done, Mode.BATCH)
    await house.database.batches.transition(batch.id, BatchState.CANCELLED)
    await Settling(house.database, house.outbox).settle(batch.id)
    (job,) = await house.database.provider_jobs.of_batch(batch.id)
    assert job.cancel_requested
    states = [image.state for image in await house.database.images.of_batch(batch.id)]
    assert states == [ImageState.CANCELLED] * 2
