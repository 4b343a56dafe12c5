"""Maps of places that are not: contour lines and layers of cut paper over a field of hills, or the rings of an
agate."""

from __future__ import annotations

import math

import numpy as np

from ..brief import Brief
from ..colour import distance, mix, ramp
from ..contours import loops
from ..frames import framed
from ..noise import Field, fractal_noise
from ..palettes import Palette
from ..paths import circle, polygon, smooth_closed
from ..press import Stock
from ..sheet import LinearTone, Sheet

CELL = 9.0
"""Sheet units between two samples of the hills; loops are smoothed, so finer samples would not show."""


def draw(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> Stock:
    """Draw layered paper, a line map or an agate."""
    palette = brief.palette
    bleed = 60.0
    x = np.arange(-bleed, sheet.width + bleed + CELL, CELL)[None, :]
    y = np.arange(-bleed, sheet.height + bleed + CELL, CELL)[:, None]
    kind = float(rng.random())
    if brief.says("agate", "strata", "geology", "marbled", "sediment"):
        kind = 0.9
    elif brief.says("map", "maps", "line", "lines", "cartography"):
        kind = 0.5
    with framed(sheet, 54.0 if rng.random() < 0.75 else 0.0):
        if kind < 0.42:
            _paper_layers(sheet, palette, rng, _hills(sheet, rng, x, y), bleed)
        elif kind < 0.74:
            _line_map(sheet, palette, rng, _hills(sheet, rng, x, y), bleed)
        else:
            _agate(sheet, palette, rng, x, y, bleed)
    return Stock()


def _hills(sheet: Sheet, rng: np.random.Generator, x: Field, y: Field) -> Field:
    grain, shift = float(rng.uniform(420, 640)), float(rng.uniform(0, 50))
    field = fractal_noise(rng, x / grain + shift, y / grain + shift, 3, 0.38)
    for _ in range(int(rng.integers(1, 4))):
        at_x, at_y = float(rng.uniform(0.15, 0.85)) * sheet.width, float(rng.uniform(0.15, 0.85)) * sheet.height
        reach = float(rng.uniform(130, 280))
        field = field + float(rng.choice([0.9, 0.7, -0.7])) * np.exp(
            -((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * reach**2)
        )
    return (field - field.min()) / (field.max() - field.min())


def _level_path(field: Field, level: float, bleed: float) -> str:
    shapes: list[str] = []
    for loop in loops(field, level):
        if len(loop) < 6:
            continue
        points = [(px * CELL - bleed, py * CELL - bleed) for px, py in loop[::2]]
        shapes.append(smooth_closed(points) if len(points) > 3 else polygon(points))
    return "".join(shapes)


def _paper_layers(sheet: Sheet, palette: Palette, rng: np.random.Generator, field: Field, bleed: float) -> None:
    """Sheets of coloured paper, one on another, each with a soft stippled shadow on the one below."""
    count = int(rng.integers(6, 10))
    stops = _ordered(palette, rng)
    colours = ramp(stops, count + 1)
    sun = float(rng.uniform(0, 2 * math.pi))
    sheet.background(colours[0])
    for index in range(1, count + 1):
        path = _level_path(field, 0.1 + 0.82 * (index - 0.5) / count, bleed)
        if not path:
            continue
        below = colours[index - 1]
        for step in (5, 4, 3, 2, 1):
            with sheet.moved(math.cos(sun) * step * 3.2, math.sin(sun) * step * 3.2):
                sheet.area(path, below, shade=mix(below, palette.dark, 0.6), tone=0.78 - 0.14 * step)
        lit = mix(colours[index], palette.light, 0.1)
        tone = LinearTone(
            sheet.cx - math.cos(sun) * 500,
            sheet.cy - math.sin(sun) * 600,
            sheet.cx + math.cos(sun) * 500,
            sheet.cy + math.sin(sun) * 600,
            0.0,
            0.3,
        )
        sheet.area(path, colours[index], shade=lit if distance(lit, colours[index]) > 0.02 else below, tone=tone)


def _ordered(palette: Palette, rng: np.random.Generator) -> list[str]:
    """Stops for a ramp through the palette: deep to light, or light to deep, by way of two accents."""
    tones = palette.by_lightness
    stops = [palette.dark, tones[-1], tones[len(tones) // 2], tones[0], palette.light]
    stops = [stop for index, stop in enumerate(stops) if index == 0 or stop != stops[index - 1]]
    return stops if rng.random() < 0.55 else stops[::-1]


def _line_map(sheet: Sheet, palette: Palette, rng: np.random.Generator, field: Field, bleed: float) -> None:
    """Ink lines at close levels, the fifth ones heavier; lakes in one accent, summits marked in another."""
    sheet.background(palette.paper)
    water, mark = palette.accents[0], palette.accents[1 % len(palette.accents)]
    tint = palette.accents[2 % len(palette.accents)]
    shore = float(rng.uniform(0.2, 0.34))
    sheet.background(mix(water, palette.paper, 0.25), shade=water, tone=LinearTone(0, 0, 0, sheet.height, 0.1, 0.6))
    land = _level_path(field, shore, bleed)
    sheet.area(land, palette.paper)
    high = _level_path(field, 0.62, bleed)
    sheet.area(
        high, mix(tint, palette.paper, 0.55), shade=tint, tone=LinearTone(0, 0, sheet.width, sheet.height, 0.0, 0.45)
    )
    peak = _level_path(field, 0.8, bleed)
    sheet.area(
        peak, mark, shade=mix(mark, palette.dark, 0.4), tone=LinearTone(0, 0, sheet.width, sheet.height, 0.0, 0.5)
    )
    sheet.line(land, palette.ink, 4.2)
    step = float(rng.uniform(0.02, 0.03))
    for index in range(1, int((0.99 - shore) / step)):
        path = _level_path(field, shore + index * step, bleed)
        if path:
            sheet.line(path, palette.ink, 3.4 if index % 5 == 0 else 1.5)
    for index in range(1, 6):
        path = _level_path(field, shore - index * 0.03, bleed)
        if path:
            sheet.line(path, palette.reads_on(water), 1.5, opacity=0.75 - 0.1 * index)
    row, column = np.unravel_index(int(np.argmax(field)), field.shape)
    top_x, top_y = float(column) * CELL - bleed, float(row) * CELL - bleed
    sheet.area(polygon([(top_x, top_y - 17), (top_x + 15, top_y + 10), (top_x - 15, top_y + 10)]), palette.ink)


def _agate(sheet: Sheet, palette: Palette, rng: np.random.Generator, x: Field, y: Field, bleed: float) -> None:
    """Rings about one heart, warped, in bands of uneven width that jump between inks."""
    heart_x, heart_y = float(rng.uniform(0.3, 0.7)) * sheet.width, float(rng.uniform(0.3, 0.7)) * sheet.height
    grain, shift = float(rng.uniform(240, 420)), float(rng.uniform(0, 50))
    warp = fractal_noise(rng, x / grain + shift, y / grain + shift, 4, 0.45)
    far = np.hypot(x - heart_x, (y - heart_y) * float(rng.uniform(0.75, 1.0)))
    field = -(far / 420 + 0.55 * warp)
    low, high = float(np.percentile(field, 1)), float(field.max())
    inks = [palette.paper, *palette.accents, palette.ink]
    sheet.background(inks[0])
    below, level = inks[0], low
    heart = circle(heart_x, heart_y, 30)
    while level < high - 0.02:
        colour = inks[int(rng.integers(len(inks)))]
        if distance(colour, below) > 0.09:
            path = _level_path(field, level, bleed)
            if path:
                tone = LinearTone(heart_x, heart_y, heart_x + 420, heart_y + 520, 0.75, 0.0)
                sheet.area(path, colour, shade=mix(colour, below, 0.6), tone=tone)
            below = colour
        level += (high - low) * float(rng.choice([0.012, 0.02, 0.045, 0.09]))
    sheet.area(heart, palette.reads_on(below), opacity=0.0)
