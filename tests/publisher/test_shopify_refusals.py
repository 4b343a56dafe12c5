"""What Shopify refuses, and what each refusal tells the person who has to mend it; the tokens and who grants them."""

import pytest

from pressroom.publisher.settings import PublisherSettings
from pressroom.publisher.shopify import PRODUCT, Shopify
from pressroom.runtime.errors import (
    ApiFailed,
    AuthFailed,
    InvalidRequest,
    RateLimited,
    TimedOut,
    WorkError,
)

from ..vendor_sandbox import SHOPIFY_TOKEN, VendorSandbox
from .publication import MemoryJournal, an_order
from .shops import assert_made_once_at_shopify, shopify_settings

GRAPHQL = "graphql.json"


async def test_throttling_is_a_rate_limit(shopify: Shopify, vendors: VendorSandbox) -> None:
    vendors.fault("shopify", "throttled", GRAPHQL, match_body="productSet")

    with pytest.raises(RateLimited) as caught:
        await shopify.publish(an_order(), MemoryJournal())

    assert caught.value.retry_after_s is not None


@pytest.mark.parametrize(
    ("kind", "error"),
    [("429", RateLimited), ("500", ApiFailed), ("503", ApiFailed), ("504", TimedOut), ("html", ApiFailed)],
)
async def test_every_way_to_fail_has_its_kind(
    shopify: Shopify, vendors: VendorSandbox, kind: str, error: type[WorkError]
) -> None:
    order, journal = an_order(), MemoryJournal()
    vendors.fault("shopify", kind, GRAPHQL, match_body="productSet")

    with pytest.raises(error):
        await shopify.publish(order, journal)
    await shopify.publish(order, journal.after_the_restart())

    assert_made_once_at_shopify(vendors)


async def test_what_shopify_refuses_is_told_with_field_and_message(shopify: Shopify) -> None:
    with pytest.raises(InvalidRequest, match=r"input\.title .*Title is too long"):
        await shopify.publish(an_order(title="x" * 256), MemoryJournal())


async def test_a_product_that_somebody_deleted_is_told(shopify: Shopify) -> None:
    journal = MemoryJournal(recorded={PRODUCT: "gid://shopify/Product/1"})

    with pytest.raises(InvalidRequest, match="does not exist"):
        await shopify.publish(an_order(), journal)


async def test_an_unknown_sales_channel_names_the_setting(vendors: VendorSandbox) -> None:
    platform = Shopify(shopify_settings(vendors, shopify_publications=["Market stall"]))

    with pytest.raises(InvalidRequest, match=r"Market stall: set PRESSROOM_SHOPIFY_PUBLICATIONS .*Online Store"):
        await platform.publish(an_order(), MemoryJournal())

    assert vendors.stats("shopify")["products"] == 0
    await platform.aclose()


async def test_an_unknown_version_names_the_setting(vendors: VendorSandbox) -> None:
    platform = Shopify(shopify_settings(vendors, shopify_api_version="2031-01"))

    with pytest.raises(InvalidRequest, match="PRESSROOM_SHOPIFY_API_VERSION"):
        await platform.publish(an_order(), MemoryJournal())

    await platform.aclose()


@pytest.mark.parametrize("token", ["wrong-token", None])
async def test_a_wrong_token_names_the_setting_and_is_not_told(vendors: VendorSandbox, token: str | None) -> None:
    platform = Shopify(shopify_settings(vendors, shopify_token=token))

    with pytest.raises(AuthFailed, match="PRESSROOM_SHOPIFY_TOKEN") as caught:
        await platform.publish(an_order(), MemoryJournal())

    assert "wrong-token" not in str(caught.value)
    await platform.aclose()


def granting(vendors: VendorSandbox, secret: str = "sandbox-shopify-secret") -> Shopify:
    return Shopify(
        shopify_settings(
            vendors, shopify_token=None, shopify_client_id="sandbox-shopify-client", shopify_client_secret=secret
        )
    )


async def test_a_token_is_granted_once_for_many_calls(vendors: VendorSandbox) -> None:
    platform = granting(vendors)

    await platform.publish(an_order(), MemoryJournal())

    assert_made_once_at_shopify(vendors)
    assert len([line for line in vendors.lines("shopify") if "oauth" in line]) == 1
    await platform.aclose()


async def test_a_granted_token_that_is_refused_is_asked_for_again(vendors: VendorSandbox) -> None:
    platform = granting(vendors)
    await platform.publish(an_order(), MemoryJournal())
    vendors.reset()  # and with it the tokens that were granted

    await platform.publish(an_order(), MemoryJournal())

    assert_made_once_at_shopify(vendors)
    await platform.aclose()


async def test_a_wrong_secret_names_the_setting_and_is_not_told(vendors: VendorSandbox) -> None:
    platform = granting(vendors, secret="wrong-secret")

    with pytest.raises(AuthFailed, match="PRESSROOM_SHOPIFY_CLIENT_SECRET") as caught:
        await platform.publish(an_order(), MemoryJournal())

    assert "wrong-secret" not in str(caught.value)
    await platform.aclose()


async def test_without_a_shop_the_setting_is_named() -> None:
    platform = Shopify(PublisherSettings(shopify_token=SHOPIFY_TOKEN))

    with pytest.raises(InvalidRequest, match="PRESSROOM_SHOPIFY_SHOP"):
        await platform.publish(an_order(), MemoryJournal())

    await platform.aclose()
