"""Reading server-sent events as a browser does (WHATWG HTML, 9.2)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from .serving import Gateway

WITHIN_S = 20.0


@dataclass(frozen=True)
class Frame:
    """One event, or a comment (`event` is empty then)."""

    id: int
    event: str
    data: Any
    comment: str = ""


class EventStream:
    """An open stream. Every wait has a deadline."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def frame(self) -> Frame:
        """The next event or comment."""
        async with asyncio.timeout(WITHIN_S):
            said: dict[str, str] = {}
            async for line in self._lines:
                if not line and said:
                    break
                if line:
                    name, _, value = line.partition(":")
                    said[name] = value.removeprefix(" ")
            if "" in said:
                return Frame(0, "", None, said[""])
            return Frame(int(said["id"]), said["event"], json.loads(said["data"]))

    async def event(self) -> Frame:
        """The next event."""
        while not (frame := await self.frame()).event:
            pass
        return frame

    async def end(self) -> None:
        """Waits until the gateway ends it."""
        async with asyncio.timeout(WITHIN_S):
            async for _ in self._lines:
                pass

    async def events(self, count: int) -> list[Frame]:
        return [await self.event() for _ in range(count)]


@asynccontextmanager
async def listening(gateway: Gateway, path: str, **headers: str) -> AsyncIterator[EventStream]:
    """An open stream of events; what happens after this begins is heard."""
    async with gateway.http.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        yield EventStream(response)
