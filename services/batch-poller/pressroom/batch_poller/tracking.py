"""Following provider jobs: whichever is due is claimed, moved one step, and given its next date.

The job's document is its own queue: `next_poll_at` says when, the lease says who. A process that dies leaves a lease
that runs out, and any poller goes on from the document.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial

from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.vocabulary import ErrorKind, ProviderJobState
from pressroom.runtime.errors import (
    NEVER_RETRIED,
    LeaseLost,
    RateLimited,
    StoreUnavailable,
    WorkError,
    kind_of,
    report_of,
)
from pressroom.runtime.job_runner import BEATS_PER_LEASE, INFRASTRUCTURE_WAIT_S
from pressroom.runtime.logs import bound, get_logger
from pressroom.runtime.policies import backoff_s
from pressroom.runtime.tasks import first_of
from pressroom.state.database import Database, DatabaseError
from pressroom.state.documents import ProviderJobDocument
from pressroom.state.machines import PROVIDER_JOB_FINAL

from .collecting import Collector
from .job_steps import RESULT_TRIES, JobClaim, JobSteps
from .provider_jobs import JobLost
from .settings import BatchPollerSettings

SUBMITTING: dict[StrEnum, StrEnum] = {state: state for state in (ProviderJobState.PLANNED, ProviderJobState.SUBMITTING)}
COLLECTING: dict[StrEnum, StrEnum] = {ProviderJobState.COLLECTING: ProviderJobState.COLLECTING}
"""What takes long: uploads and downloads, `jobs_at_once` of both together. Every other taker prefers the one, the rest
the other, so that neither waits behind thousands of the other."""

LOOKING: dict[StrEnum, StrEnum] = {ProviderJobState.SUBMITTED: ProviderJobState.SUBMITTED}
"""What is only asked about, which no download may hold up."""

LOOKS_AT_ONCE = 8
"""Questions that are out at the same time; how many a second there are is `provider_requests_per_second`."""

ENDED: dict[StrEnum, StrEnum] = {state: state for state in PROVIDER_JOB_FINAL}
"""Of these, only what somebody wants deleted is taken."""

PAID = (ProviderJobState.SUBMITTED, ProviderJobState.COLLECTING)
"""The provider works on the job, or has."""

CRASHES_PER_JOB = 10
"""A job has many images, and each may be the one that a poller dies on, so a job bears more crashes than an image."""

log = get_logger(__name__)


class TooDeadly(WorkError):
    """Pollers died on the job time after time, and on none of its images in particular."""


class Tracker:
    """Moves the provider jobs of all batches on."""

    def __init__(
        self, database: Database, steps: JobSteps, collector: Collector, settings: BatchPollerSettings, *, worker: str
    ) -> None:
        self._jobs = database.provider_jobs
        self._steps = steps
        self._collector = collector
        self._settings = settings
        self._worker = worker
        self._rounds = steps.rounds(worker)

    async def run(self) -> None:
        """Follow jobs until cancelled."""
        working, looking = asyncio.Lock(), asyncio.Lock()
        async with asyncio.TaskGroup() as group:
            for number in range(self._settings.jobs_at_once):
                preferred = (COLLECTING, SUBMITTING) if number % 2 == 0 else (SUBMITTING, COLLECTING)
                group.create_task(self._follow(working, partial(self._next_work, *preferred)))
            for _ in range(LOOKS_AT_ONCE):
                group.create_task(self._follow(looking, self._next_look))

    async def _follow(self, turn: asyncio.Lock, claim_next: Callable[[], Awaitable[JobClaim | None]]) -> None:
        """One of several that take the same jobs. In its turn it waits for the next one, so that all of them together
        ask the database no more often than one."""
        while True:
            try:
                async with turn:
                    claim = await claim_next()
                    if claim is None:
                        await asyncio.sleep(self._settings.due_interval_s)
                        continue
                await self._step(claim)
            except (DatabaseError, StoreUnavailable) as error:
                # Our own servers are away: the lease runs out and the step is taken again.
                log.warning("provider_jobs.waiting", reason=str(error))
                await asyncio.sleep(INFRASTRUCTURE_WAIT_S)

    async def _next_look(self) -> JobClaim | None:
        # Nobody asks about a single job that a list is about to answer for.
        return await self._claim("next_poll_at", LOOKING) if await self._rounds.once() else None

    async def _next_work(self, first: dict[StrEnum, StrEnum], then: dict[StrEnum, StrEnum]) -> JobClaim | None:
        return (
            await self._claim("next_poll_at", first)
            or await self._claim("next_poll_at", then)
            or await self._claim("delete_at", ENDED)
        )

    async def _claim(self, field: str, states: dict[StrEnum, StrEnum]) -> JobClaim | None:
        return await self._jobs.claim_due(field, states, worker=self._worker, lease_s=self._settings.lease_s)

    async def _step(self, claim: JobClaim) -> None:
        with bound(batch_id=claim.document.batch_id, provider_job=claim.id):
            await self._move(claim)

    async def _move(self, claim: JobClaim) -> None:
        try:
            try:
                await self._while_beating(claim, self._take(claim))
            except (DatabaseError, StoreUnavailable, LeaseLost):
                raise
            except Exception as error:  # noqa: BLE001 - the one place where any failure of a provider job gets its policy
                await self._failed(claim, error)
        except LeaseLost:
            log.warning("provider_job.lease_lost")
        except asyncio.CancelledError:
            await self._hand_back(claim, datetime.now(UTC))
            raise
        except (DatabaseError, StoreUnavailable):
            # Handed back, because a lease that runs out would count as a crash of the job's.
            await self._hand_back(claim, datetime.now(UTC) + timedelta(seconds=INFRASTRUCTURE_WAIT_S))
            raise

    async def _take(self, claim: JobClaim) -> None:
        crashes = claim.document.crashes
        if claim.document.state not in PROVIDER_JOB_FINAL and crashes > self._settings.max_crashes * CRASHES_PER_JOB:
            await self._bear(claim, f"given up: its poller died or froze {crashes} times in the middle of it")
        await self._steps.step(claim)

    async def _bear(self, claim: JobClaim, message: str) -> None:
        """Go on without the image that the pollers died on; without one to blame, the job is given up."""
        report = ErrorReport(kind=ErrorKind.UNKNOWN, message=message, recoverable=True)
        if not await self._collector.fail_unfinished(claim, report):
            raise TooDeadly(message)
        if await self._jobs.change(claim.id, {"crashes": 0}, token=claim.token) is None:
            raise LeaseLost(claim.id)

    async def _hand_back(self, claim: JobClaim, due: datetime) -> None:
        with contextlib.suppress(DatabaseError):
            await asyncio.shield(
                self._jobs.change(claim.id, {_due_of(claim.document): due}, token=claim.token, release=True),
            )

    async def _while_beating(self, claim: JobClaim, doing: Coroutine[None, None, None]) -> None:
        await first_of(asyncio.create_task(doing), asyncio.create_task(self._beat(claim)))

    async def _beat(self, claim: JobClaim) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_s / BEATS_PER_LEASE)
            try:
                extended = await self._jobs.extend(claim, worker=self._worker, lease_s=self._settings.lease_s)
                if extended is None and await self._is_somebody_elses(claim):
                    raise LeaseLost(claim.id)
            except DatabaseError as error:
                log.warning("provider_job.heartbeat_missed", reason=str(error))

    async def _is_somebody_elses(self, claim: JobClaim) -> bool:
        """A step's own last write ends its lease, and it may still tell of it and settle the batch after that."""
        job = await self._jobs.get(claim.id)
        return job is None or job.lease is not None

    async def _failed(self, claim: JobClaim, error: Exception) -> None:
        job = claim.document
        report = report_of(error)
        is_over = job.state in PROVIDER_JOB_FINAL
        if is_over and self._is_hopeless(job, error):
            await self._leave_undeleted(claim, report)
            return
        if not is_over and (self._is_hopeless(job, error) or self._is_too_late(job)):
            log.error("provider_job.given_up", kind=str(report.kind), error=report.message)
            if isinstance(error, JobLost):
                report = report.model_copy(update={"recoverable": True})
            await self._while_beating(claim, self._collector.give_up(claim, report))
            return
        wait_s = self._wait_s(error, job.failures + 1)
        log.warning("provider_job.postponed", kind=str(report.kind), error=report.message, seconds=round(wait_s, 1))
        changes = {
            "failures": job.failures + 1,
            **({} if is_over else {"error": report.model_dump()}),
            _due_of(job): datetime.now(UTC) + timedelta(seconds=wait_s),
        }
        await self._jobs.put_back(claim, _due_of(job), changes)

    async def _leave_undeleted(self, claim: JobClaim, report: ErrorReport) -> None:
        log.error("provider_job.not_deleted", kind=str(report.kind), error=report.message)
        why = report.model_copy(update={"message": f"not deleted at the provider: {report.message}"})
        changes = {"delete_at": None, "error": why.model_dump()}
        await self._jobs.change(claim.id, changes, token=claim.token, release=True)

    def _is_hopeless(self, job: ProviderJobDocument, error: Exception) -> bool:
        """Whether another try would meet the same."""
        # A key that is wrong for an hour must not cost the pictures that are paid for.
        is_key_to_mend = kind_of(error) is ErrorKind.AUTH and job.state in PAID
        return isinstance(error, TooDeadly) or (kind_of(error) in NEVER_RETRIED and not is_key_to_mend)

    def _is_too_late(self, job: ProviderJobDocument) -> bool:
        """Whether a job has been followed through errors for long enough. What is paid for is not given up before its
        results could be fetched for as long as they are tried for, nor at the first errors after that."""
        patience_s = self._settings.provider_patience_s
        if job.state in PAID:
            if job.failures + 1 < RESULT_TRIES:
                return False
            patience_s += self._settings.provider_results_patience_s
        return datetime.now(UTC) - job.created_at > timedelta(seconds=patience_s)

    def _wait_s(self, error: Exception, failures: int) -> float:
        settings = self._settings
        if isinstance(error, RateLimited):
            asked = error.retry_after_s
            return settings.rate_limit_pause_s if asked is None else max(asked, settings.backoff_initial_s)
        policy = settings.retry_policy
        # In a long outage no more often than an old job is looked at: each try may be a download of gigabytes.
        return backoff_s(failures, replace(policy, backoff_max_s=max(policy.backoff_max_s, settings.poll_max_s)))


def _due_of(job: ProviderJobDocument) -> str:
    """The field that says when the job is taken next."""
    return "delete_at" if job.state in PROVIDER_JOB_FINAL else "next_poll_at"
