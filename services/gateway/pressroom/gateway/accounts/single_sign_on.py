"""Tokens of a single sign-on: JWTs that somebody else signs by RS256, with the keys behind `PRESSROOM_JWT_JWKS_URL`.

Believed is what names this issuer and this gateway as its audience. `sub` says who it is, `email` how to show them, and
a claim of the deployment's choice which role they have: the highest of those it names that there are, `user` when none.
"""

from dataclasses import dataclass
from typing import cast

import jwt
from pydantic import TypeAdapter, ValidationError

from pressroom.contracts.requests import EmailAddress
from pressroom.contracts.vocabulary import Role

from ..published_keys import ALGORITHM, PublishedKeys

_LEEWAY_S = 10
"""How far two machines' clocks may be apart."""

_EMAIL = TypeAdapter[str](EmailAddress)


@dataclass(frozen=True)
class SignedOn:
    """What a valid token says."""

    issuer: str
    subject: str
    email: str | None
    role: Role


class SingleSignOn:
    """Reads the tokens of one issuer."""

    def __init__(self, keys: PublishedKeys, *, issuer: str, audience: str, role_claim: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._role_claim = role_claim

    async def read(self, token: str) -> SignedOn:
        """Raises `jwt.PyJWTError` for what is not to be believed, `KeysUnavailable` when that cannot be told now."""
        key = await self._keys.find(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise jwt.InvalidKeyError("no such key is published")
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=self._issuer,
            audience=self._audience,
            leeway=_LEEWAY_S,
            options={"require": ["iss", "aud", "sub", "exp"]},
        )
        return SignedOn(self._issuer, claims["sub"], _email(claims.get("email")), _role(claims.get(self._role_claim)))


def _email(said: object) -> str | None:
    """It is only shown, so one that cannot be one is left out."""
    try:
        return _EMAIL.validate_python(said).casefold()
    except ValidationError:
        return None


def _role(said: object) -> Role:
    names = cast("list[object]", said) if isinstance(said, list) else [said]
    return next((role for role in reversed(Role) if role in names), Role.USER)
