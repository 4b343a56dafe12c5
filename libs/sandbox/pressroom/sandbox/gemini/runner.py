"""Answers the rows of batch jobs, in the background and a few at a time. The rows of a job are written in their order
into one file, which is handed over when the last is done; a sandbox that is killed in between starts that file again,
and the rows it had already counted as made are not counted twice."""

from __future__ import annotations

import asyncio
import itertools
import time

from pressroom.sandbox.core.batch_tasks import BatchTasks
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import JsonObject, as_float, as_object, as_text, dump
from pressroom.sandbox.gemini.answers import answer
from pressroom.sandbox.gemini.batches import BATCHES, Batches
from pressroom.sandbox.gemini.errors import RPC_CODES, GeminiRefusalError
from pressroom.sandbox.gemini.files import Files
from pressroom.sandbox.gemini.made import Made
from pressroom.sandbox.gemini.prompts import Wanted, read_request

# Two cores draw about 60 pictures of 1K a second; more threads would only starve the requests of this process.
DRAWING_AT_ONCE = 2
ROWS_AT_ONCE = 16


class BatchRunner(BatchTasks):
    """One task per unfinished job; `resume` after a start, `take` for a new job."""

    def __init__(
        self, store: Store, files: Files, batches: Batches, made: Made, picture_px: int, seconds: float
    ) -> None:
        super().__init__()
        self._store = store
        self._files = files
        self._batches = batches
        self._made = made
        self._picture_px = picture_px
        self._seconds = seconds
        self._drawing = asyncio.Semaphore(DRAWING_AT_ONCE)

    def resume(self) -> None:
        for batch_id in self._batches.unanswered():
            self.take(batch_id)

    async def _run(self, batch_id: str) -> None:
        document = self._store.get(BATCHES, batch_id)
        if document is None:
            return
        starts_at = as_float(document["created_at"]) + self._seconds / 3
        await asyncio.sleep(max(0.0, starts_at - time.time()))
        try:
            rows = await asyncio.to_thread(self._count, batch_id, document)
            self._batches.mark(batch_id, rows=rows)
            await self._answer_all(batch_id, document)
        except (ValueError, OSError) as wrong:
            self._batches.mark(batch_id, failed_at=time.time(), failure=f"The input could not be read: {wrong}")

    def _count(self, batch_id: str, document: JsonObject) -> int:
        return sum(1 for _ in self._batches.input_rows(batch_id, document))

    async def _answer_all(self, batch_id: str, document: JsonObject) -> None:
        part = self._batches.blobs.path(f"{batch_id}.part")
        rows = self._batches.input_rows(batch_id, document)
        answered = refused = 0
        with part.open("w", encoding="utf-8") as output:
            for first in itertools.count(0, ROWS_AT_ONCE):
                taken = list(itertools.islice(rows, ROWS_AT_ONCE))
                if not taken or not self._wanted_still(batch_id):
                    break
                answers = await asyncio.gather(
                    *(self._answer(batch_id, first + place, document, row) for place, row in enumerate(taken))
                )
                for line in answers:
                    output.write(dump(line) + "\n")
                    refused += "error" in line
                answered += len(answers)
                self._batches.mark(batch_id, answered=answered, refused=refused)
        if not self._wanted_still(batch_id):
            part.unlink()
        elif document["file"]:
            self._batches.mark(batch_id, responses_file=self._files.add_output(batch_id, part), answered_at=time.time())
        else:
            part.replace(self._batches.blobs.path(f"{batch_id}.output"))
            self._batches.mark(batch_id, answered_at=time.time())

    def _wanted_still(self, batch_id: str) -> bool:
        document = self._store.get(BATCHES, batch_id)
        return document is not None and self._batches.state(document) in ("PENDING", "RUNNING")

    async def _answer(self, batch_id: str, place: int, document: JsonObject, row: JsonObject) -> JsonObject:
        async with self._drawing:
            return await asyncio.to_thread(self._answer_row, batch_id, place, document, row)

    def _answer_row(self, batch_id: str, place: int, document: JsonObject, row: JsonObject) -> JsonObject:
        """`{"key", "response"}` or `{"key", "error"}` for a file's row; inline rows carry their `metadata` instead."""
        named: JsonObject = {name: row[name] for name in ("key", "metadata") if name in row}
        key = as_text(row.get("key")) or as_text(as_object(row.get("metadata")).get("key"))
        model = as_text(document["model"]).removeprefix("models/")
        try:
            wanted = read_request(model, as_object(row["request"]), self._picture_px, self._files.uploaded, key)
            response, made = answer(wanted)
        except GeminiRefusalError as refusal:
            return {**named, "error": row_error(refusal, inline=not document["file"])}
        if made:
            self._note(batch_id, place, wanted)
        return {**named, "response": response}

    def _note(self, batch_id: str, place: int, wanted: Wanted) -> None:
        """Counts the picture, unless the job was deleted or forgotten while it was drawn."""
        with self._store.transaction():
            if self._store.get(BATCHES, batch_id) is not None:
                self._made.note(f"batches/{batch_id}#{place}", wanted)


def row_error(refusal: GeminiRefusalError, *, inline: bool) -> JsonObject:
    """A row's google.rpc.Status. Inline rows carry `details` objects, which google-genai 3.4.0 cannot read: its `get`
    and `list` raise for the whole page because of one bad row."""
    error: JsonObject = {"code": RPC_CODES.get(refusal.name, 13), "message": refusal.message}
    if inline:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": refusal.message}]
    return error
