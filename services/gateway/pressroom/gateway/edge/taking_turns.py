"""Of the calls that come at once, a few are begun at a time, and what goes on already gets its turn in between.

A call's beginning (who calls, which route, is what they sent right) takes a millisecond in which nothing else is done.
When a connection to many is lost they all come back at once, and as the event loop begins everything that waits before
it looks at anything else, nobody would be answered until the last of them is begun.
"""

import asyncio
import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

SLICE_S = 0.01
"""For how long calls are begun before the loop goes around once more."""


@dataclass(frozen=True)
class _Slice:
    """Calls are begun until `ends_at`, by the monotonic clock; `is_over` once the loop has gone around."""

    ends_at: float
    is_over: asyncio.Event


class TakingTurns:
    """Plain ASGI; only the beginning of a call is waited for, never its end."""

    def __init__(self, app: ASGIApp, slice_s: float = SLICE_S) -> None:
        self._app = app
        self._slice_s = slice_s
        self._slice: _Slice | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            while self._slice is not None and time.monotonic() >= self._slice.ends_at:
                await self._slice.is_over.wait()
            if self._slice is None:
                self._slice = _Slice(time.monotonic() + self._slice_s, asyncio.Event())
                asyncio.get_running_loop().call_soon(self._end, self._slice)
        await self._app(scope, receive, send)

    def _end(self, over: _Slice) -> None:
        self._slice = None
        over.is_over.set()
