"""`/v1/account/ledger` and `/v1/users/{id}/credits`: what an account's credits did, and what an admin gives.

An entry is booked once for an `Idempotency-Key`, whatever dies: its id follows from the key.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query, Response

from pressroom.contracts.api import Page
from pressroom.contracts.credits import GiveCredits, LedgerEntry, as_millicredits
from pressroom.contracts.vocabulary import Scope
from pressroom.runtime.logs import get_logger

from .access import Caller, GuardedRouter, Who, requires
from .cursors import NUMBER_MAX, Limit
from .edge.problems import answers, not_found
from .house import House
from .idempotency import IdempotencyKey, id_under, key_reused, say_replayed

router = GuardedRouter("/v1", "credits")

Before = Annotated[int | None, Query(ge=1, le=NUMBER_MAX, description="`next_cursor` of the page before.")]

log = get_logger(__name__)


async def _page(house: House, owner: str, before: int | None, limit: int) -> Page[LedgerEntry]:
    found = await house.database.ledger.page(owner, before=before, limit=limit + 1)
    shown = found[:limit]
    return Page(
        items=[entry.shown for entry in shown],
        next_cursor=str(shown[-1].sequence) if len(found) > limit else None,
    )


@router.get("/account/ledger", dependencies=[requires(Scope.READ)])
async def get_ledger(owner: Caller, house: House, cursor: Before = None, limit: Limit = 50) -> Page[LedgerEntry]:
    """What your credits did, newest first, each with the balance after it."""
    return await _page(house, owner, cursor, limit)


@router.get("/users/{user_id}/ledger", dependencies=[requires(Scope.ADMIN)], responses=answers(HTTPStatus.NOT_FOUND))
async def get_ledger_of_user(user_id: str, house: House, cursor: Before = None, limit: Limit = 50) -> Page[LedgerEntry]:
    """The same of one user."""
    await _existing(house, user_id)
    return await _page(house, user_id, cursor, limit)


@router.post(
    "/users/{user_id}/credits",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.ADMIN)],
    responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def give_credits(
    user_id: str,
    body: GiveCredits,
    who: Who,
    response: Response,
    house: House,
    idempotency_key: IdempotencyKey = None,
) -> LedgerEntry:
    """Top up a user's account, or put right what was booked before; a correction may leave less than nothing."""
    await _existing(house, user_id)
    amount = as_millicredits(body.amount)
    entry, is_new = await house.database.ledger.give(
        user_id, body.kind, amount, by=who.owner, note=body.note, entry_id=id_under("entry", user_id, idempotency_key)
    )
    if (entry.kind, entry.amount, entry.note) != (body.kind, amount, body.note):
        raise key_reused(idempotency_key)
    if is_new:
        log.info("credits.given", user=user_id, kind=str(body.kind), amount=str(body.amount), by=who.owner)
    else:
        say_replayed(response)
    return entry.shown


async def _existing(house: House, user_id: str) -> None:
    if await house.database.users.get(user_id) is None:
        raise not_found("user", user_id)
