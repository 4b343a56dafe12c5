"""Studio, the built-in image generator: seeded procedural prints that need no model and no network. A prompt's words
choose the style and the palette, the seed the composition; the same arguments give the same bytes in any process. It
is blocking CPU code that keeps no state but read-only caches, so any number of threads may draw at once."""

from __future__ import annotations

from dataclasses import dataclass

from . import press
from .noise import dice
from .prompt_reading import STYLES, read, words_of
from .sheet import Sheet
from .styles import draw_in_style

MIN_SIDE_PX, MAX_SIDE_PX = 64, 8192

__all__ = ["MAX_SIDE_PX", "MIN_SIDE_PX", "Description", "describe", "draw", "styles"]


@dataclass(frozen=True)
class Description:
    """How a prompt was understood, for logs and docs."""

    style: str
    palette: str
    deciding_words: tuple[str, ...]


def styles() -> tuple[str, ...]:
    """The styles; each can be asked for by its name in a prompt."""
    return STYLES


def describe(prompt: str, seed: int) -> Description:
    """The style and palette that `draw` would use, and the words that decided; no words means that the hash did."""
    brief = read(prompt, seed)
    return Description(brief.style, brief.palette.name, brief.deciding_words)


def draw(prompt: str, *, seed: int, width_px: int, height_px: int) -> bytes:
    """Draw a print. Sides are 64..8192 pixels; returns PNG bytes (sRGB, 8 bit), exactly width x height.

    Raises ValueError for a side outside the range."""
    for side in (width_px, height_px):
        if not MIN_SIDE_PX <= side <= MAX_SIDE_PX:
            raise ValueError(f"a side of {side} px is outside {MIN_SIDE_PX}..{MAX_SIDE_PX}; ask for a size within it")
    brief = read(prompt, seed)
    key = " ".join(words_of(prompt)) or prompt.strip()
    sheet = Sheet.for_pixels(width_px, height_px, brief.palette.paper)
    stock = draw_in_style(sheet, brief, dice("draw", brief.style, key, seed))
    return press.pull(sheet.plates(), brief.palette.paper, stock, width_px, height_px, f"{key}\x1f{seed}")
