"""Products as they are read: by id, handle or identifier, in lists, and field by field."""

from __future__ import annotations

import html
import re

from pressroom.sandbox.core.wire import Json, JsonObject, as_int, as_list, as_object, as_objects, as_text, json_list
from pressroom.sandbox.shopify.connections import connect
from pressroom.sandbox.shopify.ids import check_id, number_of
from pressroom.sandbox.shopify.media import file_status, find_file, image_view, media_view
from pressroom.sandbox.shopify.metafields import metafield_of, metafields_of
from pressroom.sandbox.shopify.product_store import (
    PRODUCTS,
    find_by_handle,
    find_by_identifier,
    find_product,
    remove_product,
)
from pressroom.sandbox.shopify.publishing import ONLINE_STORE
from pressroom.sandbox.shopify.resolving import Call, plain, resolver
from pressroom.sandbox.shopify.search import matches
from pressroom.sandbox.shopify.shop import DOMAIN, finder, shop

SEARCH = {
    "id": "id",
    "handle": "handle",
    "title": "title",
    "status": "status",
    "tag": "tags",
    "vendor": "vendor",
    "product_type": "productType",
}
CURRENCY = "USD"

plain(
    "Product",
    "id title handle descriptionHtml vendor productType tags status templateSuffix seo requiresSellingPlan isGiftCard"
    " createdAt updatedAt",
)
plain(
    "ProductVariant",
    "id title price compareAtPrice sku barcode taxable inventoryPolicy position selectedOptions availableForSale"
    " createdAt updatedAt",
)
plain("ProductOption", "id name position values optionValues")
plain("ProductOptionValue", "id name hasVariants")
plain("SelectedOption", "name value optionValue")
plain("SEO", "title description")
plain("InventoryItem", "id sku tracked requiresShipping createdAt updatedAt")
plain("ProductPriceRangeV2", "minVariantPrice maxVariantPrice")
plain("MoneyV2", "amount currencyCode")
plain("ProductDeletePayload", "deletedProductId productDeleteOperation userErrors")


def _find(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    return find_product(call.store, check_id(as_text(arguments.get("id")), "Product"))


finder("Product", _find)
resolver("QueryRoot", "product")(_find)
resolver("ProductDeletePayload", "shop")(shop)
resolver("Product", "metafield")(metafield_of)
resolver("Product", "metafields")(metafields_of)
resolver("ProductVariant", "metafield")(metafield_of)
resolver("ProductVariant", "metafields")(metafields_of)


@resolver("QueryRoot", "productByHandle")
def product_by_handle(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    return find_by_handle(call.store, as_text(arguments.get("handle")))


@resolver("QueryRoot", "productByIdentifier")
def product_by_identifier(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    return find_by_identifier(call.store, as_object(arguments.get("identifier")))


def _matching(call: Call, arguments: JsonObject) -> list[JsonObject]:
    query = as_text(arguments.get("query"))
    return [row.body for row in call.store.rows(PRODUCTS) if matches(row.body, query, SEARCH)]


@resolver("QueryRoot", "products")
def products(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    found = _matching(call, arguments)
    key = as_text(arguments.get("sortKey"), "ID")
    fields = {"TITLE": "title", "CREATED_AT": "createdAt", "UPDATED_AT": "updatedAt", "VENDOR": "vendor"}
    if key in fields:
        found.sort(key=lambda product: as_text(product[fields[key]]))
    return connect(found, arguments)


@resolver("QueryRoot", "productsCount")
def products_count(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    count, limit = len(_matching(call, arguments)), as_int(arguments.get("limit"), 10_000)
    return {"count": min(count, limit), "precision": "EXACT" if count <= limit else "AT_LEAST"}


@resolver("Mutation", "productDelete")
def product_delete(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    product_id = check_id(as_text(as_object(arguments.get("input")).get("id")), "Product")
    with call.store.transaction():
        product = find_product(call.store, product_id)
        if product is None:
            error: JsonObject = {"field": ["id"], "message": "Product does not exist"}
            return {"deletedProductId": None, "productDeleteOperation": None, "userErrors": [error]}
        remove_product(call.store, product)
    return {"deletedProductId": product_id, "productDeleteOperation": None, "userErrors": []}


@resolver("Product", "legacyResourceId")
def legacy_id(_call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    return number_of(as_text(source["id"]))


resolver("ProductVariant", "legacyResourceId")(legacy_id)
resolver("InventoryItem", "legacyResourceId")(legacy_id)


@resolver("Product", "description")
def description(_call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    text = html.unescape(re.sub(r"<[^>]*>", " ", as_text(source["descriptionHtml"])))
    text = " ".join(text.split())
    at = arguments.get("truncateAt")
    return text[:at] if isinstance(at, int) else text


@resolver("Product", "options")
def options(_call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    first = arguments.get("first")
    return as_list(source["options"])[: first if isinstance(first, int) else None]


@resolver("Product", "variants")
def variants(_call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    return connect(as_objects(source["_variants"]), arguments)


@resolver("Product", "variantsCount")
def variants_count(_call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    return {"count": len(as_list(source["_variants"])), "precision": "EXACT"}


@resolver("Product", "totalVariants")
def total_variants(_call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    return len(as_list(source["_variants"]))


@resolver("Product", "hasOnlyDefaultVariant")
def has_only_default_variant(_call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    held = as_objects(source["_variants"])
    return len(held) == 1 and held[0]["title"] == "Default Title"


@resolver("Product", "totalInventory")
def total_inventory(_call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    return sum(as_int(variant["_quantity"]) for variant in as_objects(source["_variants"]))


@resolver("Product", "tracksInventory")
def tracks_inventory(_call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    return any(variant["_tracked"] is True for variant in as_objects(source["_variants"]))


@resolver("Product", "priceRangeV2")
def price_range(_call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    prices = sorted((as_text(variant["price"]) for variant in as_objects(source["_variants"])), key=float)
    return {
        "minVariantPrice": {"amount": prices[0], "currencyCode": CURRENCY},
        "maxVariantPrice": {"amount": prices[-1], "currencyCode": CURRENCY},
    }


def _files(call: Call, ids: Json) -> list[JsonObject]:
    return [file for one in as_list(ids) if (file := find_file(call.store, as_text(one))) is not None]


@resolver("Product", "media")
def media(call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    return connect([media_view(call, file) for file in _files(call, source["_media"])], arguments)


@resolver("Product", "mediaCount")
def media_count(call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    return {"count": len(_files(call, source["_media"])), "precision": "EXACT"}


@resolver("Product", "featuredMedia")
def featured_media(call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    files = _files(call, source["_media"])
    return media_view(call, files[0]) if files else None


@resolver("Product", "featuredImage")
def featured_image(call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    files = _files(call, source["_media"])
    return image_view(call, files[0]) if files and file_status(call, files[0]) == "READY" else None


@resolver("Product", "onlineStorePreviewUrl")
def online_store_preview_url(_call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    return f"https://{DOMAIN}/products/{source['handle']}"


@resolver("Product", "onlineStoreUrl")
def online_store_url(_call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    public = source["status"] == "ACTIVE" and ONLINE_STORE in as_object(source["_publications"])
    return f"https://{DOMAIN}/products/{source['handle']}" if public else None


def _find_variant(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    variant_id = check_id(as_text(arguments.get("id")), "ProductVariant")
    return next(
        (
            variant
            for row in call.store.rows(PRODUCTS)
            for variant in as_objects(row.body["_variants"])
            if variant["id"] == variant_id
        ),
        None,
    )


finder("ProductVariant", _find_variant)
resolver("QueryRoot", "productVariant")(_find_variant)


@resolver("ProductVariant", "product")
def product_of_variant(call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    return find_product(call.store, as_text(source["_product"]))


@resolver("ProductVariant", "displayName")
def display_name(call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    owner = find_product(call.store, as_text(source["_product"])) or {}
    return f"{as_text(owner.get('title'))} - {as_text(source['title'])}"


@resolver("ProductVariant", "inventoryQuantity")
def inventory_quantity(_call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    return source["_quantity"]


@resolver("ProductVariant", "inventoryItem")
def inventory_item(_call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    return {
        "id": source["_inventory_item"],
        "sku": source["sku"],
        "tracked": source["_tracked"],
        "requiresShipping": source["_requires_shipping"],
        "createdAt": source["createdAt"],
        "updatedAt": source["updatedAt"],
    }


@resolver("ProductVariant", "media")
def media_of_variant(call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    return connect([media_view(call, file) for file in _files(call, [source["_media"]])], arguments)


@resolver("ProductVariant", "image")
def image_of_variant(call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    files = _files(call, [source["_media"]])
    return image_view(call, files[0]) if files and file_status(call, files[0]) == "READY" else None


def media_ids(product: JsonObject) -> list[Json]:
    return json_list(as_list(product["_media"]))
