"""Printify over plain HTTP, as its API reference describes it."""

from __future__ import annotations

import base64
import copy
import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from .images import png
from .process import Sandbox, wait_for

SHOP = "/shops/5432101/products"
CONNECTED = "/shops/5432102/products"


def upload_image(http: httpx.Client, content: bytes, name: str = "a.png") -> str:
    body = {"file_name": name, "contents": base64.b64encode(content).decode()}
    reply = http.post("/uploads/images.json", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()["id"]


def product_of(http: httpx.Client, image: str, blueprint: int = 12, provider: int = 29) -> dict[str, Any]:
    offer = f"/catalog/blueprints/{blueprint}/print_providers/{provider}/variants.json"
    ids = [variant["id"] for variant in http.get(offer).json()["variants"][:3]]
    return {
        "title": "Fox",
        "description": "A fox on a shirt",
        "blueprint_id": blueprint,
        "print_provider_id": provider,
        "variants": [{"id": one, "price": 1999, "is_enabled": True} for one in ids],
        "print_areas": [
            {
                "variant_ids": ids,
                "placeholders": [
                    {"position": "front", "images": [{"id": image, "x": 0.5, "y": 0.5, "scale": 1, "angle": 0}]}
                ],
            }
        ],
    }


def publish_body(**changes: object) -> dict[str, object]:
    return dict.fromkeys(("title", "description", "images", "variants", "tags"), True) | changes


@pytest.fixture
def printify(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with sandbox.printify() as http:
        yield http


def refused(reply: httpx.Response, status: int, code: int) -> str:
    body = reply.json()
    assert (reply.status_code, body["status"], body["code"]) == (status, "error", code), body
    assert body["errors"]["code"] == code
    return body["errors"]["reason"]


def test_a_token_and_a_user_agent_are_demanded(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/printify/v1/shops.json"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"Authorization": "Bearer wrong"}).status_code == 401
    request = httpx.Request("GET", url, headers={"Authorization": "Bearer sandbox-printify-token"})
    with httpx.Client() as http:
        assert http.send(request).status_code == 403
    with sandbox.printify() as http:
        assert [shop["sales_channel"] for shop in http.get("/shops.json").json()] == ["custom_integration", "shopify"]


def test_an_upload_says_what_the_image_is(printify: httpx.Client) -> None:
    content = png(64, 48)
    body = {"file_name": "abc.png", "contents": base64.b64encode(content).decode()}
    upload = printify.post("/uploads/images.json", json=body).json()
    assert (upload["width"], upload["height"], upload["size"]) == (64, 48, len(content))
    assert (upload["mime_type"], upload["file_name"]) == ("image/png", "abc.png")
    assert printify.get(f"/uploads/{upload['id']}.json").json() == upload
    assert httpx.get(upload["preview_url"]).headers["content-type"] == "image/webp"


def test_an_upload_that_is_no_image_is_refused(printify: httpx.Client) -> None:
    whole = png(600, 600)
    for content in (b"no image", whole[: len(whole) // 2]):
        body = {"file_name": "x.png", "contents": base64.b64encode(content).decode()}
        refused(printify.post("/uploads/images.json", json=body), 400, 10300)
    refused(printify.post("/uploads/images.json", json={"file_name": "x.png", "contents": "%%%"}), 400, 10300)
    refused(printify.post("/uploads/images.json", json={"file_name": "x.png"}), 422, 8201)
    refused(printify.post("/uploads/images.json", json={"contents": "aGk="}), 422, 8201)


def test_above_five_megabytes_an_upload_goes_by_url(printify: httpx.Client) -> None:
    content = png(4, 4) + bytes(5_000_001)
    body = {"file_name": "x.png", "contents": base64.b64encode(content).decode()}
    assert "upload by url" in refused(printify.post("/uploads/images.json", json=body), 400, 10300)


def test_an_upload_by_url_is_fetched_from_this_machine_only(printify: httpx.Client) -> None:
    with serving(png(10, 20)) as url:
        upload = printify.post("/uploads/images.json", json={"file_name": "u.png", "url": f"{url}/p.png"}).json()
        assert (upload["width"], upload["height"]) == (10, 20)
        missing = printify.post("/uploads/images.json", json={"file_name": "u.png", "url": f"{url}/missing"})
        assert "answered 404" in refused(missing, 400, 10300)
    for elsewhere in ("https://example.com/a.png", "http://10.0.0.1/a.png", "file:///etc/passwd", "http://[bad/"):
        reply = printify.post("/uploads/images.json", json={"file_name": "u.png", "url": elsewhere})
        refused(reply, 400, 10300)


def test_uploads_are_paged_newest_first(printify: httpx.Client) -> None:
    ids = [upload_image(printify, png(8, 8, (n, n, n)), f"{n}.png") for n in range(5)]
    page = printify.get("/uploads.json", params={"limit": 2, "page": 2}).json()
    assert [upload["id"] for upload in page["data"]] == [ids[2], ids[1]]
    assert (page["total"], page["last_page"], page["current_page"]) == (5, 3, 2)
    assert (page["next_page_url"], page["prev_page_url"]) == ("/?page=3", "/?page=1")
    assert printify.get("/uploads.json", params={"limit": 1000}).status_code == 422


def test_the_catalog_has_the_seven_blueprints_and_their_areas_differ(printify: httpx.Client) -> None:
    blueprints = {one["id"]: one for one in printify.get("/catalog/blueprints.json").json()}
    assert sorted(blueprints) == [5, 6, 12, 49, 68, 77, 282]
    assert (blueprints[12]["brand"], blueprints[12]["model"]) == ("Bella+Canvas", "3001")
    areas: set[tuple[int, int]] = set()
    for provider in printify.get("/catalog/blueprints/12/print_providers.json").json():
        offer = f"/catalog/blueprints/12/print_providers/{provider['id']}"
        variants = printify.get(f"{offer}/variants.json").json()["variants"]
        fronts = [place for variant in variants for place in variant["placeholders"] if place["position"] == "front"]
        areas |= {(front["width"], front["height"]) for front in fronts}
        shipping = printify.get(f"{offer}/shipping.json").json()
        assert shipping["profiles"][0]["first_item"]["currency"] == "USD"
        assert set(shipping["profiles"][0]["variant_ids"]) >= {variant["id"] for variant in variants}
    assert len(areas) > 5
    offer = "/catalog/blueprints/12/print_providers/29/variants.json"
    everything = printify.get(offer, params={"show-out-of-stock": 1}).json()["variants"]
    assert len(everything) == len(printify.get(offer).json()["variants"]) + 1
    assert printify.get("/catalog/blueprints/9999.json").status_code == 404


def test_a_product_is_made_read_changed_listed_and_deleted(printify: httpx.Client) -> None:
    body = product_of(printify, upload_image(printify, png(), "sha.png")) | {"tags": ["mine"]}
    made = printify.post(f"{SHOP}.json", json=body).json()
    assert printify.get(f"{SHOP}/{made['id']}.json").json() == made
    assert made["print_areas"][0]["placeholders"][0]["images"][0]["name"] == "sha.png"
    assert made["variants"][0]["cost"] > 0
    assert "mine" not in made["tags"]
    assert httpx.get(made["images"][0]["src"]).headers["content-type"] == "image/webp"
    change = {"title": "Owl", "variants": [{"id": made["variants"][0]["id"], "price": 2500, "is_enabled": False}]}
    changed = printify.put(f"{SHOP}/{made['id']}.json", json=change).json()
    assert (changed["title"], len(changed["variants"])) == ("Owl", 3)
    assert (changed["variants"][0]["price"], changed["variants"][0]["is_enabled"]) == (2500, False)
    assert printify.get(f"{SHOP}.json", params={"limit": 50}).json()["total"] == 1
    assert printify.get(f"{CONNECTED}.json").json()["total"] == 0
    assert printify.get(f"{SHOP}.json", params={"limit": 51}).status_code == 422
    assert printify.delete(f"{SHOP}/{made['id']}.json").status_code == 200
    assert printify.get(f"{SHOP}/{made['id']}.json").status_code == 404


def _set(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    place: Any = changed
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        place = place[step]
    place[last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", ""),
        ("description", None),
        ("blueprint_id", 1),
        ("blueprint_id", "12"),
        ("print_provider_id", 28),
        ("variants", []),
        ("variants.0.id", 17),
        ("variants.1.id", "x"),
        ("variants.0.price", 19.99),
        ("variants.0.price", "1999"),
        ("variants.0.is_enabled", "yes"),
        ("print_areas", []),
        ("print_areas.0.variant_ids", [17]),
        ("print_areas.0.variant_ids.2", 121450),
        ("print_areas.0.placeholders.0.position", "sleeve"),
        ("print_areas.0.placeholders.0.images", []),
        ("print_areas.0.placeholders.0.images.0.id", "5d15ca551163cde90d7b2203"),
        ("print_areas.0.placeholders.0.images.0.x", 1.5),
        ("print_areas.0.placeholders.0.images.0.y", -0.1),
        ("print_areas.0.placeholders.0.images.0.scale", 0),
        ("print_areas.0.placeholders.0.images.0.angle", 0.5),
    ],
)
def test_a_product_with_a_wrong_field_is_refused(printify: httpx.Client, path: str, value: object) -> None:
    body = _set(product_of(printify, upload_image(printify, png())), path, value)
    reason = refused(printify.post(f"{SHOP}.json", json=body), 422, 8201)
    assert path.split(".")[0] in reason
    assert printify.get(f"{SHOP}.json").json()["total"] == 0


def test_publishing_locks_until_the_client_says_how_it_went(printify: httpx.Client) -> None:
    product = printify.post(f"{SHOP}.json", json=product_of(printify, upload_image(printify, png()))).json()
    path = f"{SHOP}/{product['id']}"
    assert "tags" in refused(printify.post(f"{path}/publish.json", json=publish_body(tags=None)), 422, 8201)
    assert refused(printify.post(f"{path}/publish.json", json=publish_body(title="yes")), 422, 8201)
    assert printify.post(f"{path}/publish.json", json=publish_body()).json() == {}
    assert printify.get(f"{path}.json").json()["is_locked"] is True
    refused(printify.post(f"{path}/publish.json", json=publish_body()), 400, 8252)
    refused(printify.put(f"{path}.json", json={"title": "x"}), 400, 8252)
    refused(printify.post(f"{path}/publishing_succeeded.json", json={"external": {"id": "1"}}), 422, 8201)
    external = {"id": "gid://shopify/Product/1", "handle": "https://shop.example/fox"}
    assert printify.post(f"{path}/publishing_succeeded.json", json={"external": external}).json() == {}
    read = printify.get(f"{path}.json").json()
    assert read["is_locked"] is False
    assert read["external"]["id"] == external["id"]
    assert printify.post(f"{path}/unpublish.json").json() == {}
    assert "external" not in printify.get(f"{path}.json").json()


def test_a_failed_publishing_unlocks(printify: httpx.Client) -> None:
    product = printify.post(f"{SHOP}.json", json=product_of(printify, upload_image(printify, png()))).json()
    path = f"{SHOP}/{product['id']}"
    printify.post(f"{path}/publish.json", json=publish_body())
    refused(printify.post(f"{path}/publishing_failed.json", json={}), 422, 8201)
    assert printify.post(f"{path}/publishing_failed.json", json={"reason": "timeout"}).json() == {}
    assert printify.get(f"{path}.json").json()["is_locked"] is False


def test_a_connected_shop_publishes_by_itself(printify: httpx.Client) -> None:
    product = printify.post(f"{CONNECTED}.json", json=product_of(printify, upload_image(printify, png()))).json()
    path = f"{CONNECTED}/{product['id']}"
    printify.post(f"{path}/publish.json", json=publish_body())
    assert printify.get(f"{path}.json").json()["is_locked"] is True
    read = wait_for(
        lambda: (body := printify.get(f"{path}.json").json()) and not body["is_locked"] and body, "the channel"
    )
    assert read["external"]["id"].isdigit()


def test_the_same_print_twice_is_counted_whatever_the_upload_is_called(
    sandbox: Sandbox, printify: httpx.Client
) -> None:
    for name in ("a.png", "b.png"):
        printify.post(f"{SHOP}.json", json=product_of(printify, upload_image(printify, png(), name)))
    printify.post(f"{SHOP}.json", json=product_of(printify, upload_image(printify, png(), "c.png"), 68, 1))
    stats = sandbox.stats()["printify"]
    assert (stats["products"], stats["duplicate_fingerprints"], stats["duplicate_uploads"]) == (3, 1, 2)


def test_limits_refuse_without_a_time_to_come_back(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(printify_per_minute=12, printify_catalog_per_minute=2, printify_publish_per_half_hour=1)
    with sandbox.printify() as http:
        assert [http.get("/catalog/blueprints.json").status_code for _ in range(3)] == [200, 200, 429]
        publishings = [http.post(f"{SHOP}/nothing/publish.json", json=publish_body()) for _ in range(2)]
        assert [one.status_code for one in publishings] == [404, 429]
        replies = [http.get("/shops.json") for _ in range(8)]
    assert [reply.status_code for reply in replies] == [200] * 7 + [429]
    assert "retry-after" not in replies[-1].headers


def test_what_is_not_there_says_so(printify: httpx.Client) -> None:
    assert "does not support" in refused(printify.get("/shops/5432101/orders.json"), 404, 404)


class _Serving:
    """One image on a port of this machine."""

    def __init__(self, content: bytes) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(404 if self.path == "/missing" else 200)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_words: object) -> None:
                """Tests are quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_why: object) -> None:
        self.server.shutdown()
        self.server.server_close()


serving = _Serving
