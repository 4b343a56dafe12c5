"""OpenAI's batches and files on the wire: the shapes that we read.

Read leniently: one batch of a strange shape must not hide the others of a list. Nothing here is stored, so a process
that dies loses nothing. Source: openai-python 3.52.0, `types/batch.py` and `types/file_object.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from pressroom.runtime.vendors.openai import MODEL_SETTING, TEXT_MODEL_SETTING, VENDOR, Wire
from pressroom.runtime.vendors.openai_texts import RESPONSES

from .provider_jobs import VendorJob, VendorJobState

OutsideName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""A batch's or a file's id, which becomes part of a path."""

STATES = {
    "validating": VendorJobState.PENDING,
    "in_progress": VendorJobState.RUNNING,
    "finalizing": VendorJobState.RUNNING,
    "cancelling": VendorJobState.RUNNING,
    "completed": VendorJobState.SUCCEEDED,
    "failed": VendorJobState.FAILED,
    "expired": VendorJobState.EXPIRED,
    "cancelled": VendorJobState.CANCELLED,
}
"""A status that is not here may be new, and counts as running."""

_FAULTS_TOLD = 3


class BatchFault(Wire):
    """What is wrong with an input file; `line` counts from 1."""

    code: str | None = None
    message: str | None = None
    line: int | None = None

    def said(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        return f"{where}{self.message or self.code or 'no reason given'}"


class BatchFaults(Wire):
    data: tuple[BatchFault, ...] | None = None


class Counts(Wire):
    total: int | None = None
    completed: int | None = None
    failed: int | None = None


class Batch(Wire):
    """One batch job."""

    id: OutsideName
    status: str = ""
    endpoint: str | None = None
    model: str | None = None
    metadata: object = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    expired_at: datetime | None = None
    cancelled_at: datetime | None = None
    input_file_id: OutsideName | Literal[""] | None = None
    output_file_id: OutsideName | Literal[""] | None = None
    error_file_id: OutsideName | Literal[""] | None = None
    request_counts: Counts | None = None
    errors: object = None

    @property
    def display_name(self) -> str:
        """As we gave it; empty for a batch that somebody else made."""
        try:
            return _TEXTS.validate_python(self.metadata).get("display_name", "")
        except ValidationError:
            return ""


_TEXTS = TypeAdapter(dict[str, str])


class BatchList(Wire):
    data: tuple[Batch, ...] = ()
    has_more: bool = False


class FileRecord(Wire):
    id: OutsideName
    filename: str = ""
    bytes: int | None = None


@dataclass(frozen=True)
class OpenAIJob(VendorJob):
    """A batch keeps the rows that it refused in a file of their own."""

    errors_file: str | None = None

    @property
    def has_results(self) -> bool:
        return super().has_results or self.errors_file is not None


def job_of(batch: Batch) -> OpenAIJob:
    counts = batch.request_counts or Counts()
    return OpenAIJob(
        name=batch.id,
        display_name=batch.display_name,
        state=STATES.get(batch.status, VendorJobState.RUNNING),
        raw_state=batch.status,
        model=batch.model or None,
        created_at=batch.created_at,
        ended_at=batch.completed_at or batch.failed_at or batch.expired_at or batch.cancelled_at,
        results_file=batch.output_file_id or None,
        errors_file=batch.error_file_id or None,
        error=_why_failed(batch),
        request_count=counts.total,
        succeeded_count=counts.completed,
        failed_count=counts.failed,
    )


def _why_failed(batch: Batch) -> str | None:
    """What is wrong with the batch as a whole; None when nothing is told."""
    try:
        faults = BatchFaults.model_validate(batch.errors).data or ()
    except ValidationError:
        return None
    if not faults:
        return None
    said = "; ".join(fault.said() for fault in faults[:_FAULTS_TOLD])
    if any(fault.code == "model_not_found" for fault in faults):
        setting = TEXT_MODEL_SETTING if batch.endpoint == RESPONSES else MODEL_SETTING
        return f"{VENDOR} has no such model in batches: set {setting}, or the batch's own model ({said})"
    return f"{VENDOR} refused the batch ({said})"
