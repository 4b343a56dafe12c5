"""What was asked and what was made. Calls have no keys and no seed, so none can be called a repetition: calls, edits,
pictures and refusals are counted, and every picture is one that would be billed, heard of or not. A picture is counted
before its answer goes out, so a cut connection leaves it on the bill. A row of a batch has a key: the same row made in
two batches was paid twice, and the statistics say so."""

from __future__ import annotations

import hashlib
import time

from pressroom.sandbox.core.store import Repeated, Store
from pressroom.sandbox.core.wire import JsonObject, canonical, json_list
from pressroom.sandbox.openai.parameters import Asked

CALLS = "openai.calls"
PICTURES = "openai.images"
CALL = "openai.call"
EDIT = "openai.edit"
PICTURE = "openai.image"
REFUSAL = "openai.refusal"
ROW = "openai.row"

COUNTED = {"calls": CALL, "images": PICTURE, "edits": EDIT, "refused": REFUSAL}


class Made:
    """The bill of one sandbox."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note_call(self, call_id: str, *, edit: bool) -> None:
        """Counts a request for pictures, whatever becomes of it."""
        with self._store.transaction():
            self._store.record_effect(CALL, call_id, call_id, "")
            if edit:
                self._store.record_effect(EDIT, call_id, call_id, "")

    def note_refusal(self, call_id: str, code: str) -> None:
        self._store.record_effect(REFUSAL, call_id, code, code)

    def note_pictures(self, call_id: str, asked: Asked, drawn: tuple[int, int], fingerprints: list[str]) -> None:
        """Counts what an answered call made."""
        inputs = asked.inputs
        now = time.time()
        with self._store.transaction():
            self._store.put(
                CALLS,
                call_id,
                {
                    "kind": "edit" if inputs.images else "generation",
                    "model": asked.model,
                    "prompt": asked.prompt,
                    "size": str(asked.size),
                    "quality": asked.quality,
                    "background": asked.background,
                    "output_format": asked.output_format,
                    "inputs": json_list(image.body() for image in inputs.images),
                    "mask": inputs.mask.body() if inputs.mask is not None else None,
                    "images": asked.count,
                    "at": now,
                },
            )
            self._put_pictures(call_id, asked, drawn, fingerprints, batch="", at=now)

    def note_row(
        self,
        batch_id: str,
        call_id: str,
        row: JsonObject,
        asked: Asked,
        drawn: tuple[int, int],
        fingerprints: list[str],
    ) -> None:
        """Counts what an answered row of a batch made; the same row of the same batch counts once."""
        fingerprint = hashlib.sha256(canonical([row["custom_id"], row["body"]])).hexdigest()
        with self._store.transaction():
            if self._store.record_effect(ROW, call_id, fingerprint, asked.prompt[:200]):
                self._put_pictures(call_id, asked, drawn, fingerprints, batch=batch_id, at=time.time())

    def _put_pictures(
        self, call_id: str, asked: Asked, drawn: tuple[int, int], fingerprints: list[str], *, batch: str, at: float
    ) -> None:
        for place, fingerprint in enumerate(fingerprints):
            self._store.record_effect(PICTURE, f"{call_id}-{place}", fingerprint, asked.prompt[:200])
            self._store.put(
                PICTURES,
                f"{call_id}-{place}",
                {
                    "call": call_id,
                    "batch": batch,
                    "model": asked.model,
                    "prompt": asked.prompt,
                    "fingerprint": fingerprint,
                    "width": drawn[0],
                    "height": drawn[1],
                    "transparent": asked.transparent,
                    "edit": bool(asked.inputs.images),
                    "at": at,
                },
            )

    def repeated_rows(self) -> list[Repeated]:
        """The rows that more than one batch made."""
        return self._store.repeated_effects(ROW)

    def counts(self) -> JsonObject:
        return {name: self._store.count_effects(kind) for name, kind in COUNTED.items()}

    def newest(self, collection: str, limit: int) -> list[JsonObject]:
        return [{"id": row.id, **row.body} for row in self._store.rows(collection, newest_first=True, limit=limit)]

    def picture(self, image_id: str) -> JsonObject | None:
        return self._store.get(PICTURES, image_id)
