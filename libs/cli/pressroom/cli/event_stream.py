"""Reads a stream in order, from a place on, and goes on reading while servers restart: nothing twice, nothing left out.

It holds its place as a sequence of the stream. The consumer on the server is a throw-away: when it falls silent,
leaves a gap or is gone with a server, another is made from the place on.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from .errors import CommandFailed

_HEARTBEAT_S = 1.0
_SILENCE_S = 3 * _HEARTBEAT_S
_FORGOTTEN_AFTER_S = 30.0  # the server removes a consumer that nobody listens to
_AGAIN_AFTER_S = 0.2
_CONNECT_TIMEOUT_S = 3.0
_TIMEOUT_S = 5.0

_StreamErrors = (nats.errors.Error, nats.js.errors.Error, OSError)


@dataclass(frozen=True)
class StoredMessage:
    """One message as the stream keeps it."""

    sequence: int
    subject: str
    headers: Mapping[str, str]
    body: bytes
    stored_at: datetime


Start = int | datetime | None
"""A sequence, a moment, or None for what comes from now on."""


async def connect(url: str, token: str | None) -> Client:
    """A client that reconnects for ever. Raises `CommandFailed` when the server cannot be reached now."""

    async def quiet(_: Exception) -> None: ...

    try:
        # It tries the first connection for ever too.
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            return await nats.connect(
                url,
                token=token,
                name="pressroom-cli",
                reconnect_time_wait=_AGAIN_AFTER_S,
                max_reconnect_attempts=-1,
                error_cb=quiet,
            )
    except TimeoutError:
        raise CommandFailed(f"nats-server at {url} lets nobody in. See what runs: ./run status") from None


class StreamReader:
    """The messages of one stream whose subject matches a filter."""

    def __init__(self, client: Client, stream: str, subject_filter: str) -> None:
        self._client = client
        self._js = client.jetstream(timeout=_TIMEOUT_S)
        self._stream = stream
        self._filter = subject_filter

    async def read(self, start: Start, *, follow: bool) -> AsyncGenerator[StoredMessage]:
        """From `start` on; without `follow` it ends with the last one that there is."""
        try:
            last = (await self._js.stream_info(self._stream)).state.last_seq
        except nats.js.errors.NotFoundError:
            raise CommandFailed(f"There is no stream {self._stream} yet. Make it with: ./run provision") from None
        start = last + 1 if start is None else start
        while True:
            with contextlib.suppress(*_StreamErrors):
                async with contextlib.aclosing(self._until_broken(start, follow=follow)) as messages:
                    async for message in messages:
                        start = message.sequence + 1
                        yield message
                if not follow:
                    return
            await asyncio.sleep(_AGAIN_AFTER_S)

    async def _until_broken(self, start: int | datetime, *, follow: bool) -> AsyncGenerator[StoredMessage]:
        """What one consumer delivers. Raises one of `_StreamErrors` when it is of no more use."""
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox)
        try:
            consumer = await self._js.add_consumer(self._stream, self._consumer(start, inbox))
            if not follow and not consumer.num_pending and not (consumer.delivered and consumer.delivered.consumer_seq):
                return
            expected = 1
            while True:
                message = await self._next(subscription)
                if message is None:
                    continue
                metadata = message.metadata
                if metadata.sequence.consumer != expected:
                    raise nats.errors.SlowConsumerError(inbox, message.reply, 0, subscription)
                expected += 1
                yield StoredMessage(
                    sequence=metadata.sequence.stream,
                    subject=message.subject,
                    headers=message.headers or {},
                    body=message.data,
                    stored_at=metadata.timestamp.astimezone(UTC),
                )
                if not follow and metadata.num_pending == 0:
                    return
        finally:
            with contextlib.suppress(*_StreamErrors):
                await subscription.unsubscribe()

    async def _next(self, subscription: Subscription) -> Msg | None:
        """The next message, None for a heartbeat; `TimeoutError` of nats when the consumer is silent."""
        message = await subscription.next_msg(timeout=_SILENCE_S)
        return message if message.reply.startswith("$JS.ACK.") else None

    def _consumer(self, start: int | datetime, inbox: str) -> ConsumerConfig:
        from_moment = isinstance(start, datetime)
        return ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_TIME if from_moment else DeliverPolicy.BY_START_SEQUENCE,
            opt_start_time=start if from_moment else None,
            opt_start_seq=None if from_moment else start,
            filter_subject=self._filter,
            deliver_subject=inbox,
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            idle_heartbeat=_HEARTBEAT_S,
            inactive_threshold=_FORGOTTEN_AFTER_S,
            mem_storage=True,
            num_replicas=1,
        )
