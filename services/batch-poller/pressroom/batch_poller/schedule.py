"""When a provider is asked about its jobs, and how often: soon at first, more and more slowly as a job gets older, at
most so many requests a second over all pollers.

The dates stand in the jobs' documents and the pace in MongoDB's gates, so a process that dies takes nothing along.
"""

import asyncio
import hashlib
from datetime import datetime, timedelta

from pressroom.contracts.vocabulary import ProviderName
from pressroom.state.gates import Gates

from .provider_jobs import VendorJob, VendorJobState
from .settings import BatchPollerSettings

AGE_SHARE = 0.1
"""A job is looked at again after a tenth of its age: nobody waits longer than a tenth more than the job took."""

JITTER_SHARE = 0.05
"""Jobs that were submitted together are spread over this share of their interval. A job is to be collected a tenth of
its interval after that at the latest; the rest is left for asking and collecting."""


def interval_s(age_s: float, settings: BatchPollerSettings) -> float:
    """How long a job of this age is left alone, before jitter."""
    return min(max(age_s * AGE_SHARE, settings.poll_initial_s), settings.poll_max_s)


def next_poll(
    now: datetime,
    submitted_at: datetime,
    settings: BatchPollerSettings,
    job_id: str,
    deadline_at: datetime | None = None,
    *,
    share: float = 1.0,
) -> datetime:
    """The next look at a job that was submitted at `submitted_at` and is not done at `now`, after `share` of its
    interval; at its deadline, if that comes first. The jitter follows from the job's id, so a restart bunches nothing.
    """
    wait_s = share * interval_s(max(0.0, (now - submitted_at).total_seconds()), settings)
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


def handed_over(vendor_job: VendorJob, now: datetime) -> dict[str, object]:
    """What is written of a job that has ended and is to be collected: of many, the one that ended first is the next."""
    ended_at = min(_ended_at(vendor_job) or now, now)
    return {
        "vendor_state": vendor_job.raw_state,
        "results_file": vendor_job.results_file,
        "ended_at": ended_at,
        "next_poll_at": ended_at,
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


def _ended_at(vendor_job: VendorJob) -> datetime | None:
    """None too where the provider's word has no time zone, which cannot be compared with anything."""
    told = vendor_job.ended_at
    return told if told is not None and told.tzinfo is not None else None
