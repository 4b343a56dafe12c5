"""Counts of what a client did, by name; kept over restarts and forgotten by a reset."""

from __future__ import annotations

from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import as_int


class Tally:
    """The counts of one vendor."""

    def __init__(self, store: Store, vendor: str) -> None:
        self._store = store
        self._collection = f"{vendor}.counts"

    def add(self, name: str) -> None:
        with self._store.transaction():
            self._store.put(self._collection, name, {"count": self.count(name) + 1})

    def count(self, name: str) -> int:
        return as_int((self._store.get(self._collection, name) or {}).get("count"))
