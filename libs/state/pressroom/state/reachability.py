"""Whether the database has been there for long enough to believe a lease that ran out.

While the database is away nobody can beat. When it is back, a taker that lives extends its lease within a beat; who
believed the old date in that moment would do the same work beside it, and pay for it twice. Kept in memory: a process
that dies knows nothing of an outage, unless it begins in the middle of one.
"""

import time

from pymongo.monitoring import (
    TopologyClosedEvent,
    TopologyDescriptionChangedEvent,
    TopologyListener,
    TopologyOpenedEvent,
)
from pymongo.topology_description import TopologyDescription

PROMPT_S = 3.0
"""A database that answers a new process later than this was away when it began. The driver tells its news within one
second (`pymongo.topology`), so what it told of a quick answer may be that late."""


class Reachability(TopologyListener):
    """One client's view. Called by the driver's threads, which only ever assign."""

    def __init__(self) -> None:
        self._is_away = False
        self._opened_at = 0.0
        self._back_at: float | None = None

    def opened(self, event: TopologyOpenedEvent) -> None:
        self._opened_at = time.monotonic()

    def description_changed(self, event: TopologyDescriptionChangedEvent) -> None:
        was_there = _takes_writes(event.previous_description)
        is_there = _takes_writes(event.new_description)
        if was_there and not is_there:
            self._is_away = True
        elif is_there and not was_there:
            now = time.monotonic()
            if self._is_away or now - self._opened_at >= PROMPT_S:
                self._back_at = now
            self._is_away = False

    def closed(self, event: TopologyClosedEvent) -> None:
        return None

    def is_new(self, seconds: float) -> bool:
        """Whether the database is away, or came back less than `seconds` ago."""
        return self._is_away or (self._back_at is not None and time.monotonic() - self._back_at < seconds)


def _takes_writes(description: TopologyDescription) -> bool:
    """Asked of each server: a direct connection calls any server that answers writable, one that is no primary too."""
    return any(server.is_writable for server in description.server_descriptions().values())
