"""Notices: what a batch's caller is told when it ends, or is half done, by webhook or by mail.

There is one notice for each batch, kind and target, whose id follows from these; it is stored with its job in one
write. So an event that comes twice, and a process that dies while it reacts to one, make the same notices once. What a
notice says is kept in it, so that every try says the same.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pressroom.contracts.facts import BatchCounts, Reason
from pressroom.contracts.identifiers import notice_id
from pressroom.contracts.jobs import SendNotice
from pressroom.contracts.requests import NotifyTarget
from pressroom.contracts.vocabulary import ImageState, NoticeKind, NoticeState, ProviderName
from pressroom.state.database import Database
from pressroom.state.documents import BatchDocument, NoticeContent, NoticeDocument
from pressroom.state.machines import IMAGE_SETTLED

from .outbox import Outbox
from .settling import final_counts

LOST_AFTER = timedelta(seconds=30)
"""A notice whose job has not been taken by then is queued again; the stream refuses what waits there already."""

SOON = timedelta(seconds=2)
"""After somebody asked for it again: its job is refused while an older one is just being acknowledged."""

FAILURES_AT_MOST = 20
_FAILURE_CHARACTERS = 500


class Notices:
    """Makes notices and hands them out."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def tell(self, batch: BatchDocument, kind: NoticeKind, *, at: datetime) -> int:
        """Make the notices that a batch asks for of this kind, unless they are there; how many it asks for. `at`: when
        that happened which is told."""
        targets = [target for target in batch.request.notify if kind in target.on]
        missing = [target for target in targets if await self._is_new(batch, kind, target)]
        if missing:
            content = await self._content(batch, at)
            for target in missing:
                await self._make(batch, kind, target, content)
        return len(targets)

    async def tell_half_done(self, batch: BatchDocument, *, at: datetime) -> bool:
        """The same when half of a batch's images have ended; False when they have not."""
        counts = await self._database.images.counts(batch.id)
        ended = sum(count for state, count in counts.items() if state in IMAGE_SETTLED)
        if 2 * ended < batch.request.image_count:
            return False
        await self.tell(batch, NoticeKind.HALF_DONE, at=at)
        return True

    async def send_again(self, notice: NoticeDocument) -> NoticeDocument | None:
        """Deliver a notice once more, or now if it waits for its next try. None while it is being delivered."""
        now = datetime.now(UTC)
        fresh: dict[str, object] = {
            "failures": 0,
            "crashes": 0,
            "error": None,
            "began_at": None,
            "delivered_at": None,
            "not_before": now,
            "due_at": now + SOON,
        }
        messages = [self._outbox.job(job_of(notice))]
        again = await self._database.notices.transition(
            notice.id, NoticeState.PENDING, changes=fresh, messages=messages, guard={"state": {"$in": _ENDED}}
        ) or await self._database.notices.change(
            notice.id, fresh, messages=messages, guard={"state": str(NoticeState.PENDING), "lease": None}
        )
        if again is not None:
            await self._outbox.publish(self._database.notices, again)
        return again

    async def requeue_due(self, *, at_most: int) -> int:
        """Queue the notices whose next try has come, and those whose job got lost; how many there were."""
        now = datetime.now(UTC)
        waiting = [str(NoticeState.PENDING), str(NoticeState.SENDING)]
        due = await self._database.notices.find(
            {"state": {"$in": waiting}, "due_at": {"$lte": now}}, sort=[("due_at", 1)], limit=at_most
        )
        for notice in due:
            # Refused by the stream when the job waits there already.
            await self._outbox.send(self._outbox.job(job_of(notice)))
            guard = {"state": str(notice.state), "due_at": notice.due_at}
            await self._database.notices.change(notice.id, {"due_at": now + LOST_AFTER}, guard=guard)
        return len(due)

    async def _is_new(self, batch: BatchDocument, kind: NoticeKind, target: NotifyTarget) -> bool:
        notice = await self._database.notices.get(notice_id(batch.id, kind, target.address))
        if notice is not None:
            await self._outbox.publish(self._database.notices, notice)
        return notice is None

    async def _make(self, batch: BatchDocument, kind: NoticeKind, target: NotifyTarget, content: NoticeContent) -> None:
        now = datetime.now(UTC)
        identity = notice_id(batch.id, kind, target.address)
        job = SendNotice(batch_id=batch.id, notice_id=identity, channel=target.channel)
        notice = NoticeDocument(
            _id=identity,
            created_at=now,
            updated_at=now,
            outbox=(self._outbox.job(job),),
            state=NoticeState.PENDING,
            batch_id=batch.id,
            owner=batch.owner,
            kind=kind,
            channel=target.channel,
            target=target.address,
            content=content,
            not_before=now,
            due_at=now + LOST_AFTER,
        )
        if await self._database.notices.insert(notice):
            await self._outbox.publish(self._database.notices, notice)

    async def _content(self, batch: BatchDocument, at: datetime) -> NoticeContent:
        counts = await self._database.images.counts(batch.id)
        failed = await self._database.images.find(
            {"batch_id": batch.id, "state": str(ImageState.FAILED)}, sort=[("index", 1)], limit=FAILURES_AT_MOST
        )
        return NoticeContent(
            at=at,
            batch_state=batch.state,
            of_texts=batch.request.text_kind is not None,
            title=batch.request.title,
            counts=await self._counts(batch, counts),
            reasons=_shortened(batch.reasons),
            failures=_shortened(
                [
                    Reason(field=image.id, message=f"{image.error.kind}: {image.error.message}")
                    for image in failed
                    if image.error is not None
                ]
            ),
        )

    async def _counts(self, batch: BatchDocument, counts: dict[ImageState, int]) -> BatchCounts:
        placeholders = 0
        if batch.request.fallback is not None or ProviderName.PLACEHOLDER in batch.request.candidates:
            placeholders = await self._database.images.placeholders(batch.id)
        known = final_counts(counts, placeholders)
        # A rejected batch has no images, and was asked for some all the same.
        return known.model_copy(update={"requested": batch.request.image_count})


_ENDED = [str(NoticeState.DELIVERED), str(NoticeState.FAILED)]


def job_of(notice: NoticeDocument) -> SendNotice:
    """The job that delivers a notice."""
    return SendNotice(batch_id=notice.batch_id, notice_id=notice.id, channel=notice.channel)


def _shortened(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(
        reason.model_copy(update={"message": reason.message[:_FAILURE_CHARACTERS]})
        for reason in reasons[:FAILURES_AT_MOST]
    )
