"""Publishing what a document's last change caused, and the relay for what was left behind.

The write that changed the document put the messages into it, so a process killed before, during or after
`publish` loses nothing: the relay of any service publishes what is older than `PRESSROOM_OUTBOX_AGE_S`, under the
same id, which the stream counts once within its window and every reader counts once for ever.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import APIError

from pressroom.contracts.events import Event
from pressroom.contracts.jobs import Job
from pressroom.state.collection import Collection
from pressroom.state.database import Database, DatabaseError
from pressroom.state.documents import Document, OutboxMessage
from pressroom.state.outbox import event_message, job_message, schedule_message

from . import metrics
from .broker import PUBLISH_TIMEOUT_S, BrokerError
from .logs import get_logger
from .tracing import traceparent

_ALREADY_QUEUED = 10077
"""JetStream's answer when the subject holds its one message (`discard_new_per_subject`): the job waits already."""

log = get_logger(__name__)


class Outbox:
    """Makes a service's messages and brings them to their streams."""

    def __init__(self, service: str, client: Client, js: JetStreamContext) -> None:
        self._service = service
        self._client = client
        self._js = js

    def event(self, event: Event, *, event_id: str | None = None) -> OutboxMessage:
        return event_message(event, source=self._service, traceparent=traceparent(), event_id=event_id)

    def job(self, job: Job) -> OutboxMessage:
        return job_message(job, source=self._service, traceparent=traceparent())

    def alarm(self, batch_id: str, at: datetime) -> OutboxMessage:
        return schedule_message(batch_id, at, source=self._service)

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected

    async def send(self, message: OutboxMessage) -> None:
        """Publish one message and wait for the stream's word. Raises one of `BrokerError`."""
        try:
            await self._js.publish(
                message.subject,
                message.body.encode(),
                stream=message.stream,
                headers=dict(message.headers),
                timeout=PUBLISH_TIMEOUT_S,
            )
        except APIError as error:
            if error.err_code != _ALREADY_QUEUED:
                raise
        metrics.MESSAGES_PUBLISHED.labels(message.stream).inc()

    async def publish(self, collection: Collection[Any], document: Document) -> bool:
        """Publish everything in a document's outbox, in order; False when the rest is left to the relay."""
        if not document.outbox:
            return True
        if not self.is_connected:
            log.warning("outbox.waiting", document=document.id, reason="nats-server is away")
            return False
        sent: list[str] = []
        try:
            for message in document.outbox:
                await self.send(message)
                sent.append(message.id)
        except BrokerError as error:
            log.warning("outbox.waiting", document=document.id, reason=str(error) or type(error).__name__)
        if sent:
            try:
                await collection.confirm(document.id, sent)
            except DatabaseError as error:
                # It is stored and told. Whoever heard that it failed would ask for it, and pay for it, again.
                log.warning("outbox.unconfirmed", document=document.id, reason=str(error))
                return False
        return len(sent) == len(document.outbox)


class OutboxRelay:
    """Publishes messages that are older than `age_s`, of every collection. Every service runs one."""

    def __init__(self, database: Database, outbox: Outbox, *, age_s: float, interval_s: float) -> None:
        self._database = database
        self._outbox = outbox
        self._age = timedelta(seconds=age_s)
        self._interval_s = interval_s

    async def run(self) -> None:
        while True:
            await self.once()
            await asyncio.sleep(self._interval_s)

    async def once(self) -> int:
        """One round over all collections; how many documents had something left behind."""
        found = 0
        since = datetime.now(UTC) - self._age
        for collection in self._database.collections:
            for document in await collection.unconfirmed_since(since):
                found += 1
                for message in document.outbox:
                    metrics.MESSAGES_RELAYED.labels(message.stream).inc()
                log.info("outbox.relayed", document=document.id, messages=len(document.outbox))
                # One that no stream takes (too large, say) must not hold up the others.
                if not await self._outbox.publish(collection, document) and not self._outbox.is_connected:
                    return found
        return found
