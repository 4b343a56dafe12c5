"""What every request passes: a trace and a measurement. Plain ASGI, so streams stay streams."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pressroom.runtime import metrics
from pressroom.runtime.tracing import continued


class Edge:
    """Measures by route, not by path, so that the number of series stays small."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            with continued(f"{scope['method']} {scope['path']}", headers):
                await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            metrics.HTTP_REQUESTS.labels(scope["method"], route, str(status)).inc()
            metrics.HTTP_SECONDS.labels(scope["method"], route).observe(time.perf_counter() - began)
