"""`/v1/keys`: API keys are shown once, do what they say, and end when they are told to."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from pressroom.contracts.vocabulary import Role, Scope
from pressroom.state.api_keys import digest

from ..house import WITHIN_S, House, eventually
from .people import a_key, a_user, bearer, token_of
from .serving import TOKEN, Gateway, fields_named_in, problem_of, serving

READ_AND_WRITE = {"name": "ci", "scopes": ["write", "read"]}


@pytest.fixture
async def stranger(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """A client that brings nothing by itself."""
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, timeout=20) as http:
        yield http


async def made(http: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await http.post("/v1/keys", json=READ_AND_WRITE | fields)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
async def test_a_key_lets_a_program_in_under_its_owner(
    gateway: Gateway, stranger: httpx.AsyncClient, header: str
) -> None:
    key = await made(gateway.http)
    sent = {header: key["secret"] if header == "X-API-Key" else f"Bearer {key['secret']}"}
    account = (await stranger.get("/v1/account", headers=sent)).json()
    assert (account["owner"], account["sign_in"], account["scopes"]) == ("default", "api_key", ["read", "write"])
    assert account["key"]["id"] == key["id"]


async def test_a_secret_is_shown_once_and_stored_as_its_hash_alone(gateway: Gateway) -> None:
    key = await made(gateway.http)
    secret = key["secret"]
    assert secret.startswith("pr_live_")
    assert len(secret) == len("pr_live_") + 43
    listed = await gateway.http.get("/v1/keys")
    assert listed.json()["items"] == [{name: value for name, value in key.items() if name != "secret"}]
    assert secret not in listed.text
    stored = await gateway.house.database.api_keys.raw.find_one({"_id": key["id"]})
    assert stored is not None
    assert stored["secret_sha256"] == digest(secret)
    assert secret not in str(stored)


async def test_a_key_asked_for_twice_is_made_once_and_its_secret_not_told_again(gateway: Gateway) -> None:
    header = {"Idempotency-Key": "laptop"}
    first = await gateway.http.post("/v1/keys", json=READ_AND_WRITE, headers=header)
    again = await gateway.http.post("/v1/keys", json=READ_AND_WRITE, headers=header)
    key_id = first.json()["id"]
    assert f"'{key_id}'" in problem_of(again, 409, "idempotency-key-reused")["detail"]
    assert [key["id"] for key in (await gateway.http.get("/v1/keys")).json()["items"]] == [key_id]


async def test_no_two_secrets_are_alike(gateway: Gateway) -> None:
    secrets = {(await made(gateway.http))["secret"] for _ in range(5)}
    assert len(secrets) == 5


async def test_a_revoked_key_is_out_at_once_and_stays_listed(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    key = await made(gateway.http)
    headers = bearer(key["secret"])
    assert (await stranger.get("/v1/batches", headers=headers)).status_code == 200
    first = (await gateway.http.delete(f"/v1/keys/{key['id']}")).json()
    assert first["revoked_at"] is not None
    assert (await gateway.http.delete(f"/v1/keys/{key['id']}")).json() == first
    problem = problem_of(await stranger.get("/v1/batches", headers=headers), 401, "unauthorized")
    assert "revoked" in problem["detail"]
    (listed,) = (await gateway.http.get("/v1/keys")).json()["items"]
    assert listed["revoked_at"] == first["revoked_at"]


async def test_another_gateway_notices_a_revocation_though_the_key_is_in_constant_use(house: House) -> None:
    key, secret = await a_key(house, "default", Scope.READ)
    async with serving(house, auth_cache_s=1) as one, serving(house, auth_cache_s=1) as other:
        headers = bearer(secret)
        assert (await other.http.get("/v1/account", headers=headers)).status_code == 200
        await one.http.delete(f"/v1/keys/{key.id}")

        async def use_without_pause() -> None:
            while (await other.http.get("/v1/account", headers=headers)).status_code == 200:
                pass

        # In constant use, so that whatever renewed what is known with each use would never end.
        async with asyncio.timeout(WITHIN_S):
            await asyncio.gather(*(use_without_pause() for _ in range(4)))


async def test_a_key_ends_when_it_expires_though_it_was_read_a_moment_ago(
    gateway: Gateway, stranger: httpx.AsyncClient
) -> None:
    expires_at = datetime.now(UTC) + timedelta(seconds=2)
    _, secret = await a_key(gateway.house, "default", Scope.READ, expires_at=expires_at)
    assert (await stranger.get("/v1/batches", headers=bearer(secret))).status_code == 200

    async def is_out() -> bool:
        return (await stranger.get("/v1/batches", headers=bearer(secret))).status_code == 401

    assert await eventually(is_out)
    assert datetime.now(UTC) >= expires_at


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"owner": "user_another"}, "owner"),
    ],
)
async def test_a_key_that_will_not_do_is_refused_by_its_field(
    edge: httpx.AsyncClient, change: dict[str, object], field: str
) -> None:
    answer = await edge.post("/v1/keys", json=READ_AND_WRITE | change)
    (named,) = fields_named_in(problem_of(answer, 422, "invalid-request"))
    assert named.partition(".")[0] == field


async def test_nobody_makes_a_key_that_may_more_than_they(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    headers = bearer(token_of(await a_user(gateway.house)))
    body = READ_AND_WRITE | {"scopes": ["read", "admin", "operate"]}
    problem = problem_of(await stranger.post("/v1/keys", json=body, headers=headers), 422, "invalid-request")
    assert fields_named_in(problem) == ["scopes"]
    assert "'operate', 'admin'" in problem["detail"]


async def test_a_key_loses_what_its_owner_loses(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    admin = await a_user(gateway.house, Role.ADMIN)
    _, secret = await a_key(gateway.house, admin.id, Scope.READ, Scope.ADMIN)
    assert (await stranger.get("/v1/users", headers=bearer(secret))).status_code == 200
    await gateway.http.patch(f"/v1/users/{admin.id}", json={"role": "user"})
    problem_of(await stranger.get("/v1/users", headers=bearer(secret)), 403, "insufficient-scope")


async def test_a_key_that_may_not_publish_asks_for_no_batch_that_publishes_itself(
    gateway: Gateway, stranger: httpx.AsyncClient
) -> None:
    _, secret = await a_key(gateway.house, "default", Scope.READ, Scope.WRITE, Scope.REVIEW)
    body = {"provider": "studio", "prompt": "a quiet harbour"}
    publishing = body | {"auto_publish": [{"platform": "printify", "product_type": "mug"}]}
    assert (await stranger.post("/v1/batches", json=body, headers=bearer(secret))).status_code == 202
    problem_of(await stranger.post("/v1/batches", json=publishing, headers=bearer(secret)), 403, "insufficient-scope")


async def test_keys_are_listed_newest_first_page_by_page(gateway: Gateway) -> None:
    names = [(await made(gateway.http, name=f"key {number}"))["id"] for number in range(5)]
    first = (await gateway.http.get("/v1/keys", params={"limit": 3})).json()
    rest = (await gateway.http.get("/v1/keys", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [key["id"] for key in first["items"] + rest["items"]] == names[::-1]
    assert rest["next_cursor"] is None


async def test_the_last_use_is_written_once_a_minute(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    key, secret = await a_key(gateway.house, "default", Scope.READ)

    async def used() -> datetime | None:
        (listed,) = (await gateway.http.get("/v1/keys")).json()["items"]
        return datetime.fromisoformat(listed["last_used_at"]) if listed["last_used_at"] else None

    assert await used() is None
    await asyncio.gather(*(stranger.get("/v1/batches", headers=bearer(secret)) for _ in range(5)))
    first = await used()
    assert first is not None
    for _ in range(3):
        await stranger.get("/v1/batches", headers=bearer(secret))
    assert await used() == first
    long_ago = first - timedelta(minutes=2)
    await gateway.house.database.api_keys.raw.update_one({"_id": key.id}, {"$set": {"last_used_at": long_ago}})
    async with serving(gateway.house) as another:
        await another.http.get("/v1/batches", headers=bearer(secret))
    again = await used()
    assert again is not None
    assert again > first


async def test_a_bearer_comes_before_a_key_where_both_are_sent(gateway: Gateway, stranger: httpx.AsyncClient) -> None:
    user = await a_user(gateway.house)
    _, secret = await a_key(gateway.house, user.id, Scope.READ)
    account = (await stranger.get("/v1/account", headers={**bearer(TOKEN), "X-API-Key": secret})).json()
    assert account["sign_in"] == "instance_token"
