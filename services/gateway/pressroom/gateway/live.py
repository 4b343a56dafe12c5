"""Server-sent events: one batch's story, an account's, or everything, as it happens.

The event's id is its place in the stream, so a browser that reconnects (`Last-Event-ID`) misses and repeats nothing.
Who may listen is asked when a stream begins, and a stream ends after an hour: so long does somebody listen on whose
token or key is over.
"""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from pressroom.contracts.events import Event
from pressroom.contracts.subjects import ALL_EVENTS, story_filter
from pressroom.contracts.vocabulary import Scope
from pressroom.runtime.logs import get_logger
from pressroom.runtime.tail import EVERYTHING, Beginning, TailedEvent, tail
from pressroom.state.database import DatabaseError

from .access import REFUSED, Caller, requires
from .batch_owners import BatchOwners
from .batches import owned
from .house import House
from .problems import answers
from .settings import GatewaySettings

router = APIRouter(prefix="/v1", tags=["live"], dependencies=[requires(Scope.READ)], responses=REFUSED)

Shown = Callable[[Event], Awaitable[bool]]
"""Whether a listener may see an event."""

log = get_logger(__name__)

LastEventId = Annotated[int | None, Header(ge=0, description="The id of the last event that was seen.")]
After = Annotated[int | None, Query(ge=0, description="The same as `Last-Event-ID`, for clients that cannot set it.")]
_STREAM = {
    200: {"description": "Server-sent events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
    **answers(HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
}


@router.get("/batches/{batch_id}/events", response_class=StreamingResponse, responses=_STREAM)
async def batch_events(
    batch_id: str, owner: Caller, house: House, last_event_id: LastEventId = None, after: After = None
) -> StreamingResponse:
    """The batch's story from its beginning, or from after the last event seen, and then as it goes on."""
    await owned(house, owner, batch_id)
    return _stream(house, story_filter(batch_id), _place(last_event_id, after) or EVERYTHING)


@router.get("/account/events", response_class=StreamingResponse, responses=_STREAM)
async def own_events(
    request: Request, owner: Caller, house: House, last_event_id: LastEventId = None, after: After = None
) -> StreamingResponse:
    """What happens to all your batches from now on, or from after the last event seen."""
    owners: BatchOwners = request.app.state.batch_owners

    async def is_own(event: Event) -> bool:
        return await owners.has_told(event, owner)

    return _stream(house, ALL_EVENTS, _place(last_event_id, after) or Beginning(), is_own)


@router.get("/events", response_class=StreamingResponse, dependencies=[requires(Scope.OPERATE)], responses=_STREAM)
async def all_events(house: House, last_event_id: LastEventId = None, after: After = None) -> StreamingResponse:
    """Everything that happens to everybody from now on, or from after the last event seen."""
    return _stream(house, ALL_EVENTS, _place(last_event_id, after) or Beginning())


def _place(last_event_id: int | None, after: int | None) -> Beginning | None:
    sequence = last_event_id if last_event_id is not None else after
    return None if sequence is None else Beginning(after_sequence=sequence)


def _stream(house: House, subject: str, beginning: Beginning, is_shown: Shown | None = None) -> StreamingResponse:
    settings = house.core_settings
    assert isinstance(settings, GatewaySettings)
    body = _lines(house, subject, beginning, settings, is_shown)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(body, media_type="text/event-stream", headers=headers)


async def _lines(
    house: House, subject: str, beginning: Beginning, settings: GatewaySettings, is_shown: Shown | None
) -> AsyncIterator[str]:
    yield ": connected\n\n"
    said_at = time.monotonic()
    ends_at, heartbeat_s = said_at + settings.live_lifetime_s, settings.live_heartbeat_s
    try:
        async for tailed in tail(house.js, subject, beginning, idle_s=heartbeat_s):
            if tailed is None:
                yield ": alive\n\n"
            elif is_shown is None or (tailed.event is not None and await is_shown(tailed.event.data)):
                yield _frame(tailed)
            elif time.monotonic() - said_at >= heartbeat_s:
                # Only others' events go by: who listens here should not take that for the end.
                yield ": alive\n\n"
            else:
                continue
            said_at = time.monotonic()
            if said_at >= ends_at:
                return
    except DatabaseError as error:
        # Whose an event is cannot be told now. The listener comes again, and goes on where it was.
        log.warning("live.ended", reason=str(error))


def _frame(tailed: TailedEvent) -> str:
    if tailed.event is None:
        return f"id: {tailed.sequence}\nevent: unreadable\ndata: {json.dumps({'subject': tailed.subject})}\n\n"
    event = tailed.event
    envelope = {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "time": event.time,
        "data": event.data.model_dump(mode="json"),
    }
    return f"id: {tailed.sequence}\nevent: {event.type}\ndata: {json.dumps(envelope, ensure_ascii=False)}\n\n"
