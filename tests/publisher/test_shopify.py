"""Shopify against the sandbox: whatever breaks and wherever, a publication ends as one file and one product."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pressroom.contracts.vocabulary import ProductType
from pressroom.publisher.settings import PublisherSettings
from pressroom.publisher.shopify import PRODUCT, Shopify
from pressroom.publisher.shopify_media import MEDIA
from pressroom.runtime.errors import (
    ApiFailed,
    AuthFailed,
    InvalidRequest,
    NetworkFailed,
    RateLimited,
    TimedOut,
    WorkError,
)

from ..vendor_sandbox import SHOPIFY_TOKEN, VendorSandbox, running_sandbox
from .publication import Died, MemoryJournal, an_order

ALL_WRITES = 5  # the handle; intent and record of the picture and of the product
GRAPHQL = "graphql.json"
DOCUMENTS = ["stagedUploadsCreate", "fileCreate", "productSet", "publishablePublish"]


def settings_for(vendors: VendorSandbox, **more: object) -> PublisherSettings:
    return PublisherSettings.model_validate(
        {"shopify_url": f"{vendors.url}/shopify", "shopify_token": SHOPIFY_TOKEN, **more}
    )


@pytest.fixture
async def shopify(vendors: VendorSandbox) -> AsyncIterator[Shopify]:
    platform = Shopify(settings_for(vendors))
    yield platform
    await platform.aclose()


def assert_made_once(vendors: VendorSandbox) -> None:
    stats = vendors.stats("shopify")
    assert {name: stats[name] for name in ("products", "published", "files")} == {
        "products": 1,
        "published": 1,
        "files": 1,
    }


@pytest.mark.parametrize("product_type", list(ProductType))
async def test_an_image_becomes_a_product_on_its_sales_channel(
    shopify: Shopify, vendors: VendorSandbox, product_type: ProductType
) -> None:
    order = an_order(product_type)

    published = await shopify.publish(order, MemoryJournal())

    assert_made_once(vendors)
    product = vendors.items("shopify", "products")[0]
    assert published.external_id == product["id"]
    assert published.url is not None
    assert published.url.endswith(str(product["handle"]))
    assert str(product["handle"]).startswith("a-fox-in-a-raincoat-")
    assert product["descriptionHtml"] == "<p>Printed on demand.</p><p>Soft &amp; &lt;warm&gt;.</p>"
    assert product["tags"] == ["fox", "rain"]
    variants = product["_variants"]
    assert isinstance(variants, list)
    assert [variant["sku"] for variant in variants] == [order.publication_id]
    assert vendors.items("shopify", "files")[0]["filename"] == f"{order.print_file.sha256}.png"


async def test_the_first_time_pays_for_no_look_up(shopify: Shopify, vendors: VendorSandbox) -> None:
    await shopify.publish(an_order(), MemoryJournal())

    notes = [str(request["note"]) for request in vendors.items("shopify", "requests")]
    assert not any("files(" in note or "FindFile" in note for note in notes)
    assert len([line for line in vendors.lines("shopify") if "/staged/" in line]) == 1


async def test_two_types_of_one_image_are_two_products_with_one_picture(
    shopify: Shopify, vendors: VendorSandbox
) -> None:
    for product_type in (ProductType.T_SHIRT, ProductType.MUG):
        await shopify.publish(an_order(product_type), MemoryJournal())

    stats = vendors.stats("shopify")
    assert (stats["products"], stats["published"], stats["files"]) == (2, 2, 1)


@pytest.mark.parametrize("keeps_last", [False, True])
@pytest.mark.parametrize("dies_at", range(ALL_WRITES))
async def test_a_process_killed_at_any_write_leaves_one_product(
    shopify: Shopify, vendors: VendorSandbox, dies_at: int, keeps_last: bool
) -> None:
    order = an_order()
    journal = MemoryJournal(dies_at=dies_at, keeps_last=keeps_last)

    with pytest.raises(Died):
        await shopify.publish(order, journal)
    published = await shopify.publish(order, journal.after_the_restart())

    assert_made_once(vendors)
    assert published.external_id == vendors.items("shopify", "products")[0]["id"]


async def test_a_publication_has_no_more_writes_than_were_tried(shopify: Shopify) -> None:
    journal = MemoryJournal()

    await shopify.publish(an_order(), journal)

    assert len(journal.writes) == ALL_WRITES


@pytest.mark.parametrize("kind", ["cut_before", "cut_after_effect", "truncate", "html_200", "bad_json"])
@pytest.mark.parametrize("document", DOCUMENTS)
async def test_a_mutation_that_broke_off_is_not_done_twice(
    shopify: Shopify, vendors: VendorSandbox, document: str, kind: str
) -> None:
    order, journal = an_order(), MemoryJournal()
    vendors.fault("shopify", kind, GRAPHQL, match_body=document)

    with pytest.raises((NetworkFailed, ApiFailed)):
        await shopify.publish(order, journal)
    await shopify.publish(order, journal.after_the_restart())

    assert_made_once(vendors)


@pytest.mark.parametrize("kind", ["cut_before", "cut_after_effect", "500"])
async def test_a_staged_upload_that_broke_off_is_begun_anew(
    shopify: Shopify, vendors: VendorSandbox, kind: str
) -> None:
    order, journal = an_order(), MemoryJournal()
    vendors.fault("shopify", kind, "/staged/")

    with pytest.raises((NetworkFailed, ApiFailed)):
        await shopify.publish(order, journal)
    await shopify.publish(order, journal.after_the_restart())

    assert_made_once(vendors)


async def test_a_new_title_between_two_attempts_makes_no_second_product(
    shopify: Shopify, vendors: VendorSandbox
) -> None:
    journal = MemoryJournal(dies_at=4)
    with pytest.raises(Died):
        await shopify.publish(an_order(title="The first title"), journal)

    await shopify.publish(an_order(title="Another title"), journal.after_the_restart())

    assert_made_once(vendors)
    assert vendors.items("shopify", "products")[0]["title"] == "Another title"


async def test_a_product_that_is_recorded_is_only_published_again(shopify: Shopify, vendors: VendorSandbox) -> None:
    order, journal = an_order(), MemoryJournal()
    first = await shopify.publish(order, journal)
    made = len(vendors.lines("shopify"))

    second = await shopify.publish(order, journal.after_the_restart())

    assert second == first
    assert len(vendors.lines("shopify")) == made + 1


async def test_a_picture_that_shopify_could_not_take_is_made_again(shopify: Shopify, vendors: VendorSandbox) -> None:
    order, journal = an_order(), MemoryJournal()
    vendors.fault("shopify", "fail", GRAPHQL, match_body="fileCreate")

    with pytest.raises(ApiFailed, match="could not take the picture"):
        await shopify.publish(order, journal)
    assert MEDIA in journal.recorded
    await shopify.publish(order, journal.after_the_restart())

    assert_made_once(vendors)


async def test_a_picture_that_never_gets_ready_is_waited_for_only_so_long(
    vendors: VendorSandbox, tmp_path: Path
) -> None:
    with running_sandbox(tmp_path, MEDIA_SECONDS="3600") as slow:
        platform = Shopify(settings_for(slow, shopify_media_timeout_s=0.2))

        with pytest.raises(TimedOut, match="ready"):
            await platform.publish(an_order(), MemoryJournal())

        await platform.aclose()


async def test_the_pace_follows_the_bucket_so_that_nothing_is_refused(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, SHOPIFY_BUCKET="120", SHOPIFY_RESTORE_PER_SECOND="60") as tight:
        platform = Shopify(settings_for(tight))

        for number in range(4):
            await platform.publish(an_order(image_id=f"batch_1-{number:04d}"), MemoryJournal())

        assert tight.stats("shopify")["products"] == 4
        await platform.aclose()


async def test_a_document_dearer_than_the_full_bucket_is_not_waited_for(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, SHOPIFY_BUCKET="2") as poor:
        platform = Shopify(settings_for(poor))

        with pytest.raises(InvalidRequest, match="Throttled"):
            await platform.publish(an_order(), MemoryJournal())

        await platform.aclose()


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

    assert_made_once(vendors)


async def test_what_shopify_refuses_is_told_with_field_and_message(shopify: Shopify) -> None:
    with pytest.raises(InvalidRequest, match=r"input\.title .*Title is too long"):
        await shopify.publish(an_order(title="x" * 256), MemoryJournal())


async def test_a_product_that_somebody_deleted_is_told(shopify: Shopify) -> None:
    journal = MemoryJournal(recorded={PRODUCT: "gid://shopify/Product/1"})

    with pytest.raises(InvalidRequest, match="does not exist"):
        await shopify.publish(an_order(), journal)


async def test_an_unknown_sales_channel_names_the_setting(vendors: VendorSandbox) -> None:
    platform = Shopify(settings_for(vendors, shopify_publications=["Market stall"]))

    with pytest.raises(InvalidRequest, match=r"Market stall: set PRESSROOM_SHOPIFY_PUBLICATIONS .*Online Store"):
        await platform.publish(an_order(), MemoryJournal())

    assert vendors.stats("shopify")["products"] == 0
    await platform.aclose()


async def test_an_unknown_version_names_the_setting(vendors: VendorSandbox) -> None:
    platform = Shopify(settings_for(vendors, shopify_api_version="2031-01"))

    with pytest.raises(InvalidRequest, match="PRESSROOM_SHOPIFY_API_VERSION"):
        await platform.publish(an_order(), MemoryJournal())

    await platform.aclose()


@pytest.mark.parametrize("token", ["wrong-token", None])
async def test_a_wrong_token_names_the_setting_and_is_not_told(vendors: VendorSandbox, token: str | None) -> None:
    platform = Shopify(settings_for(vendors, shopify_token=token))

    with pytest.raises(AuthFailed, match="PRESSROOM_SHOPIFY_TOKEN") as caught:
        await platform.publish(an_order(), MemoryJournal())

    assert "wrong-token" not in str(caught.value)
    await platform.aclose()


def granting(vendors: VendorSandbox, secret: str = "sandbox-shopify-secret") -> Shopify:
    return Shopify(
        settings_for(
            vendors, shopify_token=None, shopify_client_id="sandbox-shopify-client", shopify_client_secret=secret
        )
    )


async def test_a_token_is_granted_once_for_many_calls(vendors: VendorSandbox) -> None:
    platform = granting(vendors)

    await platform.publish(an_order(), MemoryJournal())

    assert_made_once(vendors)
    assert len([line for line in vendors.lines("shopify") if "oauth" in line]) == 1
    await platform.aclose()


async def test_a_granted_token_that_is_refused_is_asked_for_again(vendors: VendorSandbox) -> None:
    platform = granting(vendors)
    await platform.publish(an_order(), MemoryJournal())
    vendors.reset()  # and with it the tokens that were granted

    await platform.publish(an_order(), MemoryJournal())

    assert_made_once(vendors)
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
