"""Shopify against the sandbox: whatever breaks and wherever, a publication ends as one file and one product."""

from pathlib import Path

import pytest

from pressroom.contracts.vocabulary import ProductType
from pressroom.publisher.shopify import Shopify
from pressroom.publisher.shopify_media import MEDIA
from pressroom.runtime.errors import (
    ApiFailed,
    InvalidRequest,
    NetworkFailed,
    TimedOut,
)

from ..vendor_sandbox import VendorSandbox, running_sandbox
from .publication import Died, MemoryJournal, an_order
from .shops import assert_made_once_at_shopify, shopify_settings

ALL_WRITES = 5  # the handle; intent and record of the picture and of the product
GRAPHQL = "graphql.json"
DOCUMENTS = ["stagedUploadsCreate", "fileCreate", "productSet", "publishablePublish"]


@pytest.mark.parametrize("product_type", list(ProductType))
async def test_an_image_becomes_a_product_on_its_sales_channel(
    shopify: Shopify, vendors: VendorSandbox, product_type: ProductType
) -> None:
    order = an_order(product_type)

    published = await shopify.publish(order, MemoryJournal())

    assert_made_once_at_shopify(vendors)
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

    assert_made_once_at_shopify(vendors)
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

    assert_made_once_at_shopify(vendors)


@pytest.mark.parametrize("kind", ["cut_before", "cut_after_effect", "500"])
async def test_a_staged_upload_that_broke_off_is_begun_anew(
    shopify: Shopify, vendors: VendorSandbox, kind: str
) -> None:
    order, journal = an_order(), MemoryJournal()
    vendors.fault("shopify", kind, "/staged/")

    with pytest.raises((NetworkFailed, ApiFailed)):
        await shopify.publish(order, journal)
    await shopify.publish(order, journal.after_the_restart())

    assert_made_once_at_shopify(vendors)


async def test_a_new_title_between_two_attempts_makes_no_second_product(
    shopify: Shopify, vendors: VendorSandbox
) -> None:
    journal = MemoryJournal(dies_at=4)
    with pytest.raises(Died):
        await shopify.publish(an_order(title="The first title"), journal)

    await shopify.publish(an_order(title="Another title"), journal.after_the_restart())

    assert_made_once_at_shopify(vendors)
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

    assert_made_once_at_shopify(vendors)


async def test_a_picture_that_never_gets_ready_is_waited_for_only_so_long(
    vendors: VendorSandbox, tmp_path: Path
) -> None:
    with running_sandbox(tmp_path, MEDIA_SECONDS="3600") as slow:
        platform = Shopify(shopify_settings(slow, shopify_media_timeout_s=0.2))

        with pytest.raises(TimedOut, match="ready"):
            await platform.publish(an_order(), MemoryJournal())

        await platform.aclose()


async def test_the_pace_follows_the_bucket_so_that_nothing_is_refused(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, SHOPIFY_BUCKET="120", SHOPIFY_RESTORE_PER_SECOND="60") as tight:
        platform = Shopify(shopify_settings(tight))

        for number in range(4):
            await platform.publish(an_order(image_id=f"batch_1-{number:04d}"), MemoryJournal())

        assert tight.stats("shopify")["products"] == 4
        await platform.aclose()


async def test_a_document_dearer_than_the_full_bucket_is_not_waited_for(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, SHOPIFY_BUCKET="2") as poor:
        platform = Shopify(shopify_settings(poor))

        with pytest.raises(InvalidRequest, match="Throttled"):
            await platform.publish(an_order(), MemoryJournal())

        await platform.aclose()
