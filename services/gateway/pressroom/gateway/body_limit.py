"""How large a request's body may be: what declares more is not read, what turns out to be more is not read on.

In front of the framework's own handlers, so that the answer is a problem like every other one.
"""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import answer_to


class BodyLimit:
    """Plain ASGI, so streams stay streams. `max_body_bytes` as in PRESSROOM_MAX_BODY_BYTES."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._limit = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limit:
            await answer_to(Request(scope), self._too_large())(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> HTTPException:
        detail = f"A body may have {self._limit} bytes at most (PRESSROOM_MAX_BODY_BYTES)."
        return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
