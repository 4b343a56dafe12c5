"""Reacting to events: FastStream delivers, this module decides what a failure means.

Our own servers away: the event comes again until they are back. Unreadable, or failing time after time: the event
goes to DEAD with its reason and the consumer goes on. Handlers are idempotent, since an event comes at least once.
"""

import asyncio
from collections.abc import Awaitable, Callable

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.annotations import NatsMessage
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pydantic import ValidationError

from pressroom.contracts.cloudevents import ReceivedEvent, UnreadableEvent, read_event
from pressroom.contracts.facts import ErrorReport, Reason
from pressroom.contracts.subjects import EVENTS_STREAM, event_subject
from pressroom.contracts.vocabulary import ErrorKind
from pressroom.state.database import DatabaseError

from . import metrics
from .acknowledgements import try_to
from .broker import BrokerError, jetstream_of
from .dead_letters import bury
from .errors import StoreUnavailable, report_of
from .logs import bound, get_logger
from .policies import backoff_s
from .settings import Settings
from .topology import EventConsumer
from .tracing import continued

PULL_TIMEOUT_S = 5.0
INFRASTRUCTURE_WAIT_S = 2.0

REASONS_AT_MOST = 50
"""A list of ten thousand wrong images has as many reasons; told in full, they would not fit into an event."""

Handler = Callable[[ReceivedEvent], Awaitable[None]]
Wanted = Callable[[bytes], bool]
Refuser = Callable[[Msg, list[Reason]], Awaitable[None]]

log = get_logger(__name__)


class Refused(Exception):
    """What a handler raises when an event can be read and must not be obeyed: it goes to DEAD at once."""


class NotThereYet(Exception):
    """What an event is about is not stored, and may be on its way: the two have takers of their own, in no order."""


def subscribe(
    broker: NatsBroker,
    settings: Settings,
    consumer: EventConsumer,
    handle: Handler,
    *,
    wanted: Wanted | None = None,
    on_unreadable: Refuser | None = None,
) -> None:
    """Call `handle` with every event of `consumer`, one at a time.

    `wanted` looks at the raw body first: an event that it does not want belongs to another service. `on_unreadable`
    answers to whoever sent something that is no event, before that goes to DEAD.
    """
    reaction = _Reaction(broker, settings, consumer, handle, wanted, on_unreadable)

    @broker.subscriber(
        consumer.filter,
        durable=consumer.name,
        stream=JStream(EVENTS_STREAM, declare=False),
        pull_sub=PullSub(batch_size=1, timeout=PULL_TIMEOUT_S),
        ack_policy=AckPolicy.MANUAL,
        decoder=_undecoded,
        title=consumer.name,
    )
    async def receive(message: NatsMessage) -> None:
        await reaction.to(message.raw_message)


async def _undecoded(message: NatsMessage) -> bytes:
    return message.body


class _Reaction:
    def __init__(
        self,
        broker: NatsBroker,
        settings: Settings,
        consumer: EventConsumer,
        handle: Handler,
        wanted: Wanted | None,
        on_unreadable: Refuser | None,
    ) -> None:
        self._broker = broker
        self._settings = settings
        self._consumer = consumer
        self._handle = handle
        self._wanted = wanted
        self._on_unreadable = on_unreadable

    @property
    def _js(self) -> JetStreamContext:
        return jetstream_of(self._broker)

    async def to(self, message: Msg) -> None:
        outcome = None
        while outcome is None:
            try:
                outcome = await self._react(message)
            except asyncio.CancelledError:
                await try_to(message.nak())
                raise
            except (DatabaseError, StoreUnavailable, *BrokerError) as error:
                # Waited for in place: handing the event back would count a delivery for a fault that is not its own.
                log.warning("event.postponed", subject=message.subject, reason=str(error) or type(error).__name__)
                await asyncio.sleep(INFRASTRUCTURE_WAIT_S)
                await try_to(message.in_progress())
            except Exception as error:  # noqa: BLE001 - the one place where any failure of any handler gets its policy
                outcome = await self._failed(message, error)
        metrics.EVENTS_HANDLED.labels(self._consumer.name, outcome).inc()

    async def _react(self, message: Msg) -> str:
        if self._wanted is not None and not self._wanted(message.data):
            await message.ack()
            return "not ours"
        if message.metadata.num_delivered > self._settings.max_attempts + self._settings.max_crashes:
            report = ErrorReport(
                kind=ErrorKind.UNKNOWN,
                message=f"delivered {message.metadata.num_delivered} times and never handled to the end",
                recoverable=True,
            )
            return await self._bury(message, report)
        try:
            event = read_event(message.headers, message.data)
            if event_subject(event.data) != message.subject:
                raise UnreadableEvent(f"this event belongs on the subject {event_subject(event.data)}")
        except (UnreadableEvent, ValidationError) as error:
            reasons = reasons_of(error)
            if self._on_unreadable is not None:
                await self._on_unreadable(message, reasons)
            told = "; ".join(f"{reason.field}: {reason.message}" for reason in reasons)
            return await self._bury(message, ErrorReport(kind=ErrorKind.VALIDATION, message=told, recoverable=False))
        with continued(f"event {self._consumer.name}", message.headers), bound(story=event.data.story):
            try:
                await self._handle(event)
            except Refused as error:
                report = ErrorReport(kind=ErrorKind.VALIDATION, message=str(error), recoverable=False)
                return await self._bury(message, report)
        await message.ack()
        return "handled"

    async def _failed(self, message: Msg, error: Exception) -> str:
        report = report_of(error)
        deliveries = message.metadata.num_delivered
        log.warning(
            "event.failed", subject=message.subject, error=report.message, deliveries=deliveries, exc_info=error
        )
        most = self._settings.max_attempts
        if isinstance(error, NotThereYet):
            # As long as an event may come at all: whoever brings what it is about may be restarting.
            most += self._settings.max_crashes
        if deliveries >= most:
            return await self._bury(message, report)
        await message.nak(delay=backoff_s(deliveries, self._settings.retry_policy))
        return "retried"

    async def _bury(self, message: Msg, report: ErrorReport) -> str:
        log.error("event.dead", subject=message.subject, kind=str(report.kind), reason=report.message)
        await bury(self._js, message, report, attempt=message.metadata.num_delivered)
        await message.term()
        return "dead"


def reasons_of(error: UnreadableEvent | ValidationError) -> list[Reason]:
    """Each thing that is wrong with a message, by field; of very many, the first and how many there are."""
    if isinstance(error, UnreadableEvent):
        return [Reason(field="event", message=str(error))]
    reasons = [
        Reason(
            field=".".join(str(part) for part in problem["loc"]) or "body",
            message=problem["msg"],
        )
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    left_out = len(reasons) - REASONS_AT_MOST
    if left_out <= 0:
        return reasons
    return [*reasons[:REASONS_AT_MOST], Reason(field="body", message=f"{left_out} more things are wrong")]
