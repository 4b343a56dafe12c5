"""`/v1/users` and `/v1/account`: making users, changing them, and what becomes of what they hold."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from pressroom.contracts.vocabulary import Role, Scope

from ..house import WITHIN_S, House
from .people import PASSWORD, a_key, a_user, bearer, token_of
from .serving import Gateway, fields_named_in, problem_of, serving

NEW_PASSWORD = "another long password"
ANN = {"email": "Ann@Example.com", "password": PASSWORD}


@pytest.fixture
async def stranger(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """A client that brings nothing by itself."""
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, timeout=20) as http:
        yield http


async def log_in(http: httpx.AsyncClient, password: str = PASSWORD) -> int:
    return (await http.post("/auth/login", json={"email": ANN["email"], "password": password})).status_code


async def test_an_admin_makes_a_user_who_then_logs_in(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    answer = await gateway.http.post("/v1/users", json=ANN)
    assert answer.status_code == 201, answer.text
    user = answer.json()
    assert (user["email"], user["role"], user["disabled_at"]) == ("ann@example.com", "user", None)
    assert answer.headers["location"] == f"/v1/users/{user['id']}"
    assert (await gateway.http.get(f"/v1/users/{user['id']}")).json() == user
    assert await log_in(stranger) == 200
    assert "password" not in answer.text.lower()


async def test_an_address_is_one_users_whatever_its_capitals(gateway: Gateway) -> None:
    await gateway.http.post("/v1/users", json=ANN)
    again = await gateway.http.post("/v1/users", json=ANN | {"email": "ANN@example.com"})
    problem_of(again, 409, "email-taken")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "ann"}, "email"),
        ({"password": "seven77"}, "password"),
        ({"password": "x" * 1025}, "password"),
        ({"role": "owner"}, "role"),
        ({"id": "user_mine"}, "id"),
    ],
)
async def test_a_user_that_will_not_do_is_refused_by_its_field(
    edge: httpx.AsyncClient, change: dict[str, str], field: str
) -> None:
    problem = problem_of(await edge.post("/v1/users", json=ANN | change), 422, "invalid-request")
    assert fields_named_in(problem) == [field]
    assert "seven77" not in str(problem)


async def test_users_are_listed_newest_first_page_by_page_and_found_by_address(gateway: Gateway) -> None:
    made = [(await a_user(gateway.house, email=f"{number}@example.com")).id for number in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await gateway.http.get("/v1/users", params=query)).json()
        seen += [user["id"] for user in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]
    (found,) = (await gateway.http.get("/v1/users", params={"email": "3@EXAMPLE.com"})).json()["items"]
    assert found["id"] == made[3]


async def test_another_role_holds_for_the_tokens_that_are_out(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    user = await a_user(gateway.house, Role.ADMIN)
    headers = bearer(token_of(user))
    assert (await stranger.get("/v1/users", headers=headers)).status_code == 200
    await gateway.http.patch(f"/v1/users/{user.id}", json={"role": "user"})
    problem_of(await stranger.get("/v1/users", headers=headers), 403, "insufficient-scope")


async def test_a_disabled_user_is_out_at_once_and_in_again_when_enabled(
    gateway: Gateway, stranger: httpx.AsyncClient
) -> None:
    user = await a_user(gateway.house)
    _, secret = await a_key(gateway.house, user.id, Scope.READ)
    credentials = (token_of(user), secret)
    for disabled, status in ((False, 200), (True, 403), (True, 403), (False, 200)):
        changed = await gateway.http.patch(f"/v1/users/{user.id}", json={"disabled": disabled})
        assert (changed.json()["disabled_at"] is not None) == disabled
        for credential in credentials:
            assert (await stranger.get("/v1/batches", headers=bearer(credential))).status_code == status


async def test_another_gateway_notices_though_the_token_is_in_constant_use(house: House) -> None:
    user = await a_user(house)
    headers = bearer(token_of(user))
    async with serving(house, auth_cache_s=1) as one, serving(house, auth_cache_s=1) as other:
        assert (await other.http.get("/v1/account", headers=headers)).status_code == 200
        await one.http.patch(f"/v1/users/{user.id}", json={"disabled": True})

        async def use_without_pause() -> None:
            while (await other.http.get("/v1/account", headers=headers)).status_code == 200:
                pass

        # In constant use, so that whatever renewed what is known with each use would never end.
        async with asyncio.timeout(WITHIN_S):
            await asyncio.gather(*(use_without_pause() for _ in range(4)))


async def test_a_new_password_by_an_admin_ends_the_users_logins(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    user = await a_user(gateway.house, email=ANN["email"])
    headers = bearer(token_of(user))
    assert (await stranger.get("/v1/account", headers=headers)).status_code == 200
    await gateway.http.patch(f"/v1/users/{user.id}", json={"password": NEW_PASSWORD})
    problem_of(await stranger.get("/v1/account", headers=headers), 401, "token-expired")
    assert (await log_in(stranger), await log_in(stranger, NEW_PASSWORD)) == (401, 200)


async def test_a_change_of_nothing_changes_nothing(gateway: Gateway) -> None:
    user = await a_user(gateway.house)
    before = (await gateway.http.get(f"/v1/users/{user.id}")).json()
    assert (await gateway.http.patch(f"/v1/users/{user.id}", json={})).json() == before


@pytest.mark.parametrize("change", [{"role": "user"}, {"disabled": True}])
async def test_nobody_locks_themselves_out(
    gateway: Gateway, stranger: httpx.AsyncClient, change: dict[str, object]
) -> None:
    admin = await a_user(gateway.house, Role.ADMIN)
    refused = await stranger.patch(f"/v1/users/{admin.id}", json=change, headers=bearer(token_of(admin)))
    problem_of(refused, 409, "not-oneself")


@pytest.mark.parametrize("change", [{"role": "admin"}, {"password": NEW_PASSWORD}])
async def test_who_signs_on_elsewhere_has_role_and_password_there(gateway: Gateway, change: dict[str, str]) -> None:
    user = await gateway.house.database.users.signed_on("https://sso.example", "sub-1", None, Role.USER)
    refused = await gateway.http.patch(f"/v1/users/{user.id}", json=change)
    problem_of(refused, 409, "signs-on-elsewhere")
    assert (await gateway.http.patch(f"/v1/users/{user.id}", json={"disabled": True})).status_code == 200


async def test_a_user_changes_their_password_and_their_logins_end(
    gateway: Gateway, stranger: httpx.AsyncClient
) -> None:
    user = await a_user(gateway.house, email=ANN["email"])
    _, secret = await a_key(gateway.house, user.id, Scope.READ)
    headers = bearer(token_of(user))
    body = {"password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await stranger.put("/v1/account/password", json=body, headers=headers)).status_code == 204
    problem_of(await stranger.get("/v1/account", headers=headers), 401, "token-expired")
    assert (await stranger.get("/v1/account", headers=bearer(secret))).status_code == 200
    assert (await log_in(stranger), await log_in(stranger, NEW_PASSWORD)) == (401, 200)


async def test_a_stolen_token_does_not_change_the_password_nor_try_it_for_long(house: House) -> None:
    user = await a_user(house, email=ANN["email"])
    async with serving(house, login_tries_per_minute=2) as gateway:
        headers = bearer(token_of(user))
        for _ in range(2):
            body = {"password": "not the password", "new_password": NEW_PASSWORD}
            refused = await gateway.http.put("/v1/account/password", json=body, headers=headers)
            assert fields_named_in(problem_of(refused, 422, "invalid-request")) == ["password"]
        body = {"password": PASSWORD, "new_password": NEW_PASSWORD}
        problem_of(await gateway.http.put("/v1/account/password", json=body, headers=headers), 429, "too-many-tries")
        assert (await gateway.http.get("/v1/account", headers=headers)).status_code == 200


async def test_the_instances_own_token_has_no_password_to_change(gateway: Gateway) -> None:
    body = {"password": PASSWORD, "new_password": NEW_PASSWORD}
    problem_of(await gateway.http.put("/v1/account/password", json=body), 409, "no-password")


async def test_the_instances_own_token_is_an_admin_and_the_owner_default(gateway: Gateway) -> None:
    account = (await gateway.http.get("/v1/account")).json()
    assert (account["owner"], account["role"], account["sign_in"]) == ("default", "admin", "instance_token")
    assert (account["user"], account["key"]) == (None, None)
