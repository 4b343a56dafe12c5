"""One picture of many: thumbnails side by side on paper white, in rows."""

from collections.abc import Sequence

import pyvips

_CELL_PX = 512
_GAP_PX = 32
_PAPER = [248.0, 246.0, 241.0]


def contact_sheet(thumbnails: Sequence[bytes], *, columns: int) -> bytes:
    """A PNG of the thumbnails (WebP, PNG or JPEG bytes), `columns` to a row."""
    cells = [_cell(data) for data in thumbnails]
    joined = pyvips.Image.arrayjoin(cells, across=columns, shim=_GAP_PX, background=_PAPER)
    width, height = joined.width + 2 * _GAP_PX, joined.height + 2 * _GAP_PX
    return joined.embed(_GAP_PX, _GAP_PX, width, height, extend="background", background=_PAPER).write_to_buffer(".png")


def _cell(data: bytes) -> pyvips.Image:
    picture = pyvips.Image.new_from_buffer(data, "").colourspace("srgb")
    if picture.hasalpha():
        picture = picture.flatten(background=_PAPER)
    fitted = picture.thumbnail_image(_CELL_PX, height=_CELL_PX)
    return fitted.gravity("centre", _CELL_PX, _CELL_PX, extend="background", background=_PAPER)
