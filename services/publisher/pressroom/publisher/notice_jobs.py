"""Delivering one notice: one try under the job protocol, and when the next one is.

A notice that is not taken is written back with the time of its next try, and its message is acknowledged: the sweep
queues it again when that has come. So the notices of a dead receiver wait in the database and not in the lane, where a
thousand of them would hold up everybody's. A publisher that dies after a receiver took a notice, and before that is
written, is followed by one that delivers it again under the same id.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from time import monotonic
from typing import Any

from pressroom.contracts.events import NoticeDelivered, NoticeFailed
from pressroom.contracts.facts import ErrorReport, NoticeAttempt
from pressroom.contracts.jobs import SendNotice
from pressroom.contracts.vocabulary import NoticeState
from pressroom.runtime.errors import InvalidRequest, LeaseLost
from pressroom.runtime.job_runner import Turn
from pressroom.runtime.logs import get_logger
from pressroom.runtime.outbox import Outbox
from pressroom.runtime.policies import RetryPolicy, backoff_s
from pressroom.state.collection import Claim
from pressroom.state.database import Database
from pressroom.state.documents import NoticeDocument

from .notice_delivery import Delivery, NotTaken
from .settings import PublisherSettings

ATTEMPTS_KEPT = 50
CROWDED_WAIT = timedelta(seconds=1)
_CROWD_SHARE = 4

log = get_logger(__name__)


class NoticeWork:
    """The work of one channel's lane (`pressroom.runtime.job_runner.Work`)."""

    becomes: Mapping[StrEnum, StrEnum] = {
        NoticeState.PENDING: NoticeState.SENDING,
        NoticeState.SENDING: NoticeState.SENDING,
    }

    def __init__(self, database: Database, outbox: Outbox, delivery: Delivery, settings: PublisherSettings) -> None:
        self.collection = database.notices
        self._outbox = outbox
        self._delivery = delivery
        self._settings = settings
        self._at_most = max(1, settings.notices_at_once // _CROWD_SHARE)
        self._busy: Counter[str] = Counter()

    @property
    def guard(self) -> Mapping[str, Any]:
        """A message that comes too early is acknowledged; the sweep sends another."""
        return {"not_before": {"$lte": datetime.now(UTC)}}

    def document_id(self, job: SendNotice) -> str:
        return job.notice_id

    def retry_policy(self, document: NoticeDocument) -> RetryPolicy:
        """For what is no answer of a receiver's: a mistake of ours."""
        return self._settings.retry_policy

    def seen(self, claim: Claim[NoticeDocument]) -> Mapping[str, Any]:
        return {}

    async def perform(self, claim: Claim[NoticeDocument], turn: Turn) -> None:
        receiver = self._delivery.receiver(claim.document)
        if receiver is None:
            await self._try(claim)
            return
        if self._busy[receiver] >= self._at_most:
            await self._wait(claim, datetime.now(UTC) + CROWDED_WAIT, {})
            return
        self._busy[receiver] += 1
        try:
            await self._try(claim)
        finally:
            self._busy[receiver] -= 1
            if not self._busy[receiver]:
                del self._busy[receiver]

    async def _try(self, claim: Claim[NoticeDocument]) -> None:
        notice = claim.document
        at, began = datetime.now(UTC), monotonic()
        try:
            taken = await self._delivery.deliver(notice)
        except NotTaken as error:
            attempt = NoticeAttempt(at=at, seconds=monotonic() - began, status=error.status, error=str(error))
            await self._not_taken(claim, error, attempt)
            return
        attempt = NoticeAttempt(at=at, seconds=monotonic() - began, status=taken.status)
        event = NoticeDelivered(
            batch_id=notice.batch_id,
            notice_id=notice.id,
            kind=notice.kind,
            channel=notice.channel,
            attempt=notice.attempt,
        )
        delivered = await self.collection.transition(
            notice.id,
            NoticeState.DELIVERED,
            changes={"attempts": _log(notice, attempt), "delivered_at": datetime.now(UTC), "error": None},
            messages=[self._outbox.event(event)],
            token=claim.token,
        )
        if delivered is None:
            raise LeaseLost(notice.id)
        await self._outbox.publish(self.collection, delivered)
        log.info("notice.delivered", notice=notice.id, channel=str(notice.channel), attempt=notice.attempt)

    async def _not_taken(self, claim: Claim[NoticeDocument], error: NotTaken, attempt: NoticeAttempt) -> None:
        """Back to waiting until the next try. Raises `InvalidRequest`, which is never tried again, when there is
        none."""
        notice, now = claim.document, datetime.now(UTC)
        began_at = notice.began_at or attempt.at
        failures = notice.failures + 1
        changes: dict[str, object] = {
            "attempts": _log(notice, attempt),
            "began_at": began_at,
            "failures": failures,
        }
        wait_s = max(backoff_s(failures, self._backoff), error.retry_after_s or 0.0)
        next_try = now + timedelta(seconds=wait_s)
        is_late = next_try > began_at + timedelta(seconds=self._settings.notice_retry_for_s)
        log.warning("notice.not_taken", notice=notice.id, error=str(error), status=error.status, wait_s=round(wait_s))
        if not error.for_good and not is_late:
            await self._wait(claim, next_try, changes)
            return
        if await self.collection.change(notice.id, changes, token=claim.token) is None:
            raise LeaseLost(notice.id)
        after = "" if error.for_good else f"; given up after {failures} tries"
        raise InvalidRequest(f"{error}{after}") from error

    @property
    def _backoff(self) -> RetryPolicy:
        settings = self._settings
        return RetryPolicy(
            max_attempts=0,
            backoff_initial_s=settings.notice_backoff_initial_s,
            backoff_max_s=settings.notice_backoff_max_s,
            rate_limit_pause_s=0.0,
        )

    async def _wait(self, claim: Claim[NoticeDocument], until: datetime, changes: dict[str, object]) -> None:
        waiting = await self.collection.transition(
            claim.id,
            NoticeState.PENDING,
            changes={**changes, "not_before": until, "due_at": until},
            guard={"state": str(NoticeState.SENDING)},
            token=claim.token,
        )
        if waiting is None:
            raise LeaseLost(claim.id)

    async def give_back(self, claim: Claim[NoticeDocument], error: ErrorReport | None, *, failed: bool) -> None:
        changes: dict[str, object] = {"failures": claim.document.failures + (1 if failed else 0)}
        if error is not None:
            changes["error"] = error.model_dump()
        await self.collection.transition(
            claim.id,
            NoticeState.PENDING,
            changes=changes,
            guard={"state": str(NoticeState.SENDING)},
            token=claim.token,
        )

    async def give_up(self, claim: Claim[NoticeDocument], error: ErrorReport) -> bool:
        notice = claim.document
        event = NoticeFailed(
            batch_id=notice.batch_id,
            notice_id=notice.id,
            kind=notice.kind,
            channel=notice.channel,
            attempt=notice.attempt,
            error=error,
        )
        await self.collection.transition(
            notice.id,
            NoticeState.FAILED,
            changes={"error": error.model_dump()},
            messages=[self._outbox.event(event)],
            token=claim.token,
        )
        return True

    async def cancel(self, claim: Claim[NoticeDocument]) -> bool:
        """Nobody takes back what was asked to be told."""
        return False

    async def revive(self, document: NoticeDocument) -> bool:
        revived = await self.collection.transition(
            document.id,
            NoticeState.PENDING,
            changes={
                "failures": 0,
                "crashes": 0,
                "error": None,
                "began_at": None,
                "due_at": datetime.now(UTC) + timedelta(seconds=self._settings.notice_backoff_initial_s),
            },
            guard={"state": str(NoticeState.FAILED)},
        )
        return revived is not None

    async def settle(self, document: NoticeDocument) -> None:
        await self._outbox.publish(self.collection, document)


def _log(notice: NoticeDocument, attempt: NoticeAttempt) -> list[dict[str, Any]]:
    """The newest tries, with this one; the first one stays, as it tells when it all began."""
    kept = [*notice.attempts, attempt]
    if len(kept) > ATTEMPTS_KEPT:
        kept = [kept[0], *kept[-(ATTEMPTS_KEPT - 1) :]]
    return [one.model_dump() for one in kept]
