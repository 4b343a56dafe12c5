"""Rate limits as the vendors keep them: a sliding window of calls and a leaky bucket of cost. They are memory only: a
restarted sandbox starts with fresh allowances, as nobody was billed by them."""

from __future__ import annotations

import time
from collections import deque


class SlidingWindow:
    """At most `allowed` calls in any `seconds`."""

    def __init__(self, allowed: int, seconds: float) -> None:
        self.allowed = allowed
        self.seconds = seconds
        self._calls: deque[float] = deque()

    def admits(self) -> bool:
        """Takes one call if there is room for it."""
        now = time.monotonic()
        while self._calls and self._calls[0] <= now - self.seconds:
            self._calls.popleft()
        if len(self._calls) >= self.allowed:
            return False
        self._calls.append(now)
        return True

    def free_in_s(self) -> float:
        """Seconds until there is room for a call."""
        if len(self._calls) < self.allowed:
            return 0.0
        return max(0.0, self._calls[0] + self.seconds - time.monotonic())

    def clear(self) -> None:
        self._calls.clear()


class LeakyBucket:
    """Cost points that are spent by requests and come back steadily (Shopify, "API limits": calculated query cost)."""

    def __init__(self, size: float, restored_per_second: float) -> None:
        self.size = size
        self.restored_per_second = restored_per_second
        self._available = size
        self._at = time.monotonic()

    def available(self) -> float:
        now = time.monotonic()
        self._available = min(self.size, self._available + (now - self._at) * self.restored_per_second)
        self._at = now
        return self._available

    def refill(self) -> None:
        self._available = self.size

    def admits(self, cost: float) -> bool:
        """Whether a request of this cost may run now; the cost is taken by `spend`."""
        return self.available() >= cost

    def spend(self, cost: float) -> None:
        self._available = max(0.0, self.available() - cost)
