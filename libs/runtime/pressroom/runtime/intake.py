"""Batches that are asked for by event: stored, planned, or refused with reasons, once for both kinds of mode.

Each mode has one taker. An event that cannot be read belongs to the realtime one, so it is answered once. What is
refused is told by `BatchRejected` where there is an id to answer to, and is always kept in DEAD.
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import cast

from nats.aio.msg import Msg

from pressroom.contracts.cloudevents import ReceivedEvent
from pressroom.contracts.events import BatchCancelled, BatchRejected, BatchRequested
from pressroom.contracts.facts import Reason
from pressroom.contracts.identifiers import IDENTIFIER_PATTERN
from pressroom.contracts.vocabulary import Mode
from pressroom.state.documents import BatchDocument

from .admission import Admission, IdTaken, fingerprint
from .event_subscriber import Refused, subscribe
from .service import Service
from .settling import Settling
from .topology import EventConsumer

_IDENTIFIER = re.compile(IDENTIFIER_PATTERN)

Planned = Callable[[BatchDocument], Awaitable[None]]


def mode_of(body: bytes) -> Mode:
    """Whose a `BatchRequested` is, as far as its body can be read."""
    request = _request_in(body)
    return Mode.BATCH if request.get("mode") == str(Mode.BATCH) else Mode.REALTIME


def _request_in(body: bytes) -> dict[str, object]:
    request = _json_object(body).get("request")
    return cast("dict[str, object]", request) if isinstance(request, dict) else {}


def _json_object(body: bytes) -> dict[str, object]:
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


class Intake:
    """Takes one mode's `BatchRequested` and `BatchCancelled` events."""

    def __init__(self, service: Service, mode: Mode, *, then: Planned | None = None) -> None:
        """`then` is called with each batch that was planned or cancelled; it is idempotent and may be called again."""
        self._service = service
        self._mode = mode
        self._then = then

    def subscribe(self, requested: EventConsumer, cancelled: EventConsumer) -> None:
        settings = self._service.core_settings
        subscribe(
            self._service.broker,
            settings,
            requested,
            self._requested,
            wanted=lambda body: mode_of(body) is self._mode,
            on_unreadable=self._unreadable,
        )
        subscribe(self._service.broker, settings, cancelled, self._cancelled)

    async def plan(self, batch: BatchDocument) -> None:
        """Bring a stored batch on its way; also what a sweep does with one that was left behind."""
        service = self._service
        admission = Admission(service.database, service.outbox, service.core_settings)
        await service.outbox.publish(service.database.batches, batch)
        await admission.plan(batch)
        await self._go_on(batch.id)

    async def _requested(self, event: ReceivedEvent) -> None:
        data = event.data
        assert isinstance(data, BatchRequested)
        service = self._service
        admission = Admission(service.database, service.outbox, service.core_settings)
        try:
            admitted = await admission.store(data.batch_id, data.owner, data.request, announce=False)
        except IdTaken:
            reason = Reason(field="batch_id", message=f"'{data.batch_id}' is another batch, with another body")
            # Who sends no id, or always the same one, is still told of each refusal.
            cause = f"{event.id} {data.batch_id} {fingerprint(data.request)}"
            await self._reject(data.batch_id, [reason], conflict=True, cause=cause)
            raise Refused(f"{reason.field}: {reason.message}") from None
        await self.plan(admitted.batch)
        stored = await service.database.batches.get(data.batch_id)
        if stored is not None and stored.reasons:
            told = "; ".join(f"{reason.field}: {reason.message}" for reason in stored.reasons)
            raise Refused(told)

    async def _cancelled(self, event: ReceivedEvent) -> None:
        batch = await self._service.database.batches.get(event.data.story)
        if batch is None or batch.request.mode is not self._mode or not isinstance(event.data, BatchCancelled):
            return
        await self._go_on(batch.id)

    async def _go_on(self, batch_id: str) -> None:
        """Whatever became of the batch in the meantime (it may be cancelled while it is planned) takes effect."""
        await Settling(self._service.database, self._service.outbox).settle(batch_id)
        batch = await self._service.database.batches.get(batch_id)
        if batch is not None and self._then is not None:
            await self._then(batch)

    async def _unreadable(self, message: Msg, reasons: list[Reason]) -> None:
        said = (_json_object(message.data).get("batch_id"), message.subject.rsplit(".", 1)[-1])
        batch_id = next((name for name in said if isinstance(name, str) and _IDENTIFIER.fullmatch(name)), None)
        if batch_id is None:
            return
        known = await self._service.database.batches.get(batch_id) is not None
        cause = f"{message.metadata.stream}-{message.metadata.sequence.stream}"
        await self._reject(batch_id, reasons, conflict=known, cause=cause)

    async def _reject(self, batch_id: str, reasons: list[Reason], *, conflict: bool, cause: str) -> None:
        """Tell of a refusal that no document stands for. Its id follows from its cause: told twice, it is one."""
        event = BatchRejected(batch_id=batch_id, conflict=conflict, reasons=tuple(reasons))
        identity = "evt_" + hashlib.sha256(f"rejected {cause}".encode()).hexdigest()[:24]
        await self._service.outbox.send(self._service.outbox.event(event, event_id=identity))
