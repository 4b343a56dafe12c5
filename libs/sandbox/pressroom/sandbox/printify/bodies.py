"""Products as the API shows them: options and their value ids, mock-ups, and the fields that no client sends. A
product's tags are the catalog's; what a client sends is not taken over."""

from __future__ import annotations

from collections.abc import Iterable

from pressroom.sandbox.core.clock import printify_time
from pressroom.sandbox.core.wire import JsonObject, as_float, as_int, as_object, as_objects, as_text, json_list
from pressroom.sandbox.printify.catalog import BLUEPRINTS, Variant

USER_ID = 1337
FIRST_VALUE_ID = 500


def product_body(product: JsonObject, base_url: str) -> JsonObject:
    """The product that is stored as `product`, as JSON of the API."""
    blueprint = BLUEPRINTS[as_int(product["blueprint_id"])]
    offered = {variant.id: variant for variant in blueprint.offers[as_int(product["print_provider_id"])]}
    value_ids = _value_ids(offered.values())
    given = as_objects(product["variants"])
    first_enabled = next((as_int(variant["id"]) for variant in given if variant["is_enabled"]), 0)
    body: JsonObject = {
        "id": product["id"],
        "title": product["title"],
        "description": product["description"],
        "tags": json_list(blueprint.tags),
        "options": json_list(_options(value_ids)),
        "variants": json_list(
            _variant_body(variant, offered[as_int(variant["id"])], value_ids, as_int(variant["id"]) == first_enabled)
            for variant in given
        ),
        "images": json_list(_mockups(product, given, offered, base_url)),
        "created_at": printify_time(as_float(product["created_at"])),
        "updated_at": printify_time(as_float(product["updated_at"])),
        "visible": True,
        "is_locked": product["locked_at"] is not None,
        "blueprint_id": product["blueprint_id"],
        "user_id": USER_ID,
        "shop_id": product["shop_id"],
        "print_provider_id": product["print_provider_id"],
        "print_areas": json_list({**area, "background": "#ffffff"} for area in as_objects(product["print_areas"])),
        "print_details": [],
        "sales_channel_properties": [],
    }
    if product["external"] is not None:
        body["external"] = {**as_object(product["external"]), "shipping_template_id": None}
    return body


def _value_ids(variants: Iterable[Variant]) -> dict[tuple[str, str], int]:
    """A number for every value of every option, in the order of the catalog."""
    pairs = dict.fromkeys(pair for variant in variants for pair in variant.options)
    return {pair: FIRST_VALUE_ID + place for place, pair in enumerate(pairs)}


def _options(value_ids: dict[tuple[str, str], int]) -> list[JsonObject]:
    options: list[JsonObject] = []
    for name in dict.fromkeys(name for name, _value in value_ids):
        values: list[JsonObject] = [
            {"id": number, "title": value} for (owner, value), number in value_ids.items() if owner == name
        ]
        options.append({"name": f"{name.title()}s", "type": name, "values": json_list(values)})
    return options


def _variant_body(
    given: JsonObject, variant: Variant, value_ids: dict[tuple[str, str], int], is_default: bool
) -> JsonObject:
    return {
        "id": variant.id,
        "sku": as_text(given.get("sku")) or f"{variant.id:020d}",
        "cost": variant.cost_cents,
        "price": given["price"],
        "title": variant.title,
        "grams": variant.grams,
        "is_enabled": given["is_enabled"],
        "is_default": is_default,
        "is_available": variant.in_stock,
        "is_printify_express_eligible": False,
        "options": json_list(value_ids[pair] for pair in variant.options),
    }


def _mockups(
    product: JsonObject, given: list[JsonObject], offered: dict[int, Variant], base_url: str
) -> list[JsonObject]:
    """One front picture for each colour that is for sale."""
    by_colour: dict[str, list[int]] = {}
    for variant in given:
        if variant["is_enabled"]:
            variant_id = as_int(variant["id"])
            by_colour.setdefault(offered[variant_id].option("color"), []).append(variant_id)
    product_id = as_text(product["id"])
    return [
        {
            "src": f"{base_url}/printify/mockup/{product_id}/{ids[0]}.webp",
            "variant_ids": json_list(ids),
            "position": "front",
            "is_default": place == 0,
            "is_selected_for_publishing": True,
        }
        for place, ids in enumerate(by_colour.values())
    ]
