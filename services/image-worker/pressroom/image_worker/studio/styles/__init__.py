"""The styles, one module each, and the table that finds them. A style takes a blank sheet, a brief and a stream of
random numbers, draws, and says what stock to print on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..brief import Brief
from ..press import Stock
from ..sheet import Sheet
from . import botanical, city, cutout, flow, halftone, landscape, motif, opart, poster, tiling, topography

Style = Callable[[Sheet, Brief, np.random.Generator], Stock]

_STYLES: dict[str, Style] = {
    "botanical": botanical.draw,
    "city": city.draw,
    "cutout": cutout.draw,
    "flow": flow.draw,
    "halftone": halftone.draw,
    "landscape": landscape.draw,
    "motif": motif.draw,
    "opart": opart.draw,
    "poster": poster.draw,
    "tiling": tiling.draw,
    "topography": topography.draw,
}


def draw_in_style(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> Stock:
    """Draw the brief on the sheet in the style that it names."""
    return _STYLES[brief.style](sheet, brief, rng)
