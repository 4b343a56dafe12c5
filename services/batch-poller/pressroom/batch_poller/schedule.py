"""When a provider is asked about its jobs, and how often: soon at first, more and more slowly as a job gets older, at
most so many requests a second over all pollers, and about many jobs in one request where it lists them.

The dates stand in the jobs' documents and the pace in MongoDB's gates, so a process that dies takes nothing along.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pressroom.contracts.vocabulary import ProviderJobState, ProviderName
from pressroom.runtime.errors import WorkError
from pressroom.runtime.logs import get_logger
from pressroom.state.database import Database
from pressroom.state.gates import Gates

from .provider_jobs import BatchProvider, ListsJobs, VendorJob, VendorJobState
from .settings import BatchPollerSettings

AGE_SHARE = 0.1
"""A job is looked at again after a tenth of its age: nobody waits longer than a tenth more than the job took."""

JITTER_SHARE = 0.1
"""Jobs that were submitted together are spread over this share of their interval."""

LIST_FROM = 4
"""Fewer jobs that are due, or will be soon, are asked about one by one."""

LIST_PAGE = 100
"""Jobs on a page of a provider's list; Gemini's default limit (`pageSize`)."""

JOBS_PER_PAGE_AT_LEAST = 2
"""A page must answer for so many on average, or single requests cost less."""

log = get_logger(__name__)


def interval_s(age_s: float, settings: BatchPollerSettings) -> float:
    """How long a job of this age is left alone, before jitter."""
    return min(max(age_s * AGE_SHARE, settings.poll_initial_s), settings.poll_max_s)


def next_poll(
    now: datetime,
    submitted_at: datetime,
    settings: BatchPollerSettings,
    job_id: str,
    deadline_at: datetime | None = None,
) -> datetime:
    """The next look at a job that was submitted at `submitted_at` and is not done at `now`; at its deadline, if that
    comes first. The jitter follows from the job's id, so a restart bunches nothing."""
    wait_s = interval_s(max(0.0, (now - submitted_at).total_seconds()), settings)
    due = now + timedelta(seconds=wait_s * (1 + JITTER_SHARE * _spread(job_id)))
    return min(due, deadline_at) if deadline_at is not None and deadline_at > now else due


def _spread(job_id: str) -> float:
    """From 0 to 1, evenly over all ids."""
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:4]) / 2**32


class Pace:
    """Turns to ask a provider, one after another over all pollers."""

    def __init__(self, gates: Gates, requests_per_second: float, lease_s: float) -> None:
        self._gates = gates
        self._interval_s = 1 / requests_per_second
        self._lease_s = lease_s
        self._one_at_a_time = asyncio.Lock()

    async def turn(self, provider: ProviderName) -> None:
        """Wait until the provider may be asked once more."""
        async with self._one_at_a_time:
            while True:
                entry = await self._gates.enter(
                    f"status:{provider}", "pollers", places=None, interval_s=self._interval_s, lease_s=self._lease_s
                )
                if entry.is_inside:
                    return
                await asyncio.sleep(entry.wait_s)


@dataclass(frozen=True)
class _InFlight:
    """What a round reads of a job's document."""

    id: str
    vendor_name: str
    submitted_at: datetime
    deadline_at: datetime | None


class Rounds:
    """Asks a provider's list about all jobs in flight when that takes fewer requests than asking about those that are
    due. One poller at a time lists; what is cancelled or overdue is left to whoever claims it."""

    def __init__(
        self,
        database: Database,
        providers: Mapping[ProviderName, BatchProvider],
        pace: Pace,
        settings: BatchPollerSettings,
        on_ended: Callable[[str, VendorJob], None],
        *,
        worker: str,
    ) -> None:
        self._jobs = database.provider_jobs
        self._gates = database.gates
        self._providers = {name: provider for name, provider in providers.items() if isinstance(provider, ListsJobs)}
        self._pace = pace
        self._settings = settings
        self._on_ended = on_ended
        self._worker = worker
        self._failed_at: dict[ProviderName, float] = {}

    async def once(self) -> bool:
        """List where it saves. False when another poller is at it: then nobody asks about single jobs either."""
        is_free = True
        for name, provider in self._providers.items():
            is_free = await self._round(name, provider) and is_free
        return is_free

    async def _round(self, name: ProviderName, provider: ListsJobs) -> bool:
        pages = await self._pages_worth(name)
        if pages == 0 or time.monotonic() < self._failed_at.get(name, 0.0):
            return True
        gate, lease_s = f"list:{name}", self._settings.lease_s
        if not (await self._gates.enter(gate, self._worker, places=1, interval_s=0, lease_s=lease_s)).is_inside:
            return False
        try:
            await self._list(name, provider, pages)
        except WorkError as error:
            log.warning("provider_jobs.not_listed", provider=str(name), error=str(error))
            self._failed_at[name] = time.monotonic() + self._settings.poll_initial_s
        finally:
            await self._gates.leave(gate, self._worker, gap_s=0)
        return True

    async def _pages_worth(self, name: ProviderName) -> int:
        """How many pages may be read so that they still cost less than single requests; 0 for none at all."""
        now, in_flight = datetime.now(UTC), _in_flight(name)
        if not await self._jobs.raw.count_documents({**in_flight, "next_poll_at": {"$lte": now}}, limit=1):
            return 0
        # Those that come next are looked at a little early, so that a round answers for them too.
        soon = now + timedelta(seconds=self._settings.poll_initial_s)
        answered = await self._jobs.raw.count_documents({**in_flight, "next_poll_at": {"$lte": soon}})
        if answered < LIST_FROM:
            return 0
        affordable = answered // JOBS_PER_PAGE_AT_LEAST
        needed = -(-await self._jobs.raw.count_documents(in_flight) // LIST_PAGE)
        return affordable if affordable >= needed else 0

    async def _list(self, name: ProviderName, provider: ListsJobs, pages_at_most: int) -> None:
        waiting = {job.vendor_name: job async for job in self._in_flight(name)}
        asked = 0
        await self._pace.turn(name)
        async with aclosing(provider.pages()) as pages:
            async for page in pages:
                asked += 1
                await self._note([(waiting.pop(found.name), found) for found in page if found.name in waiting])
                if not waiting or asked >= pages_at_most:
                    break
                await self._gates.stay(f"list:{name}", self._worker, lease_s=self._settings.lease_s)
                await self._pace.turn(name)
        log.debug("provider_jobs.listed", provider=str(name), pages=asked, not_listed=len(waiting))

    async def _in_flight(self, name: ProviderName) -> AsyncIterator[_InFlight]:
        """Without those that need more than a look."""
        now = datetime.now(UTC)
        overdue = now - timedelta(seconds=self._settings.provider_patience_s)
        plain: dict[str, Any] = {
            "cancel_requested": {"$ne": True},
            "submitted_at": {"$gt": overdue},
            "$or": [{"deadline_at": None}, {"deadline_at": {"$gt": now}}],
        }
        fields = ("vendor_name", "submitted_at", "deadline_at")
        async for raw in self._jobs.raw.find({**_in_flight(name), **plain}, projection=fields):
            yield _InFlight(raw["_id"], raw["vendor_name"], raw["submitted_at"], raw.get("deadline_at"))

    async def _note(self, found: list[tuple[_InFlight, VendorJob]]) -> None:
        """Postpone those that are not done, and hand over those that are. Nothing happens to one that is claimed."""
        now = datetime.now(UTC)
        later = {
            job.id: _postponed(job, vendor_job, now, self._settings)
            for job, vendor_job in found
            if not vendor_job.is_ended
        }
        await self._jobs.note_looks(later)
        for job, vendor_job in found:
            if vendor_job.is_ended:
                moved = await self._jobs.transition(
                    job.id,
                    ProviderJobState.COLLECTING,
                    changes=handed_over(vendor_job, now),
                    guard={"state": str(ProviderJobState.SUBMITTED), "lease": None},
                )
                if moved is not None:
                    self._on_ended(job.id, vendor_job)


def handed_over(vendor_job: VendorJob, now: datetime) -> dict[str, object]:
    """What is written of a job that has ended and is to be collected."""
    return {
        "vendor_state": vendor_job.raw_state,
        "results_file": vendor_job.results_file,
        "next_poll_at": now,
        "failures": 0,
        "error": None,
    }


def looked_at(vendor_job: VendorJob, now: datetime, next_poll_at: datetime) -> dict[str, object]:
    """What is written of a job that has not ended."""
    return {
        "vendor_state": vendor_job.raw_state,
        "is_running": vendor_job.state is VendorJobState.RUNNING,
        "next_poll_at": next_poll_at,
        "updated_at": now,
        "failures": 0,
        "error": None,
    }


def _in_flight(name: ProviderName) -> dict[str, Any]:
    return {"state": str(ProviderJobState.SUBMITTED), "provider": str(name), "lease": None}


def _postponed(
    job: _InFlight, vendor_job: VendorJob, now: datetime, settings: BatchPollerSettings
) -> dict[str, object]:
    return looked_at(vendor_job, now, next_poll(now, job.submitted_at, settings, job.id, job.deadline_at))
