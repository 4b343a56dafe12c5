"""`POST /v1/batches/estimate`: what a batch would cost, in credits and at its provider, before anybody asks for it."""

from pressroom.contracts.api import CreateBatch
from pressroom.contracts.credits import Estimate
from pressroom.contracts.vocabulary import Scope
from pressroom.runtime.estimates import Estimates

from ..access import Caller, GuardedRouter
from ..house import House
from .composing import wished

router = GuardedRouter("/v1/batches", "batches", Scope.READ)


@router.post("/estimate")
async def estimate_batch(body: CreateBatch, owner: Caller, house: House) -> Estimate:
    """What the same body would cost as a batch, in which mode it would be made and why, and why it would be refused.
    Nothing is made and nothing is held."""
    request = await wished(body, owner, house)
    return await Estimates(house.database, house.core_settings).of(request, owner)
