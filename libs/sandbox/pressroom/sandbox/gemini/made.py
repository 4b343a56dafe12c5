"""The pictures that were made, each once per request that caused it: what Gemini would bill. A picture whose
fingerprint comes from two requests was paid twice, and the statistics say so."""

from __future__ import annotations

import time

from pressroom.sandbox.core.store import Repeated, Store
from pressroom.sandbox.core.wire import JsonObject
from pressroom.sandbox.gemini.prompts import Wanted

MADE = "gemini.images"
EFFECT = "gemini.image"


class Made:
    """The bill of one sandbox."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, source: str, wanted: Wanted) -> None:
        """Counts a picture; the same source counts once."""
        with self._store.transaction():
            if not self._store.record_effect(EFFECT, source, wanted.fingerprint, wanted.prompt[:200]):
                return
            self._store.put(
                MADE,
                source.replace("/", "-").replace("#", "-"),
                {
                    "source": source,
                    "model": wanted.model,
                    "prompt": wanted.prompt,
                    "fingerprint": wanted.fingerprint,
                    "width": wanted.width,
                    "height": wanted.height,
                    "at": time.time(),
                },
            )

    def count(self) -> int:
        return self._store.count_effects(EFFECT)

    def repeated(self) -> list[Repeated]:
        return self._store.repeated_effects(EFFECT)

    def newest(self, limit: int) -> list[JsonObject]:
        return [{"id": row.id, **row.body} for row in self._store.rows(MADE, newest_first=True, limit=limit)]

    def picture(self, image_id: str) -> JsonObject | None:
        return self._store.get(MADE, image_id)
