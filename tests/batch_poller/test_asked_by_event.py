"""A program that speaks only events follows a provider job from its submission to its deletion, cancels it, and has
what failed of a batch made again. What it may not have goes to DEAD with the reason."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pressroom.batch_poller.app import build
from pressroom.batch_poller.gemini import GeminiBatches
from pressroom.batch_poller.provider_jobs import VendorJob, VendorJobState
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.cloudevents import body_of, headers_for
from pressroom.contracts.events import (
    WISHES,
    BatchCancelled,
    BatchCancelRequested,
    BatchRetryRequested,
    Event,
    ProviderJobCancelRequested,
    ProviderJobDeleted,
    ProviderJobDeleteRequested,
    ProviderJobFinished,
    ProviderJobStarted,
    ProviderJobSubmitted,
)
from pressroom.contracts.subjects import EVENTS_STREAM, event_filter, event_subject, story_filter
from pressroom.contracts.vocabulary import BatchState, ImageState, Mode, ProviderJobState, ProviderName
from pressroom.image_worker.providers import GenerationRequest
from pressroom.runtime.errors import InvalidRequest
from pressroom.runtime.retries import Retries
from pressroom.runtime.topology import EVENT_CONSUMERS
from pressroom.state.documents import BatchDocument
from pressroom.state.images import Images

from ..house import House, ReadyProvider, eventually, running
from ..upstream.sender import Upstream
from ..vendor_sandbox import VendorSandbox, running_sandbox
from .test_following_jobs import job_of, poller, request, settings_of


@pytest.fixture(scope="module")
def endless_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("vendors"), BATCH_SECONDS="3600") as sandbox:
        yield sandbox


@pytest.fixture
def endless(endless_sandbox: VendorSandbox) -> VendorSandbox:
    """An empty sandbox whose jobs end when they are cancelled, and not before."""
    endless_sandbox.reset()
    return endless_sandbox


class SeenRunning(GeminiBatches):
    """Gemini whose jobs are at work when they are first looked at, however fast they are."""

    def __init__(self, settings: BatchPollerSettings) -> None:
        super().__init__(settings)
        self._seen: set[str] = set()

    async def status(self, name: str) -> VendorJob:
        return self._at_work(await super().status(name))

    async def pages(self) -> AsyncGenerator[tuple[VendorJob, ...]]:
        async for page in super().pages():
            yield tuple(self._at_work(job) for job in page)

    def _at_work(self, job: VendorJob) -> VendorJob:
        if job.name in self._seen:
            return job
        self._seen.add(job.name)
        return replace(job, state=VendorJobState.RUNNING, raw_state="BATCH_STATE_RUNNING", results_file=None)


@dataclass(frozen=True)
class Program:
    """One outside that has the stream and nothing else."""

    house: House

    async def say(self, event: Event, event_id: str | None = None, message_id: str | None = None) -> None:
        """`message_id`: another one than the event's own, so that the stream takes the event a second time."""
        headers = headers_for(event.type_name(), source="program", event_id=event_id)
        if message_id is not None:
            headers["Nats-Msg-Id"] = message_id
        await self.house.js.publish(event_subject(event), body_of(event), stream=EVENTS_STREAM, headers=headers)

    async def heard(self, batch_id: str, kind: type[Event], *, times: int = 1) -> list[Any]:
        """The facts of this kind, once there are so many."""

        async def enough() -> list[Event] | None:
            told = [event.data for event in await self.house.events(event_filter(kind, batch_id))]
            return told if len(told) >= times else None

        return await eventually(enough)

    async def story(self, batch_id: str, job_id: str) -> list[str]:
        """What was told of one job."""
        told = [event.data for event in await self.house.events(story_filter(batch_id))]
        return [event.fact for event in told if getattr(event, "provider_job_id", None) == job_id]

    async def refusals(self, count: int) -> list[str]:
        """Why its wishes were not granted, once there are so many, and never more."""
        letters = await Upstream(self.house).dead_letters(count)
        return [letter.headers["Pressroom-Reason"] for letter in letters if letter.headers]


@pytest.fixture
def program(house: House) -> Program:
    return Program(house)


def cancel(batch: BatchDocument, number: int = 0, **changes: Any) -> ProviderJobCancelRequested:
    wish = {"batch_id": batch.id, "provider_job_id": f"{batch.id}-job-{number}", **changes}
    return ProviderJobCancelRequested(**wish)


def delete(batch: BatchDocument, number: int = 0, **changes: Any) -> ProviderJobDeleteRequested:
    wish = {"batch_id": batch.id, "provider_job_id": f"{batch.id}-job-{number}", **changes}
    return ProviderJobDeleteRequested(**wish)


async def wishes_taken(house: House) -> None:
    """When none waits in the stream, and none is being granted."""
    consumers = [consumer.name for consumer in EVENT_CONSUMERS if consumer.event in WISHES]

    async def idle() -> bool:
        infos = [await house.js.consumer_info(EVENTS_STREAM, name) for name in consumers]
        return all((info.num_pending, info.num_ack_pending) == (0, 0) for info in infos)

    await eventually(idle)


async def test_the_story_of_a_job_is_told_to_its_deletion(
    house: House, vendors: VendorSandbox, program: Program
) -> None:
    settings = settings_of(house, vendors)
    async with running(build(settings, SeenRunning(settings))):
        batch = await request(house, count=2)
        (finished,) = await program.heard(batch.id, ProviderJobFinished)
        assert (finished.state, finished.succeeded) == (ProviderJobState.SUCCEEDED, 2)
        await house.completed(batch.id)
        await program.say(delete(batch))
        (deleted,) = await program.heard(batch.id, ProviderJobDeleted)
    assert f"DELETE /v1beta/{deleted.vendor_name}" in vendors.lines("gemini")
    story = await program.story(batch.id, f"{batch.id}-job-0")
    assert story == ["submitted", "started", "finished", "delete-requested", "deleted"]
    assert (await house.audit()).drifts == ()


async def test_a_job_that_a_list_answers_for_is_told_to_have_begun_too(
    house: House, vendors: VendorSandbox, program: Program
) -> None:
    settings = settings_of(house, vendors, provider_job_max_images=1, poll_initial_s=2.0)
    async with running(build(settings, SeenRunning(settings))):
        batch = await request(house, count=12)
        await house.completed(batch.id)
    assert "GET /v1beta/batches" in vendors.lines("gemini")
    begun = await program.heard(batch.id, ProviderJobStarted)
    assert {event.provider_job_id for event in begun} == {f"{batch.id}-job-{number}" for number in range(12)}
    assert len(begun) == 12
    assert (await house.audit()).drifts == ()


async def test_one_job_is_cancelled_by_event_and_the_other_goes_on(
    house: House, endless: VendorSandbox, program: Program
) -> None:
    async with poller(house, endless, provider_job_max_images=2):
        batch = await request(house, count=4)
        await program.heard(batch.id, ProviderJobSubmitted, times=2)
        await program.say(cancel(batch, 1))
        (finished,) = await program.heard(batch.id, ProviderJobFinished)
        assert (finished.provider_job_id, finished.state) == (f"{batch.id}-job-1", ProviderJobState.CANCELLED)
        other = await job_of(house, batch)
        assert (other.state, other.cancel_requested) == (ProviderJobState.SUBMITTED, False)
        states = [image.state for image in await house.database.images.of_batch(batch.id)]
        assert states == [ImageState.GENERATING] * 2 + [ImageState.CANCELLED] * 2
        # The same wish once more, and then the other job's.
        await program.say(cancel(batch, 1))
        await program.say(cancel(batch, 0))
        await house.completed(batch.id)
        await wishes_taken(house)
    assert len(await program.heard(batch.id, ProviderJobFinished)) == 2
    assert await house.dead() == []
    assert (await house.audit()).drifts == ()


@pytest.mark.parametrize("mode", list(Mode)[:2])
async def test_a_whole_batch_is_cancelled_by_event(
    house: House, endless: VendorSandbox, program: Program, mode: Mode
) -> None:
    async with poller(house, endless):
        if mode is Mode.BATCH:
            batch = await request(house, count=2)
            await program.heard(batch.id, ProviderJobSubmitted)
        else:
            batch = await house.request(count=2)
        for _ in range(2):
            await program.say(BatchCancelRequested(batch_id=batch.id))
        await house.batch_in(batch.id, BatchState.CANCELLED)
        if mode is Mode.BATCH:
            (finished,) = await program.heard(batch.id, ProviderJobFinished)
            assert finished.state is ProviderJobState.CANCELLED
        await wishes_taken(house)
    assert len(await program.heard(batch.id, BatchCancelled)) == 1
    assert await house.dead() == []
    assert (await house.audit()).drifts == ()


async def test_a_cancellation_that_comes_before_its_batch_is_granted_when_that_is_there(
    house: House, endless: VendorSandbox, program: Program
) -> None:
    async with poller(house, endless):
        await program.say(BatchCancelRequested(batch_id="batch-to-come"))
        await asyncio.sleep(0.2)  # long enough to be taken once
        await house.request("batch-to-come", count=2)
        await house.batch_in("batch-to-come", BatchState.CANCELLED)
        await wishes_taken(house)
    assert await house.dead() == []


async def test_a_batch_that_is_over_or_anothers_is_not_cancelled_by_event(
    house: House, vendors: VendorSandbox, program: Program
) -> None:
    async with poller(house, vendors):
        batch = await request(house, count=1)
        await house.completed(batch.id)
        await program.say(BatchCancelRequested(batch_id=batch.id))
        await program.say(BatchCancelRequested(batch_id=batch.id, owner="somebody"))
        over, anothers = await program.refusals(2)
    assert "there is nothing left to cancel" in over
    assert "the owner 'somebody' has no batch" in anothers


async def test_what_comes_too_early_or_is_anothers_is_refused_with_the_reason(
    house: House, endless: VendorSandbox, program: Program
) -> None:
    async with poller(house, endless):
        batch = await request(house, count=1)
        await program.heard(batch.id, ProviderJobSubmitted)
        await program.say(delete(batch))
        await program.say(cancel(batch, owner="somebody"))
        await program.say(cancel(batch, batch_id="another"))
        await program.say(cancel(batch, 7))
        await program.say(BatchRetryRequested(batch_id=batch.id, owner="somebody"))
        await program.say(BatchRetryRequested(batch_id="unheard-of"))
        await program.say(BatchRetryRequested(batch_id=batch.id, mode=Mode.AUTO))
        await program.say(BatchRetryRequested(batch_id=batch.id))
        refused = await program.refusals(8)
        job = await job_of(house, batch)
    assert set(refused) == {
        f"the provider job {job.id} is submitted; cancel it first, or wait for its end",
        f"provider_job_id: the owner 'somebody' has no provider job '{job.id}' of the batch '{batch.id}'",
        f"provider_job_id: the owner 'default' has no provider job '{job.id}' of the batch 'another'",
        f"provider_job_id: the owner 'default' has no provider job '{batch.id}-job-7' of the batch '{batch.id}'",
        f"batch_id: the owner 'somebody' has no batch '{batch.id}'",
        "batch_id: the owner 'default' has no batch 'unheard-of'",
        "mode: say 'realtime' or 'batch', not 'auto'",
        "nothing is made again: the batch is accepted; what failed is made again once it is completed",
    }
    assert (job.state, job.cancel_requested, job.delete_at) == (ProviderJobState.SUBMITTED, False, None)


async def test_what_comes_too_late_is_refused_with_the_reason(
    house: House, vendors: VendorSandbox, program: Program
) -> None:
    async with poller(house, vendors):
        batch = await request(house, count=1)
        await house.completed(batch.id)
        await program.heard(batch.id, ProviderJobFinished)
        await program.say(cancel(batch))
        await program.say(BatchRetryRequested(batch_id=batch.id))
        refused = await program.refusals(2)
    assert set(refused) == {
        f"the provider job {batch.id}-job-0 is succeeded; there is nothing left to cancel",
        "nothing is made again: none of its images failed",
    }
    assert (await house.audit()).drifts == ()


async def test_a_deletion_that_nobody_was_told_of_is_a_drift(house: House, vendors: VendorSandbox) -> None:
    async with poller(house, vendors):
        batch = await request(house, count=1)
        await house.completed(batch.id)
        await Program(house).heard(batch.id, ProviderJobFinished)
    await house.database.provider_jobs.change(f"{batch.id}-job-0", {"deleted_at": batch.created_at})
    (drift,) = (await house.audit()).drifts
    assert (drift.id, drift.told, drift.stored) == (f"{batch.id}-job-0", "deleted 0 times", "once")


async def one_failed(house: House) -> BatchDocument:
    """A batch of two whose second image failed at the provider."""
    prompts = ["a fox", "a hare [sandbox:error]"]
    batch = await request(house, prompt=None, count=1, images=[{"prompt": prompt} for prompt in prompts])
    images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED, ImageState.FAILED]
    return batch


async def mended(house: House, batch: BatchDocument) -> None:
    """The provider would make it now."""
    await house.database.images.change(f"{batch.id}-0001", {"prompt": "a hare", "full_prompt": "a hare"})


async def all_made(house: House, batch: BatchDocument) -> None:
    async def made() -> bool:
        return (await house.image(f"{batch.id}-0001")).state is ImageState.GENERATED

    await eventually(made)
    await house.completed(batch.id)


async def test_what_failed_is_made_again_by_event_once_however_often_the_event_comes(
    house: House, vendors: VendorSandbox, program: Program
) -> None:
    async with poller(house, vendors):
        batch = await one_failed(house)
        wish = BatchRetryRequested(batch_id=batch.id, mode=Mode.BATCH)
        await program.say(wish, event_id="wish-1")
        await program.heard(batch.id, ProviderJobFinished, times=2)
        await house.completed(batch.id)
        # It failed again, and the same wish comes a second time.
        await program.say(wish, event_id="wish-1", message_id="again")
        await wishes_taken(house)
        assert len(await house.database.provider_jobs.of_batch(batch.id)) == 2
        await mended(house, batch)
        await program.say(wish, event_id="wish-2")
        await all_made(house, batch)
        # A later one has taken over.
        await program.say(wish, event_id="wish-1", message_id="once more")
        await wishes_taken(house)
    jobs = await house.database.provider_jobs.of_batch(batch.id)
    assert [job.image_ids for job in jobs] == [None, (f"{batch.id}-0001",), (f"{batch.id}-0001",)]
    assert vendors.stats("gemini")["batches"] == 3
    assert await house.dead() == []
    assert (await house.audit()).drifts == ()


async def test_what_failed_in_a_job_is_made_in_a_lane_by_event(
    house: House, vendors: VendorSandbox, program: Program
) -> None:
    provider = ReadyProvider()
    async with poller(house, vendors), house.worker(provider):
        batch = await one_failed(house)
        await program.say(BatchRetryRequested(batch_id=batch.id, provider=ProviderName.STUDIO))
        await all_made(house, batch)
    assert [asked.image_id for asked in provider.asked] == [f"{batch.id}-0001"]
    assert (await house.audit()).drifts == ()


class Died(BaseException):
    """The process ended here."""


async def die(*_: object, **__: object) -> None:
    raise Died


@pytest.mark.parametrize(
    ("owner", "step"), [(Retries, "_as_jobs"), (Images, "plan_again")], ids=["opened", "job stored"]
)
async def test_a_retry_that_died_goes_on_under_its_id_and_makes_one_job(
    house: House, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch, owner: type, step: str
) -> None:
    retries = Retries(house.database, house.outbox, house.settings)
    async with poller(house, vendors):
        batch = await house.batch_in((await one_failed(house)).id, BatchState.COMPLETED)
        await mended(house, batch)
        with monkeypatch.context() as deadly:
            deadly.setattr(owner, step, die)
            with pytest.raises(Died):
                await retries.retry(batch, Mode.BATCH, None, "wish-1")
        left = await house.database.batches.get(batch.id)
        assert left is not None
        await retries.retry(left, Mode.BATCH, None, "wish-1")
        await all_made(house, batch)
    assert len(await house.database.provider_jobs.of_batch(batch.id)) == 2
    assert vendors.stats("gemini")["batches"] == 2
    assert (await house.audit()).drifts == ()


async def _refuse(_: GenerationRequest) -> bytes:
    raise InvalidRequest("this one cannot be made")


async def test_a_retry_that_died_between_two_images_goes_on_with_the_second(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.open_lane(ProviderName.STUDIO)
    retries, provider = Retries(house.database, house.outbox, house.settings), ReadyProvider()
    async with house.worker(ReadyProvider(_refuse)):
        asked = await house.request(count=2)
        images = await house.completed(asked.id)
        batch = await house.batch_in(asked.id, BatchState.COMPLETED)
    assert [image.state for image in images] == [ImageState.FAILED] * 2
    queue = Images.transition

    async def die_at_the_second(collection: Images, image_id: str, *given: Any, **more: Any) -> Any:
        if image_id.endswith("-0001"):
            raise Died
        return await queue(collection, image_id, *given, **more)

    with monkeypatch.context() as deadly:
        deadly.setattr(Images, "transition", die_at_the_second)
        with pytest.raises(BaseExceptionGroup):
            await retries.retry(batch, Mode.REALTIME, None, "wish-1")
    left = await house.database.batches.get(batch.id)
    assert left is not None
    await retries.retry(left, Mode.REALTIME, None, "wish-1")
    async with house.worker(provider):
        images = await house.completed(batch.id)
        assert [image.state for image in images] == [ImageState.GENERATED] * 2
    assert sorted(asked.image_id for asked in provider.asked) == [f"{batch.id}-0000", f"{batch.id}-0001"]
    assert (await house.audit()).drifts == ()
