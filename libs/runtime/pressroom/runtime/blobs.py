"""Files, by content: a key is the sha256 of what it holds, so writing twice is writing once.

`obstore` speaks to a folder, S3, GCS and Azure alike. A file is written beside its place and renamed, so a reader
never sees half of one.
"""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store, from_url

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
            # A folder keeps no types; a store that is asked by browsers has to.
            attributes = {} if isinstance(self._store, LocalStore) else {"Content-Type": media_type}
            await obstore.put_async(self._store, key, data, attributes=attributes or None)
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

    async def size(self, key: str) -> int:
        """How many bytes the file has; raises as `get` does."""
        try:
            return (await obstore.head_async(self._store, key))["size"]
        except FileNotFoundError:
            raise
        except (BaseError, OSError) as error:
            raise StoreUnavailable(f"cannot read {key}: {error}") from error

    async def stream(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The file's bytes from `start` to before `end`, of which there is one at least, in pieces of about a megabyte;
        raises as `get` does."""
        try:
            result = await obstore.get_async(self._store, key, options={"range": (start, end)})
            async for chunk in result.stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(chunk)
        except FileNotFoundError:
            raise
        except (BaseError, OSError) as error:
            raise StoreUnavailable(f"cannot read {key}: {error}") from error

    async def signed_url(self, key: str, method: str, lifetime_s: int) -> str | None:
        """An address where the store itself answers `method` for the file, to whoever has it, for so long; None of a
        folder. Raises `StoreUnavailable` when the store's credentials cannot sign."""
        if not isinstance(self._store, S3Store | GCSStore | AzureStore):
            return None
        try:
            verb = "HEAD" if method == "HEAD" else "GET"
            return await obstore.sign_async(self._store, verb, key, timedelta(seconds=lifetime_s))
        except (BaseError, OSError) as error:
            raise StoreUnavailable(f"cannot sign an address of {key}: {error}") from error

    async def set_aside(self, key: str, whose: str) -> None:
        """Take the file out of everybody's sight, where it can be brought back from; nothing where there is none."""
        await self._move(key, _aside(key, whose))

    async def bring_back(self, key: str, whose: str) -> None:
        """What was set aside under this name is in its place again; nothing where that is nothing."""
        await self._move(_aside(key, whose), key)

    async def purge(self, key: str, whose: str) -> None:
        """Remove for ever what was set aside under this name."""
        try:
            await obstore.delete_async(self._store, _aside(key, whose))
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise StoreUnavailable(f"cannot remove {key}: {error}") from error

    async def _move(self, place: str, to: str) -> None:
        try:
            await obstore.rename_async(self._store, place, to)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise StoreUnavailable(f"cannot move {place} to {to}: {error}") from error


def _aside(key: str, whose: str) -> str:
    return f"removed/{whose}-{key.rpartition('/')[2]}"
