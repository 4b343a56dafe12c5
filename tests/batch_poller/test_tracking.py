"""The takers of one poller: how often they ask the database, and how long they keep a job's lease."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from pressroom.batch_poller.collecting import Collector
from pressroom.batch_poller.job_steps import JobClaim, JobSteps
from pressroom.batch_poller.row_caps import RowCaps
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.batch_poller.tracking import Tracker
from pressroom.contracts.vocabulary import ProviderJobState, ProviderName
from pressroom.runtime.caps import Caps
from pressroom.runtime.finishing import Finishing
from pressroom.runtime.prices import price_table
from pressroom.runtime.settling import Settling
from pressroom.runtime.tasks import end
from pressroom.state.collection import Claim
from pressroom.state.documents import ProviderJobDocument

from ..house import House

JOB = "batch-job-0"
WITHIN_S = 20


class Told(JobSteps):
    """Steps that have somebody write to the job's lease, and are done when they hear of it."""

    def __init__(self, house: House, settings: BatchPollerSettings) -> None:
        finishing = Finishing(house.database, house.blobs, house.outbox, settings)
        settling = Settling(house.database, house.outbox)
        prices = price_table(settings.price_table)
        collector = Collector(house.database, house.outbox, finishing, settling, prices)
        row_caps = RowCaps(house.database, prices, Caps(house.database, settings), collector.refuse)
        super().__init__(house.database, house.outbox, {}, collector, house.blobs, row_caps, settings)
        self.collector = collector
        self.jobs = house.database.provider_jobs
        self.has_written, self.may_end = asyncio.Event(), asyncio.Event()
        self.has_ended, self.was_torn = asyncio.Event(), asyncio.Event()

    async def step(self, claim: JobClaim) -> None:
        await self.write(claim)
        self.has_written.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.was_torn.set()
            raise
        self.has_ended.set()

    async def write(self, claim: JobClaim) -> None: ...


class Ended(Told):
    async def write(self, claim: JobClaim) -> None:
        assert await self.jobs.transition(claim.id, ProviderJobState.SUCCEEDED, token=claim.token)


class Robbed(Told):
    async def write(self, claim: JobClaim) -> None:
        await self.jobs.raw.update_one({"_id": claim.id}, {"$set": {"lease.token": "another poller's"}})


@asynccontextmanager
async def tracking(steps: Told, settings: BatchPollerSettings, house: House) -> AsyncIterator[None]:
    task = asyncio.create_task(Tracker(house.database, steps, steps.collector, settings, worker="poller").run())
    try:
        async with asyncio.timeout(WITHIN_S):
            yield
    finally:
        await end([task])


async def ended_job(house: House) -> None:
    """One whose results wait to be collected."""
    now = datetime.now(UTC)
    await house.database.provider_jobs.insert(
        ProviderJobDocument(
            _id=JOB,
            created_at=now,
            updated_at=now,
            state=ProviderJobState.COLLECTING,
            batch_id="batch",
            provider=ProviderName.GEMINI,
            image_count=1,
            next_poll_at=now,
        )
    )


async def test_what_a_step_does_after_its_last_write_is_not_torn_off(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow as its machine may be, it publishes what it wrote and settles the batch, which a sweep would do later."""
    settings = BatchPollerSettings(**house.values, due_interval_s=0.05)
    steps = Ended(house, settings)
    extend, beats = house.database.provider_jobs.extend, asyncio.Semaphore(0)

    async def counted(claim: Claim[ProviderJobDocument], **how: Any) -> ProviderJobDocument | None:
        extended = await extend(claim, **how)
        if steps.has_written.is_set():
            beats.release()
        return extended

    monkeypatch.setattr(house.database.provider_jobs, "extend", counted)
    await ended_job(house)
    async with tracking(steps, settings, house):
        for _ in range(2):
            await beats.acquire()
        steps.may_end.set()
        await steps.has_ended.wait()
    assert not steps.was_torn.is_set()


async def test_a_step_whose_lease_another_poller_has_is_torn_off(house: House) -> None:
    settings = BatchPollerSettings(**house.values, due_interval_s=0.05)
    steps = Robbed(house, settings)
    await ended_job(house)
    async with tracking(steps, settings, house):
        await steps.was_torn.wait()
    assert not steps.has_ended.is_set()


async def test_many_takers_with_nothing_to_do_ask_no_more_often_than_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = BatchPollerSettings(**house.values, due_interval_s=0.05, jobs_at_once=16)
    jobs, asked = house.database.provider_jobs, asyncio.Semaphore(0)
    claim_due, asking, at_once = jobs.claim_due, set[object](), list[int]()

    async def watched(*what: Any, **how: Any) -> JobClaim | None:
        question = object()
        asking.add(question)
        at_once.append(len(asking))
        try:
            return await claim_due(*what, **how)
        finally:
            asking.remove(question)
            asked.release()

    monkeypatch.setattr(jobs, "claim_due", watched)
    async with tracking(Told(house, settings), settings, house):
        for _ in range(40):
            await asked.acquire()
    # One that would look after jobs under way, and one for all else.
    assert max(at_once) <= 2
