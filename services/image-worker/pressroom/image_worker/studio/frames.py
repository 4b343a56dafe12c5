"""The margin of paper around a picture, as a printmaker leaves it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from .paths import rect
from .sheet import Sheet


@contextmanager
def framed(sheet: Sheet, margin: float) -> Generator[None]:
    """Leave `margin` units of bare paper about what is drawn inside; 0 lets it bleed off the sheet.

    The margin is laid over the drawing: a clip would let a hairline of every layer show along the edge."""
    yield
    if margin > 0:
        bleed = 60.0
        outer = rect(-bleed, -bleed, sheet.width + 2 * bleed, sheet.height + 2 * bleed)
        inner = rect(margin, margin, sheet.width - 2 * margin, sheet.height - 2 * margin)
        sheet.area(outer + inner, sheet.paper)
