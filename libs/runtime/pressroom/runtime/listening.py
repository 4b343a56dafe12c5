"""Answering from the first moment: a service whose servers are not there yet is alive, and says so.

The application's own start (connecting, waiting for the streams) runs behind the open port. Until it is through,
`/healthz` answers 200 and everything else 503; a start that fails ends the process, for whoever supervises it.
"""

import asyncio
import json
import os
import signal
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .logs import get_logger
from .tasks import end

RETRY_AFTER_S = 2

log = get_logger(__name__)


class ListensAtOnce:
    """An ASGI application around another one. `failed`: the other one could not start, or ended by itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.failed = False
        self._started = False
        self._stop = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif self._started:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _answer_early(scope, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        inner = asyncio.create_task(self._run(scope))
        await receive()
        if self._started:
            self._stop.set()
            await asyncio.wait({inner})
        else:
            await end([inner])
        await send({"type": "lifespan.shutdown.complete"})

    async def _run(self, scope: Scope) -> None:
        """The inner application's whole life, by the lifespan protocol."""
        step: Literal["startup", "shutdown"] = "startup"

        async def tell() -> Message:
            nonlocal step
            if step == "shutdown":
                await self._stop.wait()
            told = {"type": f"lifespan.{step}"}
            step = "shutdown"
            return told

        async def hear(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._started = True
            elif message["type"] == "lifespan.startup.failed":
                log.critical("service.start_failed", reason=message.get("message", ""))

        try:
            await self._app(scope, tell, hear)
        except Exception:
            log.critical("service.failed", exc_info=True)
        if not self._stop.is_set():
            self.failed = True
            os.kill(os.getpid(), signal.SIGTERM)


async def _answer_early(scope: Scope, send: Send) -> None:
    alive = scope["path"] == "/healthz"
    body: dict[str, Any] = (
        {"alive": True}
        if alive
        else {
            "type": "urn:pressroom:problem:starting",
            "title": "Service Unavailable",
            "status": 503,
            "detail": "Waiting for nats-server and MongoDB; try again.",
        }
    )
    kind = b"application/json" if alive else b"application/problem+json"
    headers = [(b"content-type", kind), (b"retry-after", str(RETRY_AFTER_S).encode())]
    await send({"type": "http.response.start", "status": 200 if alive else 503, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
