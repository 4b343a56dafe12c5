"""How often somebody may call, so that nobody's program takes the gateway from the others.

Counted in this process, without a look at any server: with several gateways behind one address everybody may call so
often at each. Each user has a minute of their own, from its first call on, and all of their API keys share it: more
keys are no more calls. A key of the instance's own owner has one of its own; the instance's own token has none, as its
holder says how much is too much. Those whom nobody knows have one for each network address, and hold up nobody who is
let in from there. A gateway that dies has forgotten who called.

Answers say how much is left (draft-ietf-httpapi-ratelimit-headers-10): `RateLimit-Policy` the quota `q` in a window of
`w` seconds, `RateLimit` the `r` calls that remain until it begins anew in `t` seconds.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import Refusal

WINDOW_S = 60
MOST = 20_000
"""Callers that are counted at once; beyond them the one whose minute began first begins anew."""

_STATE = "rate_limit_headers"


@dataclass
class _Window:
    ends_at: float
    calls: int = 0


class RateLimit:
    """So many calls a minute for each caller; `setting` says how many. `clock` counts seconds."""

    def __init__(self, per_minute: int, setting: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._setting = setting
        self._clock = clock
        self._policy = f'"minute";q={per_minute};w={WINDOW_S}'
        self._windows: dict[str, _Window] = {}

    def count(self, caller: str, scope: Scope) -> None:
        """Count a call, and have its answer say what is left. Raises a 429 `Refusal` when nothing was."""
        window = self._window(caller)
        is_beyond = window.calls >= self._per_minute
        window.calls += not is_beyond
        again_s = max(1, math.ceil(window.ends_at - self._clock()))
        left = self._per_minute - window.calls
        scope["state"][_STATE] = {"RateLimit-Policy": self._policy, "RateLimit": f'"minute";r={left};t={again_s}'}
        if is_beyond:
            detail = f"{self._per_minute} calls a minute are allowed ({self._setting}); wait {again_s} s."
            headers = {"Retry-After": str(again_s)}
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", detail, headers=headers)

    def _window(self, caller: str) -> _Window:
        now = self._clock()
        window = self._windows.get(caller)
        if window is None or window.ends_at <= now:
            self._windows.pop(caller, None)
            if len(self._windows) >= MOST:
                # The one that began first: a dict lists its keys in the order in which they came.
                del self._windows[next(iter(self._windows))]
            window = self._windows[caller] = _Window(now + WINDOW_S)
        return window


class RateLimitHeaders:
    """Puts into each answer what was counted for it. Plain ASGI, so streams stay streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start" and _STATE in state:
                MutableHeaders(scope=message).update(state[_STATE])
            await send(message)

        await self._app(scope, receive, with_headers)
