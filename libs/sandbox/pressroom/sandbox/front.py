"""What every request passes first: the note that this is a stand-in, the faults that somebody asked for, and the
request log. Written as plain ASGI, because a cut connection or a broken-off answer lives below requests and
responses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pressroom.sandbox.core.connection import cut
from pressroom.sandbox.core.faults import REFUSALS, Fault, FaultBook
from pressroom.sandbox.core.spoiling import SPOILS, spoil_answer
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.vendor import Vendor

GATEWAY_PAGE = (
    "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>"
    "<body><center><h1>502 Bad Gateway</h1></center><hr><center>sandbox gateway</center></body></html>"
)


class Front:
    """The outermost ASGI application."""

    def __init__(self, app: ASGIApp, vendors: Sequence[Vendor], store: Store, faults: FaultBook) -> None:
        self._app = app
        self._prefixes = sorted(
            ((prefix, vendor) for vendor in vendors for prefix in vendor.prefixes), key=lambda pair: -len(pair[0])
        )
        self._store = store
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._open_socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        vendor = self._vendor_of(scope["path"])
        said = _Said(send)
        if vendor is None:
            await self._app(scope, receive, said.send)
            return
        started = time.time()
        state = scope.setdefault("state", {})
        query = scope["query_string"].decode("latin-1")
        line = f"{scope['method']} {scope['path']}" + (f"?{query}" if query else "")
        fault: Fault | None = None
        try:
            body = b""
            if self._faults.wants_body(vendor.name):
                body, receive = await _read_all(receive)
            fault = self._faults.strike(vendor.name, line, body)
            if fault is None:
                await self._app(scope, receive, said.send)
            else:
                state["fault"] = fault
                await self._suffer(fault, vendor, scope, receive, said)
        finally:
            self._store.log_request(
                vendor.name,
                {
                    "at": started,
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": said.status,
                    "ms": round((time.time() - started) * 1000, 1),
                    "note": str(state.get("note", "")),
                    "fault": fault.kind if fault else "",
                },
            )

    def _vendor_of(self, path: str) -> Vendor | None:
        return next((vendor for prefix, vendor in self._prefixes if path.startswith(prefix)), None)

    async def _open_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket is matched as `WS /path?query`: a fault that refuses or cuts turns it away before it is open
        (403), `slow` lets it wait, and any other is the vendor's to play."""
        vendor = self._vendor_of(scope["path"])
        query = scope["query_string"].decode("latin-1")
        fault = self._faults.strike(vendor.name, f"WS {scope['path']}?{query}", b"") if vendor is not None else None
        if fault is not None:
            if fault.kind in REFUSALS or fault.kind == "cut_before":
                await send({"type": "websocket.close", "code": 1013})
                return
            if fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
            scope.setdefault("state", {})["fault"] = fault
        await self._app(scope, receive, send)

    async def _suffer(self, fault: Fault, vendor: Vendor, scope: Scope, receive: Receive, said: _Said) -> None:
        if fault.kind in REFUSALS:
            retry_after_s = fault.seconds if fault.kind == "429_retry_after" else None
            refusal = vendor.refuse(REFUSALS[fault.kind], retry_after_s, throttled=fault.kind == "throttled")
            await refusal(scope, receive, said.send)
        elif fault.kind in ("html", "html_200"):
            page = HTMLResponse(GATEWAY_PAGE, status_code=200 if fault.kind == "html_200" else 502)
            await page(scope, receive, said.send)
        elif fault.kind == "bad_json":
            await Response(b'{"data":{"id":', media_type="application/json")(scope, receive, said.send)
        elif fault.kind == "cut_before":
            cut(scope)
        elif fault.kind == "cut_after_effect":
            await self._app(scope, receive, said.swallow)
            cut(scope)
        elif fault.kind == "truncate":
            await self._app(scope, receive, _Halved(said, scope).send)
        elif fault.kind in SPOILS:
            await self._app(scope, receive, _Spoiled(said, fault.kind).send)
        else:
            if fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, said.send)


class _Said:
    """Passes an answer on, marked as a stand-in's, and remembers its status (0: nothing was said)."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["X-Pressroom-Sandbox"] = "true"
        await self._send(message)

    async def swallow(self, message: Message) -> None:
        """The work is done, and nobody hears of it."""


class _Halved:
    """Sends the head of an answer and half of its first piece, then ends the connection."""

    def __init__(self, said: _Said, scope: Scope) -> None:
        self._said = said
        self._scope = scope
        self._cut = False

    async def send(self, message: Message) -> None:
        if self._cut:
            return
        if message["type"] == "http.response.start":
            await self._said.send(message)
            return
        body: bytes = message.get("body", b"")
        await self._said.send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        self._cut = True
        cut(self._scope, flush=True)


class _Spoiled:
    """Holds an answer back until it is whole, and sends it with its pictures spoiled."""

    def __init__(self, said: _Said, kind: str) -> None:
        self._said = said
        self._kind = kind
        self._start: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False) or self._start is None:
            return
        headers = MutableHeaders(scope=self._start)
        content_type = headers.get("content-type", "")
        body = await asyncio.to_thread(spoil_answer, bytes(self._body), content_type, self._kind)
        headers["Content-Length"] = str(len(body))
        await self._said.send(self._start)
        await self._said.send({"type": "http.response.body", "body": body})


async def _read_all(receive: Receive) -> tuple[bytes, Receive]:
    """The whole body, and a `receive` that tells it again."""
    messages: list[Message] = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    body = b"".join(message.get("body", b"") for message in messages)
    told = iter(messages)

    async def again() -> Message:
        message = next(told, None)
        return message if message is not None else await receive()

    return body, again
