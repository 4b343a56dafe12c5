"""Who may call, as the routes say it: `Caller` is the owner of what a call makes, `requires` what it must be allowed.

A route says what it needs beside itself or beside its router, a `GuardedRouter`; whatever is said must all be held, and
is before a body is read: of somebody who may not call, nothing is waited for or parsed. Which role may what is in
`pressroom.contracts.roles`, who a caller is in `accounts.authentication`. What belongs to somebody else does not exist
for anybody, whatever their role; a route that shows everybody's things requires `operate` or `admin`.
"""

from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response, Security, params
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer

from pressroom.contracts.vocabulary import Scope, SignIn
from pressroom.runtime.loopback import is_loopback

from .accounts.authentication import Authentication
from .accounts.principal import Principal
from .accounts.throttling import address_of
from .edge.problems import ANYWHERE, Refusal, answers
from .edge.rate_limit import RateLimit

_bearer = HTTPBearer(
    auto_error=False,
    description="A login's token (`POST /auth/login`), a single sign-on's, an API key, or the instance's own token.",
)
_api_key = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key (`POST /v1/keys`).")

SECURITY_SCHEMES = {
    scheme.scheme_name: scheme.model.model_dump(mode="json", by_alias=True, exclude_none=True)
    for scheme in (_bearer, _api_key)
}
"""By what a caller is known, as the OpenAPI document says it."""

Responses = dict[int | str, dict[str, Any]]
"""What a route answers, as the framework takes it for the OpenAPI document."""

_REFUSED = ANYWHERE | answers(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
"""What every route may answer whose caller is asked for, in the OpenAPI document."""


async def authentication_of(request: Request) -> Authentication:
    authentication: Authentication = request.app.state.authentication
    return authentication


Auth = Annotated[Authentication, Depends(authentication_of)]


async def principal(request: Request) -> Principal:
    """Who makes the call, once its route has let them in."""
    known: Principal = request.state.principal
    return known


Who = Annotated[Principal, Depends(principal)]


async def caller(who: Who) -> str:
    """The owner on whose behalf the call is made."""
    return who.owner


Caller = Annotated[str, Depends(caller)]


async def _permitted(request: Request) -> None:
    """Said here, and held by `_GuardedRoute`: on a route that is none nobody is known, and this fails."""
    await principal(request)


async def _signed_in(request: Request) -> None:
    """The same."""
    await principal(request)


def requires(*scopes: Scope) -> params.Security:
    """A dependency of a route, or of all routes of a router: who calls must have `scopes`; without any, be known."""
    return Security(_permitted, scopes=[str(scope) for scope in scopes])


SIGNED_IN = Depends(_signed_in)
"""A dependency: who calls is a person, or the instance itself, and no API key."""


class _GuardedRoute(APIRoute):
    """Settles who calls, and whether they may, before it reads what they send.

    The OpenAPI document is told so here: schemes of security as dependencies would be asked for anew by the framework,
    for every scope of a route, in each call.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [str(scope) for scope in self._needed()]
        security = [{scheme: names} for scheme in SECURITY_SCHEMES]
        self.openapi_extra = {**(self.openapi_extra or {}), "security": security}

    def _needed(self) -> list[Scope]:
        said = [one.scopes or () for one in self.dependencies if isinstance(one, params.Security)]
        return [Scope(name) for names in said for name in names]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        is_for_people = SIGNED_IN in self.dependencies
        needed = self._needed()

        async def answer_who_may(request: Request) -> Response:
            who = request.state.principal = await _let_in(request)
            if is_for_people:
                _demand_a_person(who)
            for scope in needed:
                demand(who, scope)
            return await answer(request)

        return answer_who_may


class GuardedRouter(APIRouter):
    """Routes that ask who calls, of one `tag`. Each needs `scopes`, what `dependencies` ask for, and what it says."""

    def __init__(
        self,
        prefix: str,
        tag: str,
        *scopes: Scope,
        dependencies: Sequence[params.Depends] = (),
        responses: Responses | None = None,
    ) -> None:
        super().__init__(
            prefix=prefix,
            tags=[tag],
            dependencies=[requires(*scopes), *dependencies],
            responses=_REFUSED | (responses or {}),
            route_class=_GuardedRoute,
        )


async def _let_in(request: Request) -> Principal:
    """Raises a 401, 403 or 429 `Refusal`."""
    credentials = await _bearer(request)
    credential = credentials.credentials if credentials is not None else await _api_key(request)
    try:
        known = await (await authentication_of(request)).principal(credential)
        if known.sign_in is SignIn.OPEN:
            _from_this_machine(request)
    except Refusal as refusal:
        if refusal.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            strangers: RateLimit = request.app.state.strangers
            strangers.count(address_of(request), request.scope)
        raise
    if known.sign_in not in (SignIn.OPEN, SignIn.INSTANCE_TOKEN):
        rate_limit: RateLimit = request.app.state.rate_limit
        # A user could make any number of keys; those of the instance's own owner are as many as who runs it likes.
        caller_id = known.key.id if known.key is not None and known.user is None else known.owner
        rate_limit.count(caller_id, request.scope)
    return known


def _demand_a_person(who: Principal) -> None:
    if who.sign_in is SignIn.API_KEY:
        detail = "An API key cannot do this: log in, so that a key that leaks makes no other key."
        raise Refusal(HTTPStatus.FORBIDDEN, "sign-in-needed", detail)


def demand(who: Principal, scope: Scope) -> None:
    """Raises a 403 `Refusal` where the caller does not have `scope`."""
    if scope not in who.scopes:
        whose = f"the API key '{who.key.name}'" if who.key is not None else f"the role '{who.role}'"
        has = ", ".join(f"'{held}'" for held in Scope if held in who.scopes) or "none"
        detail = f"This needs the scope '{scope}'; {whose} has {has}."
        header = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        raise Refusal(HTTPStatus.FORBIDDEN, "insufficient-scope", detail, headers=header)


def _from_this_machine(request: Request) -> None:
    """An open instance is meant for who sits here, and not for pages of the web that their browser shows: neither for
    one that calls by itself (`Origin`), nor for one whose name was made to mean this machine (`Host`)."""
    named = [f"//{request.headers.get('host', '')}"]
    if "origin" in request.headers:
        named.append(request.headers["origin"])
    if not all(is_loopback(_host_in(address)) for address in named):
        detail = "This instance is open to this machine alone; call it at 127.0.0.1 or localhost."
        raise Refusal(HTTPStatus.FORBIDDEN, "open-to-this-machine", detail)


def _host_in(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
