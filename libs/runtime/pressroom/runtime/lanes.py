"""Pausing a lane for everybody, and opening it again.

The pause is JetStream's own, on the lane's consumers, so every worker obeys it without being told. The lane's
document says until when and why, and carries the events. A process that dies between the two leaves a document that
says paused: the sweep of any worker pauses or resumes what the document says.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from nats.aio.client import Client

from pressroom.contracts.cloudevents import timestamp
from pressroom.contracts.events import LanePaused, LaneResumed
from pressroom.contracts.jobs import Job
from pressroom.contracts.subjects import JOBS_STREAM, job_consumer
from pressroom.contracts.vocabulary import LaneState, Priority
from pressroom.state.database import Database
from pressroom.state.documents import LaneDocument

from .broker import PUBLISH_TIMEOUT_S
from .errors import StoreUnavailable
from .logs import get_logger
from .outbox import Outbox

log = get_logger(__name__)


class Lanes:
    """Opens and closes the lanes of one kind of job."""

    def __init__(self, database: Database, client: Client, outbox: Outbox, job: type[Job]) -> None:
        self._database = database
        self._client = client
        self._outbox = outbox
        self._job = job

    async def pause(self, lane: str, seconds: float, reason: str) -> None:
        """Nobody takes from `lane` for `seconds`. A longer pause that is already in force stays."""
        now = datetime.now(UTC)
        until = now + timedelta(seconds=seconds)
        await self._database.lanes.insert_missing(
            [LaneDocument(_id=lane, created_at=now, updated_at=now, state=LaneState.OPEN)]
        )
        event = self._outbox.event(LanePaused(lane=lane, until=timestamp(until), reason=reason[:500]))
        document = await self._database.lanes.transition(
            lane,
            LaneState.PAUSED,
            changes={"paused_until": until, "reason": reason[:500]},
            messages=[event],
            guard={"$or": [{"state": str(LaneState.OPEN)}, {"paused_until": {"$lt": until}}]},
        )
        if document is None:
            return
        log.warning("lane.paused", lane=lane, seconds=round(seconds, 1), reason=reason)
        await self._pause_consumers(lane, until)
        await self._outbox.publish(self._database.lanes, document)

    async def sweep(self, lanes: Sequence[str], interval_s: float) -> None:
        """Look after `lanes` until cancelled."""
        while True:
            for lane in lanes:
                await self.sweep_once(lane)
            await asyncio.sleep(interval_s)

    async def sweep_once(self, lane: str) -> None:
        """Open the lane if its pause is over; keep it shut if it is not."""
        document = await self._database.lanes.get(lane)
        if document is None or document.state is not LaneState.PAUSED or document.paused_until is None:
            return
        if document.paused_until > datetime.now(UTC):
            await self._pause_consumers(lane, document.paused_until)
            return
        opened = await self._database.lanes.transition(
            lane,
            LaneState.OPEN,
            changes={"paused_until": None, "reason": None},
            messages=[self._outbox.event(LaneResumed(lane=lane))],
            guard={"paused_until": document.paused_until},
        )
        if opened is not None:
            log.info("lane.resumed", lane=lane)
            await self._outbox.publish(self._database.lanes, opened)

    async def _pause_consumers(self, lane: str, until: datetime) -> None:
        request = json.dumps({"pause_until": timestamp(until)}).encode()
        for priority in Priority:
            consumer = job_consumer(self._job, lane, priority)
            answer = await self._client.request(
                f"$JS.API.CONSUMER.PAUSE.{JOBS_STREAM}.{consumer}", request, timeout=PUBLISH_TIMEOUT_S
            )
            error = json.loads(answer.data).get("error")
            if error is not None:
                raise StoreUnavailable(f"cannot pause {consumer}: {error.get('description', error)}")
