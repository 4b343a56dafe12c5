"""Users and programs for a test: stored as the gateway stores them, with what they bring to a call."""

import functools
from datetime import datetime
from typing import Any

from argon2 import PasswordHasher

from pressroom.contracts.identifiers import new_id
from pressroom.contracts.vocabulary import Role, Scope
from pressroom.gateway.accounts.login_tokens import LoginTokens
from pressroom.state.api_keys import ApiKeyDocument, new_key
from pressroom.state.users import UserDocument, new_user

from ..house import House
from ..payers import top_up
from .serving import JWT_SECRET

PASSWORD = "correct horse battery staple"
LIFETIME_S = 3600
CREDITS = "100"


@functools.cache
def password_hash() -> str:
    """Of `PASSWORD`. Hashing takes long by intention, so once a process."""
    return PasswordHasher().hash(PASSWORD)


async def a_user(house: House, role: Role = Role.USER, email: str | None = None, **changes: Any) -> UserDocument:
    """Somebody who logs in with `PASSWORD`, and can pay for a few images."""
    user = new_user(email or f"{new_id('some')}@example.com", password_hash(), role)
    assert await house.database.users.add(user)
    await top_up(house, user, CREDITS)
    return await house.database.users.change(user.id, changes) or user if changes else user


def token_of(user: UserDocument, *, secret: str = JWT_SECRET, lifetime_s: float = LIFETIME_S) -> str:
    """As a login gives it."""
    return LoginTokens(secret, lifetime_s).give(user)[0]


async def a_key(
    house: House, owner: str, *scopes: Scope, expires_at: datetime | None = None
) -> tuple[ApiKeyDocument, str]:
    """An API key and its secret."""
    key, secret = new_key(owner, "a program", frozenset(scopes), expires_at)
    await house.database.api_keys.add(key)
    return key, secret


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}
