"""What Printify refuses, and what each refusal tells the person who has to mend it."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pressroom.contracts.vocabulary import ProductType
from pressroom.publisher.printify import Printify
from pressroom.publisher.settings import PrintifyProduct
from pressroom.runtime.errors import (
    ApiFailed,
    AuthFailed,
    InvalidRequest,
    RateLimited,
    TimedOut,
    WorkError,
)

from ..vendor_sandbox import VendorSandbox
from .publication import MemoryJournal, an_order
from .shops import API_SHOP, assert_made_once_at_printify, printify_settings


async def test_several_shops_ask_for_the_setting(vendors: VendorSandbox) -> None:
    platform = Printify(printify_settings(vendors, printify_shop_id=None))

    with pytest.raises(InvalidRequest, match=f"PRESSROOM_PRINTIFY_SHOP_ID .*{API_SHOP}"):
        await platform.publish(an_order(), MemoryJournal())

    await platform.aclose()


@pytest.mark.parametrize("token", ["wrong-token", None])
async def test_a_wrong_token_names_the_setting_and_is_not_told(vendors: VendorSandbox, token: str | None) -> None:
    platform = Printify(printify_settings(vendors, printify_token=token))

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

    assert_made_once_at_printify(vendors)


async def test_what_printify_refuses_is_told_with_its_reason(vendors: VendorSandbox) -> None:
    wrong = {"mug": PrintifyProduct(blueprint_id=68, print_provider_id=4, price_cents=100)}
    platform = Printify(printify_settings(vendors, printify_products=wrong))

    with pytest.raises(InvalidRequest, match="print provider"):
        await platform.publish(an_order(ProductType.MUG), MemoryJournal())

    await platform.aclose()


async def test_our_share_of_the_rate_is_kept_by_us(vendors: VendorSandbox) -> None:
    platform = Printify(printify_settings(vendors, printify_publish_per_half_hour=1))
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
    platform = Printify(printify_settings(vendors, printify_upload_url_base=url))

    await platform.publish(large, MemoryJournal())

    assert_made_once_at_printify(vendors)
    assert vendors.items("printify", "uploads")[0]["sha256"] == order.print_file.sha256
    await platform.aclose()


async def test_a_file_that_printify_cannot_fetch_names_the_setting(
    vendors: VendorSandbox, file_server: tuple[str, Path]
) -> None:
    order = an_order()
    large = replace(order, print_file=order.print_file.model_copy(update={"size_bytes": 6_000_000}))
    platform = Printify(printify_settings(vendors, printify_upload_url_base=file_server[0]))

    with pytest.raises(InvalidRequest, match="PRESSROOM_PRINTIFY_UPLOAD_URL_BASE"):
        await platform.publish(large, MemoryJournal())

    await platform.aclose()


async def test_a_large_file_without_an_address_names_the_setting(vendors: VendorSandbox) -> None:
    order = an_order(content=b"no picture")
    large = replace(order, print_file=order.print_file.model_copy(update={"size_bytes": 6_000_000}))
    platform = Printify(printify_settings(vendors))

    with pytest.raises(InvalidRequest, match="above 5 MB go by address: set PRESSROOM_PRINTIFY_UPLOAD_URL_BASE"):
        await platform.publish(large, MemoryJournal())

    await platform.aclose()
