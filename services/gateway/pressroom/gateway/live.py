"""Server-sent events: one batch's story, an account's, or everything, as it happens.

The event's id is its place in the stream, so a browser that reconnects (`Last-Event-ID`) misses and repeats nothing.
Who may listen is asked when a stream begins, and a stream ends after an hour: so long does somebody listen on whose
token or key is over.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header, Query, Request
from fastapi.responses import StreamingResponse

from pressroom.contracts.events import Event
from pressroom.contracts.subjects import ALL_EVENTS, story_filter
from pressroom.contracts.vocabulary import Scope
from pressroom.runtime.logs import get_logger
from pressroom.state.database import DatabaseError

from .access import Caller, GuardedRouter, requires
from .batches.batches import owned
from .batches.owners import BatchOwners
from .cursors import NUMBER_MAX
from .edge.problems import answers
from .house import House
from .live_feed import Line, LiveFeed
from .settings import GatewaySettings

router = GuardedRouter("/v1", "live", Scope.READ)

Shown = Callable[[Event], Awaitable[bool]]
"""Whether a listener may see an event."""

log = get_logger(__name__)

LastEventId = Annotated[int | None, Header(ge=0, le=NUMBER_MAX, description="The id of the last event that was seen.")]
After = Annotated[
    int | None, Query(ge=0, le=NUMBER_MAX, description="The same as `Last-Event-ID`, for clients that cannot set it.")
]
_SENT: dict[str, Any] = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": r"^\d+$", "description": "Its place in the stream, for `Last-Event-ID`."},
        "event": {"type": "string", "description": "Its type, e.g. `pressroom.image.generated.v1`."},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
"""One event of a stream, as OpenAPI 3.2 describes it and the framework does already."""

_STREAM = {
    200: {"description": "Server-sent events.", "content": {"text/event-stream": {"itemSchema": _SENT}}},
    **answers(HTTPStatus.NOT_FOUND),
}


@router.get("/batches/{batch_id}/events", response_class=StreamingResponse, responses=_STREAM)
async def batch_events(
    batch_id: str,
    request: Request,
    owner: Caller,
    house: House,
    last_event_id: LastEventId = None,
    after: After = None,
) -> StreamingResponse:
    """The batch's story from its beginning, or from after the last event seen, and then as it goes on."""
    await owned(house, owner, batch_id)
    place = _place(last_event_id, after) or 0

    def is_its_story(subject: str) -> bool:
        return subject.endswith(f".{batch_id}")

    return _stream(request, place, subject=story_filter(batch_id), wanted=is_its_story)


@router.get("/account/events", response_class=StreamingResponse, responses=_STREAM)
async def own_events(
    request: Request, owner: Caller, last_event_id: LastEventId = None, after: After = None
) -> StreamingResponse:
    """What happens to all your batches from now on, or from after the last event seen."""
    owners: BatchOwners = request.app.state.batch_owners

    async def is_own(event: Event) -> bool:
        return await owners.has_told(event, owner)

    return _stream(request, _place(last_event_id, after), is_shown=is_own)


@router.get("/events", response_class=StreamingResponse, dependencies=[requires(Scope.OPERATE)], responses=_STREAM)
async def all_events(request: Request, last_event_id: LastEventId = None, after: After = None) -> StreamingResponse:
    """Everything that happens to everybody from now on, or from after the last event seen."""
    return _stream(request, _place(last_event_id, after))


def _place(last_event_id: int | None, after: int | None) -> int | None:
    return last_event_id if last_event_id is not None else after


def _everything(_subject: str) -> bool:
    return True


def _stream(
    request: Request,
    after: int | None,
    *,
    subject: str = ALL_EVENTS,
    wanted: Callable[[str], bool] = _everything,
    is_shown: Shown | None = None,
) -> StreamingResponse:
    feed: LiveFeed = request.app.state.live_feed
    settings: GatewaySettings = request.app.state.settings
    told = feed.listen(subject, wanted, after, idle_s=settings.live_heartbeat_s)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_sent(told, settings, is_shown), media_type="text/event-stream", headers=headers)


async def _sent(
    told: AsyncGenerator[list[Line]], settings: GatewaySettings, is_shown: Shown | None
) -> AsyncIterator[str]:
    yield ": connected\n\n"
    said_at = time.monotonic()
    ends_at, heartbeat_s = said_at + settings.live_lifetime_s, settings.live_heartbeat_s
    try:
        async with aclosing(told):
            async for lines in told:
                shown = lines if is_shown is None else [line for line in lines if await _may_see(line, is_shown)]
                if shown:
                    yield "".join(line.frame for line in shown)
                elif not lines or time.monotonic() - said_at >= heartbeat_s:
                    # Nothing happens, or to others only: who listens here should not take that for the end.
                    yield ": alive\n\n"
                else:
                    continue
                said_at = time.monotonic()
                if said_at >= ends_at:
                    return
    except DatabaseError as error:
        # Whose an event is cannot be told now. The listener comes again, and goes on where it was.
        log.warning("live.ended", reason=str(error))


async def _may_see(line: Line, is_shown: Shown) -> bool:
    return line.event is not None and await is_shown(line.event)
