"""`POST /auth/login`: who gets a token, who does not and cannot tell why, and how often one may try."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from prometheus_client import REGISTRY

from pressroom.contracts.vocabulary import Role

from ..house import House
from .people import PASSWORD, a_user, bearer, token_of
from .serving import JWT_SECRET, Gateway, fields_named_in, problem_of, serving

EMAIL = "user@example.com"


@pytest.fixture
async def stranger(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """A client that brings nothing by itself."""
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, timeout=20) as http:
        yield http


async def log_in(http: httpx.AsyncClient, email: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
    return await http.post("/auth/login", json={"email": email, "password": password})


def checks() -> float:
    """How many passwords this process has looked at."""
    return REGISTRY.get_sample_value("pressroom_password_seconds_count") or 0.0


async def test_a_login_gives_a_token_that_lets_the_user_in(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    user = await a_user(gateway.house, Role.OPERATOR, EMAIL)
    answer = await log_in(stranger)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["user"]["id"], body["user"]["email"], body["user"]["role"]) == (user.id, EMAIL, "operator")
    account = (await stranger.get("/v1/account", headers=bearer(body["token"]))).json()
    assert (account["owner"], account["role"], account["sign_in"]) == (user.id, "operator", "password")
    assert account["scopes"] == ["read", "write", "review", "publish", "operate"]


async def test_capitals_of_the_address_do_not_matter(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    await a_user(gateway.house, email="Ann@Example.com")
    assert (await log_in(stranger, "aNN@eXAMPLE.com")).status_code == 200


async def test_what_a_user_makes_is_theirs(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    user = await a_user(gateway.house, email=EMAIL)
    token = (await log_in(stranger)).json()["token"]
    answer = await stranger.post(
        "/v1/batches", json={"provider": "studio", "prompt": "a quiet harbour"}, headers=bearer(token)
    )
    assert answer.json()["owner"] == user.id
    assert (await gateway.http.get(f"/v1/batches/{answer.json()['id']}")).status_code == 404


async def test_nobody_of_that_name_is_answered_as_a_wrong_password_is(
    gateway: Gateway, stranger: httpx.AsyncClient
) -> None:
    await a_user(gateway.house, email=EMAIL)
    answers: list[dict[str, Any]] = []
    for email in (EMAIL, "nobody@example.com", "no address at all"):
        before = checks()
        answers.append(problem_of(await log_in(stranger, email, "not the password"), 401, "wrong-login"))
        # As much work for each of them, so that the time tells nothing either.
        assert checks() == before + 1
    assert answers[0] == answers[1] == answers[2]


async def test_somebody_of_a_single_sign_on_does_not_log_in_with_an_empty_password(
    gateway: Gateway, stranger: httpx.AsyncClient
) -> None:
    await gateway.house.database.users.signed_on("https://sso.example", "sub-1", EMAIL, Role.ADMIN)
    problem_of(await log_in(stranger, EMAIL, ""), 401, "wrong-login")


async def test_only_who_has_the_right_password_hears_that_the_account_is_disabled(
    gateway: Gateway, stranger: httpx.AsyncClient
) -> None:
    await a_user(gateway.house, email=EMAIL, disabled_at=datetime.now(UTC))
    problem_of(await log_in(stranger), 403, "account-disabled")
    problem_of(await log_in(stranger, password="not the password"), 401, "wrong-login")


async def test_a_password_stored_at_another_cost_is_stored_again(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    user = await a_user(gateway.house, email=EMAIL)
    await gateway.house.database.users.rehash(user.id, before=user.password_hash or "", after=cheap)
    token = (await log_in(stranger)).json()["token"]
    stored = await gateway.house.database.users.get(user.id)
    assert stored is not None
    assert stored.password_hash is not None
    assert stored.password_hash != cheap
    assert "m=65536" in stored.password_hash
    assert (await log_in(stranger)).status_code == 200
    assert (await stranger.get("/v1/account", headers=bearer(token))).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": EMAIL}, "password"),
        ({"password": PASSWORD}, "email"),
        ({"email": EMAIL, "password": "x" * 1025}, "password"),
        ({"email": "x" * 255, "password": PASSWORD}, "email"),
        ({"email": EMAIL, "password": None}, "password"),
        ({"email": {"$ne": None}, "password": PASSWORD}, "email"),
    ],
)
async def test_what_is_no_login_is_refused_by_its_field(edge: httpx.AsyncClient, body: object, field: str) -> None:
    answer = await edge.post("/auth/login", json=body)
    assert fields_named_in(problem_of(answer, 422, "invalid-request")) == [field]
    assert PASSWORD not in answer.text


async def test_a_name_is_tried_so_often_a_minute_whichever_gateway_is_asked(house: House) -> None:
    await a_user(house, email=EMAIL)
    limit = {"login_tries_per_minute": 3}
    async with serving(house, **limit) as one, serving(house, **limit) as other:
        for gateway in (one, other, one):
            problem_of(await log_in(gateway.http, EMAIL, "not the password"), 401, "wrong-login")
        refused = await log_in(other.http, EMAIL.upper())
        problem_of(refused, 429, "too-many-tries")
        assert 0 < int(refused.headers["retry-after"]) <= 20
        assert (await log_in(other.http, "another@example.com")).status_code == 401


async def test_an_address_is_tried_from_so_often_a_minute_whatever_the_names(house: House) -> None:
    async with serving(house, login_tries_per_minute_from_one_address=3) as gateway:
        for number in range(3):
            problem_of(await log_in(gateway.http, f"{number}@example.com"), 401, "wrong-login")
        before = checks()
        problem_of(await log_in(gateway.http, "3@example.com"), 429, "too-many-tries")
        assert checks() == before


async def test_tries_at_once_are_not_more_than_tries_one_by_one(house: House) -> None:
    async with serving(house, login_tries_per_minute=3, login_tries_per_minute_from_one_address=1000) as gateway:
        tried = await asyncio.gather(*(log_in(gateway.http, EMAIL) for _ in range(12)))
    assert sorted(answer.status_code for answer in tried) == [401] * 3 + [429] * 9


async def test_without_a_secret_nobody_logs_in_and_the_setting_is_named(house: House) -> None:
    async with serving(house, jwt_secret=None) as gateway:
        problem = problem_of(await log_in(gateway.http), 404, "login-not-configured")
        assert "PRESSROOM_JWT_SECRET" in problem["detail"]
        user = await a_user(house)
        problem_of(await gateway.http.get("/v1/account", headers=bearer(token_of(user))), 401, "unauthorized")


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)]
    return ".".join([*parts, ""])


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", "HS256", None])
async def test_a_token_without_a_signature_is_nobodys(
    gateway: Gateway, stranger: httpx.AsyncClient, algorithm: str | None
) -> None:
    user = await a_user(gateway.house, Role.ADMIN)
    claims = jwt.decode(token_of(user), options={"verify_signature": False})
    header = {"typ": "JWT"} if algorithm is None else {"typ": "JWT", "alg": algorithm}
    answer = await stranger.get("/v1/account", headers=bearer(unsigned(header, claims)))
    problem_of(answer, 401, "unauthorized")


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"sub": None},
        {"exp": None},
        {"gen": None},
        {"iat": None},
        {"gen": "0"},
        {"gen": 1},
        {"sub": ["user"]},
        {"sub": "nobody"},
        {"nbf": 99_999_999_999},
        {"exp": "tomorrow"},
    ],
)
async def test_a_token_that_does_not_say_all_of_it_is_nobodys(
    gateway: Gateway, stranger: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    user = await a_user(gateway.house, Role.ADMIN)
    claims = jwt.decode(token_of(user), options={"verify_signature": False}) | change
    token = jwt.encode({name: said for name, said in claims.items() if said is not None}, JWT_SECRET, "HS256")
    answer = await stranger.get("/v1/account", headers=bearer(token))
    assert answer.status_code == 401, answer.text


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_the_right_secret_under_another_algorithm_is_refused(
    gateway: Gateway, stranger: httpx.AsyncClient, algorithm: str
) -> None:
    user = await a_user(gateway.house)
    claims = jwt.decode(token_of(user), options={"verify_signature": False})
    token = jwt.encode(claims, JWT_SECRET.ljust(64, "-"), algorithm)
    problem_of(await stranger.get("/v1/account", headers=bearer(token)), 401, "unauthorized")


async def test_a_token_of_another_secret_is_refused(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    user = await a_user(gateway.house)
    token = token_of(user, secret="another-secret-of-no-less-than-32-bytes")
    problem_of(await stranger.get("/v1/account", headers=bearer(token)), 401, "unauthorized")


@pytest.mark.parametrize("header", ["[" * 5000, '{"a":' * 1000, "[]", "7", "null", "{}", "\xff", '{"alg":["HS256"]}'])
async def test_what_is_no_token_at_all_is_refused(edge: httpx.AsyncClient, header: str) -> None:
    begin = base64.urlsafe_b64encode(header.encode("latin-1")).decode().rstrip("=")
    problem_of(await edge.get("/v1/account", headers=bearer(f"{begin}.e30.e30")), 401, "unauthorized")
