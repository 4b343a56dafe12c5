"""What Shopify and Printify tell: signed over the raw body, stored and told of once, by ids alone."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from pressroom.cli.servers import NatsServer
from pressroom.contracts.events import PublicationRef, WebhookReceived
from pressroom.contracts.vocabulary import PlatformName, ProductType, PublicationState
from pressroom.gateway.settings import GatewaySettings
from pressroom.state.documents import PublicationDocument

from ..house import House, eventually
from .serving import TOKEN, Gateway, problem_of, serving

SECRETS = {"shopify": "what only Shopify and we know", "printify": "what only Printify and we know"}
SHOPS = pytest.mark.parametrize("shop", ["shopify", "printify"])
PRODUCTS = {"shopify": "gid://shopify/Product/788032119674292922", "printify": "5cb87a8cd490a2ccb256cec4"}
NOW = datetime.now(UTC)

ORDER = {
    "id": 820982911946154508,
    "email": "jon@example.com",
    "line_items": [{"id": 1, "product_id": 788032119674292922}, {"id": 2, "product_id": 7}, {"id": 3}],
}


@pytest.fixture
async def told(house: House) -> AsyncIterator[Gateway]:
    """A gateway that shops may call, and a publication in each of them."""
    for shop, product in PRODUCTS.items():
        platform = PlatformName(shop)
        publication = PublicationDocument(
            _id=f"{shop}-batch-0000-{shop}-mug",
            created_at=NOW,
            updated_at=NOW,
            state=PublicationState.REQUESTED,
            batch_id=f"{shop}-batch",
            image_id=f"{shop}-batch-0000",
            platform=platform,
            product_type=ProductType.MUG,
            external_id=product,
        )
        assert await house.database.publications.insert(publication)
    async with serving(house, **{f"{shop}_webhook_secret": secret for shop, secret in SECRETS.items()}) as running:
        del running.http.headers["Authorization"]
        yield running


def body_of(shop: str, message_id: str = "m-1") -> bytes:
    """That our product is gone, as each shop documents it."""
    if shop == "shopify":
        return b'{"id": 788032119674292922}'
    resource = {"id": PRODUCTS["printify"], "type": "product", "data": {"shop_id": 1}}
    told = {"id": message_id, "type": "product:deleted", "created_at": "2026-11-01 10:00:00+00:00"}
    return json.dumps({**told, "resource": resource}).encode()


def signed(shop: str, body: bytes, secret: str | None = None) -> dict[str, str]:
    key = (secret or SECRETS[shop]).encode()
    if shop == "shopify":
        return {"X-Shopify-Hmac-SHA256": base64.b64encode(hmac.digest(key, body, "sha256")).decode()}
    return {"X-Pfy-Signature": f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"}


async def says(
    gateway: Gateway,
    shop: str,
    body: bytes | None = None,
    *,
    topic: str = "products/delete",
    message_id: str = "m-1",
    headers: Mapping[str, Any] | None = None,
) -> httpx.Response:
    body = body_of(shop, message_id) if body is None else body
    of_shopify = {"X-Shopify-Topic": topic, "X-Shopify-Webhook-Id": message_id} if shop == "shopify" else {}
    return await gateway.http.post(
        f"/webhooks/{shop}", content=body, headers={**signed(shop, body), **of_shopify, **(headers or {})}
    )


async def events(house: House) -> list[Any]:
    return [event.data for event in await house.events() if isinstance(event.data, WebhookReceived)]


@SHOPS
async def test_that_our_product_is_gone_becomes_an_event_that_names_our_publication(told: Gateway, shop: str) -> None:
    answer = await says(told, shop)
    assert (answer.status_code, answer.content) == (200, b"")
    (event,) = await eventually(lambda: events(told.house))
    assert event == WebhookReceived(
        webhook_id=event.webhook_id,
        platform=PlatformName(shop),
        topic="products/delete" if shop == "shopify" else "product:deleted",
        external_id="788032119674292922" if shop == "shopify" else PRODUCTS["printify"],
        publications=(PublicationRef(batch_id=f"{shop}-batch", publication_id=f"{shop}-batch-0000-{shop}-mug"),),
    )
    stored = await told.house.database.webhooks.get(event.webhook_id)
    assert stored is not None
    assert stored.platform == shop


async def test_an_order_at_shopify_names_what_was_sold_and_nobody_who_bought_it(told: Gateway) -> None:
    assert (await says(told, "shopify", json.dumps(ORDER).encode(), topic="orders/create")).status_code == 200
    (event,) = await eventually(lambda: events(told.house))
    assert (event.topic, event.external_id) == ("orders/create", "820982911946154508")
    assert [about.publication_id for about in event.publications] == ["shopify-batch-0000-shopify-mug"]
    stored = await told.house.database.webhooks.raw.find_one()
    assert "jon@example.com" not in repr(stored) + event.model_dump_json()


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        ("order:created", {"id": "5a96f649b2439217d070f507", "type": "order", "data": {"shop_id": 1}}),
        ("order:shipment:delivered", {"id": "5a96f649b2439217d070f507", "type": "order", "data": None}),
        ("product:publish:started", {"id": "another", "type": "product"}),
        ("shop:disconnected", {"id": 1, "type": "shop", "data": {}}),
    ],
)
async def test_what_printify_tells_of_other_things_names_no_publication(
    told: Gateway, kind: str, resource: dict[str, Any]
) -> None:
    body = json.dumps({"id": "m-1", "type": kind, "created_at": "", "resource": resource}).encode()
    assert (await says(told, "printify", body)).status_code == 200
    (event,) = await eventually(lambda: events(told.house))
    assert (event.topic, event.external_id, event.publications) == (kind, str(resource["id"]), ())


@SHOPS
async def test_a_message_that_is_told_again_or_replayed_is_one_event(told: Gateway, shop: str) -> None:
    for _ in range(3):
        assert (await says(told, shop)).status_code == 200
    replayed = await says(told, shop, body_of(shop), message_id="m-2")
    assert replayed.status_code == 200
    await eventually(lambda: events(told.house))
    assert len(await events(told.house)) == 1
    assert await told.house.database.webhooks.raw.count_documents({}) == 1


async def test_another_message_of_the_same_product_is_another_event(told: Gateway) -> None:
    assert (await says(told, "shopify", topic="products/update", message_id="m-1")).status_code == 200
    assert (await says(told, "shopify", topic="products/delete", message_id="m-2")).status_code == 200
    assert (await says(told, "printify", message_id="m-1")).status_code == 200

    async def all_three() -> bool:
        return len(await events(told.house)) == 3

    await eventually(all_three)


async def test_what_a_shop_told_while_nats_is_away_is_told_later(nats_server: NatsServer, own_house: House) -> None:
    async with serving(own_house, shopify_webhook_secret=SECRETS["shopify"]) as gateway:
        nats_server.kill()
        assert (await says(gateway, "shopify")).status_code == 200
        nats_server.start()

        async def relayed() -> bool:
            return await own_house.database.webhooks.raw.count_documents({"outbox": []}) == 1

        await eventually(relayed)
    assert [event.topic for event in await events(own_house)] == ["products/delete"]


async def test_the_audit_knows_what_shops_told(told: Gateway) -> None:
    assert (await says(told, "shopify")).status_code == 200
    (event,) = await eventually(lambda: events(told.house))
    assert await drifts_of_webhooks(told.house) == []
    await told.house.database.webhooks.raw.delete_one({"_id": event.webhook_id})
    assert await drifts_of_webhooks(told.house) == ["received, nothing"]


async def drifts_of_webhooks(house: House) -> list[str]:
    report = await house.audit()
    return [f"{drift.told}, {drift.stored}" for drift in report.drifts if drift.entity == "webhook"]


@SHOPS
async def test_what_a_shop_did_not_sign_changes_nothing(told: Gateway, shop: str) -> None:
    body = body_of(shop)
    (name,) = signed(shop, body)
    right = signed(shop, body)[name]
    wrong: list[Any] = ["", right[:-1], right.upper(), right.removeprefix("sha256=")[1:], b"\xc3\xa9", "sha256="]
    wrong += [signed(shop, body, "what somebody else knows")[name], signed(shop, body + b" ")[name]]
    for signature in wrong:
        answer = await says(told, shop, body, headers={name: signature})
        assert problem_of(answer, 404, "not-found")["detail"] == "There is nothing here."
    assert await told.house.database.webhooks.raw.count_documents({}) == 0


@pytest.mark.parametrize(
    ("shop", "body"),
    [
        ("shopify", b""),
        ("shopify", b"null"),
        ("shopify", b"[" * 50_000),
        ("shopify", b'{"id": {"$gt": ""}}'),
        ("shopify", b'{"id": -1}'),
        ("shopify", b'{"id": 1, "line_items": [{"product_id": "x"}]}'),
        ("printify", b"\xff\xfe"),
        ("printify", b'{"id": "m-1", "type": "order:created"}'),
        ("printify", b'{"id": "m-1", "type": "a b", "resource": {"id": "1", "type": "order"}}'),
        ("printify", b'{"id": "$", "type": "order:created", "resource": {"id": "1", "type": "order"}}'),
        ("printify", b'{"id": "m-1", "type": "order:created", "resource": {"id": ["1"], "type": "order"}}'),
    ],
)
async def test_rubbish_that_is_signed_is_refused_by_its_field(told: Gateway, shop: str, body: bytes) -> None:
    problem = problem_of(await says(told, shop, body), 422, "invalid-request")
    assert problem["errors"]
    assert await told.house.database.webhooks.raw.count_documents({}) == 0


@pytest.mark.parametrize(
    ("header", "value"), [("X-Shopify-Topic", ""), ("X-Shopify-Topic", "a b"), ("X-Shopify-Webhook-Id", "")]
)
async def test_a_message_without_its_headers_is_refused_by_their_names(told: Gateway, header: str, value: str) -> None:
    problem = problem_of(await says(told, "shopify", headers={header: value}), 422, "invalid-request")
    assert [error["field"] for error in problem["errors"]] == [header]


@SHOPS
async def test_a_body_that_is_too_large_is_not_read(told: Gateway, shop: str) -> None:
    problem_of(await says(told, shop, body_of(shop) + b" " * 100_000), 413, "content-too-large")


@SHOPS
async def test_a_gateway_without_the_secret_hears_nothing(gateway: Gateway, shop: str) -> None:
    problem_of(await says(gateway, shop), 404, "not-found")


@SHOPS
@pytest.mark.parametrize("secret", ["", "easy to guess"])
def test_a_secret_that_is_easily_guessed_is_refused(shop: str, secret: str) -> None:
    with pytest.raises(ValidationError, match=f"{shop}_webhook_secret"):
        GatewaySettings.model_validate({"api_token": TOKEN, f"{shop}_webhook_secret": secret})
