"""The part of Printify's catalog that the sandbox knows: seven blueprints under their real ids, brands and models, with
plausible providers, variants, print areas, costs and shipping. Print areas differ by provider and by size on purpose,
because a client that hard-codes one would be right by chance."""

from __future__ import annotations

from dataclasses import dataclass

from pressroom.sandbox.core.wire import JsonObject, json_list


@dataclass(frozen=True)
class Placeholder:
    position: str
    width: int
    height: int


@dataclass(frozen=True)
class Variant:
    id: int
    options: tuple[tuple[str, str], ...]
    """Pairs of an option's name and this variant's value, in the order of the title."""
    placeholders: tuple[Placeholder, ...]
    cost_cents: int
    grams: int
    in_stock: bool

    @property
    def title(self) -> str:
        return " / ".join(value for _name, value in self.options)

    def option(self, name: str) -> str:
        return dict(self.options).get(name, "")


@dataclass(frozen=True)
class Provider:
    id: int
    title: str
    country: str
    first_item_cents: int
    next_item_cents: int
    handling_days: int


@dataclass(frozen=True)
class Blueprint:
    id: int
    kind: str
    """tee, hoodie, crewneck, mug or poster: how it is drawn."""
    title: str
    brand: str
    model: str
    description: str
    tags: tuple[str, ...]
    offers: dict[int, tuple[Variant, ...]]
    """The variants by the id of the provider."""


PROVIDERS: dict[int, Provider] = {
    provider.id: provider
    for provider in (
        Provider(1, "SPOKE Custom Products", "US", 499, 249, 5),
        Provider(2, "Sensaria", "US", 629, 319, 6),
        Provider(26, "Textildruck Europa", "DE", 549, 199, 5),
        Provider(28, "District Photo", "US", 599, 279, 4),
        Provider(29, "Monster Digital", "US", 475, 240, 4),
        Provider(39, "SwiftPOD", "US", 449, 209, 3),
        Provider(72, "Print Clever", "GB", 459, 179, 5),
        Provider(99, "Printify Choice", "US", 475, 240, 4),
    )
}

COLOURS: dict[str, str] = {
    "Black": "#1d1d1f",
    "White": "#f7f7f4",
    "Navy": "#20304f",
    "Sport Grey": "#b9bbbd",
    "Sand": "#d8c8a8",
    "Dark Heather": "#4a4d52",
    "Forest Green": "#24452f",
}
SIZES = ("S", "M", "L", "XL", "2XL", "3XL")

# Pixels of the front and back print area of a size M garment, by provider; they grow with the size.
GARMENT_AREAS: dict[int, tuple[int, int]] = {
    99: (3852, 4398),
    29: (3951, 4919),
    39: (4500, 5400),
    26: (3543, 4724),
    72: (3600, 4800),
}
GROWTH = {"S": 0.94, "M": 1.0, "L": 1.0, "XL": 1.05, "2XL": 1.08, "3XL": 1.08}


def _garments(
    blueprint: int, provider: int, colours: tuple[str, ...], cost_cents: int, grams: int
) -> tuple[Variant, ...]:
    width, height = GARMENT_AREAS[provider]
    variants: list[Variant] = []
    for row, colour in enumerate(colours):
        for column, size in enumerate(SIZES):
            area = (round(width * GROWTH[size]), round(height * GROWTH[size]))
            placeholders = [Placeholder("front", *area), Placeholder("back", *area)]
            if provider in (39, 99):
                placeholders.append(Placeholder("neck", 900, 900))
            variants.append(
                Variant(
                    id=blueprint * 10_000 + provider * 50 + row * len(SIZES) + column,
                    options=(("color", colour), ("size", size)),
                    placeholders=tuple(placeholders),
                    cost_cents=cost_cents + (150 if size in ("2XL", "3XL") else 0),
                    grams=grams + 12 * column,
                    in_stock=not (colour == "Forest Green" and size == "3XL"),
                )
            )
    return tuple(variants)


def _single(
    variant_id: int, options: tuple[tuple[str, str], ...], area: tuple[int, int], cost_cents: int, grams: int
) -> Variant:
    return Variant(variant_id, options, (Placeholder("front", *area),), cost_cents, grams, in_stock=True)


def _posters(provider: int, first_id: int, bleed: int, cost_cents: int) -> tuple[Variant, ...]:
    """Vertical posters at 300 DPI; `bleed` pixels are added on each side by this provider."""
    inches = ((9, 11), (11, 14), (12, 18), (16, 20), (18, 24), (24, 36))
    return tuple(
        _single(
            first_id + place,
            (("size", f'{width}" x {height}" (Vertical)'), ("paper", "Matte")),
            (width * 300 + 2 * bleed, height * 300 + 2 * bleed),
            cost_cents + 180 * place,
            120 + 40 * place,
        )
        for place, (width, height) in enumerate(inches)
    )


def _garment_blueprint(
    blueprint: int, kind: str, title: str, brand: str, model: str, providers: dict[int, int], grams: int
) -> Blueprint:
    colours = tuple(COLOURS)
    return Blueprint(
        id=blueprint,
        kind=kind,
        title=title,
        brand=brand,
        model=model,
        description=f"<p>{title} by {brand}, model {model}. Printed on demand.</p>",
        tags=("Unisex", "DTG", title.rsplit(" ", 1)[-1]),
        offers={
            provider: _garments(blueprint, provider, colours if provider != 26 else colours[:4], cost, grams)
            for provider, cost in providers.items()
        },
    )


BLUEPRINTS: dict[int, Blueprint] = {
    blueprint.id: blueprint
    for blueprint in (
        _garment_blueprint(
            5, "tee", "Unisex Cotton Crew Tee", "Next Level", "3600", {99: 1045, 39: 1010, 29: 1089}, 150
        ),
        _garment_blueprint(6, "tee", "Unisex Heavy Cotton Tee", "Gildan", "5000", {99: 858, 29: 929, 39: 901}, 180),
        _garment_blueprint(
            12, "tee", "Unisex Jersey Short Sleeve Tee", "Bella+Canvas", "3001", {99: 1112, 29: 1175, 72: 1040}, 145
        ),
        _garment_blueprint(
            49, "crewneck", "Unisex Heavy Blend Crewneck Sweatshirt", "Gildan", "18000", {99: 1789, 29: 1832}, 380
        ),
        _garment_blueprint(
            77, "hoodie", "Unisex Heavy Blend Hooded Sweatshirt", "Gildan", "18500", {99: 2221, 29: 2294, 26: 2140}, 480
        ),
        Blueprint(
            68,
            "mug",
            "Mug 11oz",
            "Generic brand",
            "Mug 11oz",
            "<p>A white ceramic mug of 11 oz, printed all around.</p>",
            ("Mugs", "Home & Living", "Sublimation"),
            {
                1: (_single(33719, (("size", "11oz"),), (2475, 1155), 499, 430),),
                28: (_single(65216, (("size", "11oz"),), (2700, 1120), 543, 430),),
                99: (_single(72179, (("size", "11oz"),), (2475, 1155), 512, 430),),
            },
        ),
        Blueprint(
            282,
            "poster",
            "Matte Vertical Posters",
            "Generic brand",
            "Matte Vertical Poster",
            "<p>Museum-grade matte paper, vertical.</p>",
            ("Posters", "Home & Living", "Art & Wall Decor"),
            {2: _posters(2, 43135, 0, 689), 99: _posters(99, 101884, 38, 655)},
        ),
    )
}


def variant_body(variant: Variant) -> JsonObject:
    return {
        "id": variant.id,
        "title": variant.title,
        "options": {**dict(variant.options)},
        "placeholders": json_list(
            {
                "position": placeholder.position,
                "decoration_method": "sublimation" if len(variant.placeholders) == 1 else "dtg",
                "height": placeholder.height,
                "width": placeholder.width,
            }
            for placeholder in variant.placeholders
        ),
    }


def blueprint_body(blueprint: Blueprint, base_url: str) -> JsonObject:
    return {
        "id": blueprint.id,
        "title": blueprint.title,
        "description": blueprint.description,
        "brand": blueprint.brand,
        "model": blueprint.model,
        "images": [f"{base_url}/printify/mockup/blank/{blueprint.id}.webp"],
    }


def provider_body(provider: Provider) -> JsonObject:
    return {"id": provider.id, "title": provider.title, "location": {"country": provider.country}}


def shipping_body(provider: Provider, variants: tuple[Variant, ...]) -> JsonObject:
    """Shipping to the provider's country, and to the rest of the world at twice the rate and a bit."""
    ids = json_list(variant.id for variant in variants)

    def profile(countries: list[str], times: float) -> JsonObject:
        return {
            "variant_ids": ids,
            "first_item": {"cost": round(provider.first_item_cents * times), "currency": "USD"},
            "additional_items": {"cost": round(provider.next_item_cents * times), "currency": "USD"},
            "countries": json_list(countries),
        }

    return {
        "handling_time": {"value": provider.handling_days, "unit": "day"},
        "profiles": [profile([provider.country], 1), profile(["REST_OF_THE_WORLD"], 2.2)],
    }
