"""The tokens that a login gives: JWTs (RFC 7519) signed by HS256 with `PRESSROOM_JWT_SECRET`.

A token names a user and a generation, nothing else: role and rights are read at each call, so that a change of them
takes effect on tokens that are out already, and a new password ends them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

from pressroom.state.users import UserDocument

ALGORITHM = "HS256"

_ISSUER = "pressroom"


@dataclass(frozen=True)
class LoginToken:
    """What a valid token says."""

    user_id: str
    generation: int


class LoginTokens:
    """Gives tokens out and reads them."""

    def __init__(self, secret: str, lifetime_s: float) -> None:
        self._secret = secret.encode()
        self._lifetime = timedelta(seconds=lifetime_s)

    def give(self, user: UserDocument) -> tuple[str, datetime]:
        """A token for `user`, and when it expires."""
        now = datetime.now(UTC).replace(microsecond=0)
        expires_at = now + self._lifetime
        claims = {"iss": _ISSUER, "sub": user.id, "gen": user.token_generation, "iat": now, "exp": expires_at}
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM), expires_at

    def read(self, token: str) -> LoginToken:
        """Raises `jwt.PyJWTError` for what was not given out here, and for what has expired."""
        required = ["iss", "sub", "gen", "iat", "exp"]
        claims = jwt.decode(token, self._secret, algorithms=[ALGORITHM], issuer=_ISSUER, options={"require": required})
        return LoginToken(claims["sub"], claims["gen"])
