"""What makes notices: the events of a batch's end, and of each image or text where a batch asks to be told of its half.

Half done is looked for on the events of single ones, and not where they are settled: so all notices have one maker, and
neither workers nor pollers know of them. A batch that does not ask for it costs one look in the database for each
publisher and batch, not for each of its images: what a request asks for never changes, so it is remembered.
"""

from collections import OrderedDict
from datetime import UTC, datetime

from pressroom.contracts import events
from pressroom.contracts.cloudevents import ReceivedEvent
from pressroom.contracts.vocabulary import BatchState, NoticeKind
from pressroom.runtime.event_subscriber import subscribe
from pressroom.runtime.notices import Notices
from pressroom.runtime.service import Service
from pressroom.runtime.topology import (
    BATCH_CANCELLED_NOTICES,
    BATCH_COMPLETED_NOTICES,
    BATCH_REJECTED_NOTICES,
    IMAGE_FAILED_NOTICES,
    IMAGE_GENERATED_NOTICES,
    TEXT_FAILED_NOTICES,
    TEXT_GENERATED_NOTICES,
)

BATCHES_REMEMBERED = 10_000


class NoticeEvents:
    """The reactions."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._database = service.database
        self._nothing_left: OrderedDict[str, None] = OrderedDict()

    @property
    def _notices(self) -> Notices:
        # The outbox is there once the service is open.
        return Notices(self._database, self._service.outbox)

    async def ended(self, event: ReceivedEvent) -> None:
        """A batch has come to an end."""
        match event.data:
            case events.BatchCompleted(counts=counts) if counts.generated == 0:
                kinds = (NoticeKind.COMPLETED, NoticeKind.FAILED)
            case events.BatchCompleted():
                kinds = (NoticeKind.COMPLETED,)
            case events.BatchRejected(conflict=False):
                kinds = (NoticeKind.REJECTED, NoticeKind.FAILED)
            case events.BatchCancelled():
                kinds = (NoticeKind.CANCELLED,)
            case _:
                # A request that took another batch's id has no targets that anybody stored.
                return
        batch = await self._database.batches.get(event.data.story)
        if batch is not None:
            for kind in kinds:
                await self._notices.tell(batch, kind, at=_moment(event))

    async def item_ended(self, event: ReceivedEvent) -> None:
        """An image or a text of a batch is made or failed, and with it half of the batch may be over."""
        batch_id = event.data.story
        if batch_id in self._nothing_left:
            return
        batch = await self._database.batches.get(batch_id)
        if batch is None or batch.state in (BatchState.REJECTED, BatchState.CANCELLED):
            is_over = True
        elif any(NoticeKind.HALF_DONE in target.on for target in batch.request.notify):
            is_over = await self._notices.tell_half_done(batch, at=_moment(event))
        else:
            is_over = True
        if is_over:
            self._remember(batch_id)

    def _remember(self, batch_id: str) -> None:
        self._nothing_left[batch_id] = None
        if len(self._nothing_left) > BATCHES_REMEMBERED:
            self._nothing_left.popitem(last=False)


def _moment(event: ReceivedEvent) -> datetime:
    """When it happened; now, where the event says it in a way that nobody can read."""
    try:
        said = datetime.fromisoformat(event.time)
    except ValueError:
        return datetime.now(UTC)
    return said if said.tzinfo else said.replace(tzinfo=UTC)


def subscribe_notices(service: Service, reactions: NoticeEvents) -> None:
    """Bind the reactions to their consumers."""
    for consumer in (BATCH_COMPLETED_NOTICES, BATCH_REJECTED_NOTICES, BATCH_CANCELLED_NOTICES):
        subscribe(service.broker, service.core_settings, consumer, reactions.ended)
    for consumer in (IMAGE_GENERATED_NOTICES, IMAGE_FAILED_NOTICES, TEXT_GENERATED_NOTICES, TEXT_FAILED_NOTICES):
        subscribe(service.broker, service.core_settings, consumer, reactions.item_ended)
