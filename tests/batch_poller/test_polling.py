"""How providers are asked about their jobs: soon, then seldom, at a pace, by the list where that saves; and what
becomes of jobs that end too late, never, or out of reach."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from pressroom.batch_poller.app import build
from pressroom.batch_poller.gemini import GeminiBatches
from pressroom.batch_poller.provider_jobs import (
    AnyIterable,
    Reference,
    ResultRow,
    VendorJob,
    VendorJobState,
    WantedJob,
    WantedRow,
)
from pressroom.batch_poller.schedule import Pace, next_poll
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState, ProviderJobState, ProviderName
from pressroom.runtime.errors import ApiFailed
from pressroom.state.documents import BatchDocument, ProviderJobDocument

from ..house import PICTURE, House, eventually, running
from ..vendor_sandbox import VendorSandbox
from . import test_openai_jobs
from .test_following_jobs import job_of, poller, request, settings_of
from .test_gemini_rows import a_picture, an_answer

SETTINGS = BatchPollerSettings()
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


class Endless(GeminiBatches):
    """Gemini with a job that runs until it is cancelled, and that has made its first two pictures by then."""

    ends_when_cancelled = True

    def __init__(self, settings: BatchPollerSettings) -> None:
        super().__init__(settings)
        self.cancelled = 0
        self.keys: list[str] = []

    async def upload(
        self, job: WantedJob, rows: AnyIterable[WantedRow], references: AnyIterable[Reference] = ()
    ) -> str:
        assert isinstance(rows, AsyncIterable)
        self.keys = [row.key async for row in rows]
        return await super().upload(job, [WantedRow(key, "a fox", 64, 64) for key in self.keys])

    async def status(self, name: str) -> VendorJob:
        running_job = VendorJob(name, "", VendorJobState.RUNNING, "BATCH_STATE_RUNNING")
        if not (self.cancelled and self.ends_when_cancelled):
            return running_job
        made = tuple({"key": key, "response": an_answer(a_picture(PICTURE))} for key in self.keys[:2])
        return replace(running_job, state=VendorJobState.CANCELLED, inline_results=made)

    async def cancel(self, name: str) -> None:
        self.cancelled += 1


class Told(GeminiBatches):
    """Gemini whose results are what the test makes of the rows that really came."""

    def __init__(self, settings: BatchPollerSettings, tell: Callable[[list[ResultRow]], list[ResultRow]]) -> None:
        super().__init__(settings)
        self._tell = tell

    async def results(self, job: VendorJob, *, texts: bool = False) -> AsyncGenerator[ResultRow]:
        for row in self._tell([row async for row in super().results(job, texts=texts)]):
            yield row


def asked_singly(vendors: VendorSandbox) -> list[str]:
    return [line for line in vendors.lines("gemini") if line.startswith("GET /v1beta/batches/")]


async def ended_job(house: House, job_id: str) -> ProviderJobDocument:
    async def look() -> ProviderJobDocument | None:
        job = await house.database.provider_jobs.get(job_id)
        return job if job and job.state not in ("planned", "submitting", "submitted", "collecting") else None

    return await eventually(look)


def test_a_job_is_first_looked_at_after_thirty_seconds_and_ever_more_seldom() -> None:
    now, waits_s = BEGAN, list[float]()
    while now - BEGAN < timedelta(hours=48):
        due = next_poll(now, BEGAN, SETTINGS, "job")
        waits_s.append((due - now).total_seconds())
        now = due
    assert 30 <= waits_s[0] <= 31.5
    assert all(later >= sooner for sooner, later in pairwise(waits_s))
    assert 600 <= waits_s[-1] <= 630


def test_jobs_of_one_moment_are_spread_and_each_is_due_again_at_the_same_moment_after_a_restart() -> None:
    def dates() -> list[datetime]:
        return [next_poll(BEGAN, BEGAN, SETTINGS, f"job-{number}") for number in range(1000)]

    spread = sorted((due - BEGAN).total_seconds() for due in dates())
    assert dates() == dates()
    assert spread[0] < 30.1
    assert 31.4 < spread[-1] <= 31.5
    assert max(later - sooner for sooner, later in pairwise(spread)) < 0.1


def test_a_deadline_is_a_date_to_look_at() -> None:
    deadline = BEGAN + timedelta(seconds=12)
    assert next_poll(BEGAN, BEGAN, SETTINGS, "job", deadline) == deadline
    assert next_poll(deadline, BEGAN, SETTINGS, "job", deadline) > deadline


async def test_all_pollers_together_keep_the_pace(house: House) -> None:
    paces = [Pace(house.database.gates, 20, lease_s=1) for _ in range(3)]
    began = time.monotonic()
    await asyncio.gather(*(pace.turn(ProviderName.GEMINI) for pace in paces for _ in range(4)))
    assert time.monotonic() - began >= 11 / 20


async def test_looking_for_a_job_waits_for_its_turn_too(house: House, vendors: VendorSandbox) -> None:
    settings = settings_of(house, vendors)
    turns: list[bool] = []

    class Found(GeminiBatches):
        async def find(self, display_name: str) -> VendorJob | None:
            gates = house.database.provider_jobs.raw.database["gates"]
            turns.append(await gates.find_one({"_id": "status:gemini"}) is not None)
            return await super().find(display_name)

    vendors.fault("gemini", "cut_after_effect", "POST .*batchGenerateContent")
    async with running(build(settings, Found(settings))):
        batch = await request(house, count=1)
        await house.completed(batch.id)
    assert turns
    assert all(turns)


async def test_many_jobs_are_asked_about_in_one_request(house: House, vendors: VendorSandbox) -> None:
    async with poller(house, vendors, provider_job_max_images=1, poll_initial_s=2.0):
        batch = await request(house, count=12)
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 12
    assert vendors.stats("gemini")["batches"] == 12
    assert "GET /v1beta/batches" in vendors.lines("gemini")
    assert len(asked_singly(vendors)) < 6
    assert (await house.audit()).drifts == ()


async def test_many_jobs_at_openai_are_too(house: House, vendors: VendorSandbox) -> None:
    async with test_openai_jobs.poller(house, vendors, provider_job_max_images=1, poll_initial_s=2.0):
        batch = await test_openai_jobs.request(house, ["a fox"] * 12)
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 12
    lines = vendors.lines("openai")
    assert "GET /openai/v1/batches" in lines
    assert len([line for line in lines if line.startswith("GET /openai/v1/batches/")]) < 6
    assert (await house.audit()).drifts == ()


async def test_a_list_that_cannot_be_had_leaves_single_questions(house: House, vendors: VendorSandbox) -> None:
    vendors.fault("gemini", "500", "GET /v1beta/batches($|[?])", times=-1)
    async with poller(house, vendors, provider_job_max_images=1):
        batch = await request(house, count=6)
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 6


async def test_a_job_deleted_behind_our_back_fails_alone(house: House, vendors: VendorSandbox) -> None:
    client = GeminiBatches(settings_of(house, vendors))
    async with poller(house, vendors, provider_job_max_images=1, poll_initial_s=2.0):
        batch = await request(house, count=6)

        async def submitted() -> VendorJob | None:
            return await client.find(f"{batch.id}-job-2")

        await client.delete((await eventually(submitted)).name)
        images = await house.completed(batch.id)
    await client.aclose()
    assert [image.state for image in images].count(ImageState.GENERATED) == 5
    assert images[2].error is not None
    assert "submit its images again" in images[2].error.message
    assert (await house.audit()).drifts == ()


async def test_two_pollers_ask_as_often_as_one(house: House, vendors: VendorSandbox) -> None:
    async with poller(house, vendors, poll_initial_s=1.0), poller(house, vendors, poll_initial_s=1.0):
        batch = await request(house, count=2)
        await house.completed(batch.id)
    # Once to hear that it has ended, and once more when the other poller collects it.
    assert len(asked_singly(vendors)) <= 2


async def test_a_deadline_cancels_the_job_and_what_it_has_is_delivered(house: House, vendors: VendorSandbox) -> None:
    settings = settings_of(house, vendors)
    endless = Endless(settings)
    async with running(build(settings, endless)):
        batch = await request(house, count=4)

        async def submitted() -> bool:
            job = await house.database.provider_jobs.get(f"{batch.id}-job-0")
            return job is not None and job.state is ProviderJobState.SUBMITTED

        await eventually(submitted)
        await house.database.provider_jobs.change(f"{batch.id}-job-0", {"deadline_at": datetime.now(UTC)})
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 2 + [ImageState.FAILED] * 2
    assert images[3].error is not None
    assert "realtime" in images[3].error.message
    assert (await job_of(house, batch)).state is ProviderJobState.EXPIRED
    assert endless.cancelled == 1
    assert (await house.audit()).drifts == ()


@pytest.mark.parametrize("does_fail", [False, True])
async def test_a_job_that_is_asked_to_end_while_it_is_looked_at_ends_at_once(
    house: House, vendors: VendorSandbox, *, does_fail: bool
) -> None:
    settings = settings_of(house, vendors, poll_initial_s=3600, backoff_initial_s=600 if does_fail else 0.1)

    class Asked(Endless):
        async def status(self, name: str) -> VendorJob:
            if not self.cancelled and not await self.is_wished():
                await house.database.provider_jobs.ask_to_cancel(f"{batch.id}-job-0", datetime.now(UTC))
                if does_fail:
                    raise ApiFailed("of all moments")
            return await super().status(name)

        async def is_wished(self) -> bool:
            return (await job_of(house, batch)).cancel_requested

    endless = Asked(settings)
    async with running(build(settings, endless)):
        batch = await request(house, count=4)

        async def submitted() -> bool:
            job = await house.database.provider_jobs.get(f"{batch.id}-job-0")
            return job is not None and job.state is ProviderJobState.SUBMITTED

        await eventually(submitted)
        await house.database.provider_jobs.change(f"{batch.id}-job-0", {"next_poll_at": datetime.now(UTC)})
        await eventually(lambda: _told(endless))
    assert endless.cancelled == 1


async def _told(endless: Endless) -> bool:
    return endless.cancelled > 0


async def test_a_job_whose_deadline_passes_before_the_provider_has_it_is_not_bought(
    house: House, vendors: VendorSandbox
) -> None:
    vendors.fault("gemini", "500", "upload", times=-1)
    async with poller(house, vendors):
        batch = await request(house, count=2)

        async def failing() -> bool:
            job = await house.database.provider_jobs.get(f"{batch.id}-job-0")
            return job is not None and job.failures > 0

        await eventually(failing)
        await house.database.provider_jobs.change(f"{batch.id}-job-0", {"deadline_at": datetime.now(UTC)})
        images = await house.completed(batch.id)
    assert {image.state for image in images} == {ImageState.FAILED}
    assert images[0].error is not None
    assert "nothing was bought" in images[0].error.message
    assert vendors.stats("gemini")["batches"] == 0
    assert (await house.audit()).drifts == ()


async def test_a_job_that_never_ends_is_given_up_with_a_recommendation(
    house: House, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_PROVIDER_RESULTS_PATIENCE_S", "0.5")
    settings = settings_of(house, vendors, provider_patience_s=1)
    endless = Endless(settings)
    endless.ends_when_cancelled = False
    async with running(build(settings, endless)):
        batch = await request(house, count=2)
        images = await house.completed(batch.id)
    assert {image.state for image in images} == {ImageState.FAILED}
    assert images[0].error is not None
    assert "ask for these images again" in images[0].error.message
    assert endless.cancelled > 0


async def test_results_that_cannot_be_fetched_for_a_day_are_given_up_with_a_recommendation(
    house: House, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_PROVIDER_RESULTS_PATIENCE_S", "0")
    vendors.fault("gemini", "500", ":download", times=-1)
    async with poller(house, vendors, poll_max_s=0.2):
        batch = await request(house, count=2)
        images = await house.completed(batch.id)
    assert {image.state for image in images} == {ImageState.FAILED}
    job = await job_of(house, batch)
    assert (job.state, job.failures) == (ProviderJobState.FAILED, 9)
    assert job.error is not None
    assert "ask for these images again" in job.error.message
    assert (await house.audit()).drifts == ()


@pytest.mark.parametrize("failing", ["GET .*/batches/.*", ":download"])
async def test_a_job_that_ends_after_days_is_collected_through_errors_like_any_other(
    house: House, vendors: VendorSandbox, failing: str
) -> None:
    batch = await submitted_and_left(house, vendors)
    created_at = datetime.now(UTC) - timedelta(days=5)
    await house.database.provider_jobs.change(
        f"{batch.id}-job-0", {"created_at": created_at, "next_poll_at": datetime.now(UTC)}
    )
    vendors.fault("gemini", "500", failing, times=3)
    async with poller(house, vendors):
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 2


async def test_a_job_whose_provider_fails_at_every_question_is_given_up_after_days_and_many_tries(
    house: House, vendors: VendorSandbox
) -> None:
    batch = await submitted_and_left(house, vendors)
    created_at = datetime.now(UTC) - timedelta(days=5)
    await house.database.provider_jobs.change(
        f"{batch.id}-job-0", {"created_at": created_at, "next_poll_at": datetime.now(UTC)}
    )
    vendors.fault("gemini", "500", "GET .*/batches/.*", times=-1)
    async with poller(house, vendors, poll_max_s=0.2):
        images = await house.completed(batch.id)
    assert {image.state for image in images} == {ImageState.FAILED}
    job = await job_of(house, batch)
    assert (job.state, job.failures) == (ProviderJobState.FAILED, 9)


async def test_results_at_openai_are_tried_for_from_the_jobs_end_on(
    house: House, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_PROVIDER_RESULTS_PATIENCE_S", "3600")
    vendors.fault("openai", "500", "GET .*/files/.*/content", times=12)
    async with test_openai_jobs.poller(house, vendors, poll_max_s=0.2):
        batch = await test_openai_jobs.request(house, ["a fox"])

        async def failing() -> bool:
            job = await house.database.provider_jobs.get(f"{batch.id}-job-0")
            return job is not None and job.failures > 0

        await eventually(failing)
        # It took the vendor longer than its results are tried for.
        await house.database.provider_jobs.change(
            f"{batch.id}-job-0", {"created_at": datetime.now(UTC) - timedelta(hours=20)}
        )
        (image,) = await house.completed(batch.id)
    assert image.state is ImageState.GENERATED


async def submitted_and_left(house: House, vendors: VendorSandbox) -> BatchDocument:
    """A batch of two whose job is at Gemini, and nobody to follow it."""
    async with poller(house, vendors, poll_initial_s=3600):
        batch = await request(house, count=2)

        async def submitted() -> bool:
            job = await house.database.provider_jobs.get(f"{batch.id}-job-0")
            return job is not None and job.state is ProviderJobState.SUBMITTED

        await eventually(submitted)
    return batch


def without_keys(rows: list[ResultRow]) -> list[ResultRow]:
    return [replace(row, key=None) for row in rows[:1]] + rows[1:]


def all_twice(rows: list[ResultRow]) -> list[ResultRow]:
    return [*rows[:1], *rows]


def of_nobody(rows: list[ResultRow]) -> list[ResultRow]:
    return [replace(rows[0], key="image-of-somebody-else"), *rows[1:]]


def too_few(rows: list[ResultRow]) -> list[ResultRow]:
    return rows[1:]


@pytest.mark.parametrize(("tell", "made"), [(without_keys, 2), (all_twice, 3), (of_nobody, 2), (too_few, 2)])
async def test_strange_rows_cost_no_other_row_and_no_image_is_made_twice(
    house: House, vendors: VendorSandbox, tell: Callable[[list[ResultRow]], list[ResultRow]], made: int
) -> None:
    settings = settings_of(house, vendors)
    async with running(build(settings, Told(settings, tell))):
        batch = await request(house, count=3)
        images = await house.completed(batch.id)
    assert [image.state for image in images].count(ImageState.GENERATED) == made
    for image in images:
        if image.state is ImageState.FAILED:
            assert image.error is not None
            assert (image.error.kind, "no row for this image" in image.error.message) == (ErrorKind.API_ERROR, True)
    told = [event.type for event in await house.events()]
    assert told.count("pressroom.image.generated.v1") == made
    assert (await house.audit()).drifts == ()


async def test_a_batch_of_others_is_not_touched_by_a_row_with_its_key(house: House, vendors: VendorSandbox) -> None:
    settings = settings_of(house, vendors)
    other = await house.request(count=1)
    await house.batch_in(other.id, BatchState.ACCEPTED, BatchState.REQUESTED)

    def steal(rows: list[ResultRow]) -> list[ResultRow]:
        return [*rows, replace(rows[0], key=f"{other.id}-0000")]

    async with running(build(settings, Told(settings, steal))):
        batch = await request(house, count=1)
        await house.completed(batch.id)
    stolen = await house.database.images.get(f"{other.id}-0000")
    assert stolen is None or stolen.state is ImageState.PLANNED
