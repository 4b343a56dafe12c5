"""OpenAI's Batch API: pictures and texts made by a job that may take a day, from a file of rows into a file of answers.

Creating a batch costs money and is not idempotent, so the caller stores the display name first: it travels as
`metadata.display_name`, and after a crash `find` goes through the vendor's list. An upload that was cut off costs
nothing and is begun anew. What a job makes decides which endpoint its rows go to: pictures, edits of reference
pictures, or texts. Reference pictures are uploaded once and named in every row.
Source: openai-python 3.52.0 (files, batches) and OpenAI's "Batch API" guide, 2026-11.
"""

import asyncio
import io
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import IO

import httpx

from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.errors import ApiFailed, AuthFailed, InvalidRequest, ModelGone, WorkError
from pressroom.runtime.vendors.models import model_gone
from pressroom.runtime.vendors.openai import (
    KEY_SETTING,
    MODEL_SETTING,
    TEXT_MODEL_SETTING,
    VENDOR,
    openai_client,
    read_openai_error,
)
from pressroom.runtime.vendors.openai_images import size_for
from pressroom.runtime.vendors.pictures import reference_type

from .openai_requests import endpoint_of, request_line
from .openai_results import row_of_line
from .openai_wire import Batch, BatchList, FileRecord, OpenAIJob, job_of
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

INPUT_MAX_BYTES = 200 * 10**6
INPUT_MAX_ROWS = 50_000
"""What one batch takes (openai-python 3.52.0, `batches.create`)."""

INPUT_LIFE_S = 7 * 86_400
OUTPUT_LIFE_S = 30 * 86_400
"""Long after every job is over, so that files which nobody deletes do not gather at the vendor's."""

_FILES = "/v1/files"
_BATCHES = "/v1/batches"
_SPOOL_BYTES = 8 * 2**20
_PAGE_SIZE = 100


class NotFound(InvalidRequest):
    """404; what was not found is known to whoever asked."""


class OpenAIBatches:
    """The `BatchProvider` of OpenAI."""

    name = ProviderName.OPENAI

    def __init__(self, settings: BatchPollerSettings) -> None:
        self.default_model = settings.openai_model
        self.default_text_model = settings.openai_text_model
        self.grade = settings.openai_quality
        self._settings = settings
        key = settings.openai_api_key
        self._has_key = key is not None and bool(key.get_secret_value())
        self._client = openai_client(settings, _read_error)

    async def aclose(self) -> None:
        await self._client.aclose()

    def asked_px(self, model: str, width_px: int, height_px: int) -> tuple[int, int]:
        return size_for(model, width_px, height_px)

    async def upload(
        self, job: WantedJob, rows: AnyIterable[WantedRow], references: AnyIterable[Reference] = ()
    ) -> str:
        """Written to a temporary file row by row, and sent from there: never whole in memory."""
        file_ids: dict[str, str] = {}
        async for reference in each(references):
            file_ids[reference.name] = await self._upload_picture(reference.data, len(file_ids) + 1)
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            count = 0
            async for row in each(rows):
                spool.write(request_line(job, row, self._settings, file_ids))
                count += 1
            size = spool.tell()
            if count > INPUT_MAX_ROWS:
                raise InvalidRequest(
                    f"{count} rows are more than {VENDOR} takes in one batch: lower "
                    f"{LIMIT_SETTING}, so that it is split"
                )
            if size == 0:
                raise InvalidRequest("a job without rows cannot be made")
            if size > INPUT_MAX_BYTES:
                raise InvalidRequest(
                    f"{size} bytes of rows are more than {VENDOR} takes in one batch: lower "
                    f"{LIMIT_SETTING}, so that it is split"
                )
            record = await self._send_file("batch", (f"{job.display_name}.jsonl", spool, "application/jsonl"))
        if record.bytes is not None and record.bytes != size:
            raise ApiFailed(f"{VENDOR} kept {record.bytes} of {size} bytes of rows; upload them again")
        return record.id

    async def _upload_picture(self, data: bytes, place: int) -> str:
        media_type = reference_type(data, place, VENDOR)
        name = f"{place}.{media_type.removeprefix('image/')}"
        return (await self._send_file("vision", (name, io.BytesIO(data), media_type))).id

    async def find(self, display_name: str) -> VendorJob | None:
        return await found_among(self.pages(), display_name)

    async def pages(self) -> AsyncGenerator[tuple[VendorJob, ...]]:
        seen: set[str] = set()
        params: dict[str, str | int] = {"limit": _PAGE_SIZE}
        while True:
            response = await self._send(self._client.http.build_request("GET", _BATCHES, params=params))
            page = self._client.read(response, BatchList)
            yield tuple(job_of(batch) for batch in page.data)
            if not page.has_more or not page.data:
                return
            last = page.data[-1].id
            if last in seen:
                raise ApiFailed(f"{VENDOR} lists its jobs in a circle, so nobody knows which there are")
            seen.add(last)
            params["after"] = last

    async def create(self, job: WantedJob, input_file: str) -> VendorJob:
        await self._require_model(job)
        body = {
            "input_file_id": input_file,
            "endpoint": endpoint_of(job),
            "completion_window": "24h",
            "metadata": {"display_name": job.display_name},
            "output_expires_after": {"anchor": "created_at", "seconds": OUTPUT_LIFE_S},
        }
        try:
            response = await self._send(self._client.http.build_request("POST", _BATCHES, json=body))
        except InvalidRequest as error:
            if input_file in str(error):
                raise InputForgotten(f"{error}; upload the rows again") from error
            raise
        return job_of(self._client.read(response, Batch))

    async def status(self, name: str) -> VendorJob:
        try:
            batch = await self._batch(name)
        except NotFound as error:
            raise JobForgotten(f"{VENDOR} knows no job {name} any more; submit its images again ({error})") from error
        return job_of(batch)

    async def results(self, job: VendorJob, *, texts: bool = False) -> AsyncGenerator[ResultRow]:
        """First what was made, then what was refused, which is in a file of its own."""
        errors_file = job.errors_file if isinstance(job, OpenAIJob) else None
        for file_id in (job.results_file, errors_file):
            if file_id is None:
                continue
            try:
                async with self._content(file_id) as response:
                    async for line in lines_of(response.aiter_bytes()):
                        row = await asyncio.to_thread(row_of_line, line, texts=texts)
                        if row is not None:
                            yield row
            except NotFound as error:
                raise JobForgotten(f"{VENDOR} has the results of {job.name} no more: {error}") from error

    async def cancel(self, name: str) -> None:
        try:
            await self._send(self._client.http.build_request("POST", f"{_BATCHES}/{name}/cancel"))
        except NotFound:
            return
        except InvalidRequest:
            if not (await self.status(name)).is_ended:
                raise

    async def delete(self, name: str) -> None:
        """The files of the job: the record itself stays in the vendor's list, which has no way to delete it."""
        try:
            batch = await self._batch(name)
        except NotFound:
            return
        for file_id in (batch.input_file_id, batch.output_file_id, batch.error_file_id):
            if not file_id:
                continue
            try:
                await self._send(self._client.http.build_request("DELETE", f"{_FILES}/{file_id}"))
            except NotFound:
                continue

    async def _batch(self, name: str) -> Batch:
        return self._client.read(await self._send(self._client.http.build_request("GET", f"{_BATCHES}/{name}")), Batch)

    async def _require_model(self, job: WantedJob) -> None:
        """A dead model would fail the batch as a whole, and only after a while."""
        setting, default, makes = (
            (MODEL_SETTING, self.default_model, "pictures")
            if job.text_kind is None
            else (TEXT_MODEL_SETTING, self.default_text_model, "texts")
        )
        try:
            await self._send(self._client.http.build_request("GET", f"/v1/models/{job.model}"))
        except (NotFound, ModelGone) as error:
            is_named = job.model != default
            raise model_gone(VENDOR, job.model, setting, error, named_by_batch=is_named, makes=makes) from error

    async def _send_file(self, purpose: str, file: tuple[str, IO[bytes], str]) -> FileRecord:
        """Stored for as long as a job may need it; `file` is its name, its bytes and its type."""
        file[1].seek(0)
        expiry = {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(INPUT_LIFE_S)}
        request = self._client.http.build_request(
            "POST", _FILES, data={"purpose": purpose, **expiry}, files={"file": file}
        )
        return self._client.read(await self._send(request), FileRecord)

    @asynccontextmanager
    async def _content(self, file_id: str) -> AsyncGenerator[httpx.Response]:
        """A file's bytes, still to be read. A gateway's page would read as a bad row for every line of it."""
        request = self._client.http.build_request("GET", f"{_FILES}/{file_id}/content")
        async with self._client.stream(self._authorised(request)) as response:
            media_type = response.headers.get("content-type", "")
            if response.status_code != HTTPStatus.OK or media_type.startswith("text/html"):
                raise ApiFailed(
                    f"{VENDOR} answered a download with {response.status_code} and {media_type or 'no type'}"
                )
            yield response

    async def _send(self, request: httpx.Request) -> httpx.Response:
        return await self._client.send(self._authorised(request))

    def _authorised(self, request: httpx.Request) -> httpx.Request:
        if not self._has_key:
            raise AuthFailed(f"{VENDOR} needs a key: set {KEY_SETTING}")
        return request


def _read_error(response: httpx.Response) -> WorkError | None:
    error = read_openai_error(response)
    is_plain = type(error) is InvalidRequest
    return NotFound(str(error)) if is_plain and response.status_code == HTTPStatus.NOT_FOUND else error
