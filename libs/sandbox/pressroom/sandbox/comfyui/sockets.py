"""The WebSocket's side: who listens, and what each is told. A client is known by the `clientId` that it came with; one
that comes again with the same takes the place of the first. Nothing is kept for those who are away."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from pressroom.sandbox.core.faults import Fault
from pressroom.sandbox.core.wire import JsonObject, as_object, as_text, dump, parse

LARGEST_UPLOAD_BYTES = 100 * 1024 * 1024


class Listeners:
    """The open sockets of one server."""

    def __init__(self) -> None:
        self._queues: dict[str, asyncio.Queue[JsonObject]] = {}

    def tell(self, kind: str, data: JsonObject, client_id: str | None = None) -> None:
        """One message to one client, or to all (None). A prompt without a client has an empty id, which is nobody's."""
        message: JsonObject = {"type": kind, "data": data}
        for listener, queue in self._queues.items():
            if client_id is None or listener == client_id:
                queue.put_nowait(message)

    def count(self) -> int:
        return len(self._queues)

    async def serve(self, socket: WebSocket, greet: Callable[[str], list[JsonObject]]) -> None:
        """Talks to one client until it goes; `greet` says the first messages to this client id. The fault
        `cut_after_effect` hangs up at the first `progress`."""
        client_id = socket.query_params.get("clientId") or uuid.uuid4().hex
        fault = getattr(socket.state, "fault", None)
        cuts = isinstance(fault, Fault) and fault.kind == "cut_after_effect"
        queue: asyncio.Queue[JsonObject] = asyncio.Queue()
        await socket.accept()
        self._queues[client_id] = queue
        for message in greet(client_id):
            queue.put_nowait(message)
        speaking = asyncio.create_task(_speak(socket, queue, cuts=cuts))
        try:
            await _listen(socket, queue)
        finally:
            speaking.cancel()
            if self._queues.get(client_id) is queue:
                del self._queues[client_id]


async def _speak(socket: WebSocket, queue: asyncio.Queue[JsonObject], *, cuts: bool) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            message = await queue.get()
            if cuts and message["type"] == "progress":
                await socket.close(1011)
                return
            await socket.send_text(dump(message))


async def _listen(socket: WebSocket, queue: asyncio.Queue[JsonObject]) -> None:
    """Answers `feature_flags`, the only thing that a client says."""
    while True:
        received = await socket.receive()
        if received["type"] == "websocket.disconnect":
            return
        try:
            said = as_object(parse(received.get("text") or received.get("bytes") or "{}"))
        except ValueError:
            continue
        if as_text(said.get("type")) == "feature_flags":
            flags: JsonObject = {"supports_preview_metadata": True, "max_upload_size": LARGEST_UPLOAD_BYTES}
            queue.put_nowait({"type": "feature_flags", "data": flags})
