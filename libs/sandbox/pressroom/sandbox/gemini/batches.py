"""The Batch API's jobs. A job's state is worked out from its document and the clock each time it is asked for, never
stored, so that a restart changes nothing: PENDING for the first third of `batch_seconds`, RUNNING until that time is
over and every row is answered, then SUCCEEDED; CANCELLED, FAILED and EXPIRED are marks that the document carries."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.blobs import BlobFolder
from pressroom.sandbox.core.clock import rfc3339
from pressroom.sandbox.core.faults import Fault
from pressroom.sandbox.core.fetching import is_local
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import (
    JsonObject,
    as_float,
    as_int,
    as_list,
    as_object,
    as_objects,
    as_text,
    dump,
    json_list,
    json_response,
    parse,
)
from pressroom.sandbox.gemini.errors import RPC_CODES, GeminiRefusalError, invalid
from pressroom.sandbox.gemini.fields import field, refuse_unknown
from pressroom.sandbox.gemini.files import Files
from pressroom.sandbox.gemini.paging import page_of, page_token, read_page

BATCHES = "gemini.batches"

# ai.google.dev, "Batch API": inline requests only under 20 MB in all.
LARGEST_INLINE_BYTES = 20 * 1024 * 1024


class Batches:
    """Gemini's batch jobs of one sandbox."""

    def __init__(self, store: Store, files: Files, batch_seconds: float) -> None:
        self._store = store
        self._files = files
        self._seconds = batch_seconds
        self.blobs = BlobFolder(store.folder / "gemini-batches")

    def document(self, batch_id: str) -> JsonObject:
        """The job's document; the API's 404 when there is none."""
        document = self._store.get(BATCHES, batch_id)
        if document is None:
            raise GeminiRefusalError(404, f"Requested entity was not found: batches/{batch_id}")
        return document

    def mark(self, batch_id: str, **marks: float | str | int | bool) -> None:
        """Adds fields to the job's document, if it is still there."""
        with self._store.transaction():
            document = self._store.get(BATCHES, batch_id)
            if document is not None:
                self._store.put(BATCHES, batch_id, {**document, **marks})

    def state(self, document: JsonObject) -> str:
        """The state's name without its `BATCH_STATE_`."""
        for mark, name in (("cancelled_at", "CANCELLED"), ("failed_at", "FAILED"), ("expired_at", "EXPIRED")):
            if mark in document:
                return name
        age = time.time() - as_float(document["created_at"])
        if age < self._seconds / 3:
            return "PENDING"
        if age >= self._seconds and "will_expire" in document:
            return "EXPIRED"
        return "SUCCEEDED" if age >= self._seconds and "answered_at" in document else "RUNNING"

    def unanswered(self) -> list[str]:
        """The jobs that still need work, oldest first."""
        return [
            row.id
            for row in self._store.rows(BATCHES)
            if self.state(row.body) in ("PENDING", "RUNNING") and "answered_at" not in row.body
        ]

    async def create(self, model: str, request: Request) -> str:
        """Takes a job in and answers its id; the caller sets the runner on it."""
        raw = await request.body()
        try:
            batch = as_object(as_object(parse(raw)).get("batch"))
        except ValueError as wrong:
            raise invalid("Invalid JSON payload received.") from wrong
        source = as_object(field(batch, "inputConfig"))
        file_name = as_text(field(source, "fileName"))
        inline = as_objects(as_object(source.get("requests")).get("requests"))
        if bool(file_name) == bool(inline):
            raise invalid("* BatchGenerateContentRequest.batch.input_config: exactly one of requests and file_name")
        batch_id = secrets.token_hex(18)
        if inline:
            if len(raw) > LARGEST_INLINE_BYTES:
                raise invalid(f"Inline requests have {len(raw)} bytes; at most {LARGEST_INLINE_BYTES} are taken.")
            self.blobs.write(f"{batch_id}.input", "\n".join(dump(row) for row in inline).encode())
        elif self._files.document(file_name.removeprefix("files/")) is None:
            raise GeminiRefusalError(404, f"Input file {file_name} was not found.")
        uris, user_metadata = _webhook_config(batch)
        document: JsonObject = {
            "model": f"models/{model}",
            "display_name": as_text(field(batch, "displayName")) or batch_id,
            "created_at": time.time(),
            "file": file_name,
            "rows": len(inline),
            "answered": 0,
            "refused": 0,
            "webhook_uris": json_list(uris),
            "user_metadata": user_metadata,
        }
        fault = getattr(request.state, "fault", None)
        if isinstance(fault, Fault) and fault.kind in ("expire", "fail"):
            document["will_expire" if fault.kind == "expire" else "failed_at"] = time.time()
        self._store.put(BATCHES, batch_id, document)
        return batch_id

    def input_rows(self, batch_id: str, document: JsonObject) -> Iterator[JsonObject]:
        """The rows one after another as `{key or metadata, request}`; `ValueError` for a line that is no row."""
        file_name = as_text(document["file"])
        path: Path = (
            self._files.blobs.path(file_name.removeprefix("files/"))
            if file_name
            else self.blobs.path(f"{batch_id}.input")
        )
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                row = parse(line)
                if not isinstance(row, dict) or not isinstance(row.get("request"), dict):
                    raise ValueError(f"line {number} is no object with a request")
                yield row

    def operation(self, batch_id: str, document: JsonObject) -> JsonObject:
        """The job as the API's operation."""
        state = self.state(document)
        metadata = self._metadata(batch_id, document, state)
        body: JsonObject = {"name": f"batches/{batch_id}", "metadata": metadata}
        if state == "SUCCEEDED":
            output = self._output(batch_id, document)
            metadata["output"] = output
            body["done"] = True
            body["response"] = {
                "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatchOutput",
                **output,
            }
        elif state in ("FAILED", "EXPIRED", "CANCELLED"):
            body["done"] = True
            name, reason = {
                "FAILED": ("INVALID_ARGUMENT", as_text(document.get("failure"), "The batch failed.")),
                "EXPIRED": ("DEADLINE_EXCEEDED", "The batch expired before it was processed."),
                "CANCELLED": ("CANCELLED", "The batch was cancelled."),
            }[state]
            body["error"] = {"code": RPC_CODES[name], "message": reason}
        return body

    def _metadata(self, batch_id: str, document: JsonObject, state: str) -> JsonObject:
        created = as_float(document["created_at"])
        rows, answered, refused = (as_int(document[name]) for name in ("rows", "answered", "refused"))
        metadata: JsonObject = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "model": document["model"],
            "displayName": document["display_name"],
            "createTime": rfc3339(created),
            "updateTime": rfc3339(self._ended(document) or max(created, min(time.time(), created + self._seconds))),
            "batchStats": {
                "requestCount": str(rows),
                "successfulRequestCount": str(answered - refused),
                "failedRequestCount": str(refused),
                "pendingRequestCount": str(rows - answered),
            },
            "state": f"BATCH_STATE_{state}",
            "name": f"batches/{batch_id}",
        }
        if document["file"]:
            metadata["inputConfig"] = {"fileName": document["file"]}
        if state in ("SUCCEEDED", "FAILED", "EXPIRED", "CANCELLED"):
            metadata["endTime"] = rfc3339(self.ended_at(document))
        return metadata

    def ended_at(self, document: JsonObject) -> float:
        """When a job that has ended did."""
        return self._ended(document) or as_float(document["created_at"]) + self._seconds

    def _ended(self, document: JsonObject) -> float | None:
        for mark in ("cancelled_at", "failed_at", "expired_at"):
            if mark in document:
                return as_float(document[mark])
        if "answered_at" in document:
            return max(as_float(document["answered_at"]), as_float(document["created_at"]) + self._seconds)
        return None

    def _output(self, batch_id: str, document: JsonObject) -> JsonObject:
        if document["file"]:
            return {"responsesFile": document["responses_file"]}
        written = self.blobs.read(f"{batch_id}.output") or b""
        rows = [json.loads(line) for line in written.splitlines() if line]
        return {"inlinedResponses": {"inlinedResponses": rows}}

    async def get(self, request: Request) -> Response:
        batch_id = request.path_params["batch_id"]
        document = self.document(batch_id)
        fault = getattr(request.state, "fault", None)
        if isinstance(fault, Fault) and fault.kind in ("expire", "fail"):
            self.mark(batch_id, **{"expired_at" if fault.kind == "expire" else "failed_at": time.time()})
            document = self.document(batch_id)
        return json_response(self.operation(batch_id, document))

    async def list(self, request: Request) -> Response:
        page = read_page(request, default=50, highest=1000)
        rows = self._store.rows(BATCHES, newest_first=True, past_seq=page.past_seq, limit=page.size + 1)
        shown = rows[: page.size]
        body: JsonObject = {"operations": json_list(self.operation(row.id, row.body) for row in shown)}
        return json_response(page_of(body, page_token(shown[-1].seq) if len(rows) > page.size else ""))

    async def cancel(self, request: Request) -> Response:
        batch_id = request.path_params["batch_id"]
        document = self.document(batch_id)
        if self.state(document) not in ("PENDING", "RUNNING"):
            raise GeminiRefusalError(400, "The batch has already ended.", name="FAILED_PRECONDITION")
        self.mark(batch_id, cancelled_at=time.time())
        return json_response({})

    async def delete(self, request: Request) -> Response:
        batch_id = request.path_params["batch_id"]
        self.document(batch_id)
        self._store.delete(BATCHES, batch_id)
        for kind in ("input", "output"):
            self.blobs.delete(f"{batch_id}.{kind}")
        return json_response({})


def _webhook_config(batch: JsonObject) -> tuple[list[str], JsonObject]:
    """The addresses that hear of the job's end, and what they are told with it."""
    config = as_object(field(batch, "webhookConfig"))
    refuse_unknown(config, frozenset({"uris", "userMetadata"}), "batch.webhook_config")
    uris = as_list(config.get("uris"))
    for place, uri in enumerate(uris):
        if not isinstance(uri, str) or not (re.fullmatch(r"https://[^\s/]\S*", uri) or is_local(uri)):
            raise invalid(f"Invalid value at 'batch.webhook_config.uris[{place}]': it is no https URL.")
    return [as_text(uri) for uri in uris], as_object(field(config, "userMetadata"))
