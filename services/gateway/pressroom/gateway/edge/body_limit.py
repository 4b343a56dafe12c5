"""How large a request's body may be, and how long it may take to come: what declares more is not read, what turns out
to be more, or comes drop by drop, is not read on. Who sends too slowly, or so that two readers would read two things,
loses the connection; who sends too much keeps it, as one that is closed on what was sent takes the answer along.

What a body is told to be matters once somebody wants to read it: who may not call hears that, however much they send.

In front of the framework's own handlers, so that the answer is a problem like every other one.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import answer_to

TIMEOUT_SETTING = "PRESSROOM_BODY_TIMEOUT_S"

_CLOSE = {"Connection": "close"}


class BodyLimit:
    """Plain ASGI, so streams stay streams. `limits`: for each path's beginning the bytes, and the setting that says so,
    or why; the first that fits holds. `timeout_s`: from the first piece that is waited for to the last."""

    def __init__(self, app: ASGIApp, limits: Mapping[str, tuple[int, str]], timeout_s: float) -> None:
        self._app = app
        self._limits = limits
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        limit, setting = next(known for start, known in self._limits.items() if path.startswith(start))
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        if declared and "transfer-encoding" in headers:
            await answer_to(Request(scope), _of_two_lengths())(scope, receive, send)
            return
        if headers.get("transfer-encoding", "chunked").lower() != "chunked":
            await answer_to(Request(scope), _of_another_coding())(scope, receive, send)
            return
        is_too_large = declared.isdecimal() and int(declared) > limit
        body = _Body(receive, send, limit, setting, self._timeout_s, is_too_large=is_too_large)
        await self._app(scope, body.receive, body.send)


class _Body:
    """One request's body on its way in. `is_too_large`: it says so itself."""

    def __init__(
        self, receive: Receive, send: Send, limit: int, setting: str, timeout_s: float, *, is_too_large: bool
    ) -> None:
        self._receive = receive
        self._send = send
        self._limit = limit
        self._setting = setting
        self._timeout_s = timeout_s
        self._deadline: float | None = None
        self._read = 0
        self._is_too_large = is_too_large
        self._is_whole = False
        self._is_answered = False

    async def receive(self) -> Message:
        if self._is_whole:
            return await self._receive()
        if self._is_too_large:
            return self._no_more(_too_large(self._limit, self._setting))
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._timeout_s
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            return self._no_more(_too_slow(self._timeout_s))
        self._read += len(message.get("body", b""))
        if self._read > self._limit:
            return self._no_more(_too_large(self._limit, self._setting))
        self._is_whole = not message.get("more_body", False)
        return message

    def _no_more(self, why: HTTPException) -> Message:
        """Raises `why` to who reads; who has answered already only waits for the caller to go."""
        if self._is_answered:
            return {"type": "http.disconnect"}
        raise why from None

    async def send(self, message: Message) -> None:
        self._is_answered = True
        await self._send(message)


def _too_large(limit: int, setting: str) -> HTTPException:
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body may have {limit} bytes at most ({setting}).")


def _too_slow(timeout_s: float) -> HTTPException:
    detail = f"The body was not there within {timeout_s:g} s ({TIMEOUT_SETTING}); send it again, all of it."
    return HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail, headers=_CLOSE)


def _of_two_lengths() -> HTTPException:
    """Of which a proxy may believe the other one (RFC 9112, section 6.3)."""
    detail = "Content-Length and Transfer-Encoding do not go together."
    return HTTPException(HTTPStatus.BAD_REQUEST, detail, headers=_CLOSE)


def _of_another_coding() -> HTTPException:
    """Which nobody here undoes (RFC 9112, section 6.1)."""
    detail = "Of transfer codings only 'chunked' is understood."
    return HTTPException(HTTPStatus.NOT_IMPLEMENTED, detail, headers=_CLOSE)
