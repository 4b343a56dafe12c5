"""Somebody outside who publishes to the EVENTS stream, well or badly, and sees what comes of it."""

import json
from dataclasses import dataclass
from typing import Any

from nats.js.api import RawStreamMsg

from pressroom.contracts.cloudevents import headers_for
from pressroom.contracts.events import BatchCompleted, BatchRejected, BatchRequested
from pressroom.contracts.subjects import EVENTS_STREAM, event_filter, story_filter
from pressroom.runtime.audit import AuditReport

from ..house import House, eventually

REQUEST: dict[str, Any] = {
    "provider": "studio",
    "prompt": "a quiet harbour",
    "width": 64,
    "height": 64,
    "profile": "none",
}
REQUESTED = BatchRequested.type_name()
GOOD = "a-good-one"


@dataclass(frozen=True)
class Upstream:
    """`house` is only looked at; what is sent goes through the stream."""

    house: House

    async def send(self, story: str, body: bytes | dict[str, Any], *, headers: dict[str, str] | None = None) -> None:
        """Publish a body on a batch's `BatchRequested` subject; the usual headers unless others are given."""
        said = headers_for(REQUESTED, source="upstream") if headers is None else headers
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.house.js.publish(event_filter(BatchRequested, story), data, stream=EVENTS_STREAM, headers=said)

    async def ask(self, batch_id: str, *, headers: dict[str, str] | None = None, **fields: Any) -> None:
        """Publish a request as it should be, but for `fields`."""
        await self.send(batch_id, {"batch_id": batch_id, "request": REQUEST | fields}, headers=headers)

    async def dead_letters(self, count: int) -> list[RawStreamMsg]:
        """The dead letters, once there are `count`; never more than that."""

        async def enough() -> list[RawStreamMsg] | None:
            letters = await self.house.dead()
            return letters if len(letters) >= count else None

        letters = await eventually(enough)
        assert len(letters) == count
        return letters

    async def rejections(self, story: str) -> list[BatchRejected]:
        found = await self.house.events(event_filter(BatchRejected, story))
        return [event.data for event in found if isinstance(event.data, BatchRejected)]

    async def goes_on(self) -> None:
        """The next good request is made, to its end."""
        await self.ask(GOOD)
        await self.house.completed(GOOD)
        assert await self.house.events(event_filter(BatchCompleted, GOOD)) != []

    async def story(self, batch_id: str) -> list[str]:
        return [event.data.fact for event in await self.house.events(story_filter(batch_id))]

    async def audit(self) -> AuditReport:
        return await self.house.audit()
