"""`POST /auth/login`: a token for an address of mail and a password.

Nobody of that name costs the same time and gets the same answer as a wrong password; only who has the right one hears
that the account was disabled.
"""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from pressroom.contracts.accounts import LoggedIn, Login
from pressroom.runtime import metrics
from pressroom.runtime.logs import get_logger
from pressroom.runtime.passwords import Passwords
from pressroom.state.users import UserDocument, Users

from ..access import Auth
from ..edge.problems import ANYWHERE, Refusal, answers
from ..house import Hashing, House
from .authentication import disabled
from .throttling import address_of, count_try
from .views import user_view

router = APIRouter(prefix="/auth", tags=["accounts"], responses=ANYWHERE)

BODY_MAX_BYTES = 16 * 1024
"""Several times an address and a password, whatever else an old client sends with them."""

log = get_logger(__name__)


@router.post(
    "/login",
    responses=answers(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS
    ),
)
async def log_in(
    body: Login, request: Request, response: Response, house: House, auth: Auth, passwords: Hashing
) -> LoggedIn:
    """Log in with a password. The token is sent as `Authorization: Bearer` with every other call."""
    if auth.login_tokens is None:
        detail = "Nobody logs in with a password here; that needs PRESSROOM_JWT_SECRET."
        raise Refusal(HTTPStatus.NOT_FOUND, "login-not-configured", detail)
    await count_try(house.database.tries, request, body.email)
    address = address_of(request)
    user = await _user(house.database.users, passwords, body.email, body.password.get_secret_value(), address)
    token, expires_at = auth.login_tokens.give(user)
    response.headers["Cache-Control"] = "no-store"
    return LoggedIn(token=token, expires_at=expires_at, user=user_view(user))


async def _user(users: Users, passwords: Passwords, email: str, password: str, address: str) -> UserDocument:
    user = await users.by_login(email)
    stored = user.password_hash if user is not None else None
    is_right = await passwords.is_right(password, stored)
    if user is None or stored is None or not is_right:
        metrics.LOGINS.labels("refused").inc()
        # Not the name that was typed: it may be a password.
        log.warning("login.refused", user=user.id if user is not None else None, address=address)
        detail = "The email address or the password is not right."
        raise Refusal(HTTPStatus.UNAUTHORIZED, "wrong-login", detail, headers={"WWW-Authenticate": "Bearer"})
    if user.disabled_at is not None:
        metrics.LOGINS.labels("disabled").inc()
        raise disabled()
    if passwords.is_outdated(stored):
        await users.rehash(user.id, before=stored, after=await passwords.hashed(password))
    metrics.LOGINS.labels("given").inc()
    log.info("login.given", user=user.id, address=address)
    return user
