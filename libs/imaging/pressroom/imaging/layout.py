"""A picture's pixels, brought into a file's size as a profile says. Everything is lazy: libvips computes strip by strip
when the result is written, so that a whole print file is never in memory.
"""

import pyvips

from pressroom.contracts.finishing import Fit, Profile

from .pictures import opened, to_srgb
from .placement import Placement

TRANSPARENT = "transparent"


def prepared(data: bytes, shape: Profile) -> pyvips.Image:
    """Upright, sRGB, 8 bits. A cut-out that is padded with a colour is laid on that colour: otherwise it would stand in
    a clear rectangle. Raises `NotAnImage`."""
    picture = to_srgb(opened(data))
    if shape.fit is Fit.PAD and shape.background != TRANSPARENT and picture.hasalpha():
        return picture.flatten(background=_rgb(shape.background))
    return picture


def laid_out(picture: pyvips.Image, placement: Placement, shape: Profile) -> pyvips.Image:
    """`picture` in the size of `placement`. Its own crop would make `thumbnail_image` hold the whole result in memory,
    and `resize` would bleed the colour of clear pixels into edges; the forced size has the picture's own ratio."""
    scaled = picture.thumbnail_image(placement.scaled_width_px, height=placement.scaled_height_px, size="force")
    width, height = placement.width_px, placement.height_px
    if placement.fills:
        return scaled.crop((scaled.width - width) // 2, (scaled.height - height) // 2, width, height)
    if shape.background == TRANSPARENT:
        whole = scaled if scaled.hasalpha() else scaled.addalpha()
        return whole.gravity("centre", width, height, extend="background", background=[0.0, 0.0, 0.0, 0.0])
    return scaled.gravity("centre", width, height, extend="background", background=_rgb(shape.background))


def shown(picture: pyvips.Image, placement: Placement, side_px: int) -> pyvips.Image:
    """What the file shows of the picture, without what is added around it, at most `side_px` on its longer side."""
    width, height = min(placement.used_width_px, picture.width), min(placement.used_height_px, picture.height)
    part = picture.crop((picture.width - width) // 2, (picture.height - height) // 2, width, height)
    return part.thumbnail_image(side_px, height=side_px, size="down")


def _rgb(colour: str) -> list[float]:
    return [float(level) for level in bytes.fromhex(colour.removeprefix("#"))]
