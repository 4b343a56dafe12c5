"""What is told of a batch of a case's images: the files that the older scripts wrote, made of documents. Pure."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import Field

from pressroom.contracts.api import Moment
from pressroom.contracts.costs import as_dollars
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState
from pressroom.state.documents import BatchDocument, ImageDocument
from pressroom.state.machines import IMAGE_READY

from .camel import Camel

ImageType = Literal["suspect", "scene"]
Roles = Mapping[tuple[str, str], ImageType]
"""What each part of each case is, by the case's name and the part's."""

SCENE = "scene"
CSV_HEAD = ("batch_id", "date", "total", "successful", "failed", "time", "cost")
_CENT = 2


class ShownImage(Camel):
    """One image by whom it shows; a scene has no `suspectId`."""

    type: ImageType
    case_id: str
    suspect_id: str | None = None


class CompletedImage(ShownImage):
    completed_at: Moment
    image_id: str


class FailedImage(ShownImage):
    error: str


class HowFar(Camel):
    """Seconds in `elapsed` and `estimated`, which is what remains as fast as it went so far; None before the first."""

    current: int
    total: int
    percentage: int
    current_image: str | None = None
    elapsed: int
    estimated: int | None = None


class Progress(Camel):
    """The progress file."""

    batch_id: str
    start_time: Moment
    completed: list[CompletedImage]
    pending: list[ShownImage]
    failed: list[FailedImage]
    progress: HowFar


class Counts(Camel):
    total: int
    successful: int
    failed: int


class Failure(ShownImage):
    """`recoverable`: whether it can succeed as it was asked for."""

    error: str
    attempts: int
    recoverable: bool


class ErrorReport(Camel):
    """The error report; `recommendations` is empty when nothing failed."""

    batch_id: str
    summary: Counts
    failures: list[Failure]
    recommendations: list[str] = Field(description="What to do about it.")


def progress_of(batch: BatchDocument, images: Sequence[ImageDocument], roles: Roles, now: datetime) -> Progress:
    """How far a batch is; `images` is empty while it is not planned."""
    done = [image for image in images if _is_made(image)]
    failed = [image for image in images if _is_failed(image)]
    waiting = [image for image in images if not _is_made(image) and not _is_failed(image)]
    ended = len(done) + len(failed)
    total = batch.request.image_count
    elapsed = _ended_by(batch, now) - batch.created_at
    pending = [_shown(image.subject, image.part, roles) for image in waiting]
    if not images:
        wanted = batch.request.wanted()
        pending = [_shown(image.subject or batch.request.subject, image.part, roles) for image in wanted]
    at_work = next((image for image in waiting if image.state is ImageState.GENERATING), None)
    return Progress(
        batch_id=batch.id,
        start_time=batch.created_at,
        completed=[
            CompletedImage(
                **dict(_shown(image.subject, image.part, roles)), completed_at=_ended_at(image), image_id=image.id
            )
            for image in done
        ],
        pending=pending,
        failed=[FailedImage(**dict(_shown(image.subject, image.part, roles)), error=_why(image)) for image in failed],
        progress=HowFar(
            current=ended,
            total=total,
            percentage=round(100 * ended / total),
            current_image=at_work.part if at_work is not None else None,
            elapsed=round(elapsed.total_seconds()),
            estimated=round(elapsed.total_seconds() / ended * (total - ended)) if ended else None,
        ),
    )


def report_of(batch: BatchDocument, images: Sequence[ImageDocument], roles: Roles) -> ErrorReport:
    """What failed of a batch, and what to do about it."""
    failed = [image for image in images if _is_failed(image)]
    total = batch.request.image_count
    return ErrorReport(
        batch_id=batch.id,
        summary=Counts(total=total, successful=sum(map(_is_made, images)), failed=len(failed)),
        failures=[
            Failure(
                **dict(_shown(image.subject, image.part, roles)),
                error=_why(image),
                attempts=len(image.tries) or image.attempt,
                recoverable=image.error is None or image.error.recoverable,
            )
            for image in failed
        ],
        recommendations=_recommendations(batch, failed),
    )


def statistics_of(rows: Sequence[tuple[BatchDocument, Mapping[ImageState, int], int]]) -> str:
    """CSV with a line for each batch: with its images counted by state, and its cost in millionths of a dollar."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(CSV_HEAD)
    for batch, counts, cost_microusd in rows:
        ready = sum(count for state, count in counts.items() if state in IMAGE_READY)
        failed = sum(counts.get(state, 0) for state in (ImageState.FAILED, ImageState.CANCELLED))
        took = (batch.completed_at or batch.updated_at) - batch.created_at
        dollars = as_dollars(cost_microusd)
        cost = f"{dollars:.{_CENT}f}" if cost_microusd % 10_000 == 0 else str(dollars)
        day = batch.created_at.astimezone(UTC).date().isoformat()
        table.writerow([batch.id, day, batch.request.image_count, ready, failed, _clock(took), f"${cost}"])
    return text.getvalue()


def _clock(took: timedelta) -> str:
    """Minutes and seconds, as many minutes as it takes."""
    minutes, seconds = divmod(round(took.total_seconds()), 60)
    return f"{minutes:02d}:{seconds:02d}"


def _ended_by(batch: BatchDocument, now: datetime) -> datetime:
    """When nothing more happened to it; one that was cancelled or rejected was so by its last change."""
    if batch.completed_at is not None:
        return batch.completed_at
    return batch.updated_at if batch.state in (BatchState.CANCELLED, BatchState.REJECTED) else now


def _is_made(image: ImageDocument) -> bool:
    return image.ended in IMAGE_READY and not image.is_placeholder


def _is_failed(image: ImageDocument) -> bool:
    state = image.ended
    return state in (ImageState.FAILED, ImageState.CANCELLED) or (state in IMAGE_READY and image.is_placeholder)


def _shown(case_id: str | None, part: str | None, roles: Roles) -> ShownImage:
    """A part that its case has no more is the scene when it is called so, and a suspect otherwise."""
    case, name = case_id or "", part or ""
    kind = roles.get((case, name), "scene" if name == SCENE else "suspect")
    return ShownImage(type=kind, case_id=case, suspect_id=name if kind == "suspect" else None)


def _ended_at(image: ImageDocument) -> datetime:
    """When its provider was done with it: what people do with it later is another matter."""
    if not image.tries:
        return image.updated_at
    last = image.tries[-1]
    return last.began_at + timedelta(seconds=last.seconds)


def _why(image: ImageDocument) -> str:
    return image.error.message if image.error is not None else f"it was {image.ended}"


def _recommendations(batch: BatchDocument, failed: Sequence[ImageDocument]) -> list[str]:
    kinds = {image.error.kind for image in failed if image.error is not None}
    said: list[str] = []
    if any(image.error is None or image.error.recoverable for image in failed):
        said.append(f"Retry failed images: POST /api/case-images/batches/{batch.id}/resume")
    if ErrorKind.RATE_LIMIT in kinds:
        said.append("Consider increasing delay between images")
    if {ErrorKind.VALIDATION, ErrorKind.MODERATION} & kinds:
        said.append("Change the description of what was refused: PUT /v1/subjects/{caseId}")
    if ErrorKind.AUTH in kinds:
        said.append("Give the provider's key in the setting that the error names")
    return said
