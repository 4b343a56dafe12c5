"""Printify against the sandbox: whatever breaks and wherever, a publication ends as one upload and one product."""

import pytest

from pressroom.contracts.vocabulary import ProductType
from pressroom.publisher import printify_account
from pressroom.publisher.printify import OFFER, PRODUCT, PUBLISH, UPLOAD, Printify
from pressroom.runtime.errors import (
    ApiFailed,
    NetworkFailed,
)

from ..vendor_sandbox import VendorSandbox
from .publication import Died, MemoryJournal, an_order
from .shops import API_SHOP, CONNECTED_SHOP, assert_made_once_at_printify, printify_settings

ALL_WRITES = 7  # the offer; intent and record of upload, product and publishing

MUTATIONS = [
    "POST .*/uploads/images.json",
    "POST .*/products.json",
    "POST .*/publish.json",
    "POST .*/publishing_succeeded.json",
]


@pytest.mark.parametrize("product_type", list(ProductType))
async def test_an_image_becomes_a_published_product(
    printify: Printify, vendors: VendorSandbox, product_type: ProductType
) -> None:
    order = an_order(product_type)

    published = await printify.publish(order, MemoryJournal())

    assert_made_once_at_printify(vendors)
    product = vendors.items("printify", "products")[0]
    assert published.external_id == product["id"]
    assert product["external"] == {"id": order.publication_id, "handle": order.publication_id}
    assert product["title"] == order.title
    assert product["description"] == "<p>Printed on demand.</p><p>Soft &amp; &lt;warm&gt;.</p>"
    upload = vendors.items("printify", "uploads")[0]
    assert upload["file_name"] == f"{order.print_file.sha256}.png"
    assert upload["sha256"] == order.print_file.sha256


async def test_the_first_time_pays_for_no_look_up(printify: Printify, vendors: VendorSandbox) -> None:
    await printify.publish(an_order(), MemoryJournal())

    lines = [line.split("/v1/")[1] for line in vendors.lines("printify")]
    product_id = vendors.items("printify", "products")[0]["id"]
    assert lines == [
        "shops.json",
        "catalog/blueprints/6/print_providers.json",
        "catalog/blueprints/6/print_providers/99/variants.json",
        "uploads/images.json",
        f"shops/{API_SHOP}/products.json",
        f"shops/{API_SHOP}/products/{product_id}/publish.json",
        f"shops/{API_SHOP}/products/{product_id}/publishing_succeeded.json",
    ]


async def test_the_catalog_is_asked_once_for_many_products(printify: Printify, vendors: VendorSandbox) -> None:
    for number in range(3):
        await printify.publish(an_order(image_id=f"batch_1-000{number}"), MemoryJournal())

    assert len([line for line in vendors.lines("printify") if "/catalog/" in line]) == 2


@pytest.mark.parametrize("keeps_last", [False, True])
@pytest.mark.parametrize("dies_at", range(ALL_WRITES))
async def test_a_process_killed_at_any_write_leaves_one_product(
    printify: Printify, vendors: VendorSandbox, dies_at: int, keeps_last: bool
) -> None:
    order = an_order()
    journal = MemoryJournal(dies_at=dies_at, keeps_last=keeps_last)

    with pytest.raises(Died):
        await printify.publish(order, journal)
    published = await printify.publish(order, journal.after_the_restart())

    assert_made_once_at_printify(vendors)
    assert published.external_id == vendors.items("printify", "products")[0]["id"]


async def test_a_publication_has_no_more_writes_than_were_tried(printify: Printify) -> None:
    journal = MemoryJournal()

    await printify.publish(an_order(), journal)

    assert len(journal.writes) == ALL_WRITES


@pytest.mark.parametrize("kind", ["cut_before", "cut_after_effect", "truncate", "html_200", "bad_json"])
@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_a_mutation_that_broke_off_is_looked_for_before_it_is_repeated(
    printify: Printify, vendors: VendorSandbox, mutation: str, kind: str
) -> None:
    order, journal = an_order(), MemoryJournal()
    vendors.fault("printify", kind, mutation)

    with pytest.raises((NetworkFailed, ApiFailed)):
        await printify.publish(order, journal)
    await printify.publish(order, journal.after_the_restart())

    assert_made_once_at_printify(vendors)


async def test_a_product_is_looked_for_on_every_page(
    printify: Printify, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printify_account, "PAGE_SIZE", 2)
    order = an_order()
    journal = MemoryJournal(dies_at=4)
    with pytest.raises(Died):
        await printify.publish(order, journal)
    made = vendors.items("printify", "products")[0]["id"]
    upload = str(vendors.items("printify", "uploads")[0]["id"])
    for number in range(5):
        other = an_order(image_id=f"batch_2-{number:04d}", title=f"Another {number}")
        await printify.publish(other, MemoryJournal(recorded={UPLOAD: upload}))

    published = await printify.publish(order, journal.after_the_restart())

    assert published.external_id == made
    assert vendors.stats("printify")["products"] == 6


async def test_the_product_of_another_publication_of_the_same_file_is_not_taken(
    printify: Printify, vendors: VendorSandbox
) -> None:
    first, second = an_order(image_id="batch_1-0000"), an_order(image_id="batch_1-0001")
    upload_journal = MemoryJournal()
    await printify.publish(first, upload_journal)
    shared = upload_journal.recorded[UPLOAD]

    published = await printify.publish(
        second, MemoryJournal(intended={PRODUCT}, recorded={UPLOAD: shared, OFFER: "6:99"})
    )

    assert published.external_id != upload_journal.recorded[PRODUCT]
    assert vendors.stats("printify")["products"] == 2


async def test_a_product_that_is_done_is_not_asked_about(printify: Printify, vendors: VendorSandbox) -> None:
    journal = MemoryJournal(recorded={PRODUCT: "made", PUBLISH: "made"})

    published = await printify.publish(an_order(), journal)

    assert published.external_id == "made"
    assert vendors.lines("printify") == []


async def test_a_changed_setting_does_not_make_a_second_product(vendors: VendorSandbox) -> None:
    order, journal = an_order(), MemoryJournal(dies_at=4)
    before = Printify(printify_settings(vendors))
    with pytest.raises(Died):
        await before.publish(order, journal)
    after = Printify(
        printify_settings(vendors, printify_products={"t-shirt": {"blueprint_id": 12, "price_cents": 100}})
    )

    await after.publish(order, journal.after_the_restart())

    assert_made_once_at_printify(vendors)
    assert vendors.items("printify", "products")[0]["blueprint_id"] == 6
    await before.aclose()
    await after.aclose()


async def test_a_shop_with_its_own_channel_is_left_to_publish_by_itself(vendors: VendorSandbox) -> None:
    platform = Printify(printify_settings(vendors, printify_shop_id=CONNECTED_SHOP))

    await platform.publish(an_order(), MemoryJournal())

    assert not any("publishing_succeeded" in line for line in vendors.lines("printify"))
    assert vendors.stats("printify")["publish_calls"] == 1
    await platform.aclose()


async def test_a_storefronts_address_is_told_to_printify(vendors: VendorSandbox) -> None:
    platform = Printify(printify_settings(vendors, printify_product_url_base="https://shop.example/products/"))
    order = an_order()

    published = await platform.publish(order, MemoryJournal())

    assert published.url == f"https://shop.example/products/{order.publication_id}"
    external = vendors.items("printify", "products")[0]["external"]
    assert external == {"id": order.publication_id, "handle": published.url}
    await platform.aclose()
