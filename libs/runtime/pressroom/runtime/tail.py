"""Reading the EVENTS stream as it grows, from any place in it, without losing or repeating an event.

A pull consumer of the reader's own, so a slow reader slows nobody. The stream's sequence is the reader's place: when
the server was away or forgot the consumer, reading goes on after the last event that was handed out.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from pydantic import ValidationError

from pressroom.contracts.cloudevents import ReceivedEvent, UnreadableEvent, read_event
from pressroom.contracts.subjects import EVENTS_STREAM

from .logs import get_logger

FORGOTTEN_AFTER_S = 60.0
BATCH = 200
HEARTBEAT_S = 1.0
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

    `subject` as `pressroom.contracts.subjects.story_filter` makes it, or `ALL_EVENTS`.
    """
    place = beginning
    while True:
        try:
            consumer = place.config()
            consumer.filter_subject = subject
            consumer.ack_policy = AckPolicy.NONE
            consumer.mem_storage = True
            consumer.inactive_threshold = FORGOTTEN_AFTER_S
            info = await js.add_consumer(EVENTS_STREAM, consumer)
            subscription = await js.pull_subscribe_bind(consumer=info.name, stream=EVENTS_STREAM)
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
                    messages = await subscription.fetch(BATCH, timeout=idle_s, heartbeat=min(HEARTBEAT_S, idle_s / 3))
                except nats.errors.TimeoutError:
                    yield None
                    if not follow:
                        return
                    await js.consumer_info(EVENTS_STREAM, info.name)
                    continue
                for message in messages:
                    place = Beginning(after_sequence=message.metadata.sequence.stream)
                    yield _read(message)
        except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
            log.debug("tail.resumes", after=place.after_sequence, reason=str(error) or type(error).__name__)
        finally:
            await _forget(subscription)


async def past(
    js: JetStreamContext, subject: str, *, after: int, through: int, idle_s: float
) -> AsyncGenerator[TailedEvent | None]:
    """What the stream holds on `subject` after the sequence `after`, up to `through`, and then the end. Yields None
    whenever the server is away."""
    place = after
    while place < through:
        try:
            consumer = Beginning(after_sequence=place).config()
            consumer.filter_subject = subject
            consumer.ack_policy = AckPolicy.NONE
            consumer.mem_storage = True
            consumer.inactive_threshold = FORGOTTEN_AFTER_S
            info = await js.add_consumer(EVENTS_STREAM, consumer)
            subscription = await js.pull_subscribe_bind(consumer=info.name, stream=EVENTS_STREAM)
        except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
            log.debug("tail.waiting", reason=str(error))
            yield None
            await asyncio.sleep(AGAIN_AFTER_S)
            continue
        pending = info.num_pending or 0
        try:
            while pending:
                for message in await subscription.fetch(min(BATCH, pending), timeout=idle_s):
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
