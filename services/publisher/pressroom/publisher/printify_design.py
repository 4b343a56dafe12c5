"""What a product looks like at Printify: which variants are for sale, and where on each of them the picture goes.

Pure rules over the catalog's answer: print areas differ by provider and by size, so nothing about them stands here. The
same catalog gives the same product, and a process that dies in the middle has changed nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pressroom.runtime.errors import InvalidRequest

from .printify_wire import CatalogVariant, Placeholder
from .settings import PrintifyProduct

ENABLED_MAX = 100
"""Variants that one product may have for sale (Printify, "Products")."""

FRONT = "front"


@dataclass(frozen=True)
class Design:
    """The variants of a product by the print area that they share, for one picture."""

    position: str
    groups: tuple[tuple[Placeholder, tuple[int, ...]], ...]

    @property
    def variant_ids(self) -> tuple[int, ...]:
        return tuple(variant_id for _area, ids in self.groups for variant_id in ids)


def design(product: PrintifyProduct, offered: Sequence[CatalogVariant], width_px: int, height_px: int) -> Design:
    """The variants of the wanted colours that have a front, and a shape that the picture fills well enough.

    `width_px` and `height_px` are the picture's. What cannot be had gives way: wanted colours that the provider does
    not have, a shape that no variant comes near. `InvalidRequest` when the provider offers nothing to print on.
    """
    position = _position(offered)
    areas = {variant.id: area for variant in offered if (area := _area(variant, position))}
    candidates = _of_colors([variant for variant in offered if variant.id in areas], product.colors)
    if not candidates:
        raise InvalidRequest(
            f"Printify's blueprint {product.blueprint_id} has no variant to print on at this provider: set another "
            "blueprint or print provider in PRESSROOM_PRINTIFY_PRODUCTS"
        )
    coverage = {variant.id: covered_share(areas[variant.id], width_px, height_px) for variant in candidates}
    least = min(product.coverage_min, max(coverage.values()))
    fitting = [variant for variant in candidates if coverage[variant.id] >= least]
    groups: dict[tuple[int, int], list[int]] = {}
    for variant in fitting[:ENABLED_MAX]:
        area = areas[variant.id]
        groups.setdefault((area.width, area.height), []).append(variant.id)
    return Design(
        position,
        tuple(
            (Placeholder(position=position, width=width, height=height), tuple(ids))
            for (width, height), ids in groups.items()
        ),
    )


def print_areas(chosen: Design, image_id: str, width_px: int, height_px: int) -> list[dict[str, object]]:
    """The field `print_areas` of a product: the picture in the middle of each area, as large as fits."""
    return [
        {
            "variant_ids": list(variant_ids),
            "placeholders": [
                {
                    "position": chosen.position,
                    "images": [
                        {
                            "id": image_id,
                            "x": 0.5,
                            "y": 0.5,
                            "scale": contain_scale(area, width_px, height_px),
                            "angle": 0,
                        }
                    ],
                }
            ],
        }
        for area, variant_ids in chosen.groups
    ]


def covered_share(area: Placeholder, width_px: int, height_px: int) -> float:
    """How much of an area the picture covers when it is as large as it can be without being cut: 0 to 1."""
    picture, wanted = width_px / height_px, area.width / area.height
    return min(picture / wanted, wanted / picture)


def contain_scale(area: Placeholder, width_px: int, height_px: int) -> float:
    """The picture's width as a share of the area's, so that all of the picture is on it (Printify, "Products")."""
    return min(1.0, area.height * width_px / (height_px * area.width))


def _position(offered: Sequence[CatalogVariant]) -> str:
    positions = [placeholder.position for variant in offered for placeholder in variant.placeholders]
    return FRONT if FRONT in positions or not positions else positions[0]


def _area(variant: CatalogVariant, position: str) -> Placeholder | None:
    return next((area for area in variant.placeholders if area.position == position), None)


def _of_colors(variants: list[CatalogVariant], colors: Sequence[str]) -> list[CatalogVariant]:
    """Those of the wanted colours, the first colour first; all when no variant has one of them."""
    rank = {color.casefold(): place for place, color in enumerate(colors)}
    wanted = [variant for variant in variants if variant.options.get("color", "").casefold() in rank]
    return sorted(wanted, key=lambda variant: rank[variant.options["color"].casefold()]) or variants
