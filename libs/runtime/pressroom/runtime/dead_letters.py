"""The DEAD stream: what could not be handled, with its reason, and the way back.

The letter is published and confirmed before the message is terminated; killed in between, the message comes again
and the letter, which has an id made of the message's place in its stream, is written once. A replay publishes the
message to its subject once more and then removes the letter. Killed in between, the letter is still there and a second
replay sends the message again, which its takers allow: they are idempotent. A letter that is not whole is never sent:
half a message would be taken for another one.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg

from pressroom.contracts.cloudevents import MESSAGE_ID_HEADER, timestamp
from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.operations import DeadLetter
from pressroom.contracts.subjects import ALL_DEAD, DEAD_STREAM, dead_subject

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
class Letter:
    """One message of the DEAD stream. `shown.sequence` names it."""

    shown: DeadLetter
    body: bytes
    headers: Mapping[str, str]


class LetterIsCut(Exception):
    """Only the beginning of its message is kept."""


class DeadLetters:
    """The DEAD stream, as who looks after it sees it. Every method raises one of `BrokerError`."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js

    async def after(self, sequence: int = 0) -> AsyncGenerator[Letter]:
        """Every letter after the one that `sequence` names, oldest first. Those that come meanwhile are left out, so
        that who replays them is done one day: what dies again comes back as a new letter."""
        last = (await self._js.stream_info(DEAD_STREAM)).state.last_seq
        while sequence < last:
            try:
                found = await self._js.get_msg(DEAD_STREAM, sequence + 1, subject=ALL_DEAD, next=True)
            except nats.js.errors.NotFoundError:
                return
            letter = _letter(found)
            sequence = letter.shown.sequence
            if sequence <= last:
                yield letter

    async def get(self, sequence: int) -> Letter | None:
        """One letter; None where there is none, or none any more."""
        try:
            return _letter(await self._js.get_msg(DEAD_STREAM, sequence))
        except nats.js.errors.NotFoundError:
            return None

    async def replay(self, letter: Letter) -> None:
        """Send the message to where it came from, and remove the letter. Raises `LetterIsCut`."""
        if letter.shown.cut_from is not None:
            kept = f"only {len(letter.body)} of its {letter.shown.cut_from} bytes are kept"
            raise LetterIsCut(f"{kept}, and half a message is none; ask anew for what it asked for")
        stream = letter.shown.consumer.partition(".")[0]
        # An id of its own: under the first one the stream would take it for a repetition.
        headers = {
            name: value for name, value in letter.headers.items() if not name.startswith(("Pressroom-", "Nats-"))
        }
        headers |= {MESSAGE_ID_HEADER: f"replay-{letter.shown.sequence}", REPLAYED: str(letter.shown.sequence)}
        await self._js.publish(
            letter.shown.subject, letter.body, stream=stream, headers=headers, timeout=PUBLISH_TIMEOUT_S
        )
        await self.discard(letter.shown.sequence)

    async def discard(self, sequence: int) -> bool:
        """Remove a letter for good. False where there is none any more."""
        try:
            return await self._js.delete_msg(DEAD_STREAM, sequence)
        except nats.js.errors.APIError as error:
            if await self.get(sequence) is None:
                return False
            raise error


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


def _letter(found: RawStreamMsg) -> Letter:
    said = cast("dict[str, str] | None", found.headers) or {}  # nats-py types them as a bare dict
    body, died_at, cut_from = found.data or b"", said.get(DIED_AT), said.get(CUT_FROM)
    shown = DeadLetter(
        sequence=found.seq or 0,
        consumer=".".join((found.subject or "").split(".")[2:]),
        subject=said.get(ORIGINAL_SUBJECT, ""),
        kind=said.get(KIND, ""),
        reason=said.get(REASON, ""),
        attempt=int(said.get(ATTEMPT, "0")),
        died_at=datetime.fromisoformat(died_at) if died_at else datetime.fromtimestamp(0, UTC),
        cut_from=int(cut_from) if cut_from else None,
        body=body.decode(errors="replace"),
    )
    return Letter(shown, body, said)
