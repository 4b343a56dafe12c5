"""Our own share of a platform's rate limit, for platforms that say nothing about when to come back.

Kept in memory: a process that dies forgets what it sent in the last window, and at worst meets the platform's own 429.
"""

import asyncio
import time
from collections import deque

from pressroom.runtime.errors import RateLimited

PATIENCE_S = 5.0
"""A longer wait is the lane's to make, so that the job's lease is not held for it."""

_MARGIN_S = 0.5
"""The platform counts a request when it arrives, we when it leaves."""


class SlidingWindow:
    """At most `allowed` requests in any `seconds`."""

    def __init__(self, what: str, allowed: int, seconds: float) -> None:
        self._what = what
        self._allowed = allowed
        self._seconds = seconds + _MARGIN_S
        self._taken: deque[float] = deque()

    async def take(self) -> None:
        """Wait for a place; `RateLimited` with the time to wait when that is long."""
        while (wait_s := self._wait_s()) > 0:
            if wait_s > PATIENCE_S:
                raise RateLimited(f"our share of {self._what} is used up for {wait_s:.0f} s", wait_s)
            await asyncio.sleep(wait_s)
        self._taken.append(time.monotonic())

    def _wait_s(self) -> float:
        now = time.monotonic()
        while self._taken and self._taken[0] <= now - self._seconds:
            self._taken.popleft()
        return 0.0 if len(self._taken) < self._allowed else self._taken[0] + self._seconds - now
