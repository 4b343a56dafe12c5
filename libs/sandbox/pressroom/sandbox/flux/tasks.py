"""The tasks. A task's status is worked out from its document and the clock each time it is asked for, never stored, so
that a restart changes nothing: Pending for `flux_seconds`, then what its prompt and its faults make of it."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
import uuid

from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Row, Store
from pressroom.sandbox.core.wire import Json, JsonObject, as_float, as_int, as_text, canonical, parse
from pressroom.sandbox.flux.asks import Ask

TASKS = "flux.tasks"
EFFECT = "flux.job"
MARKER = re.compile(r"\[sandbox:([a-z-]+)\]")
ENDINGS = {"moderated": "Request Moderated", "unsafe-image": "Content Moderated", "error": "Error"}
LARGEST_SEED = 2**31 - 1

# US cents for the first and for each further million pixels (bfl.ai pricing, 2026-11); a credit is a cent.
PRICES = {
    "flux-2-klein-4b": (1.4, 0.1),
    "flux-2-klein-9b": (1.5, 0.2),
    "flux-2-pro": (3.0, 1.5),
    "flux-2-max": (7.0, 3.0),
    "flux-2-flex": (5.0, 5.0),
}


class Tasks:
    """The tasks of one sandbox."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    def create(self, model: str, ask: Ask, base_url: str, *, fails: bool) -> str:
        """Takes a task in and answers its id. Equal asks of one model are counted as made twice."""
        task_id = str(uuid.uuid4())
        width, height = ask.size()
        seed = ask.seed if ask.seed is not None else secrets.randbelow(LARGEST_SEED)
        asked = parse(ask.model_dump_json(exclude={"webhook_url", "webhook_secret"}))
        made_of: list[Json] = [model, ask.prompt, str(seed), width, height]
        document: JsonObject = {
            "model": model,
            "prompt": ask.prompt,
            "seed": seed,
            "width": width,
            "height": height,
            "output_format": ask.output_format,
            "fingerprint": hashlib.sha256(canonical(made_of)).hexdigest(),
            "created_at": time.time(),
            "webhook_url": ask.webhook_url or "",
            "webhook_secret": ask.webhook_secret or "",
            "base_url": base_url,
        }
        if fails:
            document["failed"] = True
        with self._store.transaction():
            digest = hashlib.sha256(canonical([model, asked])).hexdigest()
            self._store.record_effect(EFFECT, task_id, digest, ask.prompt[:200])
            self._store.put(TASKS, task_id, document)
        return task_id

    def find(self, task_id: str) -> JsonObject | None:
        """The task's document, or None where the API knows of none: with a webhook, a task is not found until it has
        been taken in."""
        document = self._store.get(TASKS, task_id)
        if document is None or not document["webhook_url"]:
            return document
        early = time.time() < as_float(document["created_at"]) + self._settings.flux_unknown_seconds
        return None if early else document

    def peek(self, task_id: str) -> JsonObject | None:
        """The task's document, however young it is."""
        return self._store.get(TASKS, task_id)

    def mark_told(self, task_id: str, *, arrived: bool) -> None:
        with self._store.transaction():
            document = self._store.get(TASKS, task_id)
            if document is not None:
                self._store.put(TASKS, task_id, {**document, "webhook_told": arrived})

    def ends_at(self, document: JsonObject) -> float:
        return as_float(document["created_at"]) + self._settings.flux_seconds

    def status(self, document: JsonObject) -> str:
        if time.time() < self.ends_at(document):
            return "Pending"
        if "failed" in document:
            return "Error"
        markers = MARKER.findall(as_text(document["prompt"]))
        return next((ENDINGS[marker] for marker in markers if marker in ENDINGS), "Ready")

    def is_full(self) -> bool:
        """Whether as many tasks are active as may be."""
        newest = self._store.rows(TASKS, newest_first=True, limit=self._settings.flux_tasks)
        return len(newest) == self._settings.flux_tasks and all(self.status(row.body) == "Pending" for row in newest)

    def newest(self, limit: int = -1) -> list[Row]:
        return self._store.rows(TASKS, newest_first=True, limit=limit)

    def untold(self) -> list[str]:
        """The tasks whose webhook is still to be sent."""
        return [row.id for row in self.newest() if row.body["webhook_url"] and "webhook_told" not in row.body]

    def count(self) -> int:
        return self._store.count_effects(EFFECT)

    def made_twice(self) -> int:
        return sum(found.times - 1 for found in self._store.repeated_effects(EFFECT))


def cost_cents(model: str, document: JsonObject) -> float:
    """What the task costs, in credits."""
    first, further = PRICES[model]
    megapixels = as_int(document["width"]) * as_int(document["height"]) / 1024**2
    return round(first + further * max(0.0, megapixels - 1), 3)
