"""The DEAD stream: what could not be handled, with its reason, and the way back.

The letter is published and confirmed before the message is terminated; killed in between, the message comes again
and the letter, which has an id made of the message's place in its stream, is written once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from pressroom.contracts.cloudevents import MESSAGE_ID_HEADER, timestamp
from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.subjects import DEAD_STREAM, dead_subject

from . import metrics
from .broker import PUBLISH_TIMEOUT_S

ORIGINAL_SUBJECT = "Pressroom-Subject"
REASON = "Pressroom-Reason"
KIND = "Pressroom-Error-Kind"
ATTEMPT = "Pressroom-Attempt"
DIED_AT = "Pressroom-Died-At"
REPLAYED = "Pressroom-Replayed"
CUT_FROM = "Pressroom-Cut-From"
"""How many bytes the body had, where it is not whole."""

_REASON_CHARACTERS = 2000
_HEADERS_AT_MOST_BYTES = 64 * 1024
"""nats-server's own limit for what a stream stores (its error 10097)."""
_FRAMING_BYTES = 512
"""What the protocol and nats-py add to the headers, with room to spare."""


@dataclass(frozen=True)
class DeadLetter:
    """One message of the DEAD stream. `sequence` names it for a replay."""

    sequence: int
    stream_consumer: str
    subject: str
    kind: str
    reason: str
    attempt: int
    died_at: datetime
    body: bytes
    headers: Mapping[str, str]


async def bury(js: JetStreamContext, message: Msg, report: ErrorReport, *, attempt: int) -> None:
    """Write a dead letter for `message`. Raises one of `BrokerError`; then the message must not be terminated."""
    metadata = message.metadata
    data = message.data
    copied = {name: value for name, value in (message.headers or {}).items() if not name.startswith("Nats-")}
    own = {
        MESSAGE_ID_HEADER: f"dead-{metadata.stream}-{metadata.consumer}-{metadata.sequence.stream}",
        ORIGINAL_SUBJECT: message.subject,
        # A header is one line of printable characters; json.dumps escapes the rest.
        REASON: json.dumps(report.message)[1:-1][:_REASON_CHARACTERS],
        KIND: str(report.kind),
        ATTEMPT: str(attempt),
        DIED_AT: timestamp(),
    }
    # The server refuses, or hangs up on, who sends too much: such a letter would stop its consumer for ever.
    if _size(copied) + _size(own) > _HEADERS_AT_MOST_BYTES - _FRAMING_BYTES:
        copied = {}
    limit = js._nc.max_payload  # pyright: ignore[reportPrivateUsage] the context has no public way to its client
    room = limit - _FRAMING_BYTES - _size(copied) - _size(own)
    if len(data) > room:
        own[CUT_FROM] = str(len(data))
        data = data[:room]
    await js.publish(
        dead_subject(metadata.stream, metadata.consumer),
        data,
        stream=DEAD_STREAM,
        headers={**copied, **own},
        timeout=PUBLISH_TIMEOUT_S,
    )
    metrics.DEAD_LETTERS.labels(metadata.stream, metadata.consumer).inc()


def _size(headers: Mapping[str, str]) -> int:
    return sum(len(name.encode()) + len(value.encode()) + 4 for name, value in headers.items())


def read_letter(sequence: int, subject: str, headers: Mapping[str, str] | None, body: bytes) -> DeadLetter:
    """What a message of the DEAD stream says."""
    said = headers or {}
    died_at = said.get(DIED_AT)
    return DeadLetter(
        sequence=sequence,
        stream_consumer=".".join(subject.split(".")[2:]),
        subject=said.get(ORIGINAL_SUBJECT, ""),
        kind=said.get(KIND, ""),
        reason=said.get(REASON, ""),
        attempt=int(said.get(ATTEMPT, "0")),
        died_at=datetime.fromisoformat(died_at) if died_at else datetime.fromtimestamp(0, UTC),
        body=body,
        headers=said,
    )
