"""Heads of requests: how large one may be, and how long it may take to come.

The server itself waits for a head as long as its client likes, and keeps whatever comes: who opens connections and
sends drops would fill it without ever being asked who they are.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_MAX_BYTES = 64 * 1024
"""Of path and headers; proxies let through less."""


class BoundedHeads(HttpToolsProtocol):
    """uvicorn's connection. A head that does not come in time is answered with 408, one that is too large with 431; a
    connection on which nothing was said is closed without a word."""

    head_timeout_s: float

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._is_in_head = False
        self._is_too_large = False
        self._came_bytes = 0
        self._too_late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] as in uvicorn
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_no_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_head:
            self._came_bytes += len(data)
            if self._came_bytes > HEAD_MAX_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._is_in_head:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._await_no_head()
        # A piece of the network may bring more at once than a head may have.
        self._is_too_large = (
            len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_MAX_BYTES
        )
        if self._is_too_large:
            raise ValueError("the head is too large")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Said of what cannot be parsed, which is over then, and of what was not to be parsed."""
        self._await_no_head()
        if self._is_too_large:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def _await_head(self) -> None:
        self._is_in_head, self._came_bytes = True, 0
        self._too_late = self.loop.call_later(self.head_timeout_s, self._refuse, HTTPStatus.REQUEST_TIMEOUT)

    def _await_no_head(self) -> None:
        self._is_in_head = False
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None

    def _refuse(self, status: HTTPStatus) -> None:
        was_begun = self._came_bytes > 0 or self._is_too_large
        self._await_no_head()
        is_answering = self.cycle and not self.cycle.response_complete
        if was_begun and not is_answering:
            self.transport.write(STATUS_LINE[status] + b"connection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()


def bounded_heads(timeout_s: float) -> type[BoundedHeads]:
    """For uvicorn's `http`, which makes the connections itself."""

    class _Bounded(BoundedHeads):
        head_timeout_s = timeout_s

    return _Bounded
