"""Gemini's Batch API: pictures at half the price, made by a job that runs for up to a day.

Its input and output are files, never inline: inline results of picture jobs have been reported as billed and never
retrievable. Creating a job costs money and is not idempotent, so the caller stores the display name first, and after a
crash `find` goes through the vendor's list; an upload that was cut off costs nothing and is begun anew. Talks HTTP
itself, because the vendor's SDK cannot list jobs once one of them has a bad row. Source: ai.google.dev, "Batch API"
and "Files API", v1beta, 2026-11.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import aclosing
from http import HTTPStatus
from typing import IO

import httpx

from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.errors import ApiFailed, AuthFailed, InvalidRequest
from pressroom.runtime.vendors.gemini import API, KEY_SETTING, MODEL_SETTING, VENDOR, NotFound, gemini_client

from .gemini_requests import request_line
from .gemini_results import lines_of, row_of_inline, row_of_line
from .gemini_wire import (
    Operation,
    OperationList,
    Uploaded,
    job_of,
    output_of,
)
from .provider_jobs import InputForgotten, JobForgotten, ResultRow, VendorJob, WantedRow
from .settings import BatchPollerSettings

UPLOAD_CHUNK_BYTES = 8 * 2**20
INPUT_MAX_BYTES = 2 * 2**30
"""Chunk and file size of the Files API."""

_SPOOL_BYTES = UPLOAD_CHUNK_BYTES
_PAGE_SIZE = 100


class GeminiBatches:
    """The `BatchProvider` of Gemini."""

    name = ProviderName.GEMINI

    def __init__(self, settings: BatchPollerSettings) -> None:
        self.default_model = settings.gemini_model
        self._has_key = settings.gemini_api_key is not None
        self._client = gemini_client(settings)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def upload(self, rows: Iterable[WantedRow] | AsyncIterable[WantedRow], display_name: str) -> str:
        """Written to a temporary file row by row, sent in chunks: never whole in memory."""
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            async for row in _each(rows):
                spool.write(request_line(row))
            return await self._send_file(spool, spool.tell(), display_name)

    async def find(self, display_name: str) -> VendorJob | None:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for job in page:
                    if job.display_name == display_name:
                        return job
        return None

    async def pages(self) -> AsyncGenerator[tuple[VendorJob, ...]]:
        seen: set[str] = set()
        params: dict[str, str | int] = {"pageSize": _PAGE_SIZE}
        while True:
            response = await self._send(self._client.http.build_request("GET", f"{API}/batches", params=params))
            page = self._client.read(response, OperationList)
            yield tuple(_job(operation) for operation in page.operations)
            token = page.next_page_token
            if not token:
                return
            if token in seen:
                raise ApiFailed(f"{VENDOR} lists its jobs in a circle, so nobody knows which there are")
            seen.add(token)
            params["pageToken"] = token

    async def create(self, model: str, input_file: str, display_name: str) -> VendorJob:
        body = {"batch": {"displayName": display_name, "inputConfig": {"fileName": input_file}}}
        request = self._client.http.build_request("POST", f"{API}/models/{model}:batchGenerateContent", json=body)
        try:
            response = await self._send(request)
        except (InvalidRequest, AuthFailed) as error:
            if input_file.removeprefix("files/") in str(error):
                raise InputForgotten(f"{error}; upload the rows again") from error
            if isinstance(error, NotFound):
                raise InvalidRequest(
                    f"{VENDOR} has no model {model!r} that makes batches: set {MODEL_SETTING}, or the batch's "
                    f"own model, to one that it has ({error})"
                ) from error
            raise
        return _job(self._client.read(response, Operation))

    async def status(self, name: str) -> VendorJob:
        try:
            response = await self._send(self._client.http.build_request("GET", f"{API}/{name}"))
        except NotFound as error:
            raise JobForgotten(f"{VENDOR} knows no job {name} any more; submit its images again ({error})") from error
        return _job(self._client.read(response, Operation))

    async def results(self, job: VendorJob) -> AsyncGenerator[ResultRow]:
        for row in job.inline_results or ():
            yield row
        if job.results_file is None:
            return
        # The file's own record cannot be asked for: its name is longer than `files.get` takes.
        request = self._client.http.build_request("GET", f"{API}/{job.results_file}:download", params={"alt": "media"})
        try:
            async with self._client.stream(self._authorised(request)) as response:
                _refuse_page(response)
                async for line in lines_of(response.aiter_bytes()):
                    yield await asyncio.to_thread(row_of_line, line)
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

    async def _send_file(self, spool: IO[bytes], size: int, display_name: str) -> str:
        if size == 0:
            raise InvalidRequest("a job without rows cannot be made")
        if size > INPUT_MAX_BYTES:
            raise InvalidRequest(f"{size} bytes of rows are more than {VENDOR} takes in one file; split the batch")
        url = await self._begin_upload(size, display_name)
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
                return self._client.read(response, Uploaded).file.name
            offset += len(chunk)

    async def _begin_upload(self, size: int, display_name: str) -> httpx.URL:
        headers = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(size),
            "X-Goog-Upload-Header-Content-Type": "application/jsonl",
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


async def _each(rows: Iterable[WantedRow] | AsyncIterable[WantedRow]) -> AsyncIterator[WantedRow]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row


def _refuse_page(response: httpx.Response) -> None:
    """A gateway's page with status 200 would read as a bad row for every line of it."""
    media_type = response.headers.get("content-type", "")
    if response.status_code != HTTPStatus.OK or media_type.startswith("text/html"):
        raise ApiFailed(f"{VENDOR} answered a download with {response.status_code} and {media_type or 'no type'}")


def _job(operation: Operation) -> VendorJob:
    inlined = output_of(operation).inlined_responses
    rows = [row_of_inline(value) for value in inlined.inlined_responses] if inlined else None
    return job_of(operation, rows)
