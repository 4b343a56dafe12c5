"""The Files API, as far as batches need it: rows that are uploaded, reference pictures for their edits, and what
batches made. A file is on disk before its document is, so that whatever has an id can be read after a restart."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from pathlib import Path

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from pressroom.sandbox.core.blobs import BlobFolder
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import JsonObject, as_int, as_text, json_response
from pressroom.sandbox.openai.errors import OpenAIRefusalError, invalid_value, missing, not_one_of, with_request_id
from pressroom.sandbox.openai.paging import list_response, read_page

FILES = "openai.files"

# openai-python 3.52.0, files.create and files.list.
LARGEST_BYTES = 512 * 1024 * 1024
LARGEST_BATCH_BYTES = 200 * 1024 * 1024
LARGEST_PAGE = 10_000
BATCH_LIFE_S = 30 * 86_400
SHORTEST_LIFE_S, LONGEST_LIFE_S = 3600, 2_592_000

PURPOSES = ("batch", "vision", "user_data")
"""What the sandbox takes; `batch_output` is what it makes itself."""


class Files:
    """OpenAI's files of one sandbox."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.blobs = BlobFolder(store.folder / "openai-files")

    def document(self, file_id: str) -> JsonObject | None:
        return self._store.get(FILES, file_id)

    def path(self, file_id: str) -> Path:
        return self.blobs.path(file_id)

    def add_output(self, file_id: str, filename: str, written: Path) -> None:
        """Takes over a finished file of a batch under an id that the batch chose, so doing it again is the same."""
        size = written.stat().st_size
        written.replace(self.blobs.path(file_id))
        self._store.put(FILES, file_id, _document(file_id, filename, size, "batch_output", LONGEST_LIFE_S))

    async def create(self, request: Request) -> Response:
        """`POST /v1/files` as a form; it may be as large as the API takes, and goes to disk in pieces."""
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise OpenAIRefusalError(400, "Files are uploaded as multipart/form-data.")
        try:
            async with request.form() as form:
                document = await self._keep(form)
        except HTTPException as wrong:
            raise OpenAIRefusalError(400, f"Could not parse multipart form: {wrong.detail}") from wrong
        return with_request_id(json_response(document))

    async def _keep(self, form: FormData) -> JsonObject:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise missing("file")
        purpose = form.get("purpose")
        if not isinstance(purpose, str):
            raise missing("purpose")
        if purpose not in PURPOSES:
            raise not_one_of(purpose, "purpose", PURPOSES)
        size = upload.size or 0
        if size > (LARGEST_BATCH_BYTES if purpose == "batch" else LARGEST_BYTES):
            raise OpenAIRefusalError(413, f"The file has {size} bytes, which is too large.", code="file_too_large")
        life_s = _life_s(form, purpose)
        file_id = f"file-{secrets.token_hex(12)}"
        await asyncio.to_thread(self._write, file_id, upload)
        document = _document(file_id, upload.filename or "upload", size, purpose, life_s)
        self._store.put(FILES, file_id, document)
        return document

    def _write(self, file_id: str, upload: UploadFile) -> None:
        path = self.blobs.path(file_id)
        part = path.with_name(f"{path.name}.part")
        with part.open("wb") as kept:
            shutil.copyfileobj(upload.file, kept)
        part.replace(path)

    async def list(self, request: Request) -> Response:
        page = read_page(request, self._store, FILES, default=LARGEST_PAGE, highest=LARGEST_PAGE)
        rows = self._store.rows(FILES, newest_first=page.newest_first, past_seq=page.past_seq)
        purpose = request.query_params.get("purpose")
        return list_response(
            [row for row in rows if purpose in (None, row.body["purpose"])], page, lambda row: row.body
        )

    async def get(self, request: Request) -> Response:
        return with_request_id(json_response(self._document(request)))

    async def content(self, request: Request) -> Response:
        document = self._document(request)
        path = self.blobs.path(as_text(document["id"]))
        return with_request_id(FileResponse(path, media_type="application/octet-stream"))

    async def delete(self, request: Request) -> Response:
        file_id = as_text(self._document(request)["id"])
        self._store.delete(FILES, file_id)
        self.blobs.delete(file_id)
        return with_request_id(json_response({"id": file_id, "object": "file", "deleted": True}))

    def _document(self, request: Request) -> JsonObject:
        file_id: str = request.path_params["file_id"]
        document = self.document(file_id)
        if document is None:
            raise no_such_file(file_id)
        return document


def no_such_file(file_id: str) -> OpenAIRefusalError:
    return OpenAIRefusalError(404, f"No such File object: {file_id}", param="id")


def _life_s(form: FormData, purpose: str) -> int | None:
    """`expires_after` in seconds; without it only the rows of batches expire."""
    anchor, seconds = form.get("expires_after[anchor]"), form.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return BATCH_LIFE_S if purpose == "batch" else None
    if anchor != "created_at":
        raise invalid_value("Invalid 'expires_after[anchor]': only 'created_at' is supported.", "expires_after")
    life_s = int(seconds) if isinstance(seconds, str) and seconds.isdigit() else 0
    if not SHORTEST_LIFE_S <= life_s <= LONGEST_LIFE_S:
        raise invalid_value(
            f"Invalid 'expires_after[seconds]': expected {SHORTEST_LIFE_S} to {LONGEST_LIFE_S}.", "expires_after"
        )
    return life_s


def _document(file_id: str, filename: str, size: int, purpose: str, life_s: int | None) -> JsonObject:
    """Nothing in the sandbox is deleted when its time is over: `expires_at` is what a client is told."""
    now = int(time.time())
    return {
        "id": file_id,
        "object": "file",
        "bytes": as_int(size),
        "created_at": now,
        "expires_at": now + life_s if life_s is not None else None,
        "filename": filename,
        "purpose": purpose,
        "status": "processed",
        "status_details": None,
    }
