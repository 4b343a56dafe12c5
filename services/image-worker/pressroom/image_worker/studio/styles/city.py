"""Cities by day and by night: blocks of towers in layers, lit windows, signs, a large disc behind, and wet streets
that give the lights back."""

from __future__ import annotations

import numpy as np

from ..brief import Brief
from ..colour import mix, ramp
from ..frames import framed
from ..paths import circle, polygon, rect
from ..press import Stock
from ..scenery import draw_birds, draw_clouds, draw_disc, draw_halo, draw_stars
from ..sheet import LinearTone, Sheet

_NIGHT = ("night", "neon", "cyberpunk", "midnight", "moon", "lights", "synthwave", "futuristic", "rain", "rainy")


def draw(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> Stock:
    """Draw a skyline within a margin or off the edge."""
    with framed(sheet, 46.0 if rng.random() < 0.5 else 0.0):
        skyline(sheet, brief, rng, detail=1.0)
    return Stock()


def skyline(sheet: Sheet, brief: Brief, rng: np.random.Generator, *, detail: float) -> None:
    """The whole view; other styles use it as a backdrop with less `detail` (0..1)."""
    palette = brief.palette
    night = palette.is_dark or brief.says(*_NIGHT)
    accents = list(palette.accents)
    glow = accents[int(rng.integers(len(accents)))]
    sky = palette.dark if night else mix(palette.paper, palette.by_lightness[0], 0.12)
    low = mix(sky, glow, 0.75 if night else 0.5)
    street = sheet.height * float(rng.uniform(0.78, 0.9))
    sheet.background(sky, shade=low, tone=LinearTone(0, sheet.height * 0.1, 0, street, 0.05, 0.95))
    light = palette.light if night else accents[0] if accents[0] != glow else accents[1 % len(accents)]
    disc_x, disc_y = sheet.width * float(rng.uniform(0.25, 0.75)), sheet.height * float(rng.uniform(0.24, 0.42))
    radius = float(rng.uniform(120, 230))
    if night:
        draw_stars(sheet, rng, street, 60, palette.light)
        light = accents[int(rng.integers(len(accents)))] if rng.random() < 0.6 else palette.light
    draw_halo(sheet, disc_x, disc_y, radius, 2, light, 0.09)
    draw_disc(sheet, rng, disc_x, disc_y, radius, light, mix(light, low, 0.7))
    if night and rng.random() < 0.5:
        _scan_cuts(sheet, disc_x, disc_y, radius, mix(sky, low, 0.5))
    elif not night:
        draw_clouds(sheet, rng, sheet.height * 0.12, sheet.height * 0.4, 3, palette.light, 0.8)
        draw_birds(sheet, rng, sheet.width * float(rng.uniform(0.2, 0.8)), sheet.height * 0.2, palette.dark)
    near = mix(palette.dark, "#000000", 0.25) if night else palette.dark
    colours = ramp([mix(low, near, 0.3), mix(accents[-1], near, 0.45), near], 4)
    windows = [*accents, palette.light] if night else [palette.light, accents[0]]
    for index, colour in enumerate(colours):
        depth = index / 3
        _block(sheet, rng, street, colour, mix(colour, low, 0.75), windows, depth, detail, night)
    sheet.area(
        rect(-60, street, sheet.width + 120, sheet.height),
        near,
        shade=mix(near, glow, 0.5),
        tone=LinearTone(0, street, 0, sheet.height, 0.7, 0.05),
    )
    if night:
        _reflections(sheet, rng, street, accents)


def _scan_cuts(sheet: Sheet, x: float, y: float, radius: float, sky: str) -> None:
    """The slats that cut the lower half of an eighties sun."""
    at, thick = y + radius * 0.05, 3.0
    while at < y + radius:
        sheet.area(rect(x - radius * 1.02, at, radius * 2.04, thick), sky)
        at += radius * 0.145
        thick += 2.6


def _block(
    sheet: Sheet,
    rng: np.random.Generator,
    street: float,
    colour: str,
    veil: str,
    windows: list[str],
    depth: float,
    detail: float,
    night: bool,
) -> None:
    """One row of towers; far rows are taller and paler."""
    x = -60.0 - float(rng.uniform(0, 60))
    tallest = sheet.height * (0.56 - 0.3 * depth)
    while x < sheet.width + 60:
        wide = float(rng.uniform(52, 100)) * (0.75 + 0.8 * depth)
        tall = tallest * float(rng.uniform(0.42, 1.0))
        top = street - tall
        tone = LinearTone(0, top, 0, street, 0.0, 0.75 * (1 - depth))
        sheet.area(_tower(rng, x, top, wide, street + 30), colour, shade=veil, tone=tone)
        if rng.random() < 0.35:
            sheet.line(
                f"M{x + wide * 0.5:.1f},{top + 4:.1f}v{-float(rng.uniform(30, 90)):.1f}", colour, 3.2, cap="butt"
            )
        if depth > 0.2 and rng.random() < 0.55 + 0.45 * detail:
            _windows(sheet, rng, x, top, wide, street, windows, night)
        if night and depth > 0.55 and rng.random() < 0.4 * detail:
            _sign(
                sheet, rng, x + wide * float(rng.uniform(0.1, 0.7)), top + tall * float(rng.uniform(0.1, 0.3)), windows
            )
        x += wide + float(rng.choice([-6, 0, 8, 26]))


def _tower(rng: np.random.Generator, x: float, top: float, wide: float, foot: float) -> str:
    """The outline of a tower with one of several roofs."""
    manner = int(rng.integers(6))
    body = rect(x, top, wide, foot - top)
    if manner == 0:
        return polygon([(x, foot), (x, top + wide * 0.35), (x + wide, top), (x + wide, foot)])
    if manner == 1:
        return polygon(
            [
                (x, foot),
                (x, top + 46),
                (x + wide * 0.2, top + 46),
                (x + wide * 0.2, top),
                (x + wide * 0.8, top),
                (x + wide * 0.8, top + 46),
                (x + wide, top + 46),
                (x + wide, foot),
            ]
        )
    if manner == 2:
        return polygon(
            [(x, foot), (x, top + wide * 0.6), (x + wide / 2, top), (x + wide, top + wide * 0.6), (x + wide, foot)]
        )
    if manner == 3:
        half = wide / 2
        top += half
        return f"M{x:.1f},{foot:.1f}V{top:.1f}A{half:.1f},{half:.1f} 0 0 1 {x + wide:.1f},{top:.1f}V{foot:.1f}Z"
    return body


def _windows(
    sheet: Sheet,
    rng: np.random.Generator,
    x: float,
    top: float,
    wide: float,
    street: float,
    inks: list[str],
    night: bool,
) -> None:
    """Rows of windows, some lit; one tower keeps to one ink."""
    ink = inks[int(rng.integers(len(inks)))]
    pane, row = float(rng.choice([7, 9, 12])), float(rng.choice([16, 20, 26]))
    columns = max(2, int((wide - 14) / (pane * 1.9)))
    step = (wide - 14) / columns
    strip = rng.random() < 0.3
    share = float(rng.uniform(0.25, 0.7)) if night else float(rng.uniform(0.2, 0.5))
    panes: list[str] = []
    y = top + max(wide * 0.62, 56)
    while y < street - 14:
        if strip:
            if rng.random() < share:
                start = float(rng.uniform(0, 0.3)) * wide
                panes.append(rect(x + 8 + start, y, (wide - 16 - start) * float(rng.uniform(0.4, 1.0)), pane * 0.55))
        else:
            panes.extend(
                rect(x + 8 + column * step, y, pane, pane * 1.15) for column in range(columns) if rng.random() < share
            )
        y += row
    if panes:
        sheet.area("".join(panes), ink, opacity=0.92 if night else 0.7)


def _sign(sheet: Sheet, rng: np.random.Generator, x: float, y: float, inks: list[str]) -> None:
    """A neon sign: a tall box of abstract characters."""
    ink, second = inks[int(rng.integers(len(inks)))], inks[int(rng.integers(len(inks)))]
    rows = int(rng.integers(3, 6))
    sheet.area(rect(x, y, 34, 34 * rows + 8), ink, opacity=0.22)
    sheet.line(rect(x, y, 34, 34 * rows + 8), ink, 3.4)
    for row in range(rows):
        top = y + 8 + row * 34
        manner = int(rng.integers(4))
        if manner == 0:
            sheet.line(
                f"M{x + 8:.1f},{top + 4:.1f}h18M{x + 17:.1f},{top + 4:.1f}v20M{x + 8:.1f},{top + 24:.1f}h18",
                second,
                3.6,
            )
        elif manner == 1:
            sheet.line(circle(x + 17, top + 14, 9), second, 3.6)
        elif manner == 2:
            sheet.line(
                f"M{x + 8:.1f},{top + 24:.1f}L{x + 17:.1f},{top + 4:.1f}"
                f"L{x + 26:.1f},{top + 24:.1f}M{x + 11:.1f},{top + 17:.1f}h12",
                second,
                3.6,
            )
        else:
            sheet.line(
                f"M{x + 9:.1f},{top + 6:.1f}h16M{x + 9:.1f},{top + 14:.1f}h16M{x + 9:.1f},{top + 22:.1f}h16",
                second,
                3.6,
            )


def _reflections(sheet: Sheet, rng: np.random.Generator, street: float, inks: list[str]) -> None:
    """Broken bars of coloured light on a wet street."""
    for _ in range(int(90 * sheet.width / 1000)):
        near = float(rng.random())
        y, x = street + 8 + near * (sheet.height - street), float(rng.uniform(0, sheet.width))
        long = float(rng.uniform(18, 80)) * (0.5 + near)
        sheet.area(rect(x, y, long, 2 + 3.5 * near), inks[int(rng.integers(len(inks)))], opacity=0.75)
