"""`POST /v1/batches/{id}/retry`: what failed of a finished batch is made again, alone."""

from http import HTTPStatus

from fastapi import APIRouter

from pressroom.contracts.api import Batch, RetryBatch
from pressroom.contracts.vocabulary import Scope
from pressroom.runtime.credits import InsufficientCredits
from pressroom.runtime.retries import CannotRetry, NothingToRetry, Retries, usual_mode

from .access import REFUSED, Caller, requires
from .batches import owned
from .house import House
from .payment import payment_required
from .problems import answers, conflict, invalid
from .views import batch_view

router = APIRouter(prefix="/v1/batches", tags=["batches"], dependencies=[requires(Scope.READ)], responses=REFUSED)


@router.post(
    "/{batch_id}/retry",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WRITE)],
    responses=answers(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    ),
)
async def retry_batch(batch_id: str, owner: Caller, house: House, body: RetryBatch | None = None) -> Batch:
    """Make the failed images of a completed batch again, alone. The batch is open again until they have ended."""
    wanted = body or RetryBatch()
    batch = await owned(house, owner, batch_id)
    mode = wanted.mode or usual_mode(batch)
    try:
        opened = await Retries(house.database, house.outbox, house.core_settings).retry(
            batch, mode, wanted.provider, max_cost=wanted.max_cost
        )
    except NothingToRetry as error:
        raise conflict("nothing-to-retry", f"Nothing is made again: {error}.") from error
    except CannotRetry as error:
        if isinstance(error.__cause__, InsufficientCredits):
            raise payment_required(error.__cause__) from error
        raise invalid(error.reasons) from error
    counts = await house.database.images.counts(batch_id)
    costs = await house.database.images.costs_microusd([batch_id])
    deleted = await house.database.images.deleted([batch_id])
    return batch_view(opened, counts, costs[batch_id], deleted[batch_id])
