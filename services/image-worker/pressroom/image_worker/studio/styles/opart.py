"""Op art: stripes, discs and squares whose small regular changes make the eye see swelling and turning."""

from __future__ import annotations

import math

import numpy as np

from ..brief import Brief
from ..colour import distance, mix, ramp
from ..frames import framed
from ..noise import Field
from ..palettes import Palette
from ..paths import circle, polygon, rect, ring, zipped
from ..press import Stock
from ..sheet import Sheet


def draw(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> Stock:
    """Draw one of five inventions; words may choose which."""
    kinds = {"stripes": _waves, "moire": _moire, "sphere": _swelling_grid, "tunnel": _tunnel, "check": _warped_check}
    if brief.says("wave", "waves", "stripes", "striped", "riley"):
        kind = "stripes"
    elif brief.says("moire", "moiré", "vibration"):
        kind = "moire"
    elif brief.says("vasarely", "sphere", "ball", "dots"):
        kind = "sphere"
    elif brief.says("tunnel", "spiral", "vortex", "hypnotic"):
        kind = "tunnel"
    else:
        kind = sorted(kinds)[int(rng.integers(len(kinds)))]
    with framed(sheet, 70.0 if rng.random() < 0.7 else 0.0):
        kinds[kind](sheet, brief.palette, rng)
    return Stock(flecks=0.7)


def _two_inks(palette: Palette, rng: np.random.Generator) -> tuple[str, str]:
    """A ground and an ink of strong contrast."""
    ground = palette.paper
    far = [colour for colour in (*palette.accents, palette.ink) if distance(colour, ground) > 0.3] or [palette.ink]
    return ground, far[int(rng.integers(len(far)))] if rng.random() < 0.6 else palette.ink


def _waves(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Stripes that run down the sheet and bend together, wide here and narrow there; colour drifts across them."""
    count = int(rng.choice([18, 24, 32, 44]) * sheet.width / 1000)
    y = np.linspace(-40, sheet.height + 40, 160)
    waves = [
        (float(rng.uniform(0.6, 2.4)), float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0.35, 1.0)))
        for _ in range(3)
    ]
    swing = float(rng.uniform(60, 150))
    stops = [*palette.accents, palette.ink]
    rng.shuffle(stops)
    colours = ramp([*stops, stops[0]], count + 1)
    sheet.background(palette.paper)

    def edge(position: float) -> Field:
        total = np.zeros_like(y)
        for pace, phase, weight in waves:
            total += weight * np.sin(2 * math.pi * pace * y / 1250 + phase + position * 2.6 * weight)
        return position * (sheet.width + 300) - 150 + total * swing * (0.55 + 0.45 * math.sin(math.pi * position))

    for index in range(count):
        left, right = edge(index / count), edge((index + 0.5 + 0.22 * math.sin(index * 0.7)) / count)
        shape = polygon([*zipped(left, y), *reversed(zipped(right, y))])
        shade = mix(colours[index], palette.dark, 0.45)
        sheet.area(shape, colours[index], shade=shade, tone=0.3 if index % 3 == 0 else None)


def _moire(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Two or three families of rings, or of lines, in transparent inks; the pattern is in neither, only in both."""
    ground = palette.light
    inks = [colour for colour in (*palette.accents, palette.dark) if distance(colour, ground) > 0.2][:3] or [
        palette.dark
    ]
    sheet.background(ground)
    pitch = float(rng.uniform(13, 22))
    far = math.hypot(sheet.width, sheet.height)
    radius = float(rng.uniform(330, 470)) if rng.random() < 0.6 else far
    angle = float(rng.uniform(0, math.pi))
    apart = float(rng.uniform(40, 150))
    count = int(rng.choice([2, 3]))
    with sheet.overprint():
        for family in range(count):
            turn = angle + family * 2 * math.pi / count
            x, y = sheet.cx + apart * math.cos(turn), sheet.cy + apart * math.sin(turn)
            step = pitch * (1 + 0.03 * family)
            rings = "".join(ring(x, y, at, at - step * 0.5) for at in np.arange(step, radius, step).tolist())
            sheet.area(rings, inks[family % len(inks)])


def _swelling_grid(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Vasarely's spheres: a grid of discs in squares pushed outward, its colours turning with the bulge."""
    across = int(rng.choice([14, 18, 22]))
    pitch = min(sheet.width, sheet.height) / across
    ground = palette.ink if not palette.is_dark else palette.paper
    sheet.background(ground)
    bulges = [
        (
            float(rng.uniform(0.25, 0.75)) * sheet.width,
            float(rng.uniform(0.22, 0.78)) * sheet.height,
            float(rng.uniform(230, 420)),
        )
        for _ in range(int(rng.choice([1, 1, 2])))
    ]
    inks = [colour for colour in (*palette.accents, palette.light) if distance(colour, ground) > 0.18]
    far_inks = ramp([inks[0], inks[-1]], 9)
    near_inks = ramp([inks[1 % len(inks)], inks[2 % len(inks)], palette.light], 9)
    square_grid = rng.random() < 0.4
    for row in range(-2, int(sheet.height / pitch) + 3):
        for column in range(-2, int(sheet.width / pitch) + 3):
            x, y, size, depth = column * pitch + pitch / 2, row * pitch + pitch / 2, pitch * 0.4, 0.0
            for bulge_x, bulge_y, radius in bulges:
                away = math.hypot(x - bulge_x, y - bulge_y)
                if away < radius:
                    # A point under a lens moves outward and grows; the lens is half a sphere.
                    lens = math.sin(away / radius * math.pi / 2)
                    grown = 1 + 0.75 * math.cos(away / radius * math.pi / 2)
                    if away > 0:
                        x, y = (
                            bulge_x + (x - bulge_x) / away * lens * radius,
                            bulge_y + (y - bulge_y) / away * lens * radius,
                        )
                    size, depth = (
                        pitch * 0.4 * grown * (0.55 + 0.45 * math.cos(lens * math.pi / 2.4)),
                        1 - away / radius,
                    )
            inks_here = near_inks if depth > 0 else far_inks
            shade = inks_here[min(8, int((depth if depth > 0 else (row + 2) / (sheet.height / pitch + 4)) * 9))]
            sheet.area(
                rect(x - size, y - size, 2 * size, 2 * size)
                if square_grid and (row + column) % 2
                else circle(x, y, size),
                shade,
            )


def _tunnel(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Nested shapes, each turned a little in the last, that draw the eye to one point."""
    sides = int(rng.choice([3, 4, 4, 5, 6, 40]))
    twist = float(rng.uniform(2.0, 7.5)) * float(rng.choice([-1, 1])) * (1 if sides < 9 else 0)
    shrink = float(rng.uniform(0.88, 0.945))
    x, y = sheet.cx + float(rng.uniform(-60, 60)), sheet.cy + float(rng.uniform(-80, 80))
    drift_x, drift_y = (float(rng.uniform(-9, 9)), float(rng.uniform(-9, 9))) if sides > 8 else (0.0, 0.0)
    radius, turn = math.hypot(sheet.width, sheet.height) * 0.95, float(rng.uniform(0, 90))
    ground, ink = _two_inks(palette, rng)
    stops = (
        ramp([ink, palette.accents[0], palette.accents[1 % len(palette.accents)], ink], 30)
        if rng.random() < 0.65
        else [ink] * 30
    )
    index = 0
    sheet.background(ground)
    while radius > 5:
        colour = stops[index % 30] if index % 2 == 0 else ground
        points = [
            (
                x + radius * math.cos(math.radians(turn + 360 * k / sides)),
                y + radius * math.sin(math.radians(turn + 360 * k / sides)),
            )
            for k in range(sides)
        ]
        sheet.area(circle(x, y, radius) if sides > 8 else polygon(points), colour)
        radius *= shrink
        turn += twist
        x, y = x + drift_x * radius / 500, y + drift_y * radius / 500
        index += 1


def _warped_check(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """A chequered cloth pulled towards two or three points."""
    across = int(rng.choice([10, 14, 18]))
    pitch = min(sheet.width, sheet.height) / across
    ground, ink = _two_inks(palette, rng)
    second = palette.accents[0] if palette.accents[0] != ink else palette.accents[1 % len(palette.accents)]
    sheet.background(ground)
    pulls = [
        (
            float(rng.uniform(0.15, 0.85)) * sheet.width,
            float(rng.uniform(0.15, 0.85)) * sheet.height,
            float(rng.uniform(160, 320)),
            float(rng.choice([-0.75, 0.8, 0.9])),
        )
        for _ in range(int(rng.integers(2, 4)))
    ]

    def warp(x: Field, y: Field) -> tuple[Field, Field]:
        shift_x, shift_y = np.zeros_like(x), np.zeros_like(y)
        for at_x, at_y, reach, strength in pulls:
            weight = strength * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * reach**2))
            shift_x += (at_x - x) * weight * 0.85
            shift_y += (at_y - y) * weight * 0.85
        return x + shift_x, y + shift_y

    steps = np.linspace(0, 1, 5)
    for row in range(-4, int(sheet.height / pitch) + 5):
        for column in range(-4, int(sheet.width / pitch) + 5):
            if (row + column) % 2:
                continue
            left, top = column * pitch, row * pitch
            around_x = np.concatenate(
                [left + steps * pitch, np.full(5, left + pitch), left + pitch - steps * pitch, np.full(5, left)]
            )
            around_y = np.concatenate(
                [np.full(5, top), top + steps * pitch, np.full(5, top + pitch), top + pitch - steps * pitch]
            )
            pulled = warp(around_x, around_y)
            sheet.area(polygon(zipped(*pulled)), second if (row - column) % 8 == 0 else ink)
