"""From what a call brings to who makes it: the instance's own token, an API key, or a JWT.

Each kind of JWT has one algorithm and one key of its own, chosen before anything in the token is believed: `alg: none`
is nobody's, and a token signed with a public key as if it were a secret is compared with the secret.

Nothing is written to let somebody in, but that a key is in use, once a minute, and what a single sign-on says anew. A
user or key is read again after `PRESSROOM_AUTH_CACHE_S`: for so long may one that is revoked, disabled or lowered in
another process still be let in by this one.
"""

import secrets
from datetime import UTC, datetime
from http import HTTPStatus

import jwt

from pressroom.contracts.roles import INSTANCE_OWNER
from pressroom.contracts.vocabulary import SignIn
from pressroom.state.api_keys import SECRET_PREFIX, ApiKeyDocument, digest
from pressroom.state.database import Database
from pressroom.state.users import UserDocument, signed_on_id

from .. import published_keys
from ..edge.problems import Refusal
from ..published_keys import KeysUnavailable, PublishedKeys
from ..recent import Recent
from ..settings import GatewaySettings
from . import login_tokens
from .login_tokens import LoginTokens
from .principal import Principal, by_key, somebody, the_instance
from .single_sign_on import SingleSignOn

LONGEST_TOKEN = 8192
"""More than a single sign-on puts into one, and little enough to look at for everybody."""


class Authentication:
    """Lets callers in, for one gateway. `login_tokens` is None where nobody logs in with a password."""

    def __init__(self, settings: GatewaySettings, database: Database) -> None:
        self._database = database
        self._instance_token = settings.api_token.get_secret_value().encode() if settings.api_token else None
        self._is_open = settings.auth_open
        self.login_tokens = (
            LoginTokens(settings.jwt_secret.get_secret_value(), settings.jwt_lifetime_s)
            if settings.jwt_secret
            else None
        )
        self._single_sign_on = _single_sign_on(settings)
        self._users = Recent[UserDocument](settings.auth_cache_s)
        self._keys = Recent[ApiKeyDocument](settings.auth_cache_s)

    async def principal(self, credential: str | None) -> Principal:
        """Who brings `credential`. Raises a 401, 403 or 503 `Refusal`; never one that repeats what was brought."""
        if credential is None:
            if self._is_open:
                return the_instance(SignIn.OPEN)
            raise unauthorized("Send 'Authorization: Bearer <token>', or an API key as 'X-API-Key'.")
        if self._instance_token is not None and secrets.compare_digest(credential.encode(), self._instance_token):
            return the_instance(SignIn.INSTANCE_TOKEN)
        if len(credential) <= LONGEST_TOKEN and credential.startswith(SECRET_PREFIX):
            return await self._by_key(credential)
        if len(credential) <= LONGEST_TOKEN and credential.count(".") == 2:
            return await self._by_jwt(credential)
        raise _not_right()

    def forget_user(self, user_id: str) -> None:
        """A user was changed here: what is known of them is read again."""
        self._users.forget(user_id)

    def forget_key(self, key: ApiKeyDocument) -> None:
        """A key was revoked here."""
        self._keys.forget(key.secret_sha256)

    async def _by_key(self, secret: str) -> Principal:
        name, now = digest(secret), datetime.now(UTC)
        key = self._keys.get(name)
        if key is None:
            key = await self._database.api_keys.by_digest(name)
            if key is None:
                raise _not_right()
            if key.is_live(now):
                key = await self._database.api_keys.note_use(key, now) or key
            self._keys.put(name, key)
        if not key.is_live(now):
            raise unauthorized(
                f"The API key '{key.name}' was revoked." if key.revoked_at else "The API key has expired."
            )
        return by_key(key, None if key.owner == INSTANCE_OWNER else await self._enabled(key.owner))

    async def _by_jwt(self, token: str) -> Principal:
        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
            if algorithm == login_tokens.ALGORITHM and self.login_tokens is not None:
                said = self.login_tokens.read(token)
                user = await self._enabled(said.user_id)
                if user.token_generation != said.generation:
                    raise expired("The password was changed since; log in again.")
                return somebody(user, SignIn.PASSWORD, user.role)
            if algorithm == published_keys.ALGORITHM and self._single_sign_on is not None:
                return await self._signed_on(self._single_sign_on, token)
        except jwt.ExpiredSignatureError:
            raise expired("The token has expired; log in again.") from None
        except (jwt.PyJWTError, RecursionError):
            # Lists in lists in lists: no token of anybody's, and no fault of ours.
            raise _not_right() from None
        raise _not_right()

    async def _signed_on(self, single_sign_on: SingleSignOn, token: str) -> Principal:
        try:
            said = await single_sign_on.read(token)
        except KeysUnavailable as error:
            detail = "The keys of the single sign-on cannot be fetched; try again (PRESSROOM_JWT_JWKS_URL)."
            headers = {"Retry-After": str(round(published_keys.AGAIN_AFTER_S))}
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "sign-on-unavailable", detail, headers=headers) from error
        user_id = signed_on_id(said.issuer, said.subject)
        user = self._users.get(user_id)
        if user is None:
            user = await self._database.users.signed_on(said.issuer, said.subject, said.email, said.role)
            self._users.put(user_id, user)
        return somebody(_if_enabled(user), SignIn.SINGLE_SIGN_ON, said.role)

    async def _enabled(self, user_id: str) -> UserDocument:
        user = self._users.get(user_id)
        if user is None:
            user = await self._database.users.get(user_id)
            if user is None:
                raise _not_right()
            self._users.put(user_id, user)
        return _if_enabled(user)


def _single_sign_on(settings: GatewaySettings) -> SingleSignOn | None:
    if settings.jwt_jwks_url is None or settings.jwt_issuer is None or settings.jwt_audience is None:
        return None
    keys = PublishedKeys(settings.jwt_jwks_url, "PRESSROOM_JWT_JWKS_URL")
    return SingleSignOn(
        keys, issuer=settings.jwt_issuer, audience=settings.jwt_audience, role_claim=settings.jwt_role_claim
    )


def _if_enabled(user: UserDocument) -> UserDocument:
    if user.disabled_at is not None:
        raise disabled()
    return user


def disabled() -> Refusal:
    return Refusal(HTTPStatus.FORBIDDEN, "account-disabled", "This account was disabled; an admin can enable it again.")


def unauthorized(detail: str) -> Refusal:
    return Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def expired(detail: str) -> Refusal:
    """A type of its own, so that a client knows to log in again."""
    return Refusal(HTTPStatus.UNAUTHORIZED, "token-expired", detail, headers={"WWW-Authenticate": "Bearer"})


def _not_right() -> Refusal:
    """The same for everything that lets nobody in."""
    return unauthorized("The token or key is not right.")
