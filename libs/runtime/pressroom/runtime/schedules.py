"""Batches for later: stored at once, begun when their time has come.

The alarm is a message that JetStream itself publishes at the time (`SCHEDULES`); it waits in the outbox of the batch
like every other, so it is set once the batch is stored, whatever dies. It is a wake-up only: the document says whether
there is anything to begin, and a sweep begins what no alarm woke, as when the stream was lost.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from nats.js import JetStreamContext

from pressroom.contracts.events import BatchRequested
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.subjects import ALL_DUE, SCHEDULES_STREAM
from pressroom.contracts.vocabulary import BatchState
from pressroom.state.database import Database

from .logs import get_logger
from .outbox import Outbox
from .settings import Settings
from .topology import SCHEDULES_DUE

_FETCH_WAIT_S = 5.0
_DUE_AT_ONCE = 50
_SWEEP_AFTER = timedelta(seconds=5)
"""An alarm is late by a fraction of a second; what is later than this was never rung."""

log = get_logger(__name__)


def start_of(request: BatchRequest, settings: Settings, now: datetime) -> datetime | None:
    """When a batch begins that does not begin at once; None when it does."""
    earliest = max(now, request.schedule_at.astimezone(UTC)) if request.schedule_at is not None else now
    if request.off_peak:
        earliest = next_off_peak(earliest, settings.off_peak_hours, ZoneInfo(settings.off_peak_timezone))
    return earliest if earliest > now else None


def next_off_peak(moment: datetime, hours: str, zone: ZoneInfo) -> datetime:
    """`moment`, if it is within the hours (`22:00-06:00` goes over midnight), else their next beginning; in UTC."""
    begins, ends = (_minutes(part) for part in hours.split("-"))
    local = moment.astimezone(zone)
    minute = local.hour * 60 + local.minute
    is_within = begins <= minute < ends if begins <= ends else minute >= begins or minute < ends
    if is_within:
        return moment
    start = local.replace(hour=begins // 60, minute=begins % 60, second=0, microsecond=0)
    if start <= local:
        start += timedelta(days=1)
    return start.astimezone(UTC)


def _minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


class Schedules:
    """Begins batches whose time has come."""

    def __init__(self, database: Database, outbox: Outbox, js: JetStreamContext) -> None:
        self._batches = database.batches
        self._outbox = outbox
        self._js = js

    async def run(self) -> None:
        """Take alarms until cancelled, and look for those that never rang."""
        alarms = await self._js.pull_subscribe_bind(consumer=SCHEDULES_DUE, stream=SCHEDULES_STREAM)
        while True:
            try:
                rung = await alarms.fetch(_DUE_AT_ONCE, timeout=_FETCH_WAIT_S)
            except TimeoutError:
                rung = []
            for alarm in rung:
                await self.begin(alarm.subject.removeprefix(ALL_DUE.removesuffix("*")))
                await alarm.ack()
            await self.sweep()

    async def sweep(self) -> None:
        late = {"state": str(BatchState.SCHEDULED), "starts_at": {"$lte": datetime.now(UTC) - _SWEEP_AFTER}}
        for batch in await self._batches.find(late, sort=[("starts_at", 1)], limit=_DUE_AT_ONCE):
            log.warning("schedule.missed", batch_id=batch.id, starts_at=batch.starts_at)
            await self.begin(batch.id)

    async def begin(self, batch_id: str) -> bool:
        """From `scheduled` to `requested`, as if it were asked for now. False when it is not scheduled (any more)."""
        batch = await self._batches.get(batch_id)
        if batch is None or batch.state is not BatchState.SCHEDULED:
            return False
        event = BatchRequested(batch_id=batch.id, owner=batch.owner, request=batch.request)
        begun = await self._batches.transition(
            batch.id,
            BatchState.REQUESTED,
            changes={"swept_at": datetime.now(UTC)},
            messages=[self._outbox.event(event)],
            guard={"state": str(BatchState.SCHEDULED)},
        )
        if begun is None:
            return False
        log.info("schedule.begun", batch_id=batch.id)
        await self._outbox.publish(self._batches, begun)
        return True
