"""How large a request's body may be: what declares more is not read, what turns out to be more is not read on.

In front of the framework's own handlers, so that the answer is a problem like every other one.
"""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import answer_to


class BodyLimit:
    """Plain ASGI, so streams stay streams. `limits`: for each path's beginning the bytes, and the setting that says so;
    the first that fits holds."""

    def __init__(self, app: ASGIApp, limits: Mapping[str, tuple[int, str]]) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        limit, setting = next(known for start, known in self._limits.items() if path.startswith(start))
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await answer_to(Request(scope), _too_large(limit, setting))(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise _too_large(limit, setting)
            return message

        await self._app(scope, counted, send)


def _too_large(limit: int, setting: str) -> HTTPException:
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body may have {limit} bytes at most ({setting}).")
