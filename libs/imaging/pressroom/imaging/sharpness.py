"""How crisp a picture's edges are: the variance of the Laplacian, made independent of contrast and of how much is
drawn.

The plain variance calls a pastel drawing, or a small mark on a large empty sheet, as blurred as a real blur. Divided by
the variance of the luminance, and only where there is contrast, it depends on the width of edges alone.
"""

from array import array

import pyvips

_LAPLACIAN = pyvips.Image.new_from_array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
_TILE_PX = 32
"""Wider than any blur that matters, narrower than what is drawn."""
_CONTRAST_VARIANCE = 16.0
"""Four levels of 255 from the mean: grain has less, a drawing more."""
_TILES_ENOUGH = 8
"""With as many tiles inside a cut-out design, its outline, which is always crisp, is left out."""
_ROUNDING_VARIANCE = 20 * 1.55 / 12
"""Rounding to 8 bits is noise of variance 1/12, here once in the luminance and 0.55 times in the weighted colours; the
Laplacian's squared weights sum to 20. Without taking it off, a heavy blur looks less blurred than a light one."""
_NEUTRAL = [128.0, 128.0, 128.0]


def sharpness_of(image: pyvips.Image) -> float | None:
    """`image` is sRGB, 8 bits, its longer side the 1024 px that the numbers were found at, or less. None when nothing
    in it has contrast."""
    if min(image.width, image.height) < _TILE_PX:
        return None
    opaque = image.flatten(background=_NEUTRAL) if image.hasalpha() else image
    luminance = opaque.colourspace("b-w")[0].cast("float")
    both = luminance.bandjoin(luminance.conv(_LAPLACIAN))
    # Means and means of squares in one pass: a picture is walked through once, however small it is.
    means = _tiles(both.bandjoin(both * both))
    opacities = _tiles(image[image.bands - 1]) if image.hasalpha() else [(255.0,)] * len(means)
    tiles = [
        (light_squared - light * light, edge_squared - edge * edge, opacity)
        for (light, edge, light_squared, edge_squared), (opacity,) in zip(means, opacities, strict=True)
    ]
    contrasty = [tile for tile in tiles if tile[0] > _CONTRAST_VARIANCE]
    inside = [tile for tile in contrasty if tile[2] > 254]
    chosen = inside if len(inside) >= _TILES_ENOUGH else contrasty
    if not chosen:
        return None
    detail = sum(max(0.0, tile[1] - _ROUNDING_VARIANCE) for tile in chosen)
    return detail / sum(tile[0] for tile in chosen)


def _tiles(image: pyvips.Image) -> list[tuple[float, ...]]:
    """The mean of each band in each tile, row by row."""
    values = array("f", bytes(image.shrink(_TILE_PX, _TILE_PX).cast("float").write_to_memory()))
    return [tuple(values[start : start + image.bands]) for start in range(0, len(values), image.bands)]
