"""`/v1/keys`: API keys, for programs. A key may do what it says and its owner may. No key makes, shows or ends keys."""

from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import Response

from pressroom.contracts.accounts import ApiKey, CreateApiKey, NewApiKey
from pressroom.contracts.api import Page
from pressroom.contracts.facts import Reason
from pressroom.contracts.vocabulary import Scope
from pressroom.runtime.logs import get_logger
from pressroom.state.api_keys import new_key

from ..access import SIGNED_IN, Auth, Caller, GuardedRouter, Who
from ..cursors import Limit, cut, decode
from ..edge.problems import answers, invalid, not_found
from ..house import House
from ..idempotency import IdempotencyKey, id_under, key_reused
from .views import key_view

router = GuardedRouter("/v1/keys", "accounts", dependencies=[SIGNED_IN])

log = get_logger(__name__)


@router.post("", status_code=HTTPStatus.CREATED, responses=answers(HTTPStatus.CONFLICT))
async def create_key(
    body: CreateApiKey, who: Who, response: Response, house: House, idempotency_key: IdempotencyKey = None
) -> NewApiKey:
    """Make an API key. Its secret is in this answer and nowhere else, so the same `Idempotency-Key` again is refused:
    end the key that the refusal names, if its secret was lost on the way, and make another."""
    beyond = [scope for scope in Scope if scope in body.scopes - who.scopes]
    if beyond:
        names = ", ".join(f"'{scope}'" for scope in beyond)
        raise invalid([Reason(field="scopes", message=f"your role '{who.role}' does not have {names}")])
    if body.expires_at is not None and body.expires_at <= datetime.now(UTC):
        raise invalid([Reason(field="expires_at", message="it is over already")])
    key_id = id_under("key", who.owner, idempotency_key)
    key, secret = new_key(who.owner, body.name, body.scopes, body.expires_at, key_id=key_id)
    if not await house.database.api_keys.add(key):
        said = f"made the API key '{key_id}' before, whose secret is shown once"
        raise key_reused(idempotency_key, said)
    log.info("key.created", key=key.id, owner=key.owner, scopes=list(key.scopes))
    response.headers["Cache-Control"] = "no-store"
    return NewApiKey(**dict(key_view(key)), secret=secret)


@router.get("")
async def list_keys(owner: Caller, house: House, cursor: str | None = None, limit: Limit = 50) -> Page[ApiKey]:
    """Your keys, newest first, also those that are over."""
    before = decode(cursor)
    found = await house.database.api_keys.page(owner, before=before, limit=limit + 1)
    shown, next_cursor = cut(found, limit)
    return Page(
        items=[key_view(key) for key in shown],
        next_cursor=next_cursor,
    )


@router.delete("/{key_id}", responses=answers(HTTPStatus.NOT_FOUND))
async def revoke_key(key_id: str, owner: Caller, house: House, auth: Auth) -> ApiKey:
    """End a key for good: at once at this gateway, within `PRESSROOM_AUTH_CACHE_S` at the others."""
    key = await house.database.api_keys.revoke(key_id, owner)
    if key is None:
        raise not_found("API key", key_id)
    auth.forget_key(key)
    log.info("key.revoked", key=key.id, owner=key.owner)
    return key_view(key)
