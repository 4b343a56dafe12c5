"""Every route of the OpenAPI document, called by everybody: each is let in or refused as one table says."""

import itertools
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from pressroom.contracts.roles import INSTANCE_OWNER, SCOPES_OF
from pressroom.contracts.vocabulary import ImageState, Role, Scope
from pressroom.gateway.api import openapi_document

from .people import a_key, a_user, bearer, token_of
from .serving import TOKEN, Gateway, problem_of
from .test_notices import a_notice
from .test_provider_jobs import stored as a_job
from .test_publications import a_publication

Route = tuple[str, str]

NEEDS: dict[Route, set[Scope]] = {
    ("POST", "/v1/images/{image_id}/approve"): {Scope.READ, Scope.REVIEW},
    ("POST", "/v1/images/{image_id}/reject"): {Scope.READ, Scope.REVIEW},
    ("POST", "/v1/images/review"): {Scope.READ, Scope.REVIEW},
    ("POST", "/v1/images/{image_id}/publish"): {Scope.READ, Scope.PUBLISH},
    ("POST", "/api/approve/{image_id}"): {Scope.READ, Scope.REVIEW},
    ("POST", "/api/publish/{image_id}"): {Scope.READ, Scope.PUBLISH},
    ("POST", "/v1/batches/estimate"): {Scope.READ},
    ("POST", "/v1/providers/{name}/open"): {Scope.READ, Scope.OPERATE},
    ("GET", "/v1/events"): {Scope.READ, Scope.OPERATE},
    ("GET", "/v1/lanes"): {Scope.OPERATE},
    ("POST", "/v1/lanes/{name}/pause"): {Scope.OPERATE},
    ("POST", "/v1/lanes/{name}/resume"): {Scope.OPERATE},
    ("GET", "/v1/dead-letters"): {Scope.OPERATE},
    ("GET", "/v1/dead-letters/{sequence}"): {Scope.OPERATE},
    ("POST", "/v1/dead-letters/replay"): {Scope.OPERATE},
    ("POST", "/v1/dead-letters/{sequence}/replay"): {Scope.OPERATE},
    ("DELETE", "/v1/dead-letters/{sequence}"): {Scope.OPERATE},
    ("POST", "/v1/publications/{publication_id}/retry"): {Scope.READ, Scope.PUBLISH},
    ("POST", "/v1/users"): {Scope.ADMIN},
    ("GET", "/v1/users"): {Scope.ADMIN},
    ("GET", "/v1/users/{user_id}"): {Scope.ADMIN},
    ("PATCH", "/v1/users/{user_id}"): {Scope.ADMIN},
    ("GET", "/v1/users/{user_id}/ledger"): {Scope.ADMIN},
    ("POST", "/v1/users/{user_id}/credits"): {Scope.ADMIN},
    ("POST", "/api/case-images/validate"): {Scope.READ},
    ("POST", "/api/case-images/estimate"): {Scope.READ},
    ("POST", "/api/admin/images"): {Scope.ADMIN},
    ("POST", "/api/admin/images/batch"): {Scope.ADMIN},
    ("POST", "/api/admin/blogs"): {Scope.ADMIN},
    ("POST", "/api/admin/blogs/batch"): {Scope.ADMIN},
    # Whoever may call may know who they are, and look after what they call with.
    ("GET", "/v1/account"): set(),
    ("PUT", "/v1/account/password"): set(),
    ("POST", "/v1/keys"): set(),
    ("GET", "/v1/keys"): set(),
    ("DELETE", "/v1/keys/{key_id}"): set(),
}
"""What a route needs that is not, as all others, `read` to look and `write` besides to do."""

FOR_PEOPLE = {route for route in NEEDS if route[1] in ("/v1/account/password", "/v1/keys", "/v1/keys/{key_id}")}
"""Refused to API keys."""

USERS_ONLY = ("/batch/",)
"""Where an old interface refuses admins, and so the instance's own token too."""

ITS_OWN = (*USERS_ONLY, "/api/case-images/")
"""Where an old interface shows batches that were asked for there, and no others of their owner."""

OPEN_TO_ALL = ("/files/", "/webhooks/", "/auth/login")
"""Routes that ask for no token: they go by a hash, a signature or a password."""

ROUTES: dict[Route, dict[str, Any]] = {
    (method.upper(), path): operation
    for path, operations in openapi_document()["paths"].items()
    for method, operation in operations.items()
}
GUARDED = [route for route in ROUTES if not route[1].startswith(OPEN_TO_ALL)]
EVERYBODYS = {
    "name": "flux",
    "character_id": "ann",
    "sequence": "999999",
    "subject_name": "case-1",
    "recipe_name": "mine",
}
"""Names in paths of what is nobody's document: a lane, a place in a stream, callers' own names of things."""
OWNED = {"batch_id", "image_id", "notice_id", "job_id", "text_id", "key_id", "publication_id", "post_id"}
"""Names in paths of what belongs to somebody."""


def needs(route: Route) -> set[Scope]:
    return NEEDS.get(route, {Scope.READ} if route[0] == "GET" else {Scope.READ, Scope.WRITE})


def names_in(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def filled(path: str, ids: dict[str, str] | None = None) -> str:
    """The path with these ids, and with one that nothing has where there is none."""
    known = EVERYBODYS | (ids or {})
    return re.sub(r"{(\w+)}", lambda name: known.get(name[1], "nobodys"), path)


def a_body_for(route: Route) -> dict[str, str] | None:
    """So that what the path names is looked for at all."""
    if "/publish" in route[1]:
        return {"platform": "printify", "product_type": "mug"}
    if route[1] == "/v1/lanes/{name}/pause":
        return {"seconds": "1"}
    if route[1].endswith("/credits"):
        return {"amount": "1", "note": "paid"}
    return {} if route[0] == "PATCH" else None


async def called(
    http: httpx.AsyncClient, route: Route, ids: dict[str, str] | None = None, **more: Any
) -> httpx.Response:
    """The answer; of one that goes on for ever, its head."""
    method, path = route
    async with http.stream(method, filled(path, ids), json=a_body_for(route), **more) as answer:
        if answer.status_code != 200:
            await answer.aread()
        return answer


@pytest.fixture
async def stranger(gateway: Gateway) -> Any:
    """A client that brings nothing by itself."""
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, timeout=20) as http:
        yield http


def test_every_route_says_what_it_needs() -> None:
    for route in GUARDED:
        (by_header, by_key) = ROUTES[route]["security"]
        assert set(by_header["HTTPBearer"]) == set(by_key["APIKeyHeader"]) == needs(route), route
        assert {"401", "403"} <= set(ROUTES[route]["responses"]), route


def test_only_what_goes_by_something_else_asks_for_no_token() -> None:
    for route in set(ROUTES) - set(GUARDED):
        assert "security" not in ROUTES[route], route


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        TOKEN,
        "Bearer",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer a.b.c",
        "Bearer é",
    ],
)
async def test_without_the_right_token_nothing_is_told(edge: httpx.AsyncClient, header: str | None) -> None:
    del edge.headers["Authorization"]
    headers = {} if header is None else {"Authorization": header.encode()}
    for route in GUARDED:
        answer = await called(edge, route, headers=headers)
        problem_of(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.text


async def test_the_instances_own_token_may_do_everything(gateway: Gateway) -> None:
    for route in GUARDED:
        answer = await called(gateway.http, route)
        if route[1].startswith(USERS_ONLY):
            problem_of(answer, 403, "users-only")
        else:
            assert answer.status_code not in (401, 403), route


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_may_what_the_table_says(gateway: Gateway, stranger: httpx.AsyncClient, role: Role) -> None:
    headers = bearer(token_of(await a_user(gateway.house, role)))
    for route in GUARDED:
        answer = await called(stranger, route, headers=headers)
        if route[1].startswith(USERS_ONLY) and role is Role.ADMIN:
            problem_of(answer, 403, "users-only")
        elif needs(route) <= SCOPES_OF[role]:
            assert answer.status_code not in (401, 403), (route, answer.status_code)
        else:
            problem_of(answer, 403, "insufficient-scope")


@pytest.mark.parametrize("missing", list(Scope))
async def test_a_key_without_a_scope_is_refused_where_that_is_needed(
    gateway: Gateway, stranger: httpx.AsyncClient, missing: Scope
) -> None:
    _, secret = await a_key(gateway.house, INSTANCE_OWNER, *(set(Scope) - {missing}))
    for route in GUARDED:
        if route[1].startswith(USERS_ONLY):
            continue
        answer = await called(stranger, route, headers={"X-API-Key": secret})
        if route in FOR_PEOPLE:
            problem_of(answer, 403, "sign-in-needed")
        elif missing in needs(route):
            problem = problem_of(answer, 403, "insufficient-scope")
            assert f"'{missing}'" in problem["detail"]
            assert f'scope="{missing}"' in answer.headers["www-authenticate"]
        else:
            assert answer.status_code not in (401, 403), (route, answer.status_code)


async def test_a_key_may_no_more_than_its_owner(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    user = await a_user(gateway.house, Role.USER)
    _, secret = await a_key(gateway.house, user.id, *Scope)
    for route in GUARDED:
        answer = await called(stranger, route, headers=bearer(secret))
        assert (answer.status_code == 403) == (route in FOR_PEOPLE or not needs(route) <= SCOPES_OF[Role.USER]), route


@pytest.mark.parametrize("kind", ["expired token", "revoked key", "expired key", "unknown key", "token of nobody"])
async def test_what_was_right_once_opens_nothing(gateway: Gateway, stranger: httpx.AsyncClient, kind: str) -> None:
    user = await a_user(gateway.house, Role.ADMIN)
    problem, credential = "unauthorized", ""
    match kind:
        case "expired token":
            problem, credential = "token-expired", token_of(user, lifetime_s=-1)
        case "revoked key":
            key, credential = await a_key(gateway.house, user.id, *Scope)
            await gateway.house.database.api_keys.revoke(key.id)
        case "expired key":
            over = datetime.now(UTC) - timedelta(seconds=1)
            _, credential = await a_key(gateway.house, user.id, *Scope, expires_at=over)
        case "unknown key":
            credential = "pr_live_" + "A" * 43
        case _:
            credential = token_of(user.model_copy(update={"id": "user_none"}))
    for route in GUARDED:
        answer = await called(stranger, route, headers=bearer(credential))
        problem_of(answer, 401, problem)
        assert credential not in answer.text


async def test_a_disabled_user_is_refused_with_token_and_key(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    user = await a_user(gateway.house, Role.ADMIN, disabled_at=datetime.now(UTC))
    _, secret = await a_key(gateway.house, user.id, *Scope)
    for route, credential in itertools.product(GUARDED, (token_of(user), secret)):
        answer = await called(stranger, route, headers=bearer(credential))
        problem_of(answer, 403, "account-disabled")


@pytest.mark.parametrize("role", list(Role))
async def test_what_belongs_to_somebody_else_does_not_exist_whatever_the_role(
    gateway: Gateway, stranger: httpx.AsyncClient, role: Role
) -> None:
    house = gateway.house
    image_id = await gateway.image()
    text_id = await gateway.image()
    await house.database.images.change(text_id, {"text_kind": "plain", "text": "once upon a time"})
    batch_id = image_id.rpartition("-")[0]
    job = await a_job(gateway, f"{batch_id}-job-0")
    key, _ = await a_key(house, INSTANCE_OWNER, *Scope)
    notice = await a_notice(house, failed=True)
    theirs = {
        "batch_id": batch_id,
        "image_id": image_id,
        "text_id": text_id,
        "job_id": job.id,
        "key_id": key.id,
        "notice_id": notice.id,
        "publication_id": await a_publication(gateway),
        "post_id": (await gateway.http.post("/v1/posts", json={"title": "Ours", "content": "x"})).json()["id"],
    }
    headers = bearer(token_of(await a_user(house, role)))
    refused = USERS_ONLY if role is Role.ADMIN else ()
    of_somebody = [route for route in GUARDED if OWNED & set(names_in(route[1])) and not route[1].startswith(refused)]
    assert {name for _, path in of_somebody for name in names_in(path)} == OWNED
    for route in of_somebody:
        problem_of(await called(stranger, route, theirs, headers=headers), 404, "not-found")
        if not route[1].startswith(ITS_OWN):
            assert (await called(gateway.http, ("GET", route[1]), theirs)).status_code in (200, 405), route
    for path in ("/v1/batches", "/v1/provider-jobs", "/v1/keys"):
        assert (await stranger.get(path, headers=headers)).json()["items"] == []
    assert (await house.image(image_id)).state is ImageState.GENERATED


async def test_what_does_not_exist_is_a_404_on_every_path_that_names_something(gateway: Gateway) -> None:
    for route in GUARDED:
        if set(names_in(route[1])) - set(EVERYBODYS) and not route[1].startswith(USERS_ONLY):
            problem = problem_of(await called(gateway.http, route), 404, "not-found")
            assert "'nobodys'" in problem["detail"], route


async def test_a_token_that_is_too_long_is_not_looked_at(edge: httpx.AsyncClient) -> None:
    long = jwt.encode({"sub": "x" * 10_000}, "k" * 32, algorithm="HS256")
    problem_of(await edge.get("/v1/account", headers=bearer(long)), 401, "unauthorized")


async def test_health_and_metrics_ask_for_nothing(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/healthz")).json() == {"alive": True}
    assert (await stranger.get("/readyz")).json() == {"ready": True}
    assert "pressroom_" in (await stranger.get("/metrics")).text


async def test_a_path_or_method_that_is_not_there_is_a_problem_too(edge: httpx.AsyncClient) -> None:
    problem_of(await edge.get("/v1/nothing"), 404, "not-found")
    problem_of(await edge.delete("/v1/batches"), 405, "method-not-allowed")
