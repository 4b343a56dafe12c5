"""Gemini's Batch API: pictures and texts at half the price, made by a job that runs for up to a day.

Its input and output are files, never inline: inline results of picture jobs have been reported as billed and never
retrievable. Creating a job costs money and is not idempotent, so the caller stores the display name first, and after a
crash `find` goes through the vendor's list; an upload that was cut off costs nothing and is begun anew. Reference
pictures are files too, which the vendor keeps for two days, as long as a job may take. Talks HTTP itself, because the
vendor's SDK cannot list jobs once one of them has a bad row. Source: ai.google.dev, "Batch API" and "Files API",
v1beta, 2026-11.
"""

import asyncio
import io
import tempfile
from collections.abc import AsyncGenerator, Mapping
from http import HTTPStatus
from typing import IO

import httpx

from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.errors import ApiFailed, AuthFailed, InvalidRequest
from pressroom.runtime.logs import get_logger
from pressroom.runtime.vendors.gemini import (
    API,
    KEY_SETTING,
    MODEL_SETTING,
    TEXT_MODEL_SETTING,
    VENDOR,
    NotFound,
    gemini_client,
)
from pressroom.runtime.vendors.gemini_content import Part, stored_picture
from pressroom.runtime.vendors.pictures import reference_type
from pressroom.runtime.webhook_urls import webhook_url

from .gemini_requests import request_line
from .gemini_results import row_of_inline, row_of_line
from .gemini_wire import FileRecord, Operation, OperationList, Uploaded, job_of
from .provider_jobs import (
    AnyIterable,
    InputForgotten,
    JobForgotten,
    Reference,
    ResultRow,
    VendorJob,
    WantedJob,
    WantedRow,
    each,
    found_among,
)
from .result_lines import lines_of
from .settings import LIMIT_SETTING, BatchPollerSettings

UPLOAD_CHUNK_BYTES = 8 * 2**20
INPUT_MAX_BYTES = 2 * 2**30
"""Chunk and file size of the Files API."""

_SPOOL_BYTES = UPLOAD_CHUNK_BYTES
_PAGE_SIZE = 100

log = get_logger(__name__)


class GeminiBatches:
    """The `BatchProvider` of Gemini."""

    name = ProviderName.GEMINI
    grade = None

    def __init__(self, settings: BatchPollerSettings) -> None:
        self.default_model = settings.gemini_model
        self.default_text_model = settings.gemini_text_model
        self._settings = settings
        self._has_key = settings.gemini_api_key is not None
        self._client = gemini_client(settings)

    async def aclose(self) -> None:
        await self._client.aclose()

    def asked_px(self, model: str, width_px: int, height_px: int) -> tuple[int, int]:
        """Gemini is asked for the nearest of its sizes, and the prices' limits lie in the middle between these."""
        return width_px, height_px

    async def upload(
        self, job: WantedJob, rows: AnyIterable[WantedRow], references: AnyIterable[Reference] = ()
    ) -> str:
        """Written to a temporary file row by row, sent in chunks: never whole in memory."""
        shown: dict[str, Part] = {}
        async for reference in each(references):
            shown[reference.name] = await self._upload_picture(job, reference.data, len(shown) + 1)
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            async for row in each(rows):
                spool.write(request_line(job, row, shown))
            size = spool.tell()
            if size == 0:
                raise InvalidRequest("a job without rows cannot be made")
            if size > INPUT_MAX_BYTES:
                raise InvalidRequest(
                    f"{size} bytes of rows are more than {VENDOR} takes in one file: lower "
                    f"{LIMIT_SETTING}, so that the batch becomes more jobs"
                )
            return (await self._send_file(spool, size, job.display_name, "application/jsonl")).name

    async def _upload_picture(self, job: WantedJob, data: bytes, place: int) -> Part:
        media_type = reference_type(data, place, VENDOR)
        stored = await self._send_file(io.BytesIO(data), len(data), f"{job.display_name} {place}", media_type)
        if not stored.uri:
            raise ApiFailed(f"{VENDOR} named no address of reference picture {place}; upload it again")
        return stored_picture(stored.uri, media_type)

    async def find(self, display_name: str) -> VendorJob | None:
        return await found_among(self.pages(), display_name)

    async def pages(self) -> AsyncGenerator[tuple[VendorJob, ...]]:
        seen: set[str] = set()
        params: dict[str, str | int] = {"pageSize": _PAGE_SIZE}
        while True:
            response = await self._send(self._client.http.build_request("GET", f"{API}/batches", params=params))
            page = self._client.read(response, OperationList)
            yield tuple(job_of(operation) for operation in page.operations)
            token = page.next_page_token
            if not token:
                return
            if token in seen:
                raise ApiFailed(f"{VENDOR} lists its jobs in a circle, so nobody knows which there are")
            seen.add(token)
            params["pageToken"] = token

    async def create(self, job: WantedJob, input_file: str) -> VendorJob:
        batch = {"displayName": job.display_name, "inputConfig": {"fileName": input_file}}
        told_at = webhook_url(self._settings, self.name, job.display_name)
        try:
            response = await self._send_batch(job.model, batch, told_at)
        except (InvalidRequest, AuthFailed) as error:
            if input_file.removeprefix("files/") in str(error):
                raise InputForgotten(f"{error}; upload the rows again") from error
            if isinstance(error, NotFound):
                setting = MODEL_SETTING if job.text_kind is None else TEXT_MODEL_SETTING
                raise InvalidRequest(
                    f"{VENDOR} has no model {job.model!r} that makes batches: set {setting}, or the batch's "
                    f"own model, to one that it has ({error})"
                ) from error
            raise
        return job_of(self._client.read(response, Operation))

    async def _send_batch(self, model: str, batch: Mapping[str, object], told_at: str | None) -> httpx.Response:
        """With the address where the job's end is to be told. That is a help and no more: if the vendor refuses it, and
        so makes no job, it is asked for the same job without it."""
        url = f"{API}/models/{model}:batchGenerateContent"
        if told_at is not None:
            body = {"batch": {**batch, "webhookConfig": {"uris": [told_at]}}}
            try:
                return await self._send(self._client.http.build_request("POST", url, json=body))
            except InvalidRequest as error:
                said = str(error).replace(told_at, "our address")
                if "webhook" not in said.lower():
                    raise
                log.warning("provider_job.webhook_refused", setting="PRESSROOM_PUBLIC_URL", reason=said)
        return await self._send(self._client.http.build_request("POST", url, json={"batch": batch}))

    async def status(self, name: str) -> VendorJob:
        try:
            response = await self._send(self._client.http.build_request("GET", f"{API}/{name}"))
        except NotFound as error:
            raise JobForgotten(f"{VENDOR} knows no job {name} any more; submit its images again ({error})") from error
        return job_of(self._client.read(response, Operation))

    async def results(self, job: VendorJob, *, texts: bool = False) -> AsyncGenerator[ResultRow]:
        for value in job.inline_results or ():
            yield row_of_inline(value, texts=texts)
        if job.results_file is None:
            return
        # The file's own record cannot be asked for: its name is longer than `files.get` takes.
        request = self._client.http.build_request("GET", f"{API}/{job.results_file}:download", params={"alt": "media"})
        try:
            async with self._client.stream(self._authorised(request)) as response:
                _refuse_page(response)
                async for line in lines_of(response.aiter_bytes()):
                    yield await asyncio.to_thread(row_of_line, line, texts=texts)
        except (NotFound, AuthFailed) as error:
            if isinstance(error, NotFound) or job.results_file.removeprefix("files/") in str(error):
                raise JobForgotten(
                    f"{VENDOR} has the results of {job.name} no more; submit its images again ({error})"
                ) from error
            raise

    async def cancel(self, name: str) -> None:
        try:
            await self._send(self._client.http.build_request("POST", f"{API}/{name}:cancel", json={}))
        except NotFound:
            return
        except InvalidRequest:
            if not (await self.status(name)).is_ended:
                raise

    async def delete(self, name: str) -> None:
        try:
            await self._send(self._client.http.build_request("DELETE", f"{API}/{name}"))
        except NotFound:
            return

    async def _send_file(self, spool: IO[bytes], size: int, display_name: str, media_type: str) -> FileRecord:
        url = await self._begin_upload(size, display_name, media_type)
        spool.seek(0)
        offset = 0
        while True:
            chunk = await asyncio.to_thread(spool.read, UPLOAD_CHUNK_BYTES)
            is_last = offset + len(chunk) >= size
            headers = {
                "X-Goog-Upload-Offset": str(offset),
                "X-Goog-Upload-Command": "upload, finalize" if is_last else "upload",
            }
            response = await self._send(self._client.http.build_request("POST", url, content=chunk, headers=headers))
            if is_last:
                return self._client.read(response, Uploaded).file
            offset += len(chunk)

    async def _begin_upload(self, size: int, display_name: str, media_type: str) -> httpx.URL:
        headers = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(size),
            "X-Goog-Upload-Header-Content-Type": media_type,
        }
        body = {"file": {"displayName": display_name}}
        response = await self._send(
            self._client.http.build_request("POST", f"/upload{API}/files", json=body, headers=headers)
        )
        try:
            url = httpx.URL(response.headers.get("x-goog-upload-url", ""))
        except httpx.InvalidURL as error:
            raise ApiFailed(f"{VENDOR} named no address to upload to") from error
        if url.host != self._client.http.base_url.host:
            raise ApiFailed(f"{VENDOR} wants an upload at {url.host or 'no host'}, which must not be sent the key")
        return url

    async def _send(self, request: httpx.Request) -> httpx.Response:
        return await self._client.send(self._authorised(request))

    def _authorised(self, request: httpx.Request) -> httpx.Request:
        if not self._has_key:
            raise AuthFailed(f"{VENDOR} needs a key: set {KEY_SETTING}")
        return request


def _refuse_page(response: httpx.Response) -> None:
    """A gateway's page with status 200 would read as a bad row for every line of it."""
    media_type = response.headers.get("content-type", "")
    if response.status_code != HTTPStatus.OK or media_type.startswith("text/html"):
        raise ApiFailed(f"{VENDOR} answered a download with {response.status_code} and {media_type or 'no type'}")
