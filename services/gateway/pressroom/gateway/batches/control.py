"""What may be done to a batch under way: pause it, let it go on, cancel it."""

from http import HTTPStatus

from pressroom.contracts.api import Batch, PauseBatch
from pressroom.contracts.vocabulary import BatchState, Mode, Scope
from pressroom.runtime.settling import cancel, pause, resume

from ..access import Caller, GuardedRouter
from ..edge.problems import answers, conflict
from ..house import House
from .batches import BATCH_OVER, owned, shown

router = GuardedRouter(
    "/v1/batches",
    "batches",
    Scope.READ,
    Scope.WRITE,
    responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)


@router.post("/{batch_id}/pause")
async def pause_batch(batch_id: str, owner: Caller, house: House, body: PauseBatch | None = None) -> Batch:
    """Begin no more of its images; those that were begun go on. Only of mode `realtime`, as nobody can hold up what a
    provider's job makes."""
    batch = await owned(house, owner, batch_id)
    if batch.request.mode is Mode.BATCH:
        raise conflict(
            "not-in-mode-batch", "A provider's job makes its images and cannot be held up; cancel the batch."
        )
    await pause(house.database, house.outbox, batch_id, (body or PauseBatch()).reason)
    batch = await owned(house, owner, batch_id)
    if batch.state in BATCH_OVER:
        raise conflict("batch-over", f"The batch is {batch.state}; there is nothing left to pause.")
    return await shown(house, batch)


@router.post("/{batch_id}/resume")
async def resume_batch(batch_id: str, owner: Caller, house: House) -> Batch:
    """Let a paused batch go on. What failed stays so until it is retried; one that goes on is left as it is."""
    batch = await owned(house, owner, batch_id)
    if batch.state in BATCH_OVER:
        way = (
            f" POST /v1/batches/{batch_id}/retry makes what failed again."
            if batch.state is BatchState.COMPLETED
            else ""
        )
        raise conflict("batch-over", f"The batch is {batch.state}; there is nothing left to resume.{way}")
    await resume(house.database, house.outbox, batch_id)
    return await shown(house, await owned(house, owner, batch_id))


@router.post("/{batch_id}/cancel")
async def cancel_batch(batch_id: str, owner: Caller, house: House) -> Batch:
    """Make nothing more. Images that are ready stay; what a provider is working on is stopped where it can be."""
    await owned(house, owner, batch_id)
    await cancel(house.database, house.outbox, batch_id)
    batch = await owned(house, owner, batch_id)
    if batch.state is not BatchState.CANCELLED:
        raise conflict("batch-over", f"The batch is {batch.state}; there is nothing left to cancel.")
    return await shown(house, batch)
