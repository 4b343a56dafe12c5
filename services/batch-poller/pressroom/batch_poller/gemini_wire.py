"""Gemini's Batch API on the wire: the shapes of jobs and files that we read.

Read leniently: a job's record may carry details of one bad row in any shape, and that must not hide the other jobs of
a list. Nothing here is stored, so a process that dies loses nothing. Source: ai.google.dev, "Batch API" and "Files
API", v1beta, 2026-11.
"""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from pressroom.runtime.vendors.gemini import Refusal, Wire

from .provider_jobs import VendorJob, VendorJobState

OutsideName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]+$")]
"""A resource's name, which becomes part of a path."""


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
    end_time: datetime | None = None
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
    """`uri` is how a request refers to the file."""

    name: OutsideName
    uri: str = ""


class Uploaded(Wire):
    file: FileRecord


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


def job_of(operation: Operation) -> VendorJob:
    output = output_of(operation)
    record = operation.metadata
    stats = record.batch_stats or BatchStats()
    return VendorJob(
        name=operation.name,
        display_name=record.display_name,
        state=state_of(operation),
        raw_state=record.state,
        model=record.model.removeprefix("models/") if record.model else None,
        created_at=record.create_time,
        ended_at=record.end_time,
        results_file=output.responses_file,
        inline_results=output.inlined_responses.inlined_responses if output.inlined_responses else None,
        error=operation.error.said() if operation.error else None,
        request_count=stats.request_count,
        succeeded_count=stats.successful_request_count,
        failed_count=stats.failed_request_count,
    )
