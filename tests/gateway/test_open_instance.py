"""An instance that asks nobody who they are: on this machine alone, and not for pages of the web."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from pressroom.gateway.settings import GatewaySettings

from ..house import House
from .people import a_user, bearer, token_of
from .serving import BODY, Gateway, problem_of, serving


@pytest.fixture
async def stranger(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client that brings nothing, of an instance that asks for nothing."""
    async with (
        serving(house, auth_open=True) as gateway,
        httpx.AsyncClient(base_url=gateway.url, trust_env=False, timeout=20) as http,
    ):
        yield http


async def test_who_brings_nothing_may_do_everything_as_the_owner_default(stranger: httpx.AsyncClient) -> None:
    account = (await stranger.get("/v1/account")).json()
    assert (account["owner"], account["role"], account["sign_in"]) == ("default", "admin", "open")
    made = await stranger.post("/v1/batches", json=BODY)
    assert made.json()["owner"] == "default"
    assert (await stranger.get("/v1/users")).status_code == 200


async def test_who_brings_something_is_who_it_says_or_nobody(house: House, stranger: httpx.AsyncClient) -> None:
    user = await a_user(house)
    assert (await stranger.get("/v1/account", headers=bearer(token_of(user)))).json()["owner"] == user.id
    problem_of(await stranger.get("/v1/account", headers=bearer("not the token")), 401, "unauthorized")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "http://[::"},
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example:8080"},
        {"Host": "192.168.1.7:8080"},
        {"Host": "0.0.0.0:8080"},
        {"Host": "[::"},
    ],
)
async def test_a_page_of_the_web_is_refused(stranger: httpx.AsyncClient, headers: dict[str, str]) -> None:
    problem_of(await stranger.post("/v1/batches", json=BODY, headers=headers), 403, "open-to-this-machine")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:5173"},
        {"Origin": "http://127.0.0.1:8080"},
        {"Host": "LOCALHOST:8080"},
        {"Host": "[::1]:8080"},
        {"Host": "127.0.0.1"},
    ],
)
async def test_a_page_of_this_machine_is_let_in(stranger: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await stranger.get("/v1/account", headers=headers)).status_code == 200


async def test_with_a_token_a_page_of_the_web_is_as_anybody(gateway: Gateway) -> None:
    assert (await gateway.http.get("/v1/account", headers={"Origin": "https://shop.example"})).status_code == 200


def settings_of(folder: Path, **own: Any) -> GatewaySettings:
    return GatewaySettings(**{"blob_url": folder.as_uri(), "api_token": None, **own})


def what_is_wrong(folder: Path, **own: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as refused:
        settings_of(folder, **own)
    return {str(problem["loc"][0]): str(problem["msg"]) for problem in refused.value.errors()}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "pressroom.example", "", "127.0.0.1.evil.example"])
def test_an_open_instance_does_not_listen_to_others(tmp_path: Path, host: str) -> None:
    wrong = what_is_wrong(tmp_path, host=host, auth_open=True)
    assert "PRESSROOM_HOST" in wrong["auth_open"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_an_open_instance_listens_on_this_machine(tmp_path: Path, host: str) -> None:
    assert settings_of(tmp_path, host=host, auth_open=True).auth_open


def test_an_instance_without_any_way_in_does_not_start(tmp_path: Path) -> None:
    wrong = what_is_wrong(tmp_path)
    for setting in ("PRESSROOM_JWT_SECRET", "PRESSROOM_JWT_JWKS_URL", "PRESSROOM_AUTH_OPEN"):
        assert setting in wrong["api_token"]


@pytest.mark.parametrize(
    ("own", "field"),
    [
        ({"jwt_secret": "x" * 31}, "jwt_secret"),
        ({"jwt_jwks_url": "https://sso.example/keys", "jwt_audience": "pressroom"}, "jwt_issuer"),
        ({"jwt_jwks_url": "https://sso.example/keys", "jwt_issuer": "https://sso.example"}, "jwt_audience"),
        ({"jwt_jwks_url": "http://sso.example/keys", "jwt_issuer": "a", "jwt_audience": "b"}, "jwt_jwks_url"),
        ({"jwt_jwks_url": "http://127.0.0.1.evil.example/", "jwt_issuer": "a", "jwt_audience": "b"}, "jwt_jwks_url"),
        ({"jwt_jwks_url": "file:///etc/keys.json", "jwt_issuer": "a", "jwt_audience": "b"}, "jwt_jwks_url"),
    ],
)
def test_what_lets_strangers_in_is_refused_by_its_setting(tmp_path: Path, own: dict[str, str], field: str) -> None:
    assert field in what_is_wrong(tmp_path, **{"api_token": "a-token-for-tests-only", **own})


@pytest.mark.parametrize(
    "own", [{"jwt_secret": "x" * 32}, {"jwt_jwks_url": "https://a/k", "jwt_issuer": "a", "jwt_audience": "b"}]
)
def test_the_instances_own_token_may_be_left_out_where_there_is_another_way_in(
    tmp_path: Path, own: dict[str, str]
) -> None:
    assert settings_of(tmp_path, **own).api_token is None
