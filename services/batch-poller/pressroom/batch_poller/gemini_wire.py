"""Gemini's Batch API on the wire: the shapes that we read, and what its errors mean.

Read leniently: a job's record may carry details of one bad row in any shape, and that must not hide the other jobs of
a list. Nothing here is stored, so a process that dies loses nothing. Source: ai.google.dev, "Batch API" and "Files
API", v1beta, 2026-11.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from pressroom.runtime.errors import AuthFailed, InvalidRequest, RateLimited, WorkError
from pressroom.runtime.vendor_http import excerpt, retry_after_s

from .provider_jobs import ResultRow, VendorJob, VendorJobState

VENDOR = "Gemini"
KEY_SETTING = "PRESSROOM_GEMINI_API_KEY"

OutsideName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]+$")]
"""A resource's name, which becomes part of a path."""


class Wire(BaseModel):
    """Camel case outside, unknown fields ignored."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class ErrorDetail(Wire):
    """`google.rpc.ErrorInfo` has a reason, `google.rpc.RetryInfo` a delay such as `34s`."""

    reason: str | None = None
    retry_delay: str | None = None


class Refusal(Wire):
    """`google.rpc.Status`: as the error of a request its code is an HTTP status, elsewhere one of gRPC's."""

    code: int | None = None
    message: str = ""
    status: str | None = None
    details: object = None

    def said(self) -> str:
        return (
            " ".join(part for part in (self.status or str(self.code or ""), self.message) if part) or "no reason given"
        )


class Refused(Wire):
    error: Refusal


class InlinedResponses(Wire):
    inlined_responses: tuple[object, ...] = ()


class Output(Wire):
    responses_file: OutsideName | None = None
    inlined_responses: InlinedResponses | None = None


class BatchStats(Wire):
    """Numbers of 64 bits travel as strings."""

    request_count: int | None = None
    successful_request_count: int | None = None
    failed_request_count: int | None = None


class BatchRecord(Wire):
    state: str = ""
    model: str | None = None
    display_name: str = ""
    create_time: datetime | None = None
    output: Output | None = None
    batch_stats: BatchStats | None = None


class Operation(Wire):
    """One batch job, as a long-running operation."""

    name: OutsideName
    metadata: BatchRecord = BatchRecord()
    done: bool = False
    response: Output | None = None
    error: Refusal | None = None


class OperationList(Wire):
    operations: tuple[Operation, ...] = ()
    next_page_token: str | None = None


class FileRecord(Wire):
    name: OutsideName


class Uploaded(Wire):
    file: FileRecord


class NotFound(InvalidRequest):
    """404; what was not found is known to whoever asked."""


def state_of(operation: Operation) -> VendorJobState:
    """Matched on the suffix: the API writes BATCH_STATE_…, the vendor's SDK JOB_STATE_…."""
    raw = operation.metadata.state.upper()
    for state in VendorJobState:
        if raw.endswith(state.name):
            return state
    if operation.done:
        return VendorJobState.FAILED if operation.error else VendorJobState.SUCCEEDED
    return VendorJobState.RUNNING


def output_of(operation: Operation) -> Output:
    """Where the results are: in the metadata, or in the response of an operation that is done."""
    return operation.metadata.output or operation.response or Output()


def job_of(operation: Operation, inline_results: Sequence[ResultRow] | None) -> VendorJob:
    record = operation.metadata
    stats = record.batch_stats or BatchStats()
    return VendorJob(
        name=operation.name,
        display_name=record.display_name,
        state=state_of(operation),
        raw_state=record.state,
        model=record.model.removeprefix("models/") if record.model else None,
        created_at=record.create_time,
        results_file=output_of(operation).responses_file,
        inline_results=tuple(inline_results) if inline_results is not None else None,
        error=operation.error.said() if operation.error else None,
        request_count=stats.request_count,
        succeeded_count=stats.successful_request_count,
        failed_count=stats.failed_request_count,
    )


def read_error(response: httpx.Response) -> WorkError | None:
    """What Gemini says beyond the status code: a wrong key comes as 400, the time to wait in the details."""
    refusal = _refusal_of(response)
    details = _details_of(refusal)
    said = f"{VENDOR} answered {response.status_code} to {response.request.method} {response.request.url.path}"
    if any(detail.reason == "API_KEY_INVALID" for detail in details):
        return AuthFailed(f"{said}: the key is not valid (check {KEY_SETTING})")
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        waits = [wait for detail in details if (wait := _seconds(detail.retry_delay)) is not None]
        return RateLimited(f"{said}: {excerpt(response)}", retry_after_s(response) or max(waits, default=None))
    if response.status_code == HTTPStatus.NOT_FOUND:
        return NotFound(f"{said}: {refusal.said() if refusal else excerpt(response)}")
    return None


def _refusal_of(response: httpx.Response) -> Refusal | None:
    try:
        return Refused.model_validate_json(response.content).error
    except ValidationError:
        return None


def _details_of(refusal: Refusal | None) -> list[ErrorDetail]:
    found: list[ErrorDetail] = []
    details = refusal.details if refusal else None
    if isinstance(details, list):
        for detail in details:  # pyright: ignore[reportUnknownVariableType]
            try:
                found.append(ErrorDetail.model_validate(detail))
            except ValidationError:
                continue
    return found


def _seconds(duration: str | None) -> float | None:
    """A `google.protobuf.Duration` in JSON: seconds with a fraction and an s."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)s", duration or "")
    return float(match.group(1)) if match else None
