"""What was read a moment ago, for a moment: so that a busy caller costs one look at the database in some seconds.

Kept in this process. What another process changes is noticed when the moment is over; what this one changes, at once.
"""

import time
from typing import Generic, TypeVar

Item = TypeVar("Item")

MOST = 10_000


class Recent(Generic[Item]):
    """Items by name, each for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._items: dict[str, tuple[float, Item]] = {}

    def get(self, name: str) -> Item | None:
        kept = self._items.get(name)
        return kept[1] if kept is not None and time.monotonic() - kept[0] < self._seconds else None

    def put(self, name: str, item: Item) -> None:
        self._items.pop(name, None)
        if len(self._items) >= MOST:
            # The longest kept: a dict lists its keys in the order in which they came.
            del self._items[next(iter(self._items))]
        self._items[name] = (time.monotonic(), item)

    def forget(self, name: str) -> None:
        self._items.pop(name, None)
