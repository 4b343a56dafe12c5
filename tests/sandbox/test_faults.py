"""Faults on request: what goes wrong, when, how often, and what had happened by then."""

from __future__ import annotations

import time

import httpx
import pytest

from .images import png
from .process import Sandbox
from .test_gemini_http import MODEL, body, create
from .test_printify import SHOP, product_of, upload_image
from .test_shopify import SET

GENERATE = f"{MODEL}:generateContent"


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500), ("502", 502), ("503", 503), ("504", 504)])
def test_a_refusal_has_the_vendors_shape_and_ends_after_its_times(sandbox: Sandbox, kind: str, status: int) -> None:
    sandbox.fault(vendor="gemini", kind=kind, match="POST .*generateContent", times=2)
    with sandbox.gemini() as http:
        replies = [http.post(GENERATE, json=body("x")) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [status, status, 200]
    assert replies[0].json()["error"]["code"] == status
    assert "retry-after" not in replies[0].headers
    assert sandbox.stats()["gemini"]["images_made"] == 1


def test_a_429_may_say_when_to_come_back(sandbox: Sandbox) -> None:
    for vendor in ("gemini", "printify", "shopify"):
        sandbox.fault(vendor=vendor, kind="429_retry_after", match=".", seconds=7)
    with sandbox.gemini() as http:
        reply = http.get("/v1beta/batches")
        assert float(reply.headers["retry-after"]) == 7
        assert reply.json()["error"]["details"][-1]["retryDelay"] == "7s"
    with sandbox.printify() as http:
        assert float(http.get("/shops.json").headers["retry-after"]) == 7
    url = f"{sandbox.url}/shopify/admin/api/2026-10/graphql.json"
    assert float(httpx.post(url, json={}).headers["retry-after"]) == 7


def test_cut_after_the_effect_leaves_the_effect(sandbox: Sandbox) -> None:
    with sandbox.printify() as http:
        image = upload_image(http, png())
        wanted = product_of(http, image)
        sandbox.fault(vendor="printify", kind="cut_after_effect", match="POST .*products.json")
        with pytest.raises(httpx.RemoteProtocolError):
            http.post(f"{SHOP}.json", json=wanted)
        assert http.get(f"{SHOP}.json").json()["total"] == 1
        http.post(f"{SHOP}.json", json=wanted)
    assert sandbox.stats()["printify"]["duplicate_fingerprints"] == 1


def test_cut_after_a_batch_was_made_leaves_the_batch(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="gemini", kind="cut_after_effect", match="batchGenerateContent")
    with sandbox.gemini() as http:
        with pytest.raises(httpx.RemoteProtocolError):
            create(http, "a fox")
        assert len(http.get("/v1beta/batches").json()["operations"]) == 1


def test_cut_before_leaves_nothing(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="gemini", kind="cut_before", match="batchGenerateContent")
    with sandbox.gemini() as http:
        with pytest.raises(httpx.TransportError):
            create(http, "a fox")
        assert http.get("/v1beta/batches").json()["operations"] == []


def test_an_answer_breaks_off(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="gemini", kind="truncate", match="generateContent")
    with sandbox.gemini() as http, pytest.raises(httpx.RemoteProtocolError):
        http.post(GENERATE, json=body("x"))
    assert sandbox.stats()["gemini"]["images_made"] == 1


def test_a_slow_answer_is_late(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="printify", kind="slow", match="shops", seconds=0.4)
    with sandbox.printify() as http:
        started = time.monotonic()
        assert http.get("/shops.json").status_code == 200
    assert time.monotonic() - started >= 0.4


@pytest.mark.parametrize(("kind", "status"), [("html", 502), ("html_200", 200)])
def test_a_gateways_page_is_html(sandbox: Sandbox, kind: str, status: int) -> None:
    sandbox.fault(vendor="printify", kind=kind, match="shops")
    with sandbox.printify() as http:
        reply = http.get("/shops.json")
    assert reply.status_code == status
    assert reply.headers["content-type"].startswith("text/html")


def test_json_may_be_broken(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="shopify", kind="bad_json", match=".")
    reply = httpx.post(f"{sandbox.url}/shopify/admin/api/2026-10/graphql.json", json={})
    with pytest.raises(ValueError, match="Expecting"):
        reply.json()


def test_a_vendor_forgets(sandbox: Sandbox) -> None:
    with sandbox.gemini() as http:
        batch = create(http, "x")
        sandbox.fault(vendor="gemini", kind="forget", match=f"GET {batch}")
        assert [http.get(batch).status_code for _ in range(2)] == [404, 200]


def test_shopify_throttles_on_request(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="shopify", kind="throttled", match="graphql")
    assert sandbox.graphql("{ shop { name } }")["errors"][0]["extensions"]["code"] == "THROTTLED"


def test_a_fault_may_look_into_the_body_and_wait_for_its_turn(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="shopify", kind="500", match="graphql", match_body="productSet", after=1)
    url = f"{sandbox.url}/shopify/admin/api/2026-10/graphql.json"
    headers = {"X-Shopify-Access-Token": "sandbox-shopify-token"}
    asks = ["{ shop { name } }", SET, "{ shop { id } }", SET, SET]
    bodies = [{"query": ask, "variables": {"input": {"title": "x"}}} for ask in asks]
    assert [httpx.post(url, json=one, headers=headers).status_code for one in bodies] == [200, 200, 200, 500, 200]


def test_faults_are_listed_and_cleared(sandbox: Sandbox) -> None:
    first = sandbox.fault(vendor="gemini", kind="500", times=-1)
    sandbox.fault(kind="slow", probability=0.5, seconds=0.1, times=-1)
    url = f"{sandbox.url}/_sandbox/faults"
    assert [fault["kind"] for fault in httpx.get(url).json()] == ["500", "slow"]
    assert httpx.delete(f"{url}/{first['id']}").json() == {"cleared": 1}
    assert httpx.delete(url).json() == {"cleared": 1}
    with sandbox.gemini() as http:
        assert http.get("/v1beta/models").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [{}, {"kind": "flood"}, {"kind": "500", "match": "("}, {"kind": "500", "vendor": "etsy"}, {"kind": "500", "x": 1}],
)
def test_a_fault_that_cannot_be_is_refused(sandbox: Sandbox, wrong: dict[str, object]) -> None:
    assert httpx.post(f"{sandbox.url}/_sandbox/faults", json=wrong).status_code == 422
    assert httpx.get(f"{sandbox.url}/_sandbox/faults").json() == []
