"""What every answer says to browsers: to believe its type, to run nothing in it, to show it in no frame, to tell nobody
where a reader came from, and to keep no copy. What an answer says of these itself holds.

The names and values are those of the OWASP REST Security Cheat Sheet, "Security Headers".
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    # Answers are somebody's own; a file that never changes says so itself.
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Plain ASGI, so streams stay streams. `https_only_s`: for how long browsers are to come by https alone; 0: nothing
    is said of it (RFC 6797)."""

    def __init__(self, app: ASGIApp, https_only_s: int) -> None:
        self._app = app
        self._said = {**ALWAYS, **({"Strict-Transport-Security": f"max-age={https_only_s}"} if https_only_s else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._said.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)
