"""Whether the database has been there for long enough to believe a lease that ran out.

While the database is away nobody can beat. When it is back, a taker that lives extends its lease within a beat; who
believed the old date in that moment would do the same work beside it, and pay for it twice. Kept in memory: a process
that dies knows nothing of an outage, unless it begins in the middle of one.
"""

import threading
import time

from pymongo.monitoring import (
    ServerHeartbeatFailedEvent,
    ServerHeartbeatListener,
    ServerHeartbeatStartedEvent,
    ServerHeartbeatSucceededEvent,
)

PROMPT_S = 3.0
"""A database that answers a new process later than this was away when it began."""


class Reachability(ServerHeartbeatListener):
    """One client's view. Told by the driver's threads, one for each server, before they let anybody ask a server that
    is back; what the driver tells of its whole topology comes up to a second later, and keeps a client that closes
    waiting as long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._primaries: set[object] = set()
        self._began_at: float | None = None
        self._is_away = False
        self._back_at: float | None = None

    def started(self, event: ServerHeartbeatStartedEvent) -> None:
        with self._lock:
            if self._began_at is None:
                self._began_at = time.monotonic()

    def succeeded(self, event: ServerHeartbeatSucceededEvent) -> None:
        """Asked of each server: a direct connection calls any server that answers writable, one that is no primary
        too."""
        self._is_seen(event.connection_id, takes_writes=event.reply.is_writable)

    def failed(self, event: ServerHeartbeatFailedEvent) -> None:
        self._is_seen(event.connection_id, takes_writes=False)

    def is_new(self, seconds: float) -> bool:
        """Whether the database is away, or came back less than `seconds` ago."""
        return self._is_away or (self._back_at is not None and time.monotonic() - self._back_at < seconds)

    def _is_seen(self, server: object, *, takes_writes: bool) -> None:
        with self._lock:
            was_there = bool(self._primaries)
            (self._primaries.add if takes_writes else self._primaries.discard)(server)
            is_there = bool(self._primaries)
            if was_there and not is_there:
                self._is_away = True
            elif is_there and not was_there:
                now = time.monotonic()
                if self._is_away or (self._began_at is not None and now - self._began_at >= PROMPT_S):
                    self._back_at = now
                self._is_away = False
