"""Mock-ups: a drawn shirt, mug or poster with the artwork where the product has it. For people to look at; nobody
measures them."""

from __future__ import annotations

import pyvips

from pressroom.sandbox.core.wire import JsonObject, as_float
from pressroom.sandbox.pictures.glyphs import lettering
from pressroom.sandbox.printify.catalog import COLOURS, Placeholder

SIDE = 640

# On a stage of 640 x 640: the outline, and the box of the print area's front as (x, y, width, height).
TEE = (
    "M214 96 L120 142 L66 262 L140 300 L166 262 L166 566 H474 V262 L500 300 L574 262 L520 142 L426 96 Q320 176 214 96Z"
)
SWEATER = (
    "M220 92 L128 140 L58 470 L126 492 L172 322 L172 572 H468 V322 L514 492 L582 470 L512 140 L420 92 Q320 150 220 92Z"
)
HOOD = "M222 100 Q208 18 320 16 Q432 18 418 100 Q320 168 222 100Z"
HOLE = "M256 84 Q256 44 320 42 Q384 44 384 84 Q320 128 256 84Z"
POCKET = "M236 470 L262 424 H378 L404 470 V520 H236Z"
SHAPES: dict[str, tuple[str, tuple[int, int, int, int]]] = {
    "tee": (f'<path d="{TEE}"/>', (224, 190, 192, 236)),
    "crewneck": (f'<path d="{SWEATER}"/>', (224, 196, 192, 220)),
    "hoodie": (
        f'<path d="{SWEATER}"/><path d="{HOOD}"/><path d="{POCKET}" fill="#00000018"/>'
        f'<path d="{HOLE}" fill="#00000055"/>',
        (226, 202, 188, 200),
    ),
    "mug": (
        '<rect x="150" y="150" width="290" height="350" rx="26"/>'
        '<path fill="none" stroke="#e9e9e6" stroke-width="34" d="M440 220 H486 Q540 220 540 276 V374 '
        'Q540 430 486 430 H440"/>',
        (160, 236, 270, 178),
    ),
    "poster": ('<rect x="146" y="60" width="348" height="500"/>', (158, 72, 324, 476)),
}


def draw_mockup(
    kind: str, colour: str, placeholder: Placeholder | None, artwork: bytes | None, placed: JsonObject | None
) -> bytes:
    """A WebP of 640 x 640; without artwork, the blank product."""
    outline, (left, top, width, height) = SHAPES[kind]
    fill = COLOURS.get(colour, "#f4f4f1")
    stage = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}" viewBox="0 0 {SIDE} {SIDE}">'
        '<defs><radialGradient id="g" cx="0.5" cy="0.42" r="0.75"><stop offset="0" stop-color="#f2efe9"/>'
        '<stop offset="1" stop-color="#d9d4ca"/></radialGradient></defs>'
        f'<rect width="{SIDE}" height="{SIDE}" fill="url(#g)"/>'
        '<ellipse cx="320" cy="590" rx="210" ry="16" fill="#000" fill-opacity="0.12"/>'
        f'<g fill="{fill}" stroke="#00000022" stroke-width="3">{outline}</g>'
        f"{lettering('SANDBOX MOCK-UP', 22, 22, 1.6, '#8d877b')}</svg>"
    )
    picture: pyvips.Image = pyvips.Image.new_from_buffer(stage.encode(), "").colourspace("srgb")
    if artwork is not None and placed is not None and placeholder is not None:
        fitted = min(width / placeholder.width, height / placeholder.height)
        area_width, area_height = placeholder.width * fitted, placeholder.height * fitted
        area_left, area_top = left + (width - area_width) / 2, top + (height - area_height) / 2
        art = _artwork(artwork, max(1, round(area_width * as_float(placed["scale"]))), as_float(placed["angle"]))
        x = round(area_left + area_width * as_float(placed["x"]) - art.width / 2)
        y = round(area_top + area_height * as_float(placed["y"]) - art.height / 2)
        picture = picture.composite2(art, "over", x=x, y=y)
    webp: bytes = picture.flatten(background=[255, 255, 255]).write_to_buffer(".webp", Q=82)
    return webp


def _artwork(content: bytes, width: int, angle: float) -> pyvips.Image:
    art: pyvips.Image = pyvips.Image.thumbnail_buffer(content, width, height=4 * width).colourspace("srgb")
    if not art.hasalpha():
        art = art.addalpha()
    return art.rotate(angle) if angle else art
