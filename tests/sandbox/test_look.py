"""The process and the look inside: how it starts, what it says of itself, what people and tests see."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from .images import png
from .process import Sandbox
from .test_gemini_http import MODEL, body
from .test_printify import SHOP, product_of, publish_body, upload_image
from .test_shopify import product_input, set_product


def test_it_starts_quickly_and_says_that_it_is_a_stand_in(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox()
    # About one second on a quiet machine; the tests may share theirs with others.
    assert sandbox.started_in_s < 30
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", sandbox.url)
    assert sandbox.process is not None
    assert sandbox.process.stdout is not None
    assert "SANDBOX" in sandbox.process.stdout.readline()
    for path in ("/healthz", "/_sandbox/", "/v1beta/models", "/nowhere"):
        assert httpx.get(f"{sandbox.url}{path}").headers["x-pressroom-sandbox"] == "true"


def test_settings_that_cannot_be_end_it_with_a_reason(tmp_path: Path) -> None:
    environ = os.environ | {"PRESSROOM_SANDBOX_PORT": "-1", "PRESSROOM_SANDBOX_DATA": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-m", "pressroom.sandbox"], env=environ, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "port" in ended.stderr


def test_a_flag_wins_over_the_environment(tmp_path: Path) -> None:
    environ = os.environ | {"PRESSROOM_SANDBOX_DATA": str(tmp_path), "PRESSROOM_SANDBOX_GEMINI_KEY": "from-env"}
    command = [sys.executable, "-m", "pressroom.sandbox", "--gemini-key", "from-flag"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/v1beta/models?key=from-flag").status_code == 200
        assert httpx.get(f"{url}/v1beta/models?key=from-env").status_code == 400
        process.terminate()


def test_the_page_shows_what_was_made(sandbox: Sandbox) -> None:
    with sandbox.gemini() as http:
        http.post(f"{MODEL}:generateContent", json=body("<script>alert(1)</script>"))
    with sandbox.printify() as http:
        made = http.post(f"{SHOP}.json", json=product_of(http, upload_image(http, png()))).json()
        http.post(f"{SHOP}/{made['id']}/publish.json", json=publish_body())
    set_product(sandbox, product_input(sandbox, "A fox for the shop"))
    sandbox.fault(kind="500", times=-1, match="never")
    page = httpx.get(f"{sandbox.url}/_sandbox/").text
    assert "A fox for the shop" in page
    assert "<script>" not in page
    assert "publishing" in page
    assert "never" in page
    pictures = re.findall(r'<img [^>]*src="([^"]+)"', page)
    assert len(pictures) == 3
    for picture in pictures:
        assert httpx.get(f"{sandbox.url}{picture}").headers["content-type"].startswith("image/")


def test_collections_and_requests_are_json(sandbox: Sandbox) -> None:
    set_product(sandbox, {"title": "Fox"})
    products = httpx.get(f"{sandbox.url}/_sandbox/shopify/products").json()
    assert (products["count"], products["items"][0]["title"]) == (1, "Fox")
    requests = httpx.get(f"{sandbox.url}/_sandbox/shopify/requests").json()["items"]
    assert requests[0]["note"] == "mutation productSet"
    assert requests[0]["status"] == 200
    for path in ("etsy/products", "shopify/orders"):
        assert httpx.get(f"{sandbox.url}/_sandbox/{path}").status_code == 404


def test_a_reset_forgets_everything(sandbox: Sandbox) -> None:
    with sandbox.printify() as http:
        image = upload_image(http, png())
        before = set_product(sandbox, {"title": "Fox"})["id"]
        sandbox.reset()
        assert http.get(f"/uploads/{image}.json").status_code == 404
    stats = sandbox.stats()
    assert stats["printify"]["uploads"] == 0
    assert stats["shopify"]["products"] == 0
    assert set_product(sandbox, {"title": "Fox"})["id"] != before


@pytest.mark.parametrize(
    "vendor", ["gemini", "openai", "flux", "runpod", "comfyui", "comfyui-2", "printify", "shopify"]
)
def test_statistics_have_counts_for_every_vendor(sandbox: Sandbox, vendor: str) -> None:
    stats = sandbox.stats()[vendor]
    assert all(value == 0 for value in stats.values() if isinstance(value, int))
