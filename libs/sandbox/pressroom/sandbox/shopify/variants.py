"""Options and variants as `productSet` takes them: the two lists belong together, name every option in every variant,
and replace what was there; a variant that is named again (by id or by its option values) keeps its id."""

from __future__ import annotations

from decimal import Decimal

from pressroom.sandbox.core.wire import Json, JsonObject, as_object, as_objects, as_text, json_list
from pressroom.sandbox.shopify.ids import new_id
from pressroom.sandbox.shopify.metafields import set_metafields
from pressroom.sandbox.shopify.resolving import Call, unsupported
from pressroom.sandbox.shopify.times import write_time
from pressroom.sandbox.shopify.user_errors import UserRefusalError

# Shopify, "Product model": three options and 2048 variants.
MOST_OPTIONS = 3
MOST_VARIANTS = 2048

VARIANT_INPUTS = frozenset(
    [
        "barcode",
        "compareAtPrice",
        "file",
        "id",
        "inventoryItem",
        "inventoryPolicy",
        "inventoryQuantities",
        "metafields",
        "optionValues",
        "position",
        "price",
        "sku",
        "taxable",
    ]
)
DEFAULT_OPTIONS: list[JsonObject] = [{"name": "Title", "values": [{"name": "Default Title"}]}]
DEFAULT_VARIANTS: list[JsonObject] = [{"optionValues": [{"optionName": "Title", "name": "Default Title"}]}]


def set_options(call: Call, old: list[JsonObject], given: list[JsonObject]) -> list[JsonObject]:
    """The product's options after `productOptions` was given."""
    if len(given) > MOST_OPTIONS:
        raise UserRefusalError(
            ["input", "productOptions"], "Options are limited to 3 per product", "OPTIONS_OVER_LIMIT"
        )
    options: list[JsonObject] = []
    for place, wanted in enumerate(given):
        at = ["input", "productOptions", str(place)]
        if wanted.get("linkedMetafield") is not None:
            raise unsupported("options that are linked to metafields")
        name = as_text(wanted.get("name"))
        if not name:
            raise UserRefusalError([*at, "name"], "Name can't be blank", "INVALID_INPUT")
        if any(option["name"] == name for option in options):
            raise UserRefusalError([*at, "name"], f"Option {name} is given twice", "DUPLICATED_OPTION_NAME")
        values = [as_text(value.get("name")) for value in as_objects(wanted.get("values"))]
        if not values or not all(values):
            raise UserRefusalError([*at, "values"], "Option values are missing", "OPTION_VALUES_MISSING")
        if len(set(values)) < len(values):
            raise UserRefusalError([*at, "values"], "Option values are given twice", "DUPLICATED_OPTION_VALUE")
        options.append(_option(call, old, name, values, place + 1))
    return options


def _option(call: Call, old: list[JsonObject], name: str, values: list[str], position: int) -> JsonObject:
    before = next((option for option in old if option["name"] == name), None)
    known = {as_text(value["name"]): value["id"] for value in as_objects(before["optionValues"])} if before else {}
    return {
        "id": before["id"] if before else new_id(call.store, "ProductOption"),
        "name": name,
        "position": position,
        "values": json_list(values),
        "optionValues": json_list(
            {"id": known.get(value) or new_id(call.store, "ProductOptionValue"), "name": value, "hasVariants": True}
            for value in values
        ),
    }


def set_variants(
    call: Call,
    product: JsonObject,
    given: list[JsonObject],
    media_of: dict[str, str],
) -> list[JsonObject]:
    """The product's variants after `variants` was given; `media_of` says which file an `originalSource` or id
    became."""
    if len(given) > MOST_VARIANTS:
        raise UserRefusalError(["input", "variants"], "Variants are limited to 2048", "VARIANTS_OVER_LIMIT")
    options = as_objects(product["options"])
    old = as_objects(product["_variants"])
    variants: list[JsonObject] = []
    seen: set[tuple[str, ...]] = set()
    for place, wanted in enumerate(given):
        at = ["input", "variants", str(place)]
        for field in wanted:
            if field not in VARIANT_INPUTS:
                raise unsupported(f"ProductVariantSetInput.{field}")
        chosen = _chosen(at, options, as_objects(wanted["optionValues"]))
        if chosen in seen:
            raise UserRefusalError(at, f"The variant '{' / '.join(chosen)}' already exists.", "INVALID_VARIANT")
        seen.add(chosen)
        before = _before(at, old, wanted, chosen)
        variants.append(_variant(call, product, before, wanted, chosen, place + 1, at, media_of))
    return variants


def _chosen(at: list[str], options: list[JsonObject], given: list[JsonObject]) -> tuple[str, ...]:
    """The variant's value for each option, in the order of the options."""
    values: dict[str, str] = {}
    for place, value in enumerate(given):
        here = [*at, "optionValues", str(place)]
        option = next(
            (one for one in options if value.get("optionName") == one["name"] or value.get("optionId") == one["id"]),
            None,
        )
        if option is None:
            raise UserRefusalError([*here, "name"], "Option does not exist", "OPTION_DOES_NOT_EXIST")
        known = {as_text(one["name"]): one["id"] for one in as_objects(option["optionValues"])}
        name = as_text(value.get("name")) or next(
            (key for key, number in known.items() if number == value.get("id")), ""
        )
        if name not in known:
            raise UserRefusalError(
                [*here, "name"], f"Option value {name} does not exist", "OPTION_VALUE_DOES_NOT_EXIST"
            )
        values[as_text(option["name"])] = name
    missing = [as_text(option["name"]) for option in options if as_text(option["name"]) not in values]
    if missing:
        raise UserRefusalError(at, f"You need to add option values for {', '.join(missing)}", "INVALID_VARIANT")
    return tuple(values[as_text(option["name"])] for option in options)


def _before(at: list[str], old: list[JsonObject], wanted: JsonObject, chosen: tuple[str, ...]) -> JsonObject | None:
    if wanted.get("id") is not None:
        found = next((one for one in old if one["id"] == wanted["id"]), None)
        if found is None:
            raise UserRefusalError([*at, "id"], "Product variant does not exist", "PRODUCT_VARIANT_DOES_NOT_EXIST")
        return found
    title = " / ".join(chosen)
    return next((one for one in old if one["title"] == title), None)


def _variant(
    call: Call,
    product: JsonObject,
    before: JsonObject | None,
    wanted: JsonObject,
    chosen: tuple[str, ...],
    position: int,
    at: list[str],
    media_of: dict[str, str],
) -> JsonObject:
    held = before or {}
    now = write_time(call.now)
    options = as_objects(product["options"])
    item = as_object(wanted.get("inventoryItem"))
    variant: JsonObject = {
        "id": held.get("id") or new_id(call.store, "ProductVariant"),
        "_product": product["id"],
        "title": " / ".join(chosen),
        "price": _money([*at, "price"], wanted.get("price", held.get("price", "0.00"))) or "0.00",
        "compareAtPrice": _money([*at, "compareAtPrice"], wanted.get("compareAtPrice", held.get("compareAtPrice"))),
        "sku": wanted.get("sku", item.get("sku", held.get("sku"))),
        "barcode": wanted.get("barcode", held.get("barcode")),
        "taxable": wanted.get("taxable", held.get("taxable", True)),
        "inventoryPolicy": wanted.get("inventoryPolicy", held.get("inventoryPolicy", "DENY")),
        "position": position,
        "selectedOptions": json_list(_selected(option, value) for option, value in zip(options, chosen, strict=True)),
        "availableForSale": True,
        "createdAt": held.get("createdAt", now),
        "updatedAt": now,
        "_inventory_item": held.get("_inventory_item") or new_id(call.store, "InventoryItem"),
        "_tracked": item.get("tracked", held.get("_tracked", False)),
        "_requires_shipping": item.get("requiresShipping", held.get("_requires_shipping", True)),
        "_quantity": _quantity(wanted, held),
        "_media": held.get("_media"),
        "_metafields": held.get("_metafields", []),
    }
    if "metafields" in wanted:
        given = as_objects(wanted["metafields"])
        variant["_metafields"] = json_list(
            set_metafields(call, "PRODUCTVARIANT", as_objects(held.get("_metafields")), given, [*at, "metafields"])
        )
    if "file" in wanted:
        variant["_media"] = _media([*at, "file"], as_object(wanted["file"]), media_of)
    return variant


def _selected(option: JsonObject, value: str) -> JsonObject:
    known = next(one for one in as_objects(option["optionValues"]) if one["name"] == value)
    return {"name": option["name"], "value": value, "optionValue": known}


def _quantity(wanted: JsonObject, held: JsonObject) -> Json:
    given = as_objects(wanted.get("inventoryQuantities"))
    return given[0]["quantity"] if given else held.get("_quantity", 0)


def _media(at: list[str], file: JsonObject, media_of: dict[str, str]) -> str | None:
    if not file:
        return None
    named = as_text(file.get("id")) or as_text(file.get("originalSource"))
    if named not in media_of:
        raise UserRefusalError(at, "The file of a variant must also be in the product's files", "INVALID_INPUT")
    return media_of[named]


def _money(at: list[str], value: Json) -> str | None:
    if value is None:
        return None
    amount = Decimal(str(value))
    if amount < 0:
        raise UserRefusalError(at, "Price must be greater than or equal to 0", "INVALID_VARIANT")
    return f"{amount:.2f}"
