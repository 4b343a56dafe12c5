"""Server-sent events: one batch's story, or everything, as it happens.

The event's id is its place in the stream, so a browser that reconnects (`Last-Event-ID`) misses and repeats nothing.
"""

import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from pressroom.contracts.subjects import ALL_EVENTS, story_filter
from pressroom.runtime.tail import EVERYTHING, Beginning, TailedEvent, tail

from .access import Caller
from .batches import owned
from .house import House
from .problems import answers
from .settings import GatewaySettings

router = APIRouter(prefix="/v1", tags=["live"])

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


@router.get("/events", response_class=StreamingResponse, responses=_STREAM)
async def all_events(
    _owner: Caller, house: House, last_event_id: LastEventId = None, after: After = None
) -> StreamingResponse:
    """Everything that happens from now on, or from after the last event seen."""
    return _stream(house, ALL_EVENTS, _place(last_event_id, after) or Beginning())


def _place(last_event_id: int | None, after: int | None) -> Beginning | None:
    sequence = last_event_id if last_event_id is not None else after
    return None if sequence is None else Beginning(after_sequence=sequence)


def _stream(house: House, subject: str, beginning: Beginning) -> StreamingResponse:
    settings = house.core_settings
    assert isinstance(settings, GatewaySettings)
    body = _lines(house, subject, beginning, settings.live_heartbeat_s)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(body, media_type="text/event-stream", headers=headers)


async def _lines(house: House, subject: str, beginning: Beginning, heartbeat_s: float) -> AsyncIterator[str]:
    yield ": connected\n\n"
    async for tailed in tail(house.js, subject, beginning, idle_s=heartbeat_s):
        yield ": alive\n\n" if tailed is None else _frame(tailed)


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
