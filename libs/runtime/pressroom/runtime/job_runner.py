"""The job protocol, once for every kind of job: claim, fence, beat, do, settle, acknowledge last.

A service says what the work is (`Work`); this module says when it may be done. The document in MongoDB decides: a
message is only a wake-up, and one that comes twice, late or out of order does no harm. Killed at any instruction,
the process leaves a lease that runs out and a message that comes again, to any worker, within the lease's time.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pydantic import ValidationError

from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.jobs import Job
from pressroom.contracts.vocabulary import ErrorKind
from pressroom.state.collection import Claim, Collection
from pressroom.state.database import DatabaseError
from pressroom.state.documents import Document

from . import metrics
from .acknowledgements import try_to
from .broker import BrokerError
from .dead_letters import REPLAYED, bury
from .errors import LeaseLost, NotYet, StoreUnavailable, WorkCancelled, report_of
from .lane_queue import LaneQueue
from .lanes import Lanes
from .logs import bound, get_logger
from .policies import GiveUp, PauseLane, Retry, RetryPolicy, counts_as_failure, decide
from .settings import Settings
from .tasks import end, first_of
from .tracing import continued

JobType = TypeVar("JobType", bound=Job)
JobTypeIn = TypeVar("JobTypeIn", bound=Job, contravariant=True)
Doc = TypeVar("Doc", bound=Document)

BEATS_PER_LEASE = 3
INFRASTRUCTURE_WAIT_S = 2.0
MALFORMED_ATTEMPT = 0

log = get_logger(__name__)


class Turn:
    """A job's way through the stage of the work that only `at_once` jobs may be in (generation, on a GPU).

    A job is fetched and claimed when the one before it says that its stage is `nearly_over`, so that the stage never
    stands empty while a queue is asked; it waits in `enter` then.
    """

    def __init__(self, stage: asyncio.Semaphore, fetching: asyncio.Semaphore) -> None:
        self._stage = stage
        self._fetching = fetching
        self._is_inside = False
        self._holds_fetching = True

    async def enter(self) -> None:
        """Wait for the stage."""
        if not self._is_inside:
            await self._stage.acquire()
            self._is_inside = True

    def nearly_over(self) -> None:
        """The next job may be fetched. Saying so twice is saying so once."""
        if self._holds_fetching:
            self._holds_fetching = False
            self._fetching.release()

    def leave(self) -> None:
        """The next job may enter the stage. Leaving twice is leaving once."""
        self.nearly_over()
        if self._is_inside:
            self._is_inside = False
            self._stage.release()


class Work(Protocol[JobTypeIn, Doc]):
    """What one kind of job does. Every write goes through the claim's token."""

    @property
    def collection(self) -> Collection[Doc]: ...

    @property
    def becomes(self) -> Mapping[StrEnum, StrEnum]:
        """From which states the document may be claimed, and what each becomes by it."""
        ...

    @property
    def guard(self) -> Mapping[str, Any]:
        """What else a document must be for this taker: the lane's own, say."""
        ...

    def document_id(self, job: JobTypeIn) -> str: ...

    def retry_policy(self, document: Doc) -> RetryPolicy:
        """How often this one may fail."""
        ...

    def seen(self, claim: Claim[Doc]) -> Mapping[str, Any]:
        """What shows of the work while it goes on; written with each heartbeat."""
        ...

    async def perform(self, claim: Claim[Doc], turn: Turn) -> None:
        """Do it, bring the document to its end, and do what follows. Raises a `WorkError`, `LeaseLost` or `NotYet`."""
        ...

    async def give_back(self, claim: Claim[Doc], error: ErrorReport | None, *, failed: bool) -> None:
        """Back to waiting, for another try; `failed` counts against it."""
        ...

    async def give_up(self, claim: Claim[Doc], error: ErrorReport) -> bool:
        """To `failed`, with the event; or on to another lane's taker, and then False."""
        ...

    async def cancel(self, claim: Claim[Doc]) -> bool:
        """To `cancelled`: nobody wants it any more. False when it has come too far for that."""
        ...

    async def revive(self, document: Doc) -> bool:
        """Back to waiting, as if new, because somebody sent its dead letter again. False when it is not wanted."""
        ...

    async def settle(self, document: Doc) -> None:
        """What follows from an end that `perform` did not bring about itself; idempotent."""
        ...


class JobRunner(Generic[JobType, Doc]):
    """Takes the jobs of one lane, at most `in_flight` together, of which `at_once` in the exclusive stage."""

    def __init__(
        self,
        work: Work[JobType, Doc],
        queue: LaneQueue,
        js: JetStreamContext,
        lanes: Lanes,
        settings: Settings,
        *,
        worker: str,
        at_once: int,
        in_flight: int,
    ) -> None:
        self._work = work
        self._queue = queue
        self._js = js
        self._lanes = lanes
        self._settings = settings
        self._worker = worker
        self._stage = asyncio.Semaphore(at_once)
        self._fetching = asyncio.Semaphore(at_once)
        self._slots = asyncio.Semaphore(in_flight)
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take and do jobs until cancelled; then hand back what is not finished."""
        try:
            while True:
                await self._slots.acquire()
                await self._fetching.acquire()
                try:
                    message = await self._queue.next()
                except BaseException:
                    self._fetching.release()
                    self._slots.release()
                    raise
                task = asyncio.create_task(self._handle(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
        finally:
            await end(self._running)

    async def _handle(self, message: Msg) -> None:
        turn = Turn(self._stage, self._fetching)
        try:
            with continued(f"job {self._queue.job.kind}", message.headers):
                outcome = await self._take(message, turn)
            metrics.JOBS.labels(self._queue.job.kind, self._queue.lane, outcome).inc()
        except (DatabaseError, StoreUnavailable, *BrokerError) as error:
            # Our own servers are away. The lease runs out and the message comes again: nothing is counted.
            log.warning("job.postponed", subject=message.subject, reason=str(error) or type(error).__name__)
            await try_to(message.nak(delay=INFRASTRUCTURE_WAIT_S))
        finally:
            turn.leave()
            self._slots.release()

    async def _take(self, message: Msg, turn: Turn) -> str:
        try:
            job = self._queue.job.model_validate_json(message.data)
        except ValidationError as error:
            report = ErrorReport(kind=ErrorKind.VALIDATION, message=f"not a job: {error}", recoverable=False)
            return await self._bury(message, report, MALFORMED_ATTEMPT)
        document_id = self._work.document_id(job)  # pyright: ignore[reportArgumentType] the queue's job type is the work's
        claim = await self._work.collection.claim(
            document_id,
            self._work.becomes,
            worker=self._worker,
            lease_s=self._settings.lease_s,
            guard=dict(self._work.guard),
        )
        if claim is None:
            return await self._not_claimed(message, document_id)
        names = {"attempt": claim.document.attempt, **job.model_dump(include={"batch_id", "image_id"})}
        with bound(**names), metrics.JOB_SECONDS.labels(self._queue.job.kind, self._queue.lane).time():
            return await self._do(message, claim, turn)

    async def _not_claimed(self, message: Msg, document_id: str) -> str:
        document = await self._work.collection.get(document_id)
        if document is None:
            report = ErrorReport(
                kind=ErrorKind.VALIDATION, message=f"there is no {document_id} in the database", recoverable=False
            )
            return await self._bury(message, report, MALFORMED_ATTEMPT)
        if not await self._work.collection.find({"_id": document_id, **self._work.guard}, limit=1):
            # It has moved to another lane, whose message is the one that counts.
            await self._work.settle(document)
            await message.ack()
            return "moved"
        if document.lease is not None:
            # Somebody works on it and beats, or died a moment ago. Ask again at the next beat.
            await message.nak(delay=self._settings.lease_s / BEATS_PER_LEASE)
            return "busy"
        sent_again = document.failed_with is not None and REPLAYED in (message.headers or {})
        if sent_again and await self._work.revive(document):
            log.info("job.revived", document=document_id)
            await message.nak()
            return "revived"
        await self._work.settle(document)
        if document.failed_with is not None:
            # Given up by a taker that died before the letter was written; written twice, it is one.
            return await self._bury(message, document.failed_with, document.attempt)
        await message.ack()
        return "already done"

    async def _do(self, message: Msg, claim: Claim[Doc], turn: Turn) -> str:
        crashes = claim.document.crashes
        if crashes > self._settings.max_crashes:
            report = ErrorReport(
                kind=ErrorKind.UNKNOWN,
                message=f"given up: its worker died or froze {crashes} times in the middle of it",
                recoverable=True,
            )
            return await self._give_up(message, claim, report)
        try:
            await self._perform_with_heartbeat(message, claim, turn)
        except LeaseLost:
            log.warning("job.lease_lost", document=claim.id)
            return "lease lost"
        except NotYet as early:
            await self._work.give_back(claim, None, failed=False)
            await message.nak(delay=early.delay_s)
            return "too early"
        except WorkCancelled:
            if not await self._work.cancel(claim):
                # A write that was on its way came first. Acknowledged now, what is left would be nobody's.
                await self._work.give_back(claim, None, failed=False)
                await message.nak()
                return "too late to cancel"
            await self._settle(claim)
            await message.ack()
            return "cancelled"
        except asyncio.CancelledError:
            # The service stops: hand the job to whoever is there, at once.
            with contextlib.suppress(DatabaseError):
                await asyncio.shield(self._work.give_back(claim, None, failed=False))
            await try_to(message.nak())
            raise
        except (DatabaseError, StoreUnavailable) as error:
            log.warning("job.postponed", document=claim.id, reason=str(error))
            await self._give_back_in_the_end(claim, report_of(error))
            await message.nak(delay=INFRASTRUCTURE_WAIT_S)
            return "postponed"
        except Exception as error:  # noqa: BLE001 - the one place where any failure of any work gets its policy
            return await self._failed(message, claim, error)
        await message.ack()
        return "done"

    async def _give_back_in_the_end(self, claim: Claim[Doc], report: ErrorReport) -> None:
        """However long the database is away: a lease that runs out would count as a crash of the job's."""
        while True:
            try:
                await self._work.give_back(claim, report, failed=False)
            except DatabaseError as error:
                log.warning("job.kept", document=claim.id, reason=str(error))
                await asyncio.sleep(INFRASTRUCTURE_WAIT_S)
            else:
                return

    async def _perform_with_heartbeat(self, message: Msg, claim: Claim[Doc], turn: Turn) -> None:
        unwanted = asyncio.Event()
        performing = asyncio.create_task(self._perform_while_wanted(claim, turn, unwanted))
        beating = asyncio.create_task(self._beat(message, claim, unwanted))
        await first_of(performing, beating)

    async def _perform_while_wanted(self, claim: Claim[Doc], turn: Turn, unwanted: asyncio.Event) -> None:
        async def refuse() -> None:
            await unwanted.wait()
            raise WorkCancelled(claim.id)

        await first_of(asyncio.create_task(self._work.perform(claim, turn)), asyncio.create_task(refuse()))

    async def _beat(self, message: Msg, claim: Claim[Doc], unwanted: asyncio.Event) -> None:
        """Keep the lease and the message, also while work that is `unwanted` takes its time to end: what it paid for
        would be another taker's to begin again. Ends by raising `LeaseLost`."""
        while True:
            await asyncio.sleep(self._settings.lease_s / BEATS_PER_LEASE)
            try:
                document = await self._work.collection.extend(
                    claim,
                    worker=self._worker,
                    lease_s=self._settings.lease_s,
                    changes=self._work.seen(claim),
                )
            except DatabaseError as error:
                # Nobody else can claim it either while the database is away.
                log.warning("job.heartbeat_missed", document=claim.id, reason=str(error))
            else:
                if document is None:
                    raise LeaseLost(claim.id)
                if getattr(document, "cancel_requested", False):
                    unwanted.set()
            await try_to(message.in_progress())

    async def _failed(self, message: Msg, claim: Claim[Doc], error: Exception) -> str:
        report = report_of(error)
        unexpected = error if report.kind is ErrorKind.UNKNOWN else None
        decision = decide(error, claim.document.failures, self._work.retry_policy(claim.document))
        log.warning("job.failed", kind=str(report.kind), error=report.message, then=repr(decision), exc_info=unexpected)
        match decision:
            case GiveUp():
                return await self._give_up(message, claim, report)
            case PauseLane(seconds):
                await self._work.give_back(claim, report, failed=counts_as_failure(report.kind))
                await self._lanes.pause(self._queue.lane, seconds, report.message)
                await message.nak(delay=seconds)
                return "lane paused"
            case Retry(delay_s):
                await self._work.give_back(claim, report, failed=True)
                await message.nak(delay=delay_s)
                return "retried"

    async def _give_up(self, message: Msg, claim: Claim[Doc], report: ErrorReport) -> str:
        is_the_end = await self._work.give_up(claim, report)
        await self._settle(claim)
        if not is_the_end:
            await message.ack()
            return "handed on"
        return await self._bury(message, report, claim.document.attempt)

    async def _settle(self, claim: Claim[Any]) -> None:
        document = await self._work.collection.get(claim.id)
        if document is not None:
            await self._work.settle(document)

    async def _bury(self, message: Msg, report: ErrorReport, attempt: int) -> str:
        log.error("job.dead", subject=message.subject, kind=str(report.kind), reason=report.message, attempt=attempt)
        await bury(self._js, message, report, attempt=attempt)
        await message.term()
        return "dead"
