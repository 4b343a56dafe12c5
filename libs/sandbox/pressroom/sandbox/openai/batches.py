"""The Batch API's jobs. A batch's status is worked out from its document and the clock each time it is asked for, never
stored, so that a restart changes nothing: validating for the first third of `batch_seconds`, in_progress until every
row is answered, finalizing until that time is over, then completed; failed, expired and cancelled are marks that the
document carries, and cancelling is a mark until the runner has written what was made."""

from __future__ import annotations

import re
import secrets
import time

from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.blobs import BlobFolder
from pressroom.sandbox.core.faults import Fault
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import (
    Json,
    JsonObject,
    as_float,
    as_int,
    as_object,
    json_list,
    json_response,
    parse,
)
from pressroom.sandbox.openai.batch_rows import ENDPOINTS
from pressroom.sandbox.openai.errors import OpenAIRefusalError, missing, not_one_of, with_request_id, wrong_type
from pressroom.sandbox.openai.files import Files, no_such_file
from pressroom.sandbox.openai.paging import list_response, read_page

BATCHES = "openai.batches"

# openai-python 3.52.0, batches.create and batches.list.
WINDOW = "24h"
WINDOW_S = 24 * 3600
LARGEST_PAGE = 100
MOST_METADATA = 16
LONGEST_KEY, LONGEST_VALUE = 64, 512

UNFINISHED = ("validating", "in_progress", "finalizing", "cancelling")
FINALIZING_FROM = 0.9
"""The part of `batch_seconds` after which a batch with all its answers is finalizing."""

KNOWN = frozenset({"input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"})


class Batches:
    """OpenAI's batches of one sandbox."""

    def __init__(self, store: Store, files: Files, batch_seconds: float) -> None:
        self._store = store
        self._files = files
        self._seconds = batch_seconds
        self.blobs = BlobFolder(store.folder / "openai-batches")

    def find(self, batch_id: str) -> JsonObject | None:
        return self._store.get(BATCHES, batch_id)

    def document(self, batch_id: str) -> JsonObject:
        """The batch's document; the API's 404 when there is none."""
        document = self.find(batch_id)
        if document is None:
            raise OpenAIRefusalError(404, f"No batch found with id '{batch_id}'.")
        return document

    def mark(self, batch_id: str, **marks: Json) -> None:
        """Adds fields to the batch's document, if it is still there."""
        with self._store.transaction():
            document = self.find(batch_id)
            if document is not None:
                self._store.put(BATCHES, batch_id, {**document, **marks})

    def status(self, document: JsonObject) -> str:
        for mark in ("failed", "expired", "cancelled"):
            if f"{mark}_at" in document:
                return mark
        if "cancelling_at" in document:
            return "cancelling"
        age = time.time() - as_float(document["created_at"])
        if age < self._seconds / 3:
            return "validating"
        if "answered_at" not in document or age < self._seconds * FINALIZING_FROM:
            return "in_progress"
        return "completed" if age >= self._seconds else "finalizing"

    def unanswered(self) -> list[str]:
        """The batches that still need work, oldest first."""
        return [
            row.id
            for row in self._store.rows(BATCHES)
            if self.status(row.body) in UNFINISHED and "answered_at" not in row.body
        ]

    async def create(self, request: Request) -> str:
        """Takes a batch in and answers its id; the caller sets the runner on it."""
        try:
            body = as_object(parse(await request.body()))
        except ValueError as wrong:
            raise OpenAIRefusalError(400, "We could not parse the JSON body of your request.") from wrong
        for name in body:
            if name not in KNOWN:
                raise OpenAIRefusalError(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
        file_id, endpoint = _text(body, "input_file_id"), _text(body, "endpoint")
        if endpoint not in ENDPOINTS:
            raise not_one_of(endpoint, "endpoint", ENDPOINTS)
        window = _text(body, "completion_window")
        if window != WINDOW:
            raise OpenAIRefusalError(
                400,
                f"Invalid value: '{window}'. Value must be '{WINDOW}'.",
                param="completion_window",
                code="invalid_value",
            )
        metadata = _metadata(body.get("metadata"))
        found = self._files.document(file_id)
        if found is None:
            raise no_such_file(file_id)
        if found["purpose"] != "batch":
            raise OpenAIRefusalError(400, f"The file {file_id} is not of purpose 'batch'.", param="input_file_id")
        batch_id = f"batch_{secrets.token_hex(16)}"
        now = time.time()
        document: JsonObject = {
            "id": batch_id,
            "endpoint": endpoint,
            "input_file_id": file_id,
            "metadata": metadata,
            "created_at": now,
            "rows": 0,
            "answered": 0,
            "refused": 0,
        }
        fault = getattr(request.state, "fault", None)
        if isinstance(fault, Fault) and fault.kind == "expire":
            document["will_expire"] = True
        elif isinstance(fault, Fault) and fault.kind == "fail":
            document |= failure("sandbox_failure", "The batch failed, as somebody asked the sandbox for.")
        self._store.put(BATCHES, batch_id, document)
        return batch_id

    def body(self, document: JsonObject) -> JsonObject:
        """The batch as the API tells it."""
        status = self.status(document)
        created = as_float(document["created_at"])
        rows, answered, refused = (as_int(document[name]) for name in ("rows", "answered", "refused"))
        is_ended = status not in UNFINISHED
        completed_at: float | None = None
        if status == "completed":
            completed_at = max(as_float(document["answered_at"]), created + self._seconds)
        is_past_validation = status != "validating" and rows > 0
        return {
            "id": document["id"],
            "object": "batch",
            "endpoint": document["endpoint"],
            "model": document.get("model"),
            "errors": document.get("errors"),
            "input_file_id": document["input_file_id"],
            "completion_window": WINDOW,
            "status": status,
            "output_file_id": document.get("output_file_id") if is_ended else None,
            "error_file_id": document.get("error_file_id") if is_ended else None,
            "created_at": int(created),
            "in_progress_at": int(created + self._seconds / 3) if is_past_validation else None,
            "expires_at": int(created) + WINDOW_S,
            "finalizing_at": _moment(document.get("answered_at")),
            "completed_at": _moment(completed_at),
            "failed_at": _moment(document.get("failed_at")),
            "expired_at": _moment(document.get("expired_at")),
            "cancelling_at": _moment(document.get("cancelling_at")),
            "cancelled_at": _moment(document.get("cancelled_at")),
            "request_counts": {"total": rows, "completed": answered - refused, "failed": refused},
            "metadata": document["metadata"],
        }

    def response(self, batch_id: str) -> Response:
        return with_request_id(json_response(self.body(self.document(batch_id))))

    async def list(self, request: Request) -> Response:
        page = read_page(request, self._store, BATCHES, default=20, highest=LARGEST_PAGE)
        rows = self._store.rows(BATCHES, newest_first=page.newest_first, past_seq=page.past_seq, limit=page.limit + 1)
        return list_response(rows, page, lambda row: self.body(row.body))

    async def cancel(self, request: Request) -> Response:
        batch_id: str = request.path_params["batch_id"]
        status = self.status(self.document(batch_id))
        if status not in UNFINISHED:
            message = f"Cannot cancel a batch with status '{status}'."
            raise OpenAIRefusalError(409, message)
        if status != "cancelling":
            self.mark(batch_id, cancelling_at=time.time())
        return self.response(batch_id)


def failure(code: str, message: str) -> JsonObject:
    """The marks of a batch that failed as a whole."""
    return failed_with([{"code": code, "message": message, "param": None, "line": None}])


def failed_with(faults: list[JsonObject]) -> JsonObject:
    return {"failed_at": time.time(), "errors": {"object": "list", "data": json_list(faults)}}


def _text(body: JsonObject, param: str) -> str:
    value = body.get(param)
    if value is None:
        raise missing(param)
    if not isinstance(value, str):
        raise wrong_type(param, "a string", "something else")
    return value


def _metadata(value: Json) -> Json:
    """Up to 16 texts of 512 characters under names of 64."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise wrong_type("metadata", "an object", "something else")
    for name, text in value.items():
        if not isinstance(text, str) or len(text) > LONGEST_VALUE or not re.fullmatch(f".{{1,{LONGEST_KEY}}}", name):
            raise wrong_type("metadata", "texts", "something else")
    if len(value) > MOST_METADATA:
        raise wrong_type("metadata", f"at most {MOST_METADATA} texts", str(len(value)))
    return value


def _moment(at: Json) -> int | None:
    """Whole seconds, as the API writes moments."""
    return int(as_float(at)) if at is not None else None
