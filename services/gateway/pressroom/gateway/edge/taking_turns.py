"""Of the calls that come at once, one is begun at a time, and what goes on already gets its turn in between.

A call's beginning (who calls, which route, is what they sent right) takes a millisecond in which nothing else is done.
When a connection to many is lost they all come back at once, and as the event loop begins everything that waits before
it looks at anything else, nobody would be answered until the last of them is begun.
"""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send


class TakingTurns:
    """Plain ASGI; only the beginning of a call is waited for, never its end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # First come, first served; it lasts until the loop has been around once.
            async with self._turn:
                await asyncio.sleep(0)
        await self._app(scope, receive, send)
