"""The two shops of the sandbox: settings that lead to them, their platforms, and what they say was made."""

from collections.abc import AsyncIterator

import pytest

from pressroom.publisher.printify import Printify
from pressroom.publisher.settings import PublisherSettings
from pressroom.publisher.shopify import Shopify

from ..vendor_sandbox import PRINTIFY_TOKEN, SHOPIFY_TOKEN, VendorSandbox

API_SHOP = 5432101
CONNECTED_SHOP = 5432102
"""The account's shops: of the first the client says itself what is published, the second has a sales channel."""


def printify_settings(vendors: VendorSandbox, **more: object) -> PublisherSettings:
    return PublisherSettings.model_validate(
        {
            "printify_url": f"{vendors.url}/printify",
            "printify_token": PRINTIFY_TOKEN,
            "printify_shop_id": API_SHOP,
            **more,
        }
    )


def shopify_settings(vendors: VendorSandbox, **more: object) -> PublisherSettings:
    return PublisherSettings.model_validate(
        {"shopify_url": f"{vendors.url}/shopify", "shopify_token": SHOPIFY_TOKEN, **more}
    )


@pytest.fixture
async def printify(vendors: VendorSandbox) -> AsyncIterator[Printify]:
    platform = Printify(printify_settings(vendors))
    yield platform
    await platform.aclose()


@pytest.fixture
async def shopify(vendors: VendorSandbox) -> AsyncIterator[Shopify]:
    platform = Shopify(shopify_settings(vendors))
    yield platform
    await platform.aclose()


def assert_made_once_at_printify(vendors: VendorSandbox) -> None:
    stats = vendors.stats("printify")
    assert {name: stats[name] for name in ("uploads", "products", "published", "publishing", "publish_calls")} == {
        "uploads": 1,
        "products": 1,
        "published": 1,
        "publishing": 0,
        "publish_calls": 1,
    }


def assert_made_once_at_shopify(vendors: VendorSandbox) -> None:
    stats = vendors.stats("shopify")
    assert {name: stats[name] for name in ("products", "published", "files")} == {
        "products": 1,
        "published": 1,
        "files": 1,
    }
