"""Tokens of a single sign-on: whom they let in, as what, and which are not believed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from pressroom.contracts.vocabulary import Role
from pressroom.gateway import published_keys
from pressroom.state.users import signed_on_id

from ..house import House, eventually
from ..payers import top_up
from .key_server import AUDIENCE, ISSUER, KeyServer, a_private_key, key_server, published, signed
from .key_server import signed_with_the_public_key as confused
from .people import CREDITS, a_user, bearer, token_of
from .serving import JWT_SECRET, Gateway, problem_of, serving

KEY = a_private_key()
OTHER_KEY = a_private_key()
ANN = signed_on_id(ISSUER, "auth0|ann")


@pytest.fixture
async def keys() -> AsyncIterator[KeyServer]:
    async with key_server(published("key-1", KEY)) as server:
        yield server


def single_sign_on(keys: KeyServer, **more: Any) -> dict[str, Any]:
    """The gateway's settings for it, and no other way in."""
    own = {"jwt_jwks_url": keys.url, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    return {"api_token": None, "jwt_secret": None, **own, **more}


@pytest.fixture
async def gateway(house: House, keys: KeyServer) -> AsyncIterator[Gateway]:
    async with serving(house, **single_sign_on(keys)) as running:
        yield running


async def account(gateway: Gateway, token: str) -> httpx.Response:
    return await gateway.http.get("/v1/account", headers=bearer(token))


async def test_who_signs_on_is_known_by_issuer_and_subject_and_may_what_their_role_may(gateway: Gateway) -> None:
    token = signed(KEY, email="Ann@Example.com", role="operator")
    first, again = [(await account(gateway, token)).json() for _ in range(2)]
    assert (first["owner"], first["role"], first["sign_in"]) == (ANN, "operator", "single_sign_on")
    assert (first["user"]["email"], first["user"]["issuer"]) == ("ann@example.com", ISSUER)
    assert again == first
    user = await gateway.house.database.users.get(ANN)
    assert user is not None
    await top_up(gateway.house, user, CREDITS)
    batch = {"provider": "studio", "prompt": "a quiet harbour"}
    made = await gateway.http.post("/v1/batches", json=batch, headers=bearer(token))
    assert made.json()["owner"] == ANN


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ("admin", Role.ADMIN),
        (["user", "admin", "operator"], Role.ADMIN),
        (["something", "operator"], Role.OPERATOR),
        ([], Role.USER),
        ("Admin", Role.USER),
        ("superuser", Role.USER),
        (None, Role.USER),
        ({"role": "admin"}, Role.USER),
        (1, Role.USER),
        ([["admin"], {"role": "admin"}], Role.USER),
    ],
)
async def test_a_claim_of_the_deployments_choice_names_the_role(
    house: House, keys: KeyServer, said: object, role: Role
) -> None:
    async with serving(house, **single_sign_on(keys, jwt_role_claim="https://example.com/roles")) as gateway:
        token = signed(KEY, role="admin", **{"https://example.com/roles": said})
        assert (await account(gateway, token)).json()["role"] == role


async def test_another_role_of_the_same_person_holds_from_the_next_token_on(house: House, keys: KeyServer) -> None:
    async with serving(house, **single_sign_on(keys, auth_cache_s=0)) as gateway:
        for role, email in (("user", "a@example.com"), ("admin", "b@example.com"), ("user", "b@example.com")):
            shown = (await account(gateway, signed(KEY, role=role, email=email))).json()
            assert (shown["owner"], shown["role"]) == (ANN, role)
            assert (shown["user"]["role"], shown["user"]["email"]) == (role, email)
    (user,) = await house.database.users.page(before=None, limit=10)
    assert user.id == ANN


@pytest.mark.parametrize("email", [None, "no address", 7, "x" * 300 + "@example.com"])
async def test_an_address_that_is_none_is_left_out(gateway: Gateway, email: object) -> None:
    assert (await account(gateway, signed(KEY, email=email))).json()["user"]["email"] is None


async def test_the_address_of_somebody_with_a_password_opens_nothing_of_theirs(gateway: Gateway) -> None:
    local = await a_user(gateway.house, Role.ADMIN, "ann@example.com")
    shown = (await account(gateway, signed(KEY, email="ann@example.com"))).json()
    assert (shown["owner"], shown["role"]) == (ANN, "user")
    assert shown["owner"] != local.id


async def test_who_is_disabled_here_is_out_whatever_the_token_says(gateway: Gateway) -> None:
    token = signed(KEY, role="admin")
    await account(gateway, token)
    await gateway.house.database.users.change(ANN, {"disabled_at": datetime.now(UTC)})

    async def is_out() -> bool:
        return (await account(gateway, token)).status_code == 403

    assert await eventually(is_out)
    problem_of(await account(gateway, token), 403, "account-disabled")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://sso.example.evil"},
        {"iss": None},
        {"aud": "another application"},
        {"aud": ["another", "application"]},
        {"aud": None},
        {"sub": None},
        {"sub": 7},
        {"exp": None},
        {"nbf": datetime.now(UTC) + timedelta(hours=1)},
    ],
)
async def test_a_token_for_somebody_else_or_half_a_one_is_refused(gateway: Gateway, claims: dict[str, Any]) -> None:
    problem_of(await account(gateway, signed(KEY, **claims)), 401, "unauthorized")
    assert await gateway.house.database.users.get(ANN) is None


async def test_a_token_that_has_expired_says_so(gateway: Gateway) -> None:
    over = signed(KEY, exp=datetime.now(UTC) - timedelta(minutes=1))
    problem_of(await account(gateway, over), 401, "token-expired")


async def test_a_token_among_others_for_this_gateway_too_is_let_in(gateway: Gateway) -> None:
    assert (await account(gateway, signed(KEY, aud=["another", AUDIENCE]))).status_code == 200


async def test_a_signature_of_another_key_under_a_known_name_is_refused(gateway: Gateway) -> None:
    problem_of(await account(gateway, signed(OTHER_KEY, "key-1")), 401, "unauthorized")


@pytest.mark.parametrize("with_logins", [False, True])
async def test_the_public_key_used_as_a_secret_opens_nothing(house: House, keys: KeyServer, with_logins: bool) -> None:
    settings = single_sign_on(keys, jwt_secret=JWT_SECRET if with_logins else None)
    soon = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
    admin = await a_user(house, Role.ADMIN)
    theirs = {"iss": ISSUER, "aud": AUDIENCE, "sub": "auth0|ann", "role": "admin", "exp": soon}
    ours = {"iss": "pressroom", "sub": admin.id, "gen": 0, "iat": soon - 7200, "exp": soon}
    async with serving(house, **settings) as gateway:
        for algorithm in ("HS256", "RS256", "none"):
            for token in [*confused(KEY, algorithm, theirs), *confused(KEY, algorithm, ours)]:
                problem_of(await account(gateway, token), 401, "unauthorized")
        status = (await account(gateway, token_of(admin))).status_code
        assert status == (200 if with_logins else 401)


@pytest.mark.parametrize("change", [{"use": "enc"}, {"alg": "RS512"}, {"kty": "oct", "k": "c2VjcmV0"}])
async def test_a_key_that_is_published_for_something_else_signs_nothing(house: House, change: dict[str, str]) -> None:
    async with (
        key_server(published("key-1", KEY, **change), published("key-2", OTHER_KEY)) as keys,
        serving(house, **single_sign_on(keys)) as gateway,
    ):
        problem_of(await account(gateway, signed(KEY, "key-1")), 401, "unauthorized")
        assert (await account(gateway, signed(OTHER_KEY, "key-2"))).status_code == 200


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_a_key_that_is_too_short_signs_nothing(house: House) -> None:
    short = a_private_key(1024)
    async with key_server(published("key-1", short)) as keys, serving(house, **single_sign_on(keys)) as gateway:
        problem_of(await account(gateway, signed(short)), 401, "unauthorized")


async def test_a_signature_that_names_no_key_is_by_the_only_one(house: House) -> None:
    async with key_server(published(None, KEY)) as keys, serving(house, **single_sign_on(keys)) as gateway:
        assert (await account(gateway, signed(KEY, None))).status_code == 200
        keys.keys.append(published("key-2", OTHER_KEY))
    async with (
        key_server(published("key-1", KEY), published("key-2", OTHER_KEY)) as keys,
        serving(house, **single_sign_on(keys)) as gateway,
    ):
        problem_of(await account(gateway, signed(KEY, None)), 401, "unauthorized")


async def test_the_keys_are_asked_for_once(gateway: Gateway, keys: KeyServer) -> None:
    for _ in range(5):
        assert (await account(gateway, signed(KEY))).status_code == 200
    assert keys.asked == 1


async def test_first_calls_in_one_moment_wait_for_the_keys_and_ask_once(gateway: Gateway, keys: KeyServer) -> None:
    answers = await asyncio.gather(*(account(gateway, signed(KEY, sub=f"sub-{number}")) for number in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert keys.asked == 1


async def test_made_up_names_of_keys_are_no_flood_of_requests(gateway: Gateway, keys: KeyServer) -> None:
    for number in range(10):
        problem_of(await account(gateway, signed(OTHER_KEY, f"made up {number}")), 401, "unauthorized")
    assert keys.asked == 1


async def test_a_new_key_is_found_once_it_is_named(
    gateway: Gateway, keys: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await account(gateway, signed(KEY))).status_code == 200
    keys.keys.append(published("key-2", OTHER_KEY))
    problem_of(await account(gateway, signed(OTHER_KEY, "key-2")), 401, "unauthorized")
    monkeypatch.setattr(published_keys, "AGAIN_AFTER_S", 0.0)
    assert (await account(gateway, signed(OTHER_KEY, "key-2"))).status_code == 200
    assert keys.asked == 2


@pytest.mark.parametrize(
    "says",
    [(500, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"keys": []}'), (200, b'{"keys": 7}'), (302, b"")],
)
async def test_without_keys_the_caller_is_told_to_come_again(
    gateway: Gateway, keys: KeyServer, says: tuple[int, bytes]
) -> None:
    keys.says = says
    refused = await account(gateway, signed(KEY))
    problem_of(refused, 503, "sign-on-unavailable")
    assert int(refused.headers["retry-after"]) > 0


async def test_known_keys_hold_while_new_ones_cannot_be_fetched_but_not_for_ever(
    gateway: Gateway, keys: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await account(gateway, signed(KEY))).status_code == 200
    keys.says = (500, b"")
    monkeypatch.setattr(published_keys, "FRESH_S", 0.0)
    monkeypatch.setattr(published_keys, "AGAIN_AFTER_S", 0.0)
    assert (await account(gateway, signed(KEY))).status_code == 200
    assert keys.asked == 2
    monkeypatch.setattr(published_keys, "BELIEVED_S", 0.0)
    problem_of(await account(gateway, signed(KEY)), 503, "sign-on-unavailable")
