"""`/v1/batches`: ask for images, look, cancel.

A batch is stored with its `BatchRequested` in the same write, so what was answered with 202 is made, whatever dies.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import BaseModel

from pressroom.contracts.api import Batch, CreateBatch, Image, Page
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.requests import Tag
from pressroom.contracts.vocabulary import BatchState, Mode, ProviderName, Scope
from pressroom.runtime.admission import Admission, BeyondCap, IdTaken, fingerprint, refusals
from pressroom.runtime.credits import InsufficientCredits
from pressroom.state.documents import BatchDocument

from ..access import Caller, GuardedRouter, Who, demand, requires
from ..accounts.principal import Principal
from ..cursors import Index, Limit, cut, decode
from ..edge.problems import answers, invalid, not_found
from ..house import House
from ..idempotency import IdempotencyKey, key_reused, say_replayed
from ..moments import AskedMoment
from ..payment import payment_required
from ..views import batch_view, image_views
from ..waiting import Prefer, wait_until, wished_wait_s
from .composing import wished

router = GuardedRouter("/v1/batches", "batches", Scope.READ)

ASKING = answers(HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.CONFLICT)
"""What a call may answer that asks for a batch, or for what failed of one, in the OpenAPI document."""

BATCH_OVER = (BatchState.COMPLETED, BatchState.CANCELLED, BatchState.REJECTED)
"""Nothing more happens to a batch by itself."""


async def owned(house: House, owner: str, batch_id: str) -> BatchDocument:
    """The owner's batch. Raises a 404 `Refusal`, also for somebody else's."""
    batch = await house.database.batches.owned(batch_id, owner)
    if batch is None:
        raise not_found("batch", batch_id)
    return batch


async def shown(house: House, batch: BatchDocument) -> Batch:
    counts = await house.database.images.counts(batch.id)
    costs = await house.database.images.costs_microusd([batch.id])
    deleted = await house.database.images.deleted([batch.id])
    return batch_view(batch, counts, costs[batch.id], deleted[batch.id])


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WRITE)],
    responses=ASKING,
)
async def create_batch(
    body: CreateBatch,
    who: Who,
    house: House,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> Batch:
    """Ask for images, or texts. Answers at once, or with `Prefer: wait=N` when the batch is over; follow it, or its
    events, for what comes of it."""
    made = await ask_for(body, who, house, response, idempotency_key)
    wait_s = wished_wait_s(prefer, response)
    if wait_s == 0:
        return made
    return await shown(house, await over(house, who.owner, made.id, wait_s, request))


async def over(house: House, owner: str, batch_id: str, wait_s: float, request: Request) -> BatchDocument:
    """The owner's batch once it is over, or as it is after `wait_s` or when nobody listens any more."""
    return await wait_until(
        lambda: owned(house, owner, batch_id), lambda seen: seen.state in BATCH_OVER, wait_s, request
    )


async def ask_for(
    body: CreateBatch,
    who: Principal,
    house: House,
    response: Response,
    key: str | None,
    *,
    regenerated_from: str | None = None,
    wish: str | None = None,
    turn: int | None = None,
) -> Batch:
    """Store a request, or find it under its idempotency key. `wish`: what it was made of, to be found by. `turn`: of
    who asks for what they did not see (`Batches.next_turn`). Raises a 402, 403, 409 or 422 `Refusal`, and
    `TurnTaken`."""
    if body.auto_publish:
        demand(who, Scope.PUBLISH)
    # What was taken under this key is answered, whatever its recipe would make and however its lane stands by now.
    known = None if key is None else await house.database.batches.by_idempotency_key(who.owner, key)
    if body.recipe is not None:
        wish = wish_of(body)
        if known is not None and known.wish == wish:
            return await shown(house, _replayed(known, response))
    request = await wished(body, who.owner, house)
    settings = house.core_settings
    reasons = [] if known else refusals(request, settings, None) or refusals(request, settings, await house.lanes())
    if reasons:
        raise invalid(reasons)
    admission = Admission(house.database, house.outbox, house.core_settings)
    try:
        admitted = await admission.store(
            new_id("batch"),
            who.owner,
            request,
            idempotency_key=key,
            wish=wish,
            announce=True,
            regenerated_from=regenerated_from,
            turn=turn,
        )
    except InsufficientCredits as error:
        raise payment_required(error) from error
    except BeyondCap as error:
        raise invalid(error.reasons) from error
    except IdTaken as error:
        raise key_reused(key) from error
    await house.outbox.publish(house.database.batches, admitted.batch)
    if not admitted.created:
        return await shown(house, _replayed(admitted.batch, response))
    response.headers["Location"] = f"/v1/batches/{admitted.batch.id}"
    return batch_view(admitted.batch, {}, 0)


def wish_of(body: BaseModel) -> str:
    """What was sent, as it is remembered with a batch."""
    return f"{type(body).__name__} {fingerprint(body)}"


async def asked_before(
    house: House, owner: str, key: str | None, wish: str, response: Response
) -> BatchDocument | None:
    """The batch that the same wish made under this key: answered again, whatever the wish would come to by now."""
    found = None if key is None else await house.database.batches.by_idempotency_key(owner, key)
    return _replayed(found, response) if found is not None and found.wish == wish else None


def _replayed(batch: BatchDocument, response: Response) -> BatchDocument:
    response.headers["Location"] = f"/v1/batches/{batch.id}"
    say_replayed(response)
    return batch


@router.get("")
async def list_batches(
    owner: Caller,
    house: House,
    state: BatchState | None = None,
    mode: Mode | None = None,
    provider: ProviderName | None = None,
    subject: str | None = None,
    tag: Annotated[Tag | None, Query()] = None,
    since: Annotated[AskedMoment | None, Query(description="Asked for at this moment or later.")] = None,
    until: Annotated[AskedMoment | None, Query(description="Asked for before this moment.")] = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> Page[Batch]:
    """Batches, newest first."""
    found = await house.database.batches.page(
        owner,
        state=state,
        mode=mode,
        provider=provider,
        subject=subject,
        tag=tag,
        since=since,
        until=until,
        before=decode(cursor),
        limit=limit + 1,
    )
    batches, next_cursor = cut(found, limit)
    names = [batch.id for batch in batches]
    counts = await house.database.images.counts_of_many(names)
    costs = await house.database.images.costs_microusd(names)
    deleted = await house.database.images.deleted(names)
    return Page(
        items=[batch_view(batch, counts[batch.id], costs[batch.id], deleted[batch.id]) for batch in batches],
        next_cursor=next_cursor,
    )


@router.get("/{batch_id}", responses=answers(HTTPStatus.NOT_FOUND))
async def get_batch(batch_id: str, owner: Caller, house: House) -> Batch:
    """One batch and how far it is."""
    batch = await owned(house, owner, batch_id)
    return await shown(house, batch)


@router.get(
    "/{batch_id}/images",
    responses=answers(HTTPStatus.NOT_FOUND),
)
async def list_batch_images(
    batch_id: str,
    owner: Caller,
    house: House,
    cursor: Index = None,
    limit: Limit = 100,
) -> Page[Image]:
    """A batch's images, in order; none of a batch of texts."""
    batch = await owned(house, owner, batch_id)
    after = -1 if cursor is None else cursor
    if batch.request.text_kind is not None:
        return Page(items=[])
    found = await house.database.images.of_batch(batch_id, after=after, limit=limit + 1)
    shown = found[:limit]
    return Page(
        items=await image_views(house.database.publications, shown),
        next_cursor=str(shown[-1].index) if len(found) > limit else None,
    )
