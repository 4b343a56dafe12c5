"""What answers say to browsers, whose pages may read them, and a page for people that needs nobody else."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from pymongo import MongoClient

from pressroom.contracts.vocabulary import ImageState
from pressroom.gateway.settings import GatewaySettings

from .serving import BODY, TOKEN, Gateway, unconnected

SHOP = "https://shop.example"


def assert_safe(answer: httpx.Response) -> None:
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_every_answer_says_it_whatever_it_is(edge: httpx.AsyncClient) -> None:
    for method, path, status in (
        ("GET", "/healthz", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs", 200),
        ("GET", "/nothing", 404),
        ("PROPFIND", "/v1/batches", 405),
        ("POST", "/v1/batches", 422),
    ):
        answer = await edge.request(method, path)
        assert answer.status_code == status
        assert_safe(answer)
    refused = await edge.post("/v1/batches", content=b"x" * 2_000_000)
    assert refused.status_code == 413
    assert_safe(refused)
    del edge.headers["Authorization"]
    nobody = await edge.get("/v1/account")
    assert nobody.status_code == 401
    assert_safe(nobody)


async def test_so_does_an_error_of_ours(gateway: Gateway) -> None:
    image_id, values = await gateway.image(), gateway.house.values
    # As no program of ours writes it.
    with MongoClient[dict[str, object]](values["mongo_url"]) as client:
        client[values["mongo_database"]]["images"].update_one({"_id": image_id}, {"$set": {"file": "none"}})
    answer = await gateway.http.get(f"/v1/images/{image_id}")
    assert answer.status_code == 500
    assert_safe(answer)
    assert answer.headers["cache-control"] == "no-store"


async def test_what_is_somebodys_is_stored_by_nobody_and_what_never_changes_by_who_may(gateway: Gateway) -> None:
    image_id = await gateway.image(ImageState.GENERATED)
    for path in ("/v1/account", "/v1/keys", "/v1/batches", f"/v1/images/{image_id}"):
        assert (await gateway.http.get(path)).headers["cache-control"] == "no-store", path
    content = await gateway.http.get(f"/v1/images/{image_id}/content")
    assert "immutable" in content.headers["cache-control"]
    assert_safe(content)


@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-9"}, {"If-None-Match": "*"}])
async def test_what_a_browser_keeps_of_somebodys_it_gives_to_nobody_else(
    gateway: Gateway, asked: dict[str, str]
) -> None:
    image_id = await gateway.image()
    for name in ("content", "thumbnail"):
        for method in ("GET", "HEAD"):
            answer = await gateway.http.request(method, f"/v1/images/{image_id}/{name}", headers=asked)
            assert "private" in answer.headers["cache-control"]
            assert answer.headers["vary"] == "Authorization, X-API-Key"


async def test_https_alone_is_asked_for_where_a_setting_says_so(tmp_path: Path) -> None:
    async with unconnected(tmp_path) as plain:
        assert "strict-transport-security" not in (await plain.get("/healthz")).headers
    async with unconnected(tmp_path, https_only_s=31_536_000) as behind_tls:
        said = (await behind_tls.get("/nothing")).headers["strict-transport-security"]
        assert said == "max-age=31536000"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that the shop's pages may call."""
    async with unconnected(tmp_path, cors_origins=(SHOP, "http://localhost:5173")) as client:
        yield client


def asking(origin: str, method: str = "POST", headers: str = "authorization,idempotency-key") -> dict[str, str]:
    """What a browser asks before it lets a page call."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


async def test_a_page_that_is_named_may_call_and_read(shop: httpx.AsyncClient) -> None:
    asked = await shop.options("/v1/batches", headers=asking(SHOP))
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == SHOP
    assert "idempotency-key" in asked.headers["access-control-allow-headers"].lower()
    called = await shop.post("/v1/batches", json=BODY | {"steps": 0}, headers={"Origin": SHOP})
    assert (called.status_code, called.headers["access-control-allow-origin"]) == (422, SHOP)
    assert "ratelimit" in called.headers["access-control-expose-headers"].lower()
    assert "access-control-allow-credentials" not in called.headers


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://shop.example", "https://shop.example:8443", "https://shop.example.evil", "null"],
)
async def test_no_other_page_may(shop: httpx.AsyncClient, origin: str) -> None:
    assert (await shop.options("/v1/batches", headers=asking(origin))).status_code == 400
    for answer in (
        await shop.options("/v1/batches", headers=asking(origin)),
        await shop.get("/v1/account", headers={"Origin": origin}),
    ):
        assert "access-control-allow-origin" not in answer.headers


async def test_no_page_may_where_none_is_named(edge: httpx.AsyncClient) -> None:
    assert (await edge.options("/v1/batches", headers=asking(SHOP))).status_code == 405
    assert "access-control-allow-origin" not in (await edge.get("/healthz", headers={"Origin": SHOP})).headers


@pytest.mark.parametrize(
    "origin",
    ["*", "", "null", "shop.example", "https://shop.example/", "https://Shop.example", "https://*.example", "ftp://a"],
)
def test_what_is_no_origin_ends_the_start(tmp_path: Path, origin: str) -> None:
    own: dict[str, Any] = {"api_token": TOKEN, "blob_url": tmp_path.as_uri(), "cors_origins": (SHOP, origin)}
    with pytest.raises(ValidationError) as refused:
        GatewaySettings(**own)
    assert [problem["loc"] for problem in refused.value.errors()] == [("cors_origins", 1)]


async def test_the_page_for_people_needs_nobody_else(edge: httpx.AsyncClient) -> None:
    page = await edge.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "//" not in page.text
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert set(named) == {"data:,", "docs/swagger-ui.css", "docs/swagger-ui-bundle.js", "docs/start.js"}
    for name, media_type in (("swagger-ui.css", "text/css"), ("swagger-ui-bundle.js", "text/javascript")):
        asset = await edge.get(f"/docs/{name}")
        assert (asset.status_code, asset.headers["content-type"].partition(";")[0]) == (200, media_type)
        assert len(asset.content) > 100_000
    start = (await edge.get("/docs/start.js")).text
    assert "//" not in start
    assert 'url: "openapi.json"' in start
    assert (await edge.get("/openapi.json")).json()["openapi"].startswith("3.1")


async def test_the_pages_policy_lets_nothing_in_from_elsewhere(edge: httpx.AsyncClient) -> None:
    policy = (await edge.get("/docs")).headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["script-src"] == "'self'"
    allowed = {source for sources in rules.values() for source in sources.split()}
    assert allowed <= {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert [name for name, sources in rules.items() if "unsafe" in sources] == ["style-src"]


@pytest.mark.parametrize("name", ["redoc.standalone.js", "..%2fcore.py", "../core.py", "%2e%2e/core.py", "favicon.png"])
async def test_nothing_else_of_the_package_is_served(edge: httpx.AsyncClient, name: str) -> None:
    assert (await edge.get(f"/docs/{name}")).status_code in (404, 422)
