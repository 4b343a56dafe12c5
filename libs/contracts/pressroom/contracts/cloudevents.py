"""CloudEvents 1.0 in binary mode over NATS: the body is the model as JSON, the attributes are headers.

`Nats-Msg-Id` repeats `ce-id`, so the stream drops what is published twice within its window. Source: CloudEvents
1.0.2 core, and the NATS protocol binding's `ce-` prefix.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel

from .events import EVENT_TYPE_BY_NAME, Event
from .identifiers import new_id

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
MESSAGE_ID_HEADER = "Nats-Msg-Id"
TRACE_HEADER = "traceparent"


class UnreadableEvent(Exception):
    """The headers name no event that this version knows."""


def timestamp(moment: datetime | None = None) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def headers_for(
    type_name: str, *, source: str, event_id: str | None = None, traceparent: str | None = None
) -> dict[str, str]:
    """The headers of a new message of type `type_name`, made by `source` (a service's name)."""
    identity = event_id or new_id("evt")
    headers = {
        "ce-specversion": SPEC_VERSION,
        "ce-id": identity,
        "ce-type": type_name,
        "ce-source": f"/pressroom/{source}",
        "ce-time": timestamp(),
        "content-type": CONTENT_TYPE,
        MESSAGE_ID_HEADER: identity,
    }
    if traceparent:
        headers[TRACE_HEADER] = traceparent
    return headers


def body_of(model: BaseModel) -> bytes:
    """The message's body."""
    return model.model_dump_json().encode()


@dataclass(frozen=True)
class ReceivedEvent:
    """An event as it was read, with its attributes."""

    id: str
    type: str
    source: str
    time: str
    data: Event


def read_event(headers: Mapping[str, str] | None, body: bytes) -> ReceivedEvent:
    """Parse a message of the EVENTS stream.

    Raises `UnreadableEvent` when the type is unknown or absent, pydantic's `ValidationError` when the body is wrong.
    """
    attributes = headers or {}
    type_name = attributes.get("ce-type", "")
    model = EVENT_TYPE_BY_NAME.get(type_name)
    if model is None:
        raise UnreadableEvent(f"unknown event type {type_name!r}; known are {', '.join(sorted(EVENT_TYPE_BY_NAME))}")
    return ReceivedEvent(
        id=attributes.get("ce-id", ""),
        type=type_name,
        source=attributes.get("ce-source", ""),
        time=attributes.get("ce-time", ""),
        data=model.model_validate_json(body),
    )
