"""Reading the EVENTS stream as it grows, from any place in it, without losing or repeating an event.

A pull consumer of the reader's own, so a slow reader slows nobody. The stream's sequence is the reader's place: when
the server was away or forgot the consumer, reading goes on after the last event that was handed out.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy
from pydantic import ValidationError

from pressroom.contracts.cloudevents import ReceivedEvent, UnreadableEvent, read_event
from pressroom.contracts.subjects import EVENTS_STREAM

from .logs import get_logger

FORGOTTEN_AFTER_S = 60.0
BATCH = 200
PULL_S = 2.0
"""One request for messages. A server that dies forgets it, and nats-py waits for its end all the same, whether the
heartbeats that it may ask for come or not."""

_LEAST_PULL_S = 0.01
AGAIN_AFTER_S = 0.5
"""A server that is coming up refuses at once; asking without a pause would fill the reader with signs of life."""

log = get_logger(__name__)


@dataclass(frozen=True)
class TailedEvent:
    """One event of the stream and its place in it."""

    sequence: int
    subject: str
    stored_at: datetime
    raw: bytes
    headers: dict[str, str] | None

    @cached_property
    def event(self) -> ReceivedEvent | None:
        """Read when it is first asked for; None for a message that is no event we know."""
        try:
            return read_event(self.headers, self.raw)
        except (UnreadableEvent, ValidationError):
            return None


@dataclass(frozen=True)
class Beginning:
    """Where to begin: after a sequence, at a moment, or (neither given) with what comes next."""

    after_sequence: int | None = None
    since: datetime | None = None

    def config(self) -> ConsumerConfig:
        if self.after_sequence is not None:
            if self.after_sequence <= 0:
                return ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
            return ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self.after_sequence + 1)
        if self.since is not None:
            return ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=self.since.isoformat())  # pyright: ignore[reportArgumentType] sent as RFC 3339
        return ConsumerConfig(deliver_policy=DeliverPolicy.NEW)


EVERYTHING = Beginning(after_sequence=0)


async def tail(
    js: JetStreamContext, subject: str, beginning: Beginning, *, idle_s: float, follow: bool = True
) -> AsyncIterator[TailedEvent | None]:
    """Every event on `subject`, in order. Yields None whenever `idle_s` passed without one; ends there unless `follow`.

    `subject` as `pressroom.contracts.subjects.story_filter` makes it, or `ALL_EVENTS`. A stream that was lost and made
    anew is read from its beginning, and its sequences are lower again.
    """
    place = beginning
    idle = _Idle(idle_s)
    began: datetime | None = None
    while True:
        try:
            stream = await js.stream_info(EVENTS_STREAM)
            if began not in (None, stream.created) or (place.after_sequence or 0) > stream.state.last_seq:
                log.warning("tail.stream_made_anew", after=place.after_sequence)
                place = EVERYTHING
            began = stream.created
            info, subscription = await _reader(js, subject, place)
        except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
            log.debug("tail.waiting", reason=str(error))
            yield None
            await asyncio.sleep(AGAIN_AFTER_S)
            continue
        if place.after_sequence is None and place.since is None:
            # "What comes next" is next after now, also when the consumer has to be made again.
            place = Beginning(after_sequence=info.delivered.stream_seq if info.delivered else 0)
        try:
            while True:
                try:
                    messages = await subscription.fetch(BATCH, timeout=min(PULL_S, idle.left_s))
                except nats.errors.TimeoutError:
                    if idle.is_over:
                        yield None
                        if not follow:
                            return
                        idle.again()
                    await js.consumer_info(EVENTS_STREAM, info.name)
                    continue
                for message in messages:
                    place = Beginning(after_sequence=message.metadata.sequence.stream)
                    yield _read(message)
                idle.again()
        except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
            log.debug("tail.resumes", after=place.after_sequence, reason=str(error) or type(error).__name__)
        finally:
            await _forget(subscription)


async def past(js: JetStreamContext, subject: str, *, after: int, through: int) -> AsyncGenerator[TailedEvent | None]:
    """What the stream holds on `subject` after the sequence `after`, up to `through`, and then the end. Yields None
    whenever the server is away."""
    place = after
    while place < through:
        try:
            info, subscription = await _reader(js, subject, Beginning(after_sequence=place))
        except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
            log.debug("tail.waiting", reason=str(error))
            yield None
            await asyncio.sleep(AGAIN_AFTER_S)
            continue
        pending = info.num_pending or 0
        try:
            while pending:
                for message in await subscription.fetch(min(BATCH, pending), timeout=PULL_S):
                    pending = message.metadata.num_pending
                    sequence = message.metadata.sequence.stream
                    if sequence > through:
                        return
                    place = sequence
                    yield _read(message)
            return
        except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
            log.debug("tail.resumes", after=place, reason=str(error) or type(error).__name__)
            yield None
        finally:
            await _forget(subscription)


class _Idle:
    """How long nothing has come."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self.again()

    def again(self) -> None:
        self._until = time.monotonic() + self._idle_s

    @property
    def left_s(self) -> float:
        return max(self._until - time.monotonic(), _LEAST_PULL_S)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until


async def last_sequence(js: JetStreamContext) -> int:
    """Of the latest event that the stream has taken."""
    return (await js.stream_info(EVENTS_STREAM)).state.last_seq


async def _reader(
    js: JetStreamContext, subject: str, place: Beginning
) -> tuple[ConsumerInfo, JetStreamContext.PullSubscription]:
    """A consumer of one's own, which the server forgets when nobody asks it for a while."""
    consumer = place.config()
    consumer.filter_subject = subject
    consumer.ack_policy = AckPolicy.NONE
    consumer.mem_storage = True
    consumer.inactive_threshold = FORGOTTEN_AFTER_S
    info = await js.add_consumer(EVENTS_STREAM, consumer)
    return info, await js.pull_subscribe_bind(consumer=info.name, stream=EVENTS_STREAM)


async def _forget(subscription: JetStreamContext.PullSubscription) -> None:
    try:
        await subscription.unsubscribe()
    except (nats.errors.Error, OSError) as error:
        log.debug("tail.unsubscribe", reason=str(error))


def _read(message: Msg) -> TailedEvent:
    return TailedEvent(
        sequence=message.metadata.sequence.stream,
        subject=message.subject,
        stored_at=message.metadata.timestamp,
        raw=message.data,
        headers=message.headers,
    )
