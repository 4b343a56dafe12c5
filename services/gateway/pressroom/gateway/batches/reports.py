"""`GET /v1/batches/{id}/report`: what became of a batch, what failed and why, and what to do about it."""

from http import HTTPStatus

from pressroom.contracts.reports import BatchReport, ReportedFailure
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState, Scope
from pressroom.state.documents import ImageDocument
from pressroom.state.statistics import tallies

from ..access import Caller, GuardedRouter
from ..edge.problems import answers
from ..house import House
from ..statistics import counted
from ..views import dollars
from .batches import owned

router = GuardedRouter("/v1/batches", "batches", Scope.READ)

FAILURES_SHOWN = 1000

_ADVICE = {
    ErrorKind.RATE_LIMIT: "The provider was asked too often: give its lane fewer requests a minute, then retry.",
    ErrorKind.NETWORK: "The provider could not be reached: look whether it can be, then retry.",
    ErrorKind.API_ERROR: "The provider had errors of its own: wait until it has recovered, then retry.",
    ErrorKind.TIMEOUT: "The provider took too long: raise 'timeout_s', or take a faster model, then retry.",
    ErrorKind.AUTH: "The provider did not accept the key or the account: mend the setting that the error names, open "
    "the lane, then retry.",
    ErrorKind.VALIDATION: "The provider refused the request as it is: change what the error names and ask anew.",
    ErrorKind.MODERATION: "The provider's moderation refused the prompt: change it and ask anew.",
    ErrorKind.BUDGET: "A cap in money was reached: raise it, or wait for the next month, then retry.",
    ErrorKind.UNKNOWN: "Something unexpected happened: see the error, then retry.",
}


@router.get("/{batch_id}/report", responses=answers(HTTPStatus.NOT_FOUND))
async def get_report(batch_id: str, owner: Caller, house: House) -> BatchReport:
    """How it went, image by image where it went wrong; of a batch under way, so far."""
    batch = await owned(house, owner, batch_id)
    images = house.database.images
    found = await tallies(images.raw, by="batch", batch_id=batch.id, limit=1)
    failed = [image async for image in images.failed(batch.id)]
    estimate = (await images.estimates_microusd([batch.id])).get(batch.id)
    ended_at = batch.completed_at or (batch.updated_at if batch.state is BatchState.CANCELLED else None)
    return BatchReport(
        batch_id=batch.id,
        state=batch.state,
        created_at=batch.created_at,
        completed_at=batch.completed_at,
        wall_seconds=None if ended_at is None else round((ended_at - batch.created_at).total_seconds(), 3),
        estimated_cost_usd=None if estimate is None else dollars(estimate * batch.request.image_count),
        summary=counted(found.total),
        failures=tuple(_failure(image) for image in failed[:FAILURES_SHOWN]),
        recommendations=_recommendations(
            batch.id, batch.state, [image for image in failed if image.state is ImageState.FAILED]
        ),
    )


def _failure(image: ImageDocument) -> ReportedFailure:
    kind, message, is_recoverable = _error(image)
    return ReportedFailure(
        id=image.id,
        index=image.index,
        prompt=image.prompt,
        kind=kind,
        error=message,
        attempts=len(image.tries) or image.attempt,
        recoverable=is_recoverable,
    )


def _error(image: ImageDocument) -> tuple[ErrorKind, str, bool]:
    error = image.error
    if image.state is ImageState.DELETED:
        return ErrorKind.UNKNOWN, "it was deleted since, and what was said of it with it", False
    return (
        (ErrorKind.UNKNOWN, "no reason is known", True)
        if error is None
        else (
            error.kind,
            error.message,
            error.recoverable,
        )
    )


def _recommendations(batch_id: str, state: BatchState, failed: list[ImageDocument]) -> tuple[str, ...]:
    """One for each kind of error, the most frequent first; then how to retry, where that may help."""
    kinds = [_error(image)[0] for image in failed]
    told = [
        f"{kinds.count(kind)} failed ({kind}). {_ADVICE[kind]}"
        for kind in sorted(set(kinds), key=lambda kind: (-kinds.count(kind), kind))
    ]
    if state is BatchState.COMPLETED and any(_error(image)[2] for image in failed):
        told.append(f"POST /v1/batches/{batch_id}/retry makes what failed again, alone.")
    return tuple(told)
