"""A picture in a shop's media library: staged, uploaded, made a file, waited for until it is ready.

The file is named for the print file's SHA-256 and replaces one of the same name, so a repeat leaves one file. The
intent is in the journal before the file is made and its id right after; a process that dies in between looks for the
name first. A staged upload that nobody uses costs nothing and goes by itself.
"""

import asyncio
import time

import httpx

from pressroom.runtime.errors import ApiFailed, InvalidRequest, TimedOut, WorkError
from pressroom.runtime.vendor_http import VendorClient, excerpt

from .platforms import Journal, PublishOrder
from .settings import PublisherSettings
from .shopify_admin import ShopifyAdmin
from .shopify_documents import CREATE_FILE, FILE_STATUS, FIND_FILE, STAGE_UPLOAD
from .shopify_wire import (
    CreateFileData,
    File,
    FileStatus,
    FileStatusData,
    FindFileData,
    StagedTarget,
    StageUploadData,
)

MEDIA = "shopify-media"
"""The journal's step."""

FIRST_POLL_S = 0.1
LONGEST_POLL_S = 2.0

_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class ShopifyMedia:
    """The media library of one shop."""

    def __init__(self, settings: PublisherSettings, admin: ShopifyAdmin) -> None:
        self._admin = admin
        self._timeout_s = settings.shopify_media_timeout_s
        # Its own client: the staged target is another host, which must not be sent the token.
        self._storage = VendorClient(
            "Shopify's staged upload",
            "",
            key_setting="nothing: the address is signed",
            headers={},
            timeout_s=settings.vendor_timeout_s,
            read_error=_read_storage_error,
        )

    async def aclose(self) -> None:
        await self._storage.aclose()

    async def ready_file(self, order: PublishOrder, journal: Journal) -> str:
        """The id of the order's picture, ready to be a product's. A file that failed before is made again."""
        file = await self._known_file(order, journal)
        if file is None:
            await journal.intend(MEDIA)
            file = await self._make(order)
            await journal.record(MEDIA, file.id)
        return await self._when_ready(file)

    async def _known_file(self, order: PublishOrder, journal: Journal) -> File | None:
        recorded = journal.recall(MEDIA)
        if recorded is not None:
            file = (await self._admin.run(FILE_STATUS, {"id": recorded}, FileStatusData)).node
            return file if file and file.file_status is not FileStatus.FAILED else None
        if not journal.was_intended(MEDIA):
            return None
        query = f"filename:{_file_name(order)}"
        found = (await self._admin.run(FIND_FILE, {"query": query}, FindFileData)).files.nodes
        file = next((file for file in found if file.file_status is not FileStatus.FAILED), None)
        if file is not None:
            await journal.record(MEDIA, file.id)
        return file

    async def _make(self, order: PublishOrder) -> File:
        data = await order.artwork.web_bytes()
        staged = await self._stage(order, data)
        wanted = {
            "alt": order.title,
            "contentType": "IMAGE",
            "originalSource": staged.resource_url,
            "filename": _file_name(order),
            "duplicateResolutionMode": "REPLACE",
        }
        made = (await self._admin.run(CREATE_FILE, {"files": [wanted]}, CreateFileData)).file_create.files
        if not made:
            raise ApiFailed("Shopify made no file and did not say why")
        return made[0]

    async def _stage(self, order: PublishOrder, data: bytes) -> StagedTarget:
        wanted = {
            "resource": "IMAGE",
            "filename": _file_name(order),
            "mimeType": order.web_media_type,
            "fileSize": str(len(data)),
            "httpMethod": "POST",
        }
        targets = (
            await self._admin.run(STAGE_UPLOAD, {"input": [wanted]}, StageUploadData)
        ).staged_uploads_create.staged_targets
        if not targets:
            raise ApiFailed("Shopify named no place to upload to and did not say why")
        target = targets[0]
        try:
            request = self._storage.http.build_request(
                "POST",
                target.url,
                data={parameter.name: parameter.value for parameter in target.parameters},
                files={"file": (_file_name(order), data, order.web_media_type)},
            )
        except httpx.InvalidURL as error:
            raise ApiFailed(f"Shopify named no place to upload to: {target.url!r}") from error
        if request.url.scheme not in ("https", self._admin.scheme):
            raise ApiFailed(f"Shopify wants an upload in the clear, at {request.url.host}; it is not made")
        await self._storage.send(request)
        return target

    async def _when_ready(self, file: File) -> str:
        deadline = time.monotonic() + self._timeout_s
        pause_s = FIRST_POLL_S
        while file.file_status is not FileStatus.READY:
            if file.file_status is FileStatus.FAILED:
                said = "; ".join(f"{error.code} {error.details or error.message}" for error in file.file_errors)
                raise ApiFailed(f"Shopify could not take the picture in ({said or 'no reason given'})")
            if time.monotonic() >= deadline:
                raise TimedOut(
                    f"Shopify has not made the picture ready in {self._timeout_s:.0f} s; it is waited for again"
                )
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_POLL_S, pause_s * 1.5)
            node = (await self._admin.run(FILE_STATUS, {"id": file.id}, FileStatusData)).node
            if node is None:
                raise ApiFailed(f"Shopify lost the picture {file.id} while it was made ready")
            file = node
        return file.id


def _file_name(order: PublishOrder) -> str:
    suffix = _SUFFIXES.get(order.web_media_type)
    if suffix is None:
        raise InvalidRequest(f"Shopify shows PNG, JPEG and WebP pictures, and this one is {order.web_media_type}")
    return f"{order.print_file.sha256}.{suffix}"


def _read_storage_error(response: httpx.Response) -> WorkError:
    """Whatever is wrong with a staged target, another attempt gets another one."""
    return ApiFailed(f"Shopify's staged upload answered {response.status_code}: {excerpt(response)}")
