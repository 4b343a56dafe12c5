"""How crisp a picture's edges are: the variance of the Laplacian, made independent of contrast and of how much is
drawn.

The plain variance calls a pastel drawing, or a small mark on a large empty sheet, as blurred as a real blur. Divided by
the variance of the luminance, and only where there is contrast, it depends on the width of edges alone.
"""

from array import array

import pyvips

_LAPLACIAN = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
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
    laplacian = luminance.conv(pyvips.Image.new_from_array(_LAPLACIAN))
    tiles = list(zip(_variances(luminance), _variances(laplacian), _opacities(image), strict=True))
    contrasty = [tile for tile in tiles if tile[0] > _CONTRAST_VARIANCE]
    inside = [tile for tile in contrasty if tile[2] > 254]
    chosen = inside if len(inside) >= _TILES_ENOUGH else contrasty
    if not chosen:
        return None
    detail = sum(max(0.0, tile[1] - _ROUNDING_VARIANCE) for tile in chosen)
    return detail / sum(tile[0] for tile in chosen)


def _variances(image: pyvips.Image) -> list[float]:
    """Of each tile, row by row."""
    mean = image.shrink(_TILE_PX, _TILE_PX)
    return _values((image * image).shrink(_TILE_PX, _TILE_PX) - mean * mean)


def _opacities(image: pyvips.Image) -> list[float]:
    alpha = image[image.bands - 1] if image.hasalpha() else image[0] * 0 + 255
    return _values(alpha.cast("float").shrink(_TILE_PX, _TILE_PX))


def _values(image: pyvips.Image) -> list[float]:
    return array("f", bytes(image.cast("float").write_to_memory())).tolist()
