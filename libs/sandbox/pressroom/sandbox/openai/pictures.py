"""The pictures in the asked format. A transparent one is a smaller picture with round corners in the middle of nothing:
where it is not, alpha is 0."""

from __future__ import annotations

import pyvips

from pressroom.sandbox.pictures.drawing import draw_png

SURROUND = 0.09
"""The part of each side that stays empty around a transparent picture."""
CORNER = 0.12

SUFFIXES = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}


def draw(
    prompt: str, fingerprint: str, width: int, height: int, *, transparent: bool, output_format: str, compression: int
) -> bytes:
    """A whole file of exactly `width` x `height` pixels; `compression` is the quality of a JPEG or WebP in percent."""
    if output_format == "png" and not transparent:
        return draw_png(prompt, fingerprint, width, height)
    if transparent:
        picture = _on_nothing(prompt, fingerprint, width, height)
    else:
        picture = _opaque(prompt, fingerprint, width, height)
    options = {"compression": 1} if output_format == "png" else {"Q": max(1, compression)}
    content: bytes = picture.write_to_buffer(SUFFIXES[output_format], **options)
    return content


def _opaque(prompt: str, fingerprint: str, width: int, height: int) -> pyvips.Image:
    picture: pyvips.Image = pyvips.Image.new_from_buffer(draw_png(prompt, fingerprint, width, height), "")
    return picture


def _on_nothing(prompt: str, fingerprint: str, width: int, height: int) -> pyvips.Image:
    left, top = max(1, round(width * SURROUND)), max(1, round(height * SURROUND))
    inner_width, inner_height = max(1, width - 2 * left), max(1, height - 2 * top)
    inner = _opaque(prompt, fingerprint, inner_width, inner_height)
    sticker: pyvips.Image = inner.bandjoin(_round_corners(inner_width, inner_height))
    return sticker.embed(left, top, width, height, background=[0, 0, 0, 0], extend="background")


def _round_corners(width: int, height: int) -> pyvips.Image:
    """One band: 255 inside a rectangle with round corners, 0 outside."""
    radius = min(width, height) * CORNER
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<rect width="{width}" height="{height}" rx="{radius:.1f}" fill="#fff"/></svg>'
    )
    drawn: pyvips.Image = pyvips.Image.new_from_buffer(svg.encode(), "")
    alpha: pyvips.Image = drawn[3]
    return alpha.crop(0, 0, width, height)
