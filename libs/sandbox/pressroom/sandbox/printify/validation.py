"""What Printify demands of a product before it takes it: every field that the API reference describes, each refused
with the reason and the place where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pressroom.sandbox.core.wire import (
    Json,
    JsonObject,
    as_float,
    as_int,
    as_list,
    as_object,
    as_objects,
    as_text,
    is_int,
    is_number,
)
from pressroom.sandbox.printify.catalog import BLUEPRINTS, Blueprint, Variant
from pressroom.sandbox.printify.errors import invalid

MOST_ENABLED = 100
"""Printify API reference, "Products": a product has at most 100 enabled variants."""


@dataclass(frozen=True)
class Checked:
    """A product that may stand."""

    title: str
    description: str
    blueprint: Blueprint
    provider_id: int
    variants: list[JsonObject]
    print_areas: list[JsonObject]


def check_product(body: JsonObject, image: Callable[[str], JsonObject | None]) -> Checked:
    """The product in `body`, or `PrintifyRefusalError`; `image` finds an upload by its id."""
    title, description = body.get("title"), body.get("description")
    for name, value in (("title", title), ("description", description)):
        if not isinstance(value, str) or not value.strip():
            raise invalid(f"{name}: The {name} field is required.")
    blueprint = BLUEPRINTS.get(as_int(body.get("blueprint_id"), -1))
    if not is_int(body.get("blueprint_id")) or blueprint is None:
        raise invalid("blueprint_id: The blueprint id is required, must be an integer and must exist.")
    provider_id = as_int(body.get("print_provider_id"), -1)
    if not is_int(body.get("print_provider_id")) or provider_id not in blueprint.offers:
        raise invalid("print_provider_id: The print provider must be an integer and must offer this blueprint.")
    offered = {variant.id: variant for variant in blueprint.offers[provider_id]}
    variants = _check_variants(body.get("variants"), offered)
    print_areas = _check_print_areas(body.get("print_areas"), offered, variants, image)
    return Checked(as_text(title), as_text(description), blueprint, provider_id, variants, print_areas)


def _check_variants(given: Json, offered: dict[int, Variant]) -> list[JsonObject]:
    if not isinstance(given, list) or not given:
        raise invalid("variants: The variants field is required and must be a non-empty array.")
    variants: list[JsonObject] = []
    seen: set[int] = set()
    for place, item in enumerate(given):
        at, variant = f"variants.{place}", as_object(item)
        variant_id = as_int(variant.get("id"), -1)
        if not is_int(variant.get("id")):
            raise invalid(f"{at}.id: The id must be an integer.")
        if variant_id not in offered:
            raise invalid(f"{at}.id: Variant {variant_id} does not belong to this blueprint and print provider.")
        if variant_id in seen:
            raise invalid(f"{at}.id: Variant {variant_id} is given twice.")
        seen.add(variant_id)
        if not is_int(variant.get("price")) or as_int(variant.get("price")) < 0:
            raise invalid(f"{at}.price: The price must be an integer (cents).")
        enabled = variant.get("is_enabled", True)
        if not isinstance(enabled, bool):
            raise invalid(f"{at}.is_enabled: The is enabled field must be true or false.")
        kept: JsonObject = {"id": variant_id, "price": as_int(variant["price"]), "is_enabled": enabled}
        if isinstance(variant.get("sku"), str):
            kept["sku"] = variant["sku"]
        variants.append(kept)
    enabled_count = sum(variant["is_enabled"] is True for variant in variants)
    if not 1 <= enabled_count <= MOST_ENABLED:
        raise invalid(f"variants: Between 1 and {MOST_ENABLED} variants must be enabled; {enabled_count} are.")
    return variants


def _check_print_areas(
    given: Json, offered: dict[int, Variant], variants: list[JsonObject], image: Callable[[str], JsonObject | None]
) -> list[JsonObject]:
    if not isinstance(given, list) or not given:
        raise invalid("print_areas: The print areas field is required and must be a non-empty array.")
    covered: set[int] = set()
    areas: list[JsonObject] = []
    for place, item in enumerate(given):
        at, area = f"print_areas.{place}", as_object(item)
        ids = as_list(area.get("variant_ids"))
        if not ids or not all(is_int(one) for one in ids):
            raise invalid(f"{at}.variant_ids: The variant ids must be a non-empty array of integers.")
        for variant_id in (as_int(one) for one in ids):
            if variant_id not in offered:
                raise invalid(f"{at}.variant_ids: Variant {variant_id} does not belong to this print provider.")
            if variant_id in covered:
                raise invalid(f"{at}.variant_ids: Variant {variant_id} is in two print areas.")
            covered.add(variant_id)
        placeholders = _check_placeholders(at, area, [offered[as_int(one)] for one in ids], image)
        areas.append({"variant_ids": ids, "placeholders": [*placeholders]})
    missing = [as_int(variant["id"]) for variant in variants if as_int(variant["id"]) not in covered]
    if missing:
        raise invalid(f"print_areas: The variants {missing} are in no print area.")
    return areas


def _check_placeholders(
    at: str, area: JsonObject, variants: list[Variant], image: Callable[[str], JsonObject | None]
) -> list[JsonObject]:
    given = as_objects(area.get("placeholders"))
    if not given:
        raise invalid(f"{at}.placeholders: The placeholders field is required.")
    checked: list[JsonObject] = []
    used = 0
    for place, placeholder in enumerate(given):
        here = f"{at}.placeholders.{place}"
        position = as_text(placeholder.get("position"))
        for variant in variants:
            if position not in {known.position for known in variant.placeholders}:
                raise invalid(f"{here}.position: Variant {variant.id} has no placeholder {position!r}.")
        images = placeholder.get("images")
        if not isinstance(images, list):
            raise invalid(f"{here}.images: The images field is required and must be an array.")
        placed = [_check_image(f"{here}.images.{number}", as_object(one), image) for number, one in enumerate(images)]
        used += len(placed)
        checked.append({"position": position, "images": [*placed]})
    if not used:
        raise invalid(f"{at}.placeholders: At least one placeholder must have an image.")
    return checked


def _check_image(at: str, given: JsonObject, image: Callable[[str], JsonObject | None]) -> JsonObject:
    image_id = given.get("id")
    upload = image(image_id) if isinstance(image_id, str) else None
    if upload is None:
        raise invalid(f"{at}.id: The image with id {image_id!r} does not exist.")
    for name in ("x", "y"):
        if not is_number(given.get(name)) or not 0 <= as_float(given.get(name)) <= 1:
            raise invalid(f"{at}.{name}: The {name} must be a number between 0 and 1.")
    if not is_number(given.get("scale")) or as_float(given.get("scale")) <= 0:
        raise invalid(f"{at}.scale: The scale must be a number greater than 0.")
    if not is_int(given.get("angle")):
        raise invalid(f"{at}.angle: The angle must be an integer.")
    return {
        "id": as_text(image_id),
        "name": upload["file_name"],
        "type": upload["mime_type"],
        "height": upload["height"],
        "width": upload["width"],
        "x": given["x"],
        "y": given["y"],
        "scale": given["scale"],
        "angle": given["angle"],
    }
