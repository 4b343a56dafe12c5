"""Files, by content: a key is the sha256 of what it holds, so writing twice is writing once.

`obstore` speaks to a folder, S3, GCS and Azure alike. A file is written beside its place and renamed, so a reader
never sees half of one.
"""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from pressroom.contracts.facts import FileFacts

from .errors import InvalidRequest, StoreUnavailable

_CHUNK_BYTES = 1 << 20
_EXTENSIONS = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}


class BlobStore:
    """The files of one deployment. `url` as in the setting `PRESSROOM_BLOB_URL`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme == "file":
            folder = Path(unquote(parts.path))
            folder.mkdir(parents=True, exist_ok=True)
            self._store: ObjectStore = LocalStore(folder)
        else:
            self._store = from_url(url)

    async def put(self, data: bytes, media_type: str, *, width_px: int, height_px: int) -> FileFacts:
        """Store `data`; raises `StoreUnavailable` when the store is full or away."""
        digest = hashlib.sha256(data).hexdigest()
        key = f"{digest[:2]}/{digest}.{_EXTENSIONS.get(media_type, 'bin')}"
        try:
            await obstore.put_async(self._store, key, data)
        except (BaseError, OSError) as error:
            raise StoreUnavailable(f"cannot write {key} ({len(data)} bytes): {error}") from error
        return FileFacts(
            key=key,
            media_type=media_type,
            sha256=digest,
            size_bytes=len(data),
            width_px=width_px,
            height_px=height_px,
        )

    async def get(self, key: str) -> bytes:
        """The whole file; raises `FileNotFoundError` when there is none, else `StoreUnavailable`."""
        try:
            result = await obstore.get_async(self._store, key)
            return bytes(await result.bytes_async())
        except FileNotFoundError:
            raise
        except (BaseError, OSError) as error:
            raise StoreUnavailable(f"cannot read {key}: {error}") from error

    async def input_image(self, name: str) -> bytes:
        """A reference picture, by its name in a batch's `input_images`; `InvalidRequest` when there is none."""
        try:
            return await self.get(f"{name[:2]}/{name}")
        except FileNotFoundError as error:
            raise InvalidRequest(f"input_images: there is no stored file {name}; upload it first") from error

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The file in pieces of about a megabyte."""
        result = await obstore.get_async(self._store, key)
        async for chunk in result.stream(min_chunk_size=_CHUNK_BYTES):
            yield bytes(chunk)
