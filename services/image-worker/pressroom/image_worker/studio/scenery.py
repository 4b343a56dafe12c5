"""Pieces of landscape that several styles share: skylines, shaded peaks, pines, water, sky discs, birds. Each draws
onto a sheet in the colours that it is handed and decides nothing about the whole picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .colour import mix
from .noise import Field, ridge_line
from .paths import Point, circle, ellipse, polygon, rect, ring, smooth, zipped
from .sheet import LinearTone, RadialTone, Sheet

RIDGE_STEP = 5.0
"""Sheet units between two points of a skyline: fine enough for crags, and a few hundred points at most."""


@dataclass(frozen=True)
class Ridge:
    """A skyline across the sheet: heights `y` at the points `x`."""

    x: Field
    y: Field

    def outline(self, bottom: float) -> list[Point]:
        """The closed shape between the skyline and `bottom`."""
        return [*zipped(self.x, self.y), (float(self.x[-1]), bottom), (float(self.x[0]), bottom)]

    def height_at(self, x: float) -> float:
        """The skyline's y at x."""
        return float(np.interp(x, self.x, self.y))


def make_ridge(
    rng: np.random.Generator, sheet: Sheet, level: float, swell: float, hill_width: float, roughness: float
) -> Ridge:
    """A skyline about y = `level` that rises and falls by `swell`; `hill_width` is one large hill."""
    x = np.arange(-60.0, sheet.width + 60 + RIDGE_STEP, RIDGE_STEP)
    start = float(rng.uniform(0, 50))
    return Ridge(x, level - swell * ridge_line(rng, x / hill_width + start, roughness))


def make_peaks(
    rng: np.random.Generator, sheet: Sheet, level: float, heights: list[tuple[float, float, float]]
) -> Ridge:
    """Mountains: each of `heights` is (x, height, half width at the foot); crags are added to the straight slopes."""
    x = np.arange(-60.0, sheet.width + 60 + RIDGE_STEP, RIDGE_STEP)
    rise = np.zeros_like(x)
    for at, height, half in heights:
        slope = 1 - np.abs(x - at) / half
        rise = np.maximum(rise, height * np.sign(slope) * np.abs(slope) ** 1.12)
    crags = ridge_line(rng, x / 70.0, 0.62, 4) * (6 + 0.075 * rise)
    return Ridge(x, level - rise - crags)


def summits(ridge: Ridge, apart: float) -> list[int]:
    """Indices of the tops of a skyline, the highest within `apart` units of each other."""
    reach = max(1, int(apart / RIDGE_STEP))
    padded = np.pad(ridge.y, reach, constant_values=np.inf)
    lowest = np.array([padded[index : index + 2 * reach + 1].min() for index in range(len(ridge.y))])
    return [int(index) for index in np.flatnonzero(ridge.y <= lowest)]


def shadow_side(rng: np.random.Generator, ridge: Ridge, summit: int, foot: float, to_right: bool) -> list[Point]:
    """The shaded face of a peak: along the skyline away from the sun, and back up a broken edge below the summit."""
    step = 1 if to_right else -1
    skyline: list[Point] = []
    index, lowest = summit, float(ridge.y[summit])
    # The face ends in the valley: past it the skyline climbs the next mountain.
    while 0 <= index < len(ridge.x) and lowest - 26 < ridge.y[index] < foot:
        lowest = max(lowest, float(ridge.y[index]))
        skyline.append((float(ridge.x[index]), float(ridge.y[index])))
        index += step
    top_x, top_y = skyline[0]
    drop = foot - top_y
    edge: list[Point] = []
    down, aside = 0.0, 0.0
    while down < drop:
        edge.append((top_x + step * aside, top_y + down))
        down += drop * float(rng.uniform(0.05, 0.13))
        aside += drop * float(rng.uniform(-0.075, 0.085))
    edge.append((top_x + step * aside, foot))
    # The next mountain stands in front: its own slope goes on below the valley and cuts the face off.
    last_x, last_y = skyline[-1]
    hidden = min((foot - last_y) * 0.75, abs(last_x - edge[-1][0]) * 0.9)
    return [*skyline, (last_x - step * hidden, foot), *reversed(edge)]


def draw_pine(sheet: Sheet, rng: np.random.Generator, x: float, foot: float, height: float, colour: str) -> None:
    """One conifer with ragged tiers."""
    half = height * float(rng.uniform(0.15, 0.21))
    tiers = max(5, int(height / 14))
    left: list[Point] = []
    right: list[Point] = []
    for tier in range(1, tiers + 1):
        at = foot - height + height * 0.94 * (tier / tiers) ** 1.06
        reach = half * (tier / tiers) ** 0.85
        inner = reach * 0.45
        for side, points in ((-1, left), (1, right)):
            out = reach * float(rng.uniform(0.72, 1.12))
            points.append((x + side * out, at + height * 0.012))
            points.append((x + side * inner, at - height * 0.006))
    trunk = height * 0.016 + 0.8
    sheet.area(
        polygon([(x, foot - height), *right, (x + trunk, foot - height * 0.06), (x + trunk, foot + 8)])[:-1]
        + "L"
        + polygon([(x - trunk, foot + 8), (x - trunk, foot - height * 0.06), *reversed(left)])[1:],
        colour,
    )


def draw_pine_row(
    sheet: Sheet, rng: np.random.Generator, ridge: Ridge, height: float, density: float, colour: str
) -> None:
    """Pines along a skyline, in clumps with gaps; `density` is trees per hundred units."""
    clumps = ridge_line(rng, ridge.x / 160.0, 0.5, 2)
    count = int((ridge.x[-1] - ridge.x[0]) / 100 * density)
    places: list[float] = np.sort(rng.uniform(float(ridge.x[0]), float(ridge.x[-1]), count)).tolist()
    for x in places:
        clump = float(np.interp(x, ridge.x, clumps))
        if clump < -0.55:
            continue
        tall = height * (0.72 + 0.4 * clump) * float(rng.uniform(0.6, 1.15))
        draw_pine(sheet, rng, x, ridge.height_at(x) + 5 + tall * 0.07, tall, colour)


def draw_disc(
    sheet: Sheet, rng: np.random.Generator, x: float, y: float, radius: float, colour: str, shade: str
) -> None:
    """A sun or a full moon, stippled away from its light."""
    turn = float(rng.uniform(0, 2 * math.pi))
    light = (x + radius * 0.5 * math.cos(turn), y + radius * 0.5 * math.sin(turn))
    sheet.area(circle(x, y, radius), colour, shade=shade, tone=RadialTone(*light, radius * 1.6, 0.0, 0.62))


def draw_halo(sheet: Sheet, x: float, y: float, radius: float, rings: int, colour: str, opacity: float) -> None:
    """Rings of light about a disc, each fainter."""
    for index in range(rings, 0, -1):
        sheet.area(circle(x, y, radius * (1 + 0.34 * index)), colour, opacity=opacity)


def draw_crescent(sheet: Sheet, x: float, y: float, radius: float, colour: str) -> None:
    """A thin moon, open to the upper right."""
    tip = radius * 0.94
    sheet.area(
        f"M{x + tip * 0.34:.1f},{y - tip * 0.94:.1f}A{radius:.1f},{radius:.1f} 0 1 0 "
        f"{x + tip * 0.94:.1f},{y + tip * 0.34:.1f}"
        f"A{radius * 0.82:.1f},{radius * 0.82:.1f} 0 0 1 {x + tip * 0.34:.1f},{y - tip * 0.94:.1f}Z",
        colour,
    )


def draw_stars(sheet: Sheet, rng: np.random.Generator, bottom: float, count: int, colour: str) -> None:
    """Stars in the upper sky, thinning out towards `bottom`; a few have four points."""
    dots: list[str] = []
    for _ in range(count):
        x, y = float(rng.uniform(0, sheet.width)), bottom * float(rng.power(0.9))
        if rng.random() < 0.09:
            long = float(rng.uniform(6, 12))
            dots.append(polygon([(x, y - long), (x + 1.6, y - 1.6), (x + long, y), (x + 1.6, y + 1.6)])[:-1])
            dots[-1] += "L" + polygon([(x, y + long), (x - 1.6, y + 1.6), (x - long, y), (x - 1.6, y - 1.6)])[1:]
        else:
            dots.append(circle(x, y, float(rng.uniform(0.8, 2.4))))
    sheet.area("".join(dots), colour)


def draw_birds(sheet: Sheet, rng: np.random.Generator, x: float, y: float, colour: str) -> None:
    """A small flock far away."""
    for _ in range(int(rng.integers(3, 7))):
        span = float(rng.uniform(9, 19))
        at = (x + float(rng.normal(0, 60)), y + float(rng.normal(0, 26)))
        lift = span * float(rng.uniform(0.3, 0.6))
        wing = smooth([(at[0] - span, at[1] - lift), (at[0] - span * 0.4, at[1] - lift * 0.9), at])
        sheet.line(
            wing + smooth([at, (at[0] + span * 0.4, at[1] - lift * 0.9), (at[0] + span, at[1] - lift)]), colour, 2.6
        )


def draw_clouds(
    sheet: Sheet, rng: np.random.Generator, top: float, bottom: float, count: int, colour: str, opacity: float
) -> None:
    """Long flat clouds with rounded ends, as a screen printer cuts them."""
    for _ in range(count):
        y, x = float(rng.uniform(top, bottom)), float(rng.uniform(-0.1, 1.0)) * sheet.width
        thick = float(rng.uniform(9, 20))
        for row in range(int(rng.integers(2, 4))):
            long = float(rng.uniform(120, 330)) * (1 - 0.2 * row)
            start = x + float(rng.uniform(-90, 90))
            sheet.area(
                f"M{start:.1f},{y + row * thick:.1f}h{long:.1f}a{thick / 2:.1f},{thick / 2:.1f} 0 0 1 0,{thick:.1f}"
                f"h{-long:.1f}a{thick / 2:.1f},{thick / 2:.1f} 0 0 1 0,{-thick:.1f}Z",
                colour,
                opacity=opacity,
            )


def draw_water(sheet: Sheet, top: float, colour: str, deep: str) -> None:
    """A sheet of water from `top` to the foot of the picture, darker towards the viewer."""
    bottom = sheet.height + 60
    tone = LinearTone(0, top, 0, bottom, 0.05, 0.85)
    sheet.area(rect(-60, top, sheet.width + 120, bottom - top), colour, shade=deep, tone=tone)


def draw_glitter(sheet: Sheet, rng: np.random.Generator, x: float, top: float, width: float, colour: str) -> None:
    """The path of light that a low sun lays on water: bars that widen and part towards the viewer."""
    y, bars = top + 5.0, list[str]()
    depth = sheet.height - top
    while y < sheet.height:
        near = (y - top) / depth
        thick = 1.6 + 8.5 * near
        for _ in range(1 + int(2.4 * near + float(rng.random()))):
            half = width * float(rng.uniform(0.12, 0.9)) * (0.45 + 0.75 * near) * 0.5
            at = x + float(rng.normal(0, 1)) * width * (0.10 + 0.22 * near)
            bars.append(ellipse(at, y, half, thick / 2))
        y += thick * (1.5 + 1.2 * float(rng.random()))
    for bar in bars:
        sheet.area(bar, colour, opacity=0.9)


def draw_ripples(sheet: Sheet, rng: np.random.Generator, top: float, colour: str, count: int, opacity: float) -> None:
    """Short horizontal strokes on water."""
    for _ in range(count):
        near = float(rng.random()) ** 0.8
        y, x = top + 8 + near * (sheet.height - top), float(rng.uniform(-40, sheet.width))
        long = (18 + 120 * near) * float(rng.uniform(0.5, 1.4))
        sheet.area(ellipse(x, y, long / 2, 0.8 + 2.6 * near), colour, opacity=opacity)


def draw_rayed_sun(sheet: Sheet, x: float, y: float, radius: float, rays: int, colour: str, opacity: float) -> None:
    """Wedges of light that fan out from a disc over the whole sky."""
    far = math.hypot(sheet.width, sheet.height) * 1.2
    for index in range(rays):
        start = 2 * math.pi * index / rays
        end = start + math.pi / rays
        wedge = [
            (x, y),
            (x + far * math.cos(start), y + far * math.sin(start)),
            (x + far * math.cos(end), y + far * math.sin(end)),
        ]
        sheet.area(polygon(wedge), colour, opacity=opacity)
    sheet.area(ring(x, y, radius * 1.14, radius * 1.06), colour, opacity=min(1.0, opacity * 3))


def haze(colours: list[str], sky: str, farthest: float) -> list[str]:
    """Colours from far to near, the far ones lost in the sky by up to `farthest`."""
    last = max(1, len(colours) - 1)
    return [mix(colour, sky, farthest * (1 - index / last) ** 1.4) for index, colour in enumerate(colours)]
