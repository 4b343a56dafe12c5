"""The Files API: resumable uploads, metadata, and the download of what a batch made. An upload's bytes are appended
to one file as they come; its document says how many are known, so a client that asks (`query`) after a crash can go
on."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from pressroom.sandbox.core.blobs import BlobFolder
from pressroom.sandbox.core.clock import rfc3339
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import JsonObject, as_int, as_object, as_text, dump, json_list, json_response, parse
from pressroom.sandbox.gemini.errors import GeminiRefusalError, invalid
from pressroom.sandbox.gemini.paging import page_of, page_token, read_page

FILES = "gemini.files"
UPLOADS = "gemini.uploads"

# ai.google.dev, "Files API": a file lives 48 hours, holds at most 2 GB, and its id has at most 40 characters.
LIFE_S = 48 * 3600
LARGEST_BYTES = 2 * 1024**3
LONGEST_ID = 40
GRANULARITY = 8 * 1024 * 1024


class Files:
    """Gemini's files of one sandbox."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.blobs = BlobFolder(store.folder / "gemini-files")

    def document(self, file_id: str) -> JsonObject | None:
        return self._store.get(FILES, file_id)

    def uploaded(self, file_id: str) -> bytes | None:
        """What a client uploaded under this id; None for anything else."""
        document = self.document(file_id)
        if document is None or document["source"] != "UPLOADED":
            return None
        return self.blobs.path(file_id).read_bytes()

    def add_output(self, batch_id: str, written: Path) -> str:
        """Takes over a finished result file of a batch; its id is too long for `files.get`, as the real ones are."""
        file_id = f"batch-{batch_id}-{hashlib.sha256(batch_id.encode()).hexdigest()[:24]}"
        size = written.stat().st_size
        written.replace(self.blobs.path(file_id))
        now = time.time()
        self._store.put(FILES, file_id, _document(file_id, "", "application/jsonl", size, "", "", now, "GENERATED"))
        return f"files/{file_id}"

    async def begin_upload(self, request: Request) -> Response:
        """`POST /upload/v1beta/files`, command `start`: answers the URL to which the bytes go."""
        if request.headers.get("x-goog-upload-protocol", "").lower() != "resumable":
            raise invalid("The sandbox supports the resumable upload protocol only.")
        if request.headers.get("x-goog-upload-command", "").lower() != "start":
            raise invalid("An upload begins with X-Goog-Upload-Command: start.")
        raw = await request.body()
        asked = as_object(as_object(parse(raw) if raw else {}).get("file"))
        file_id = as_text(asked.get("name")).removeprefix("files/") or secrets.token_hex(6)
        if len(file_id) > LONGEST_ID or not file_id.replace("-", "").isalnum() or file_id != file_id.lower():
            raise invalid("* CreateFileRequest.file.name: at most 40 lower-case letters, digits and dashes")
        if self.document(file_id) is not None:
            raise GeminiRefusalError(409, f"Requested entity already exists: files/{file_id}")
        size = request.headers.get("x-goog-upload-header-content-length", "")
        if size.isdigit() and int(size) > LARGEST_BYTES:
            raise invalid(f"The file has {size} bytes; at most {LARGEST_BYTES} are taken.")
        mime_type = request.headers.get("x-goog-upload-header-content-type") or as_text(asked.get("mimeType"))
        upload_id = secrets.token_urlsafe(24)
        base = str(request.base_url).rstrip("/")
        self._store.put(
            UPLOADS,
            upload_id,
            {
                "file_id": file_id,
                "display_name": as_text(asked.get("displayName")),
                "mime_type": mime_type or "application/octet-stream",
                "expected": int(size) if size.isdigit() else -1,
                "base": base,
                "final": False,
            },
        )
        self.blobs.path(_part(upload_id)).touch()
        return Response(
            b"{}",
            headers={
                "x-goog-upload-status": "active",
                "x-goog-upload-url": f"{base}/upload/v1beta/files?upload_id={upload_id}&upload_protocol=resumable",
                "x-goog-upload-chunk-granularity": str(GRANULARITY),
            },
            media_type="application/json",
        )

    async def continue_upload(self, request: Request) -> Response:
        """The commands `upload`, `query`, `finalize` and `cancel` on an upload's URL, which needs no key."""
        upload_id = request.query_params["upload_id"]
        upload = self._store.get(UPLOADS, upload_id)
        if upload is None:
            raise GeminiRefusalError(404, "No upload of this id; begin again.")
        commands = {word.strip().lower() for word in request.headers.get("x-goog-upload-command", "").split(",")}
        if upload.get("final"):
            return self._final(as_text(upload["file_id"]))
        part = self.blobs.path(_part(upload_id))
        if "cancel" in commands:
            part.unlink(missing_ok=True)
            self._store.delete(UPLOADS, upload_id)
            return Response(b"", headers={"x-goog-upload-status": "cancelled"})
        if "upload" in commands:
            await self._append(request, part)
        received = _size(part)
        if "finalize" not in commands:
            return Response(
                b"", headers={"x-goog-upload-status": "active", "x-goog-upload-size-received": str(received)}
            )
        expected = as_int(upload["expected"], -1)
        if expected >= 0 and received != expected:
            raise invalid(f"The upload announced {expected} bytes, and {received} came.")
        return self._finish(upload_id, upload, part, received)

    async def _append(self, request: Request, part: Path) -> None:
        offset = request.headers.get("x-goog-upload-offset", "")
        received = _size(part)
        if offset != str(received):
            raise invalid(f"X-Goog-Upload-Offset is {offset or 'missing'}; {received} bytes have come so far.")
        with part.open("ab") as file:
            try:
                async for piece in request.stream():
                    file.write(piece)
            except BaseException:
                # A client that went away in the middle of a chunk sends the whole chunk again, at its old offset.
                file.truncate(received)
                raise

    def _finish(self, upload_id: str, upload: JsonObject, part: Path, size: int) -> Response:
        file_id = as_text(upload["file_id"])
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        part.replace(self.blobs.path(file_id))
        document = _document(
            file_id,
            as_text(upload["display_name"]),
            as_text(upload["mime_type"]),
            size,
            base64.b64encode(digest.encode()).decode(),
            f"{as_text(upload['base'])}/v1beta/files/{file_id}",
            time.time(),
            "UPLOADED",
        )
        with self._store.transaction():
            self._store.put(FILES, file_id, document)
            self._store.put(UPLOADS, upload_id, {**upload, "final": True})
        return self._final(file_id)

    def _final(self, file_id: str) -> Response:
        return Response(
            dump({"file": self.document(file_id)}).encode(),
            headers={"x-goog-upload-status": "final"},
            media_type="application/json",
        )

    async def get(self, request: Request) -> Response:
        file_id = request.path_params["file_id"]
        if len(file_id) > LONGEST_ID:
            raise invalid("* GetFileRequest.name: File name may only contain up to 40 characters after `files/`")
        document = self.document(file_id)
        if document is None:
            raise _no_such_file(file_id)
        return json_response(document)

    async def list(self, request: Request) -> Response:
        page = read_page(request, default=10, highest=100)
        rows = [
            row
            for row in self._store.rows(FILES, newest_first=True, past_seq=page.past_seq)
            if row.body["source"] == "UPLOADED"
        ]
        shown = rows[: page.size]
        body: JsonObject = {"files": json_list(row.body for row in shown)}
        return json_response(page_of(body, page_token(shown[-1].seq) if len(rows) > page.size else ""))

    async def delete(self, request: Request) -> Response:
        file_id = request.path_params["file_id"]
        if not self._store.delete(FILES, file_id):
            raise _no_such_file(file_id)
        self.blobs.delete(file_id)
        return json_response({})

    async def download(self, request: Request) -> Response:
        file_id = request.path_params["file_id"]
        document = self.document(file_id)
        if document is None:
            raise _no_such_file(file_id)
        if document["source"] != "GENERATED":
            raise invalid("Only generated files can be downloaded; this one was uploaded.")
        if request.query_params.get("alt") != "media":
            raise invalid("A download needs ?alt=media.")
        return FileResponse(self.blobs.path(file_id), media_type="application/octet-stream")


def _size(path: Path) -> int:
    return path.stat().st_size


def _part(upload_id: str) -> str:
    return f"{hashlib.sha256(upload_id.encode()).hexdigest()[:32]}.upload"


def _no_such_file(file_id: str) -> GeminiRefusalError:
    """The real API does not say whether a file is missing or another's: 403 either way."""
    return GeminiRefusalError(
        403, f"You do not have permission to access the File {file_id} or it may not exist.", name="PERMISSION_DENIED"
    )


def _document(
    file_id: str, display_name: str, mime_type: str, size: int, digest: str, uri: str, now: float, source: str
) -> JsonObject:
    document: JsonObject = {
        "name": f"files/{file_id}",
        "mimeType": mime_type,
        "sizeBytes": str(size),
        "createTime": rfc3339(now),
        "updateTime": rfc3339(now),
        "expirationTime": rfc3339(now + LIFE_S),
        "sha256Hash": digest,
        "uri": uri,
        "state": "ACTIVE",
        "source": source,
    }
    if display_name:
        document["displayName"] = display_name
    return document
