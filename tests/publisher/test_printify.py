"""Printify against the sandbox: whatever breaks and wherever, a publication ends as one upload and one product."""

import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pressroom.contracts.vocabulary import ProductType
from pressroom.publisher import printify_account
from pressroom.publisher.printify import OFFER, PRODUCT, PUBLISH, UPLOAD, Printify
from pressroom.publisher.settings import PrintifyProduct, PublisherSettings
from pressroom.runtime.errors import (
    ApiFailed,
    AuthFailed,
    InvalidRequest,
    NetworkFailed,
    RateLimited,
    TimedOut,
    WorkError,
)

from ..vendor_sandbox import PRINTIFY_TOKEN, VendorSandbox
from .publication import Died, MemoryJournal, an_order

API_SHOP = 5432101
CONNECTED_SHOP = 5432102
ALL_WRITES = 7  # the offer; intent and record of upload, product and publishing

MUTATIONS = [
    "POST .*/uploads/images.json",
    "POST .*/products.json",
    "POST .*/publish.json",
    "POST .*/publishing_succeeded.json",
]


def settings_for(vendors: VendorSandbox, **more: object) -> PublisherSettings:
    return PublisherSettings.model_validate(
        {
            "printify_url": f"{vendors.url}/printify",
            "printify_token": PRINTIFY_TOKEN,
            "printify_shop_id": API_SHOP,
            **more,
        }
    )


@pytest.fixture
async def printify(vendors: VendorSandbox) -> AsyncIterator[Printify]:
    platform = Printify(settings_for(vendors))
    yield platform
    await platform.aclose()


def assert_made_once(vendors: VendorSandbox) -> None:
    stats = vendors.stats("printify")
    assert {name: stats[name] for name in ("uploads", "products", "published", "publishing", "publish_calls")} == {
        "uploads": 1,
        "products": 1,
        "published": 1,
        "publishing": 0,
        "publish_calls": 1,
    }


@pytest.mark.parametrize("product_type", list(ProductType))
async def test_an_image_becomes_a_published_product(
    printify: Printify, vendors: VendorSandbox, product_type: ProductType
) -> None:
    order = an_order(product_type)

    published = await printify.publish(order, MemoryJournal())

    assert_made_once(vendors)
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

    assert_made_once(vendors)
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

    assert_made_once(vendors)


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
    before = Printify(settings_for(vendors))
    with pytest.raises(Died):
        await before.publish(order, journal)
    after = Printify(settings_for(vendors, printify_products={"t-shirt": {"blueprint_id": 12, "price_cents": 100}}))

    await after.publish(order, journal.after_the_restart())

    assert_made_once(vendors)
    assert vendors.items("printify", "products")[0]["blueprint_id"] == 6
    await before.aclose()
    await after.aclose()


async def test_a_shop_with_its_own_channel_is_left_to_publish_by_itself(vendors: VendorSandbox) -> None:
    platform = Printify(settings_for(vendors, printify_shop_id=CONNECTED_SHOP))

    await platform.publish(an_order(), MemoryJournal())

    assert not any("publishing_succeeded" in line for line in vendors.lines("printify"))
    assert vendors.stats("printify")["publish_calls"] == 1
    await platform.aclose()


async def test_a_storefronts_address_is_told_to_printify(vendors: VendorSandbox) -> None:
    platform = Printify(settings_for(vendors, printify_product_url_base="https://shop.example/products/"))
    order = an_order()

    published = await platform.publish(order, MemoryJournal())

    assert published.url == f"https://shop.example/products/{order.publication_id}"
    external = vendors.items("printify", "products")[0]["external"]
    assert external == {"id": order.publication_id, "handle": published.url}
    await platform.aclose()


async def test_several_shops_ask_for_the_setting(vendors: VendorSandbox) -> None:
    platform = Printify(settings_for(vendors, printify_shop_id=None))

    with pytest.raises(InvalidRequest, match=f"PRESSROOM_PRINTIFY_SHOP_ID .*{API_SHOP}"):
        await platform.publish(an_order(), MemoryJournal())

    await platform.aclose()


@pytest.mark.parametrize("token", ["wrong-token", None])
async def test_a_wrong_token_names_the_setting_and_is_not_told(vendors: VendorSandbox, token: str | None) -> None:
    platform = Printify(settings_for(vendors, printify_token=token))

    with pytest.raises(AuthFailed, match="PRESSROOM_PRINTIFY_TOKEN") as caught:
        await platform.publish(an_order(), MemoryJournal())

    assert "wrong-token" not in str(caught.value)
    await platform.aclose()


@pytest.mark.parametrize(
    ("kind", "error"),
    [("429", RateLimited), ("500", ApiFailed), ("503", ApiFailed), ("504", TimedOut), ("html", ApiFailed)],
)
async def test_every_way_to_fail_has_its_kind(
    printify: Printify, vendors: VendorSandbox, kind: str, error: type[WorkError]
) -> None:
    order, journal = an_order(), MemoryJournal()
    vendors.fault("printify", kind, "POST .*/products.json")

    with pytest.raises(error):
        await printify.publish(order, journal)
    await printify.publish(order, journal.after_the_restart())

    assert_made_once(vendors)


async def test_what_printify_refuses_is_told_with_its_reason(vendors: VendorSandbox) -> None:
    wrong = {"mug": PrintifyProduct(blueprint_id=68, print_provider_id=4, price_cents=100)}
    platform = Printify(settings_for(vendors, printify_products=wrong))

    with pytest.raises(InvalidRequest, match="print provider"):
        await platform.publish(an_order(ProductType.MUG), MemoryJournal())

    await platform.aclose()


async def test_our_share_of_the_rate_is_kept_by_us(vendors: VendorSandbox) -> None:
    platform = Printify(settings_for(vendors, printify_publish_per_half_hour=1))
    await platform.publish(an_order(image_id="batch_1-0000"), MemoryJournal())

    with pytest.raises(RateLimited) as caught:
        await platform.publish(an_order(image_id="batch_1-0001"), MemoryJournal())

    assert caught.value.retry_after_s == pytest.approx(1800, abs=30)
    assert vendors.stats("printify")["publish_calls"] == 1
    await platform.aclose()


@pytest.fixture
def file_server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Where the blob store's files could be fetched from: an address and the folder behind it."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", tmp_path
    server.shutdown()
    server.server_close()


async def test_a_large_file_is_fetched_by_printify_when_it_can_be(
    vendors: VendorSandbox, file_server: tuple[str, Path]
) -> None:
    url, folder = file_server
    order = an_order()
    large = replace(order, print_file=order.print_file.model_copy(update={"size_bytes": 6_000_000}))
    (folder / "print").mkdir()
    (folder / order.print_file.key).write_bytes(await order.artwork.print_bytes())
    platform = Printify(settings_for(vendors, printify_upload_url_base=url))

    await platform.publish(large, MemoryJournal())

    assert_made_once(vendors)
    assert vendors.items("printify", "uploads")[0]["sha256"] == order.print_file.sha256
    await platform.aclose()


async def test_a_file_that_printify_cannot_fetch_names_the_setting(
    vendors: VendorSandbox, file_server: tuple[str, Path]
) -> None:
    order = an_order()
    large = replace(order, print_file=order.print_file.model_copy(update={"size_bytes": 6_000_000}))
    platform = Printify(settings_for(vendors, printify_upload_url_base=file_server[0]))

    with pytest.raises(InvalidRequest, match="PRESSROOM_PRINTIFY_UPLOAD_URL_BASE"):
        await platform.publish(large, MemoryJournal())

    await platform.aclose()
