"""Asking about many jobs in one request, where a provider lists them.

A list answers for every job on its pages, so it is read when that takes clearly fewer requests than asking about those
that are due one by one, and no further than it does. One poller at a time lists; while it is at it nobody asks about
single jobs. It dies without a trace: its place in the gate runs out, and the dates of the jobs are as they were.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pressroom.contracts.vocabulary import ProviderJobState, ProviderName
from pressroom.runtime.errors import WorkError
from pressroom.runtime.logs import get_logger
from pressroom.state.database import Database

from .provider_jobs import BatchProvider, ListsJobs, VendorJob, VendorJobState
from .schedule import Pace, handed_over, interval_s, looked_at, next_poll
from .settings import BatchPollerSettings

LIST_PAGE = 100
"""Jobs on a page of a provider's list: Gemini's default `pageSize`, OpenAI's highest `limit`."""

JOBS_PER_PAGE_AT_LEAST = 4
"""A page must answer for more jobs that are due than these, as it is read twice in the time of one single look."""

LISTED_SHARE = 0.5
"""A job that the list answered for is due again after half its interval. Looked at once in an interval, jobs that were
submitted together would all be noticed in the same moment, some as late as may be, and most be collected too late."""

SOON_SHARE = 0.25
"""Jobs that are due within this share of their interval count as due: on a page with others that are, they are answered
for all the same. Less makes more rounds of fewer pages, more has pages read for too little."""

log = get_logger(__name__)


@dataclass(frozen=True)
class _InFlight:
    """What a round reads of a job's document."""

    id: str
    vendor_name: str
    submitted_at: datetime
    started_at: datetime | None
    deadline_at: datetime | None
    next_poll_at: datetime


@dataclass(frozen=True)
class _Round:
    """What a list is read for: the jobs that are due, among those that it may answer for, by their outside names."""

    in_flight: dict[str, _InFlight]
    due: set[str]
    pages_at_most: int


def pages_worth(places: Sequence[int]) -> int:
    """How far to read a list for jobs that are due at these places of it, from 0 and ascending: so many pages that the
    most requests are saved; 0 where single ones cost less."""
    saved_by_pages = {0: 0}
    for answered, place in enumerate(places, 1):
        pages = place // LIST_PAGE + 1
        saved_by_pages[pages] = answered - pages * JOBS_PER_PAGE_AT_LEAST
    return max(saved_by_pages, key=saved_by_pages.__getitem__)


class Rounds:
    """Asks a provider's list about its jobs when it is due and saves requests. What is cancelled or overdue needs more
    than a look, and is left to whoever claims it."""

    def __init__(
        self,
        database: Database,
        providers: Mapping[ProviderName, BatchProvider],
        pace: Pace,
        settings: BatchPollerSettings,
        on_started: Callable[[str], Awaitable[None]],
        on_ended: Callable[[str, VendorJob], None],
        *,
        worker: str,
    ) -> None:
        self._jobs = database.provider_jobs
        self._gates = database.gates
        self._providers = {name: provider for name, provider in providers.items() if isinstance(provider, ListsJobs)}
        self._pace = pace
        self._settings = settings
        self._on_started = on_started
        self._on_ended = on_ended
        self._worker = worker
        self._failed_at: dict[ProviderName, float] = {}
        self._not_listed: dict[ProviderName, dict[str, datetime]] = {}

    async def once(self) -> bool:
        """List where it saves. False when another poller is at it: then nobody asks about single jobs either."""
        is_free = True
        for name, provider in self._providers.items():
            is_free = await self._once(name, provider) and is_free
        return is_free

    async def _once(self, name: ProviderName, provider: ListsJobs) -> bool:
        if time.monotonic() < self._failed_at.get(name, 0.0) or (wanted := await self._wanted(name)) is None:
            return True
        gate, lease_s = f"list:{name}", self._settings.lease_s
        if not (await self._gates.enter(gate, self._worker, places=1, interval_s=0, lease_s=lease_s)).is_inside:
            return False
        try:
            await self._list(name, provider, wanted)
        except WorkError as error:
            log.warning("provider_jobs.not_listed", provider=str(name), error=str(error))
            self._failed_at[name] = time.monotonic() + self._settings.poll_initial_s
        finally:
            await self._gates.leave(gate, self._worker, gap_s=0)
        return True

    async def _wanted(self, name: ProviderName) -> _Round | None:
        """What is to be listed now; None when nothing is due, or single requests cost less."""
        now = datetime.now(UTC)
        due: dict[str, Any] = {**_of_provider(name), "next_poll_at": {"$lte": now}}
        if not await self._jobs.raw.count_documents(due, limit=1):
            return None
        # A list has the newest first.
        jobs = sorted([job async for job in self._in_flight(name, now)], key=lambda job: job.submitted_at, reverse=True)
        places = [place for place, job in enumerate(jobs) if self._is_due(name, job, now)]
        pages = pages_worth(places)
        if pages == 0:
            return None
        reached = {jobs[place].vendor_name for place in places if place < pages * LIST_PAGE}
        # Jobs of others stand between ours, so that more pages may be needed than it seems.
        affordable = len(reached) // JOBS_PER_PAGE_AT_LEAST
        return _Round({job.vendor_name: job for job in jobs}, reached, affordable)

    def _is_due(self, name: ProviderName, job: _InFlight, now: datetime) -> bool:
        if self._not_listed.get(name, {}).get(job.id) == job.next_poll_at:
            return False
        age_s = (now - job.submitted_at).total_seconds()
        return job.next_poll_at <= now + timedelta(seconds=SOON_SHARE * interval_s(age_s, self._settings))

    async def _list(self, name: ProviderName, provider: ListsJobs, wanted: _Round) -> None:
        asked, due = 0, set(wanted.due)
        await self._pace.turn(name)
        async with aclosing(provider.pages()) as pages:
            async for page in pages:
                asked += 1
                due.difference_update(found.name for found in page)
                await self._note([(wanted.in_flight[job.name], job) for job in page if job.name in wanted.in_flight])
                if not due or asked >= wanted.pages_at_most:
                    break
                await self._gates.stay(f"list:{name}", self._worker, lease_s=self._settings.lease_s)
                await self._pace.turn(name)
        # Looked for in vain, they are asked about one by one, and not listed again before that.
        missing = (wanted.in_flight[vendor_name] for vendor_name in due)
        known = self._not_listed.get(name, {})
        still = {job.id: job.next_poll_at for job in wanted.in_flight.values() if known.get(job.id) == job.next_poll_at}
        self._not_listed[name] = still | {job.id: job.next_poll_at for job in missing}
        log.debug("provider_jobs.listed", provider=str(name), pages=asked, not_listed=len(due))

    async def _in_flight(self, name: ProviderName, now: datetime) -> AsyncIterator[_InFlight]:
        """Without those that need more than a look."""
        overdue = now - timedelta(seconds=self._settings.provider_patience_s)
        plain: dict[str, Any] = {
            "cancel_requested": {"$ne": True},
            "submitted_at": {"$gt": overdue},
            "$or": [{"deadline_at": None}, {"deadline_at": {"$gt": now}}],
        }
        fields = ("vendor_name", "submitted_at", "started_at", "deadline_at", "next_poll_at")
        async for raw in self._jobs.raw.find({**_of_provider(name), **plain}, projection=fields):
            yield _InFlight(
                raw["_id"],
                raw["vendor_name"],
                raw["submitted_at"],
                raw.get("started_at"),
                raw.get("deadline_at"),
                raw["next_poll_at"],
            )

    async def _note(self, found: Sequence[tuple[_InFlight, VendorJob]]) -> None:
        """Postpone those that are not done, and hand over those that are. Nothing happens to one that is claimed."""
        now = datetime.now(UTC)
        later = [
            (job.id, job.next_poll_at, looked_at(seen, now, self._again_at(job, now)))
            for job, seen in found
            if not seen.is_ended
        ]
        await self._jobs.note_looks(later)
        for job, seen in found:
            if seen.state is VendorJobState.RUNNING and job.started_at is None:
                await self._on_started(job.id)
            if seen.is_ended:
                moved = await self._jobs.transition(
                    job.id,
                    ProviderJobState.COLLECTING,
                    changes=handed_over(seen, now),
                    guard={"state": str(ProviderJobState.SUBMITTED), "lease": None},
                )
                if moved is not None:
                    self._on_ended(job.id, seen)

    def _again_at(self, job: _InFlight, now: datetime) -> datetime:
        return next_poll(now, job.submitted_at, self._settings, job.id, job.deadline_at, share=LISTED_SHARE)


def _of_provider(name: ProviderName) -> dict[str, Any]:
    return {"state": str(ProviderJobState.SUBMITTED), "provider": str(name), "lease": None}
