"""Answers the rows of batches, in the background and a few at a time. What was made and what was refused go into two
files, in no promised order, and are handed over when the batch ends, however it ends; a sandbox that is killed in
between starts those files again, and the rows it had already counted as made are not counted twice."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Iterator

from pressroom.sandbox.core.batch_tasks import BatchTasks
from pressroom.sandbox.core.wire import JsonObject, as_float, as_int, as_object, as_text, dump, parse
from pressroom.sandbox.openai.answers import answer, fingerprints_of, refuse_by_marker
from pressroom.sandbox.openai.batch_rows import RESPONSES, faults_of, lines_of, model_of, read_row
from pressroom.sandbox.openai.batches import UNFINISHED, Batches, failed_with, failure
from pressroom.sandbox.openai.errors import OpenAIRefusalError
from pressroom.sandbox.openai.files import Files
from pressroom.sandbox.openai.made import Made
from pressroom.sandbox.openai.texts import answer_text, read_text_request

# As at Gemini: more threads would only starve the requests of this process.
DRAWING_AT_ONCE = 2
ROWS_AT_ONCE = 16


class BatchRunner(BatchTasks):
    """One task per unfinished batch; `resume` after a start, `take` for a new batch, `expire` to end one at once."""

    def __init__(
        self, batches: Batches, files: Files, made: Made, models: tuple[str, ...], picture_px: int, seconds: float
    ) -> None:
        super().__init__()
        self._batches = batches
        self._files = files
        self._made = made
        self._models = models
        self._picture_px = picture_px
        self._seconds = seconds
        self._drawing = asyncio.Semaphore(DRAWING_AT_ONCE)

    def resume(self) -> None:
        for batch_id in self._batches.unanswered():
            self.take(batch_id)

    async def expire(self, batch_id: str) -> None:
        """Ends a batch now, with what it has; one that is completed keeps all of it."""
        document = self._batches.find(batch_id)
        if document is None or self._batches.status(document) not in UNFINISHED:
            self._batches.mark(batch_id, expired_at=time.time())
            return
        await self.give_up(batch_id)
        await asyncio.to_thread(self._end, batch_id, "expired_at")

    async def _run(self, batch_id: str) -> None:
        document = self._batches.find(batch_id)
        if document is None or "failed_at" in document:
            return
        starts_at = as_float(document["created_at"]) + self._seconds / 3
        await asyncio.sleep(max(0.0, starts_at - time.time()))
        try:
            if not await asyncio.to_thread(self._validate, batch_id, document):
                return
            await self._answer_all(batch_id, document)
        except (ValueError, OSError) as wrong:
            self._batches.mark(batch_id, **failure("invalid_file", f"The input could not be read: {wrong}"))

    def _validate(self, batch_id: str, document: JsonObject) -> bool:
        path = self._files.path(as_text(document["input_file_id"]))
        rows, faults = faults_of(path, as_text(document["endpoint"]), self._models)
        if faults:
            self._batches.mark(batch_id, **failed_with(faults))
        else:
            self._batches.mark(batch_id, rows=rows, model=model_of(path), answered=0, refused=0)
        return not faults

    async def _answer_all(self, batch_id: str, document: JsonObject) -> None:
        output, errors = (self._batches.blobs.path(f"{batch_id}.{kind}.part") for kind in ("output", "error"))
        rows = self._rows(document)
        answered = refused = 0
        with output.open("w", encoding="utf-8") as good, errors.open("w", encoding="utf-8") as bad:
            while taken := list(itertools.islice(rows, self._most_now(batch_id, answered))):
                answers = await asyncio.gather(*(self._answer(batch_id, document, line, row) for line, row in taken))
                # Backwards, because the real one promises no order either.
                for told in reversed(answers):
                    is_refused = as_int(as_object(told["response"])["status_code"]) != 200
                    (bad if is_refused else good).write(dump(told) + "\n")
                    refused += is_refused
                answered += len(answers)
                good.flush()
                bad.flush()
                self._batches.mark(batch_id, answered=answered, refused=refused)
        await asyncio.to_thread(self._end, batch_id, "")

    def _most_now(self, batch_id: str, answered: int) -> int:
        """How many rows may be answered next; a batch that will expire is half done by then."""
        document = self._batches.find(batch_id)
        if document is None or self._batches.status(document) not in UNFINISHED or "cancelling_at" in document:
            return 0
        if "will_expire" in document:
            return min(ROWS_AT_ONCE, as_int(document["rows"]) // 2 - answered)
        return ROWS_AT_ONCE

    def _rows(self, document: JsonObject) -> Iterator[tuple[int, JsonObject]]:
        for line, raw in lines_of(self._files.path(as_text(document["input_file_id"]))):
            yield line, as_object(parse(raw))

    async def _answer(self, batch_id: str, document: JsonObject, line: int, row: JsonObject) -> JsonObject:
        async with self._drawing:
            return await asyncio.to_thread(self._answer_row, batch_id, document, line, row)

    def _answer_row(self, batch_id: str, document: JsonObject, line: int, row: JsonObject) -> JsonObject:
        """One line of the output or of the error file; what was refused has its refusal as the response's body."""
        call_id = f"{batch_id}-{line}"
        asked_body, endpoint = as_object(row["body"]), as_text(document["endpoint"])
        try:
            if endpoint == RESPONSES:
                asked_text = read_text_request(asked_body, self._models, self._files)
                return _line(call_id, row, 200, answer_text(asked_text, call_id))
            asked = read_row(endpoint, asked_body, self._models, self._files)
            refuse_by_marker(asked)
        except OpenAIRefusalError as refusal:
            return _line(call_id, row, refusal.status, refusal.body())
        drawn = asked.size.drawn(self._picture_px)
        fingerprints = fingerprints_of(asked, call_id)
        body = answer(asked, fingerprints, drawn)
        self._made.note_row(batch_id, call_id, row, asked, drawn, fingerprints)
        return _line(call_id, row, 200, body)

    def _end(self, batch_id: str, mark: str) -> None:
        """Hands over what is written. Without a `mark`, by why the answering stopped."""
        document = self._batches.find(batch_id)
        if document is None:
            for kind in ("output", "error"):
                self._batches.blobs.delete(f"{batch_id}.{kind}.part")
            return
        if not mark and "cancelling_at" in document:
            mark = "cancelled_at"
        elif not mark and "will_expire" in document:
            mark = "expired_at"
        if mark == "expired_at":
            self._give_up_rest(batch_id, document)
        now = time.time()
        marks: JsonObject = {"answered_at": now}
        if mark:
            marks[mark] = now
        for kind in ("output", "error"):
            part = self._batches.blobs.path(f"{batch_id}.{kind}.part")
            if part.is_file() and part.stat().st_size > 0:
                file_id = f"file-{hashlib.sha256(f'{batch_id} {kind}'.encode()).hexdigest()[:24]}"
                self._files.add_output(file_id, f"{batch_id}_{kind}.jsonl", part)
                marks[f"{kind}_file_id"] = file_id
            else:
                part.unlink(missing_ok=True)
        self._batches.mark(batch_id, **marks)

    def _give_up_rest(self, batch_id: str, document: JsonObject) -> None:
        """The rows that nobody answered are told as errors."""
        rest = list(itertools.islice(self._rows(document), as_int(document["answered"]), None))
        with self._batches.blobs.path(f"{batch_id}.error.part").open("a", encoding="utf-8") as bad:
            for line, row in rest:
                told: JsonObject = {
                    "id": f"batch_req_{batch_id[6:18]}{line:06d}",
                    "custom_id": row.get("custom_id"),
                    "response": None,
                    "error": {
                        "code": "batch_expired",
                        "message": "This request could not be executed before the completion window expired.",
                    },
                }
                bad.write(dump(told) + "\n")
        self._batches.mark(batch_id, refused=as_int(document["refused"]) + len(rest), answered=as_int(document["rows"]))


def _line(call_id: str, row: JsonObject, status: int, body: JsonObject) -> JsonObject:
    batch_id, _, line = call_id.rpartition("-")
    return {
        "id": f"batch_req_{batch_id[6:18]}{int(line):06d}",
        "custom_id": row["custom_id"],
        "response": {
            "status_code": status,
            "request_id": hashlib.sha256(call_id.encode()).hexdigest()[:32],
            "body": body,
        },
        "error": None,
    }
