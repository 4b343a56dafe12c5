"""The queue and the history of one server. A run is a posted graph; its id is the number that the server gave it,
because the same prompt id may be posted twice and then runs twice. Runs that wait or go on are documents of their own;
when one ends, it moves to the history under its prompt id, where a second run of that id takes the place of the first.

Invariant: a run is in the queue until its history is written, both in one transaction. A sandbox that is killed in the
middle of a run starts it again; a real ComfyUI forgets queue and history with its process."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import Json, JsonObject, as_int, as_list, as_object, as_text, canonical, json_list


@dataclass(frozen=True)
class Run:
    """One posted graph."""

    number: int
    prompt_id: str
    client_id: str
    graph: JsonObject
    extra_data: JsonObject
    outputs: tuple[str, ...]

    def entry(self) -> list[Json]:
        """The tuple in `/queue` and in a history's `prompt`."""
        return [self.number, self.prompt_id, self.graph, self.extra_data, json_list(self.outputs)]


class Runs:
    """What was posted to one server, and what became of it."""

    def __init__(self, store: Store, server: str) -> None:
        self._store = store
        self._server = server
        self.queue = f"{server}.queue"
        self.history = f"{server}.history"

    def post(
        self, graph: JsonObject, prompt_id: str, client_id: str, extra_data: JsonObject, outputs: tuple[str, ...]
    ) -> Run:
        """Puts a graph at the end of the queue."""
        with self._store.transaction():
            number = self._store.next_number(f"{self._server}.run", 0)
            if client_id:
                extra_data = {**extra_data, "client_id": client_id}
            extra_data = {**extra_data, "create_time": int(time.time() * 1000)}
            run = Run(number, prompt_id, client_id, graph, extra_data, outputs)
            source = str(number)
            digest = hashlib.sha256(canonical(graph)).hexdigest()
            self._store.record_effect(f"{self._server}.job", source, digest, prompt_id)
            self._store.record_effect(f"{self._server}.prompt_id", source, prompt_id, prompt_id)
            self._store.put(self.queue, source, _document(run))
        return run

    def waiting(self) -> list[Run]:
        """The queue in its order, the one that runs included."""
        return [_run(row.body) for row in self._store.rows(self.queue)]

    def delete(self, run: Run) -> None:
        """Takes a run out of the queue; it never was."""
        self._store.delete(self.queue, str(run.number))

    def finish(self, run: Run, body: JsonObject) -> None:
        """Moves a run to the history, unless all was forgotten while it ran."""
        with self._store.transaction():
            if self._store.delete(self.queue, str(run.number)):
                self._store.delete(self.history, run.prompt_id)
                self._store.put(self.history, run.prompt_id, body)

    def past(self, prompt_id: str) -> JsonObject:
        """`{}` or `{prompt_id: ...}`, as `/history/{id}` answers."""
        body = self._store.get(self.history, prompt_id)
        return {} if body is None else {prompt_id: body}

    def all_past(self, most: int) -> JsonObject:
        """The newest of the history (-1: all), oldest first."""
        rows = self._store.rows(self.history, newest_first=True, limit=most)
        return {row.id: row.body for row in reversed(rows)}

    def forget(self, prompt_id: str | None) -> None:
        """Removes one from the history, or all."""
        for row in self._store.rows(self.history):
            if prompt_id in (None, row.id):
                self._store.delete(self.history, row.id)

    def count(self, effect: str) -> int:
        return self._store.count_effects(f"{self._server}.{effect}")

    def twice(self, effect: str) -> int:
        """How many are one too many."""
        return sum(found.times - 1 for found in self._store.repeated_effects(f"{self._server}.{effect}"))

    def note_image(self, run: Run, node_id: str, place: int, fingerprint: str, note: str) -> None:
        source = f"{run.number}/{node_id}/{place}"
        self._store.record_effect(f"{self._server}.image", source, fingerprint, note)


def _document(run: Run) -> JsonObject:
    return {"entry": run.entry(), "client_id": run.client_id}


def _run(document: JsonObject) -> Run:
    number, prompt_id, graph, extra_data, outputs = as_list(document["entry"])
    return Run(
        as_int(number),
        as_text(prompt_id),
        as_text(document["client_id"]),
        as_object(graph),
        as_object(extra_data),
        tuple(as_text(output) for output in as_list(outputs)),
    )
