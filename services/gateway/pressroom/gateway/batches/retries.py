"""`POST /v1/batches/{id}/retry`: what failed of a finished batch is made again, alone."""

import hashlib
from http import HTTPStatus

from fastapi import Response

from pressroom.contracts.api import Batch, RetryBatch
from pressroom.contracts.vocabulary import Scope
from pressroom.runtime.credits import InsufficientCredits
from pressroom.runtime.retries import CannotRetry, NothingToRetry, Retries, usual_mode
from pressroom.state.documents import BatchDocument

from ..access import Caller, GuardedRouter, requires
from ..edge.problems import answers, conflict, invalid
from ..house import House
from ..idempotency import IdempotencyKey, id_under, key_reused, say_replayed
from ..payment import payment_required
from ..views import batch_view
from .batches import ASKING, owned

router = GuardedRouter("/v1/batches", "batches", Scope.READ)


@router.post(
    "/{batch_id}/retry",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WRITE)],
    responses=ASKING | answers(HTTPStatus.NOT_FOUND),
)
async def retry_batch(
    batch_id: str,
    owner: Caller,
    house: House,
    response: Response,
    body: RetryBatch | None = None,
    idempotency_key: IdempotencyKey = None,
) -> Batch:
    """Make the failed images of a completed batch again, alone. The batch is open again until they have ended."""
    wanted = body or RetryBatch()
    batch = await owned(house, owner, batch_id)
    retry_id = _retry_id(batch, wanted, idempotency_key)
    if retry_id in batch.retries:
        say_replayed(response)
    opened = await make_again(house, batch, wanted, retry_id)
    counts = await house.database.images.counts(batch_id)
    costs = await house.database.images.costs_microusd([batch_id])
    deleted = await house.database.images.deleted([batch_id])
    return batch_view(opened, counts, costs[batch_id], deleted[batch_id])


async def make_again(house: House, batch: BatchDocument, wanted: RetryBatch, retry_id: str) -> BatchDocument:
    """The batch, open again. Raises a 402, 409 or 422 `Refusal`."""
    retries = Retries(house.database, house.outbox, house.core_settings)
    mode = wanted.mode or usual_mode(batch)
    try:
        return await retries.retry(batch, mode, wanted.provider, retry_id, max_cost=wanted.max_cost)
    except NothingToRetry as error:
        raise conflict("nothing-to-retry", f"Nothing is made again: {error}.") from error
    except CannotRetry as error:
        if isinstance(error.__cause__, InsufficientCredits):
            raise payment_required(error.__cause__) from error
        raise invalid(error.reasons) from error


def _retry_id(batch: BatchDocument, wanted: RetryBatch, key: str | None) -> str:
    """Says the key and the body, as a batch knows its retries by their ids alone. Raises a 409 `Refusal`."""
    under_key = id_under("retry", batch.id, key)
    if key is None:
        return under_key
    retry_id = f"{under_key}-{hashlib.sha256(wanted.model_dump_json().encode()).hexdigest()[:16]}"
    if any(known.startswith(under_key) and known != retry_id for known in batch.retries):
        raise key_reused(key)
    return retry_id
