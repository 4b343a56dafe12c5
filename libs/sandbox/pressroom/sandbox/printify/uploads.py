"""The media library: images by contents or by URL, checked to be images, kept under ids of their own. Uploading the
same bytes twice makes two images, as it does at Printify."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
import time

from pressroom.sandbox.core.blobs import BlobFolder
from pressroom.sandbox.core.clock import printify_time
from pressroom.sandbox.core.fetching import fetch_local
from pressroom.sandbox.core.imagefile import read_facts
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import JsonObject, as_text
from pressroom.sandbox.printify.errors import invalid, operation_failed

UPLOADS = "printify.uploads"

PRINTABLE = frozenset({"image/png", "image/jpeg", "image/svg+xml"})


class Uploads:
    """The uploaded images of one sandbox."""

    def __init__(self, store: Store, largest_contents_bytes: int) -> None:
        self._store = store
        self._largest_contents_bytes = largest_contents_bytes
        self.blobs = BlobFolder(store.folder / "printify-uploads")

    async def add(self, asked: JsonObject) -> JsonObject:
        """Takes an image in; `PrintifyRefusalError` for everything that is none."""
        file_name = asked.get("file_name")
        if not isinstance(file_name, str) or not file_name.strip():
            raise invalid("The file name field is required.")
        url, contents = asked.get("url"), asked.get("contents")
        if isinstance(contents, str) and contents:
            content = _decode(contents)
            if len(content) > self._largest_contents_bytes:
                raise operation_failed(
                    f"The contents have {len(content)} bytes; above {self._largest_contents_bytes}, upload by url."
                )
        elif isinstance(url, str) and url:
            content = await asyncio.to_thread(_fetch, url)
        else:
            raise invalid("The url field is required when contents is not present.")
        return await asyncio.to_thread(self._keep, file_name, content)

    def _keep(self, file_name: str, content: bytes) -> JsonObject:
        try:
            facts = read_facts(content)
        except ValueError as wrong:
            raise operation_failed(f"The uploaded file is not an image that can be used: {wrong}.") from wrong
        if facts.mime_type not in PRINTABLE:
            raise operation_failed(f"The mime type {facts.mime_type} is not supported.")
        upload_id = secrets.token_hex(12)
        self.blobs.write(upload_id, content)
        body: JsonObject = {
            "file_name": file_name,
            "height": facts.height,
            "width": facts.width,
            "size": len(content),
            "mime_type": facts.mime_type,
            "upload_time": printify_time(time.time()),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        self._store.put(UPLOADS, upload_id, body)
        return {"id": upload_id, **body}

    def find(self, upload_id: str) -> JsonObject | None:
        body = self._store.get(UPLOADS, upload_id)
        return None if body is None else {"id": upload_id, **body}

    def newest(self) -> list[JsonObject]:
        return [{"id": row.id, **row.body} for row in self._store.rows(UPLOADS, newest_first=True)]


def upload_body(upload: JsonObject, base_url: str) -> JsonObject:
    """The upload as the API shows it: without the checksum, which is the sandbox's own."""
    shown = {name: value for name, value in upload.items() if name != "sha256"}
    return {**shown, "preview_url": f"{base_url}/printify/preview/{as_text(upload['id'])}.webp"}


def _decode(contents: str) -> bytes:
    try:
        return base64.b64decode(contents, validate=True)
    except (binascii.Error, ValueError) as wrong:
        raise operation_failed("The contents are not valid base64.") from wrong


def _fetch(url: str) -> bytes:
    try:
        return fetch_local(url)
    except ValueError as wrong:
        raise operation_failed(f"Failed to download the image: {wrong}.") from wrong
