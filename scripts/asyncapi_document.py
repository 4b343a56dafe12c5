"""The AsyncAPI 3.0 document of every event and job.

FastStream's generator makes it from a broker that exists only here, with a publisher for each message. What that
generator cannot say is added: CloudEvents headers, the parameters of the subjects, who receives. Nothing connects.
"""

from enum import StrEnum
from typing import Any

from faststream.nats import NatsBroker
from faststream.specification.asyncapi import AsyncAPI

from pressroom.contracts import subjects
from pressroom.contracts.cloudevents import CONTENT_TYPE, SPEC_VERSION
from pressroom.contracts.events import (
    EVENT_TYPES,
    WISHES,
    BatchEvent,
    BatchRequested,
    Event,
    PostEvent,
    WebhookReceived,
)
from pressroom.contracts.identifiers import IDENTIFIER_PATTERN
from pressroom.contracts.jobs import JOB_TYPES, GenerateImage, Job, PublishImage, SendNotice
from pressroom.contracts.vocabulary import NoticeChannel, PlatformName, Priority, ProviderName

Object = dict[str, Any]
Message = type[Event] | type[Job]

MESSAGES: tuple[Message, ...] = (*EVENT_TYPES, *JOB_TYPES)

STORY = subjects.story_filter("BATCH")
DESCRIPTION = f"""Facts in the JetStream stream {subjects.EVENTS_STREAM}, work in {subjects.JOBS_STREAM}.

Every message is a CloudEvent 1.0 in binary mode: the body is the data as JSON, the attributes are headers. Readers
ignore fields that they do not know. The last token of an event's subject is its story, so `{STORY}`
is everything that happens to one batch.

A program asks for images by publishing one message, `BatchRequested`; of what there is it asks for more by
{", ".join(f"`{wish.__name__}`" for wish in WISHES)}. Everything else is Pressroom's to send."""

HEADERS: Object = {
    "title": "CloudEvent",
    "description": "The attributes of a CloudEvent 1.0 in binary mode, as NATS headers.",
    "type": "object",
    "required": ["ce-specversion", "ce-id", "ce-type", "ce-source"],
    "properties": {
        "ce-specversion": {"type": "string", "const": SPEC_VERSION},
        "ce-id": {
            "type": "string",
            "minLength": 1,
            "description": "The event's own id; the same when it is sent again.",
        },
        "ce-type": {"type": "string", "description": "The kind of event and its version."},
        "ce-source": {"type": "string", "minLength": 1, "description": "Who says it, e.g. `/pressroom/gateway`."},
        "ce-time": {"type": "string", "format": "date-time", "description": "When it was said, RFC 3339 in UTC."},
        "content-type": {"type": "string", "const": CONTENT_TYPE},
        "traceparent": {"type": "string", "description": "W3C trace context."},
        "Nats-Msg-Id": {"type": "string", "description": "Repeats `ce-id`: the stream drops what comes twice."},
    },
}


LANES_AND_NAME: dict[type[Job], tuple[type[StrEnum], str]] = {
    GenerateImage: (ProviderName, "image_id"),
    PublishImage: (PlatformName, "publication_id"),
    SendNotice: (NoticeChannel, "notice_id"),
}
"""Of each job the queues that it may wait in, and the field that is the last token of its subject."""


def asyncapi_document() -> Object:
    """The document, with its parts in the order in which the contracts list them."""
    broker = NatsBroker()
    for message in MESSAGES:
        broker.publisher(_address(message), schema=message, title=message.__name__, description=message.__doc__)
    specification = AsyncAPI(
        broker,
        title="Pressroom",
        version="1",
        description=DESCRIPTION,
        license={"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        schema_version="3.0.0",
    )
    made: Object = specification.to_specification().to_jsonable()
    names = [message.__name__ for message in MESSAGES]
    wishes = {wish.__name__ for wish in WISHES}
    schemas: Object = {"CloudEvent": HEADERS, **dict(sorted(made["components"]["schemas"].items()))}
    return {
        "asyncapi": made["asyncapi"],
        "info": made["info"],
        "defaultContentType": made["defaultContentType"],
        "servers": {
            "nats": {"host": "localhost:4222", "protocol": "nats", "description": "The value of PRESSROOM_NATS_URL."}
        },
        "channels": {name: _channel(made, message) for name, message in zip(names, MESSAGES, strict=True)},
        "operations": {
            **{
                f"receive{event.__name__}": _operation("receive", event.__name__) for event in (BatchRequested, *WISHES)
            },
            **{f"send{name}": _operation("send", name) for name in names if name not in wishes},
        },
        "components": {
            "messages": {name: _message(made, message) for name, message in zip(names, MESSAGES, strict=True)},
            "schemas": schemas,
        },
    }


def _address(message: Message) -> str:
    """A subject with its parameters in braces."""
    if issubclass(message, Event):
        return subjects.event_filter(message, f"{{{_story_field(message)}}}")
    pattern = subjects.job_filter(message, "{lane}", "{priority}")
    return pattern.removesuffix("*") + f"{{{LANES_AND_NAME[message][1]}}}"


def _story_field(event: type[Event]) -> str:
    """The field that is the last token of its subject."""
    if issubclass(event, BatchEvent):
        return "batch_id"
    if issubclass(event, PostEvent):
        return "post_id"
    return "platform" if issubclass(event, WebhookReceived) else "lane"


def _channel(made: Object, message: Message) -> Object:
    name = message.__name__
    channel: Object = made["channels"][name]
    stream = subjects.EVENTS_STREAM if issubclass(message, Event) else subjects.JOBS_STREAM
    return {
        "address": channel["address"],
        "description": f"{channel['description']}\n\nIn the stream {stream}.",
        "servers": [{"$ref": "#/servers/nats"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "parameters": _parameters(message),
    }


def _parameters(message: Message) -> Object:
    if issubclass(message, BatchEvent):
        told = f"The batch whose story it is; matches `{IDENTIFIER_PATTERN}`."
        return {"batch_id": {"description": told, "location": "$message.payload#/batch_id"}}
    if issubclass(message, Event):
        field = _story_field(message)
        return {field: {"description": f"The {field} whose story it is.", "location": f"$message.payload#/{field}"}}
    lanes, field = LANES_AND_NAME[message]
    return {
        "lane": {"description": "The queue that it waits in.", "enum": [str(lane) for lane in lanes]},
        "priority": {"description": "Which of the lane's queues.", "enum": [str(priority) for priority in Priority]},
        field: {"description": "At most one job of this name waits.", "location": f"$message.payload#/{field}"},
    }


def _message(made: Object, message: Message) -> Object:
    name = message.__name__
    own = {"properties": {"ce-type": {"const": message.type_name()}}}
    return {
        "name": message.type_name(),
        "title": name,
        "contentType": CONTENT_TYPE,
        "headers": {"type": "object", "allOf": [{"$ref": "#/components/schemas/CloudEvent"}, own]},
        "payload": made["components"]["messages"][f"{name}:Message"]["payload"],
    }


def _operation(action: str, name: str) -> Object:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }
