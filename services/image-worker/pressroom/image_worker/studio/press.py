"""The press: plates in, PNG out. It renders the vector plates with librsvg through libvips, stipples the shade, and
lays the tooth of the paper and the flecks of uneven ink over it. Grain is measured in sheet units, so a large print
shows the same grain as a small one, only sharper. libvips streams the picture in strips outside the GIL; nothing is
written anywhere, so a killed worker leaves nothing behind."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyvips
from numpy.typing import NDArray

from .colour import rgb
from .noise import TILE_SIDE, dice, fleck_tile, grain_tile, stipple_tile
from .sheet import Plates

PNG_COMPRESSION = 3
"""zlib level: grain hardly compresses, and higher levels only cost time."""
MAX_SHIFT = 256
"""Grains that a tile may slide by, so that two prints do not share one grain."""
STIPPLE_SOFTNESS = 26.0
"""Width of a grain's edge, in 256ths of tone: soft enough to be smooth when enlarged, hard enough to stay a dot."""


@dataclass(frozen=True)
class Stock:
    """How the paper takes the ink: `tooth` scales the paper grain, `flecks` the ink's gaps; 1 is a good art print."""

    tooth: float = 1.0
    flecks: float = 1.0


def _spread(
    tile: NDArray[np.uint8], scale: float, width_px: int, height_px: int, shift: tuple[int, int]
) -> pyvips.Image:
    """A grain tile enlarged to the scale of the print and repeated over it."""
    enlarged = max(1.0, scale)
    columns = math.ceil(width_px / enlarged) + MAX_SHIFT + 2
    rows = math.ceil(height_px / enlarged) + MAX_SHIFT + 2
    image = pyvips.Image.new_from_array(tile)
    image = image.replicate(math.ceil(columns / TILE_SIDE), math.ceil(rows / TILE_SIDE))
    image = image.crop(shift[0], shift[1], columns - MAX_SHIFT, rows - MAX_SHIFT)
    if enlarged > 1:
        image = image.resize(enlarged, kernel="cubic")
    return image.crop(0, 0, width_px, height_px)


def _plate(plates: Plates, body: str, width_px: int, height_px: int) -> pyvips.Image:
    image = pyvips.Image.svgload_buffer(plates.svg(body, width_px, height_px), unlimited=True)
    return image.extract_band(0, n=3)


def pull(plates: Plates, paper: str, stock: Stock, width_px: int, height_px: int, key: str) -> bytes:
    """Print the plates at exactly width x height pixels; `key` decides where the grain falls.
    Returns PNG bytes, sRGB."""
    rng = dice("grain", key)
    shift = (int(rng.integers(MAX_SHIFT)), int(rng.integers(MAX_SHIFT)))
    scale = max(width_px / plates.width, height_px / plates.height)
    picture = _plate(plates, plates.lit, width_px, height_px)
    if plates.has_tone:
        tone = _plate(plates, plates.tone, width_px, height_px).extract_band(1)
        noise = _spread(stipple_tile(), scale, width_px, height_px, shift)
        share = ((tone - noise) * (1 / STIPPLE_SOFTNESS) + 0.5).linear([255.0], [0.0], uchar=True)
        # An area with no tone must stay clean and one with full tone solid, whatever the noise says there.
        share = (tone < 3).ifthenelse(0, (tone > 252).ifthenelse(255, share))
        shade = _plate(plates, plates.shade, width_px, height_px)
        picture = picture + (shade - picture) * (share * (1 / 255))
    if stock.flecks > 0:
        flecks = _spread(fleck_tile(), scale, width_px, height_px, (shift[1], shift[0]))
        bare = [channel * 255 for channel in rgb(paper)]
        picture = picture + (picture * -1 + bare) * (flecks * (0.55 * stock.flecks / 255))
    if stock.tooth > 0:
        grain = _spread(grain_tile(), scale, width_px, height_px, shift)
        picture = picture * (grain * (0.11 * stock.tooth / 128) + (1 - 0.11 * stock.tooth))
    picture = picture.linear([1.0], [0.5], uchar=True).copy(interpretation="srgb")
    return bytes(picture.write_to_buffer(".png", compression=PNG_COMPRESSION, keep="none"))
