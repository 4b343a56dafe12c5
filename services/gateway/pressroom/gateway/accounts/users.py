"""`/v1/users`: who may call, as an admin sees and changes it. The first admin is made by `pressroom users add`."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Response

from pressroom.contracts.accounts import ChangeUser, CreateUser, User
from pressroom.contracts.api import Page
from pressroom.contracts.vocabulary import Scope
from pressroom.runtime.caps import renew
from pressroom.runtime.logs import get_logger
from pressroom.state.users import UserDocument, new_user

from ..access import Auth, GuardedRouter, Who
from ..cursors import Limit, cut, decode
from ..edge.problems import answers, conflict, not_found
from ..house import Hashing, House
from .views import user_view

router = GuardedRouter("/v1/users", "accounts", Scope.ADMIN)

log = get_logger(__name__)


@router.post("", status_code=HTTPStatus.CREATED, responses=answers(HTTPStatus.CONFLICT))
async def create_user(body: CreateUser, who: Who, response: Response, house: House, passwords: Hashing) -> User:
    """Let somebody in, with a password that you tell them and that they change."""
    hashed = await passwords.hashed(body.password.get_secret_value())
    user = new_user(body.email, hashed, body.role)
    if not await house.database.users.add(user):
        raise conflict("email-taken", f"Somebody logs in as '{user.email}' already.")
    log.info("user.created", user=user.id, role=user.role, by=who.owner)
    response.headers["Location"] = f"/v1/users/{user.id}"
    return user_view(user)


@router.get("")
async def list_users(
    house: House,
    email: Annotated[str | None, Query(max_length=254, description="Only who has this address.")] = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> Page[User]:
    """Users, newest first."""
    before = decode(cursor)
    found = await house.database.users.page(email=email, before=before, limit=limit + 1)
    shown, next_cursor = cut(found, limit)
    return Page(
        items=[user_view(user) for user in shown],
        next_cursor=next_cursor,
    )


@router.get("/{user_id}", responses=answers(HTTPStatus.NOT_FOUND))
async def get_user(user_id: str, house: House) -> User:
    """One user."""
    return user_view(await _existing(house, user_id))


@router.patch("/{user_id}", responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))
async def change_user(user_id: str, body: ChangeUser, who: Who, house: House, auth: Auth, passwords: Hashing) -> User:
    """Give another role, disable or enable, set a new password, cap what providers take. Takes effect at once at this
    gateway, and within `PRESSROOM_AUTH_CACHE_S` at the others, also for tokens and keys that are out; a first cap holds
    everywhere within five seconds."""
    user = await _existing(house, user_id)
    if user.id == who.owner and (body.role is not None or body.disabled is not None):
        raise conflict("not-oneself", "Nobody changes their own role or disables themselves; another admin can.")
    if user.issuer is not None and (body.role is not None or body.password is not None):
        raise conflict("signs-on-elsewhere", f"Their role and password are where they sign on: {user.issuer}.")
    changes: dict[str, Any] = {}
    if body.role is not None:
        changes["role"] = str(body.role)
    if body.disabled is not None:
        changes["disabled_at"] = (user.disabled_at or datetime.now(UTC)) if body.disabled else None
    if body.password is not None:
        changes["password_hash"] = await passwords.hashed(body.password.get_secret_value())
    changes |= body.caps
    if changes:
        user = await house.database.users.change(user_id, changes) or user
        if body.caps:
            await renew(house.database, user)
        auth.forget_user(user_id)
        log.info("user.changed", user=user_id, fields=sorted(changes), by=who.owner)
    return user_view(user)


async def _existing(house: House, user_id: str) -> UserDocument:
    user = await house.database.users.get(user_id)
    if user is None:
        raise not_found("user", user_id)
    return user
