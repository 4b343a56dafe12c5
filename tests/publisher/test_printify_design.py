"""Which variants of a Printify product are for sale and where the picture goes: pure, no server."""

import pytest

from pressroom.contracts.vocabulary import ProductType
from pressroom.publisher.printify_design import ENABLED_MAX, contain_scale, design, print_areas
from pressroom.publisher.printify_wire import CatalogVariant, Placeholder, Product
from pressroom.publisher.product_text import decimal_price, handle_of, html_paragraphs
from pressroom.publisher.settings import PRINTIFY_PRODUCTS, PrintifyProduct, PublisherSettings
from pressroom.runtime.errors import InvalidRequest

TEE = PrintifyProduct(blueprint_id=6, price_cents=2000, colors=("Black", "White"))


def a_variant(
    number: int, color: str = "Black", area: tuple[int, int] = (4000, 5000), at: str = "front"
) -> CatalogVariant:
    placeholder = Placeholder(position=at, width=area[0], height=area[1])
    return CatalogVariant(id=number, options={"color": color}, placeholders=(placeholder,))


def test_the_wanted_colours_come_in_the_wanted_order() -> None:
    offered = [a_variant(1, "White"), a_variant(2, "Red"), a_variant(3, "black")]

    assert design(TEE, offered, 4500, 5400).variant_ids == (3, 1)


def test_colours_that_nobody_has_give_way() -> None:
    assert design(TEE, [a_variant(1, "Red")], 4500, 5400).variant_ids == (1,)


def test_variants_share_an_entry_when_they_share_a_print_area() -> None:
    offered = [a_variant(1), a_variant(2, area=(4400, 5500)), a_variant(3)]

    areas = print_areas(design(TEE, offered, 4500, 5400), "image", 4500, 5400)

    assert [area["variant_ids"] for area in areas] == [[1, 3], [2]]


def test_no_more_variants_are_for_sale_than_may_be() -> None:
    offered = [a_variant(number) for number in range(ENABLED_MAX + 20)]

    assert len(design(TEE, offered, 4500, 5400).variant_ids) == ENABLED_MAX


def test_a_poster_that_the_picture_would_not_fill_is_left_out() -> None:
    poster = PRINTIFY_PRODUCTS[ProductType.POSTER]
    offered = [a_variant(1, area=(2700, 3300)), a_variant(2, area=(3600, 5400)), a_variant(3, area=(4800, 6000))]

    assert design(poster, offered, 4500, 5400).variant_ids == (1, 3)


def test_the_nearest_shape_is_for_sale_when_none_is_near() -> None:
    poster = PRINTIFY_PRODUCTS[ProductType.POSTER]
    offered = [a_variant(1, area=(3600, 5400)), a_variant(2, area=(2700, 3300))]

    assert design(poster, offered, 6000, 3000).variant_ids == (2,)


def test_a_product_without_a_front_is_printed_where_it_can_be() -> None:
    assert design(TEE, [a_variant(1, at="back")], 4500, 5400).position == "back"


def test_an_empty_object_may_come_as_an_empty_list() -> None:
    product = Product.model_validate({"id": "p", "external": []})
    variant = CatalogVariant.model_validate({"id": 1, "options": []})

    assert not product.is_published
    assert variant.options == {}
    assert Product.model_validate({"id": "p", "external": {"id": 81, "handle": None}}).is_published


def test_a_provider_with_nothing_to_print_on_names_the_setting() -> None:
    with pytest.raises(InvalidRequest, match="PRESSROOM_PRINTIFY_PRODUCTS"):
        design(TEE, [CatalogVariant(id=1)], 4500, 5400)


@pytest.mark.parametrize(
    ("area", "picture", "scale"),
    [
        ((4500, 5400), (4500, 5400), 1.0),
        ((4500, 5400), (450, 540), 1.0),
        ((2475, 1155), (1155, 1155), 1155 / 2475),
        ((4000, 4000), (8000, 2000), 1.0),
    ],
)
def test_the_picture_is_as_large_as_it_can_be_without_being_cut(
    area: tuple[int, int], picture: tuple[int, int], scale: float
) -> None:
    placeholder = Placeholder(position="front", width=area[0], height=area[1])

    assert contain_scale(placeholder, *picture) == pytest.approx(scale)
    assert contain_scale(placeholder, *picture) * area[0] * picture[1] / picture[0] <= area[1] + 1e-6


def test_every_product_type_has_a_product_and_a_price_whatever_is_set() -> None:
    mug = PrintifyProduct(blueprint_id=503, price_cents=1200)
    settings = PublisherSettings(
        printify_products={ProductType.MUG: mug}, shopify_prices_cents={ProductType.POSTER: 999}
    )

    assert set(settings.printify_products) == set(ProductType) == set(settings.shopify_prices_cents)
    assert settings.printify_products[ProductType.MUG] == mug
    assert settings.shopify_prices_cents[ProductType.POSTER] == 999


@pytest.mark.parametrize(
    ("title", "slug"),
    [("A Fox, in a Raincoat!", "a-fox-in-a-raincoat-"), ("Füchse", "fuchse-"), ("狐", ""), ("x" * 200, "x" * 60 + "-")],
)
def test_a_handle_reads_like_the_title_and_is_the_publications_own(title: str, slug: str) -> None:
    handle = handle_of(title, "publication-1")

    assert handle.startswith(slug)
    assert len(handle) == len(slug) + 16
    assert handle != handle_of(title, "publication-2")
    assert handle == handle_of(title, "publication-1")


def test_text_becomes_html_and_stays_text() -> None:
    assert html_paragraphs("One\ntwo <b>\n\n\nThree & four") == "<p>One\ntwo &lt;b&gt;</p><p>Three &amp; four</p>"


def test_a_price_is_written_with_two_decimals() -> None:
    assert [decimal_price(cents) for cents in (5, 100, 2499)] == ["0.05", "1.00", "24.99"]
