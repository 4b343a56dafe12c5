"""How often somebody may call: each user, with all of their keys, said with every answer."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from pressroom.contracts.roles import INSTANCE_OWNER
from pressroom.contracts.vocabulary import Role, Scope
from pressroom.gateway.edge.problems import Refusal
from pressroom.gateway.edge.rate_limit import MOST, WINDOW_S, RateLimit

from ..house import House
from .people import a_key, a_user, bearer, token_of
from .serving import TOKEN, Gateway, problem_of, serving

PER_MINUTE = 3


@pytest.fixture
async def limited(house: House) -> AsyncIterator[Gateway]:
    async with serving(house, requests_per_minute=PER_MINUTE) as running:
        yield running


@pytest.fixture
async def stranger(limited: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=limited.url, trust_env=False, timeout=20) as http:
        yield http


def said(answer: httpx.Response) -> tuple[int, int]:
    """The calls that remain, and the seconds until there are more."""
    assert answer.headers["ratelimit-policy"] == f'"minute";q={PER_MINUTE};w={WINDOW_S}'
    told = re.fullmatch(r'"minute";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert told is not None, answer.headers["ratelimit"]
    return int(told[1]), int(told[2])


async def test_every_answer_says_what_is_left_and_what_is_beyond_is_refused(
    limited: Gateway, stranger: httpx.AsyncClient
) -> None:
    headers = bearer(token_of(await a_user(limited.house)))
    # Whatever comes of a call, it is one.
    for left, path in ((2, "/v1/account"), (1, "/v1/users"), (0, "/v1/batches/none")):
        assert said(await stranger.get(path, headers=headers))[0] == left
    for path in ("/v1/account", "/v1/batches"):
        refused = await stranger.get(path, headers=headers)
        problem = problem_of(refused, 429, "too-many-requests")
        assert "PRESSROOM_REQUESTS_PER_MINUTE" in problem["detail"]
        left, again_s = said(refused)
        assert left == 0
        assert refused.headers["retry-after"] == str(again_s)
        assert 0 < again_s <= WINDOW_S


async def test_a_refused_call_does_nothing(limited: Gateway, stranger: httpx.AsyncClient) -> None:
    headers = bearer(token_of(await a_user(limited.house)))
    body = {"provider": "studio", "prompt": "a fox"}
    answers = [await stranger.post("/v1/batches", json=body, headers=headers) for _ in range(PER_MINUTE + 2)]
    assert [answer.status_code for answer in answers] == [202] * PER_MINUTE + [429] * 2
    assert len(await limited.house.database.batches.find({})) == PER_MINUTE


async def test_each_user_and_each_key_of_the_instance_has_its_own_and_its_token_none(
    limited: Gateway, stranger: httpx.AsyncClient
) -> None:
    credentials = [token_of(await a_user(limited.house, Role.OPERATOR)), token_of(await a_user(limited.house))]
    credentials += [(await a_key(limited.house, INSTANCE_OWNER, *Scope))[1] for _ in range(2)]
    for credential in credentials:
        for left in (2, 1, 0):
            answer = await stranger.get("/v1/account", headers=bearer(credential))
            assert (answer.status_code, said(answer)[0]) == (200, left)
    for _ in range(PER_MINUTE * 2):
        answer = await stranger.get("/v1/account", headers=bearer(TOKEN))
        assert answer.status_code == 200
        assert "ratelimit" not in answer.headers


async def test_more_keys_of_a_user_are_no_more_calls(limited: Gateway, stranger: httpx.AsyncClient) -> None:
    user = await a_user(limited.house)
    credentials = [token_of(user), *[(await a_key(limited.house, user.id, Scope.READ))[1] for _ in range(3)]]
    statuses = [(await stranger.get("/v1/account", headers=bearer(each))).status_code for each in credentials]
    assert statuses == [200, 200, 200, 429]


async def test_two_tokens_of_one_user_are_one_user(limited: Gateway, stranger: httpx.AsyncClient) -> None:
    user = await a_user(limited.house)
    tokens = [token_of(user, lifetime_s=seconds) for seconds in (100, 200, 300, 400)]
    statuses = [(await stranger.get("/v1/account", headers=bearer(token))).status_code for token in tokens]
    assert statuses == [200, 200, 200, 429]


async def test_what_asks_for_no_caller_counts_for_nobody(stranger: httpx.AsyncClient) -> None:
    for _ in range(PER_MINUTE * 2):
        for path, status in (("/healthz", 200), (f"/files/aa/{'a' * 64}.png", 404), ("/v1/nothing", 404)):
            answer = await stranger.get(path)
            assert answer.status_code == status
            assert "ratelimit" not in answer.headers


@pytest.mark.parametrize("header", [{}, bearer("not-right"), {"X-API-Key": "pr_live_" + "A" * 43}])
async def test_an_address_that_is_not_let_in_waits_and_holds_up_nobody_who_is(
    house: House, header: dict[str, str]
) -> None:
    async with serving(house, refused_calls_per_minute_from_one_address=PER_MINUTE) as gateway:
        user = bearer(token_of(await a_user(house)))
        async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, timeout=20) as http:
            for left, path in ((2, "/v1/account"), (1, "/v1/users"), (0, "/v1/batches/none")):
                answer = await http.get(path, headers=header)
                problem_of(answer, 401, "unauthorized")
                assert said(answer)[0] == left
            refused = await http.get("/v1/account", headers=header)
            problem = problem_of(refused, 429, "too-many-requests")
            assert "PRESSROOM_REFUSED_CALLS_PER_MINUTE_FROM_ONE_ADDRESS" in problem["detail"]
            assert 0 < int(refused.headers["retry-after"]) <= WINDOW_S
            for known in (user, bearer(TOKEN)):
                assert (await http.get("/v1/account", headers=known)).status_code == 200


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def counted(limit: RateLimit, caller: str) -> str:
    scope: dict[str, Any] = {"state": {}}
    try:
        limit.count(caller, scope)
    except Refusal as refused:
        return str(refused.name)
    return scope["state"]["rate_limit_headers"]["RateLimit"]


def test_a_minute_begins_with_the_first_call_and_then_anew() -> None:
    clock = Clock()
    limit = RateLimit(2, "A_SETTING", clock)
    assert counted(limit, "ann") == '"minute";r=1;t=60'
    clock.now += 59.5
    assert counted(limit, "ann") == '"minute";r=0;t=1'
    assert counted(limit, "ann") == "too-many-requests"
    assert counted(limit, "bob") == '"minute";r=1;t=60'
    clock.now += 0.5
    assert counted(limit, "ann") == '"minute";r=1;t=60'


def test_a_flood_of_callers_takes_no_more_memory_than_so_many() -> None:
    limit = RateLimit(1, "A_SETTING", Clock())
    for number in range(MOST + 1):
        counted(limit, f"caller {number}")
    assert counted(limit, f"caller {MOST}") == "too-many-requests"
    assert counted(limit, "caller 0") == '"minute";r=0;t=60'
