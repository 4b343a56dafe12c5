"""Pausing a lane for everybody, closing it, opening it again, and saying what it can do.

The pause is JetStream's own, on the lane's consumers, so every worker obeys it without being told. The lane's
document says until when and why, and carries the events. A process that dies between the two leaves a document that
says paused: the sweep of any worker pauses or resumes what the document says. A closed lane is paused for a minute at
a time, again and again, so that no pause outlives its reason.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import nats.errors
from nats.aio.client import Client

from pressroom.contracts.cloudevents import timestamp
from pressroom.contracts.events import LaneClosed, LanePaused, LaneResumed
from pressroom.contracts.jobs import Job
from pressroom.contracts.subjects import JOBS_STREAM, job_consumer
from pressroom.contracts.vocabulary import LaneState, Priority
from pressroom.state.database import Database
from pressroom.state.documents import LaneDocument, LaneService

from .broker import PUBLISH_TIMEOUT_S
from .logs import get_logger
from .outbox import Outbox

ANNOUNCE_EVERY = timedelta(seconds=10)
SERVED_WITHIN = timedelta(seconds=30)
"""Who said so longer ago does not serve the lane any more, for all that anybody knows."""

CLOSED_PAUSE = timedelta(seconds=60)
_REASON_CHARACTERS = 500

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
        await self._make(lane, LaneState.OPEN)
        reason = reason[:_REASON_CHARACTERS]
        event = self._outbox.event(LanePaused(lane=lane, until=timestamp(until), reason=reason))
        document = await self._database.lanes.transition(
            lane,
            LaneState.PAUSED,
            changes={"paused_until": until, "reason": reason},
            messages=[event],
            guard={"$or": [{"state": str(LaneState.OPEN)}, {"paused_until": {"$lt": until}}]},
        )
        if document is None:
            return
        log.warning("lane.paused", lane=lane, seconds=round(seconds, 1), reason=reason)
        await self._shut(lane, until)
        await self._outbox.publish(self._database.lanes, document)

    async def close(self, lane: str, reason: str) -> None:
        """Nobody takes from `lane` until somebody opens it: whatever is taken would fail for the same reason."""
        await self._make(lane, LaneState.OPEN)
        reason = reason[:_REASON_CHARACTERS]
        document = await self._database.lanes.transition(
            lane,
            LaneState.CLOSED,
            changes={"paused_until": None, "reason": reason},
            messages=[self._outbox.event(LaneClosed(lane=lane, reason=reason))],
            guard={"state": {"$ne": str(LaneState.CLOSED)}},
        )
        if document is None:
            return
        log.error("lane.closed", lane=lane, reason=reason)
        await self._shut(lane, datetime.now(UTC) + CLOSED_PAUSE)
        await self._outbox.publish(self._database.lanes, document)

    async def open(self, lane: str) -> bool:
        """Open a closed or paused lane. False when it was open, or there is none."""
        # First the consumers: dead after that, the sweep shuts them again; the other way round they would stay shut.
        await self._pause_consumers(lane, None)
        opened = await self._database.lanes.transition(
            lane,
            LaneState.OPEN,
            changes={"paused_until": None, "reason": None},
            messages=[self._outbox.event(LaneResumed(lane=lane))],
        )
        if opened is None:
            return False
        # A sweep may have shut them again in between, having read that the lane is closed.
        await self._pause_consumers(lane, None)
        log.info("lane.resumed", lane=lane)
        await self._outbox.publish(self._database.lanes, opened)
        return True

    async def reopen(self, lane: str) -> None:
        """Open a closed lane; one that is paused stays so."""
        document = await self._database.lanes.get(lane)
        if document is not None and document.state is LaneState.CLOSED:
            await self.open(lane)

    async def announce(self, lane: str, service: LaneService, *, worker: str) -> None:
        """Say what `lane` can do, and that `worker` serves it. Who is the first to serve it opens it."""
        if not await self._make(lane, LaneState.OPEN):
            known = await self._database.lanes.get(lane)
            if known is not None and known.service is None:
                # Before it is described: dead in between, a described lane would be closed and nobody told of it.
                await self.reopen(lane)
        changes = {"service": service.model_dump(), "served_at": datetime.now(UTC), "served_by": worker}
        await self._database.lanes.change(lane, changes)

    async def cannot_serve(self, lane: str, reason: str, *, worker: str) -> None:
        """Say why `worker` does not serve `lane`; the lane is closed unless another worker serves it."""
        if await self._make(lane, LaneState.CLOSED, reason=reason[:_REASON_CHARACTERS]):
            return
        document = await self._database.lanes.get(lane)
        if document is None:
            return
        is_served = document.served_at is not None and document.served_at > datetime.now(UTC) - SERVED_WITHIN
        if is_served and document.served_by != worker:
            return
        if document.state is LaneState.CLOSED:
            await self._database.lanes.change(lane, {"reason": reason[:_REASON_CHARACTERS]})
        else:
            await self.close(lane, reason)

    async def _make(self, lane: str, state: LaneState, reason: str | None = None) -> bool:
        now = datetime.now(UTC)
        return await self._database.lanes.get(lane) is None and await self._database.lanes.insert(
            LaneDocument(_id=lane, created_at=now, updated_at=now, state=state, reason=reason)
        )

    async def sweep(self, lanes: Sequence[str], interval_s: float) -> None:
        """Look after `lanes` until cancelled."""
        while True:
            for lane in lanes:
                await self.sweep_once(lane)
            await asyncio.sleep(interval_s)

    async def sweep_once(self, lane: str) -> None:
        """Open the lane if its pause is over; keep it shut if it is not, or if it is closed."""
        document = await self._database.lanes.get(lane)
        if document is None:
            return
        now = datetime.now(UTC)
        if document.state is LaneState.CLOSED:
            await self._shut(lane, now + CLOSED_PAUSE)
        if document.state is not LaneState.PAUSED or document.paused_until is None:
            return
        if document.paused_until > now:
            await self._shut(lane, document.paused_until)
            return
        opened = await self._database.lanes.transition(
            lane,
            LaneState.OPEN,
            changes={"paused_until": None, "reason": None},
            messages=[self._outbox.event(LaneResumed(lane=lane))],
            guard={"state": str(LaneState.PAUSED), "paused_until": document.paused_until},
        )
        if opened is not None:
            log.info("lane.resumed", lane=lane)
            await self._outbox.publish(self._database.lanes, opened)

    async def _shut(self, lane: str, until: datetime) -> None:
        """Hold the lane's consumers back, unless somebody has opened it since its document was read: their word came
        first then, and nobody would take this pause back."""
        await self._pause_consumers(lane, until)
        document = await self._database.lanes.get(lane)
        if document is not None and document.state is LaneState.OPEN:
            await self._pause_consumers(lane, None)

    async def _pause_consumers(self, lane: str, until: datetime | None) -> None:
        """`None` lets them go on at once."""
        request = json.dumps({"pause_until": timestamp(until)} if until is not None else {}).encode()
        for priority in Priority:
            consumer = job_consumer(self._job, lane, priority)
            answer = await self._client.request(
                f"$JS.API.CONSUMER.PAUSE.{JOBS_STREAM}.{consumer}", request, timeout=PUBLISH_TIMEOUT_S
            )
            error = json.loads(answer.data).get("error")
            if error is not None:
                raise nats.errors.Error(f"cannot pause {consumer}: {error.get('description', error)}")
