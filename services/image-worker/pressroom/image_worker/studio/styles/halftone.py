"""Halftones: a shaded form seen through a screen of dots or lines, printed in two or three transparent inks
that do not quite register, as on a risograph. The form is a field of light from 0 to 1; a screen turns light
into dot size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..brief import Brief
from ..colour import lightness, mix
from ..frames import framed
from ..noise import Field, fractal_noise
from ..palettes import Palette
from ..paths import circle, polygon, zipped
from ..press import Stock
from ..sheet import LinearTone, Sheet

Light = Callable[[Field, Field], Field]
"""How dark the form is at points of the sheet, 0 bare paper .. 1 solid."""


DOTS_PER_PATH = 48
"""Dots of one row that are drawn as one path."""


@dataclass(frozen=True)
class _Ball:
    x: float
    y: float
    radius: float


def _ball_light(ball: _Ball, sun: tuple[float, float], rim: float) -> Light:
    """A sphere lit from `sun` (a direction), nothing outside it; `rim` is light that creeps round from behind."""

    def light(x: Field, y: Field) -> Field:
        across, down = (x - ball.x) / ball.radius, (y - ball.y) / ball.radius
        inside = across**2 + down**2
        height = np.sqrt(np.clip(1 - inside, 0, 1))
        lit = across * sun[0] + down * sun[1] + height * 0.62
        dark = np.clip(0.92 - 0.82 * lit, 0.06, 1)
        dark = dark - rim * np.clip(inside - 0.72, 0, 1) * 2.6 * (lit < 0.2)
        return np.where(inside < 1, np.clip(dark, 0.04, 1), 0.0)

    return light


def _ring_light(ball: _Ball, tube: float, sun: tuple[float, float]) -> Light:
    """A torus seen from above."""

    def light(x: Field, y: Field) -> Field:
        across, down = (x - ball.x) / ball.radius, (y - ball.y) / ball.radius
        far = np.hypot(across, down) + 1e-9
        aside = (far - (1 - tube)) / tube
        slope_x, slope_y = aside * across / far, aside * down / far
        lit = slope_x * sun[0] + slope_y * sun[1] + np.sqrt(np.clip(1 - aside**2, 0, 1)) * 0.6
        return np.where(np.abs(aside) < 1, np.clip(0.9 - 0.85 * lit, 0.05, 1), 0.0)

    return light


def _cloth_light(rng: np.random.Generator, sheet: Sheet) -> Light:
    """Folded cloth over the whole sheet: the slope of a warped wave."""
    turn, pace = float(rng.uniform(0, math.pi)), float(rng.uniform(230, 420))
    grain = float(rng.uniform(380, 620))
    lattice = np.random.Generator(np.random.PCG64(int(rng.integers(1 << 32))))
    state = lattice.bit_generator.state

    def light(x: Field, y: Field) -> Field:
        lattice.bit_generator.state = state
        warp = fractal_noise(lattice, x / grain, y / grain, 2, 0.4) * 2.6
        along = (x * math.cos(turn) + y * math.sin(turn)) / pace
        return np.clip(0.5 + 0.5 * np.sin(2 * math.pi * (along + warp * 0.55)), 0.02, 0.98)

    return light


def draw(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> Stock:
    """Draw spheres, a ring, or cloth, in dots or lines."""
    palette = brief.palette
    with framed(sheet, 52.0 if rng.random() < 0.75 else 0.0):
        if palette.is_dark:
            # Transparent inks need a light ground: dark palettes print on a light sheet laid over theirs.
            sheet.background(palette.light)
        if brief.says("wave", "waves", "cloth", "fabric", "silk", "fold") or rng.random() < 0.22:
            _line_screen_cloth(sheet, palette, rng)
        elif rng.random() < 0.34:
            _engraved_planet(sheet, palette, rng)
        else:
            _riso_spheres(sheet, palette, rng)
    return Stock(flecks=1.5)


def _inks(palette: Palette) -> list[str]:
    """Inks that show on a light sheet, strongest first."""
    light = palette.light
    pool = [
        colour
        for colour in (*palette.accents, palette.ink, palette.paper)
        if lightness(light) - lightness(colour) > 0.14
    ]
    return pool or [palette.dark]


def _dots(
    sheet: Sheet, light: Light, pitch: float, degrees: float, shift: tuple[float, float], gamma: float = 1.0
) -> list[str]:
    """A dot screen over the sheet: pitch in units, turned by `degrees`, out of register by `shift`."""
    reach = math.hypot(sheet.width, sheet.height) / 2 + pitch
    steps = np.arange(-reach, reach, pitch)
    u, v = np.meshgrid(steps, steps)
    v = v + np.where((np.arange(len(steps)) % 2)[None, :] == 0, 0.0, pitch / 2)
    angle = math.radians(degrees)
    x = sheet.cx + u * math.cos(angle) - v * math.sin(angle)
    y = sheet.cy + u * math.sin(angle) + v * math.cos(angle)
    keep = (x > -pitch) & (x < sheet.width + pitch) & (y > -pitch) & (y < sheet.height + pitch)
    x, y = x[keep], y[keep]
    dark = light(x, y) ** gamma
    radius = pitch * 0.64 * np.sqrt(dark)
    shown = radius > pitch * 0.09
    x, y, radius = x[shown] + shift[0], y[shown] + shift[1], radius[shown]
    dots = [circle(*dot) for dot in zip(x.tolist(), y.tolist(), radius.tolist(), strict=True)]
    return ["".join(dots[start : start + DOTS_PER_PATH]) for start in range(0, len(dots), DOTS_PER_PATH)]


def _riso_spheres(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Two or three balls, each an ink, over a flat disc or bands; where inks lie on each
    other a third colour appears."""
    inks = _inks(palette)
    angle = float(rng.uniform(0, 2 * math.pi))
    sun = (0.75 * math.cos(angle), 0.75 * math.sin(angle))
    pitch = float(rng.uniform(9.5, 17))
    flat = float(rng.uniform(220, 360))
    if rng.random() < 0.5:
        sheet.area(
            circle(float(rng.uniform(0.25, 0.75)) * sheet.width, float(rng.uniform(0.2, 0.8)) * sheet.height, flat),
            inks[1 % len(inks)],
        )
    else:
        top = sheet.height * float(rng.uniform(0.45, 0.75))
        depth = sheet.height - top
        sheet.areas(
            _dots(
                sheet,
                lambda _x, y: np.where(y > top, np.clip(1.0 - 0.75 * (y - top) / depth, 0.1, 1), 0.0),
                pitch,
                45,
                (0, 0),
            ),
            inks[1 % len(inks)],
        )
    count = int(rng.integers(1, 4))
    spots = rng.permutation(4)
    for index in range(count):
        spot = int(spots[index])
        x = sheet.width * (0.34 + 0.34 * (spot % 2) + float(rng.uniform(-0.08, 0.08)))
        y = sheet.height * (0.32 + 0.36 * (spot // 2) + float(rng.uniform(-0.08, 0.08)))
        size = float(rng.uniform(170, 330)) if index == 0 else float(rng.uniform(90, 210))
        if count == 1:
            x, y, size = sheet.cx, sheet.cy, float(rng.uniform(290, 370))
        ball = _Ball(x, y, size)
        light = (
            _ring_light(ball, float(rng.uniform(0.28, 0.4)), sun)
            if rng.random() < 0.28
            else _ball_light(ball, sun, 0.5)
        )
        shift = (float(rng.uniform(-5, 5)), float(rng.uniform(-5, 5)))
        with sheet.overprint():
            sheet.areas(_dots(sheet, light, pitch, 15 + 30 * index, (0, 0), 1.25), inks[(index * 2) % len(inks)])
            sheet.areas(
                _dots(
                    sheet,
                    lambda x, y, light=light: np.clip(light(x, y) * 1.2 - 0.34, 0, 1),
                    pitch,
                    75 - 30 * index,
                    shift,
                ),
                inks[(index * 2 + 1) % len(inks)],
            )


def _engraved_planet(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """A great sphere in swelling lines, as banknotes are cut, with a smaller moon in dots."""
    inks = _inks(palette)
    dark = min(inks, key=lightness)
    colour = inks[0] if inks[0] != dark else inks[-1]
    sun_side = float(rng.choice([-1.0, 1.0]))
    ball = _Ball(
        sheet.width * float(rng.uniform(0.4, 0.6)),
        sheet.height * float(rng.uniform(0.42, 0.58)),
        float(rng.uniform(300, 400)),
    )
    sheet.area(
        circle(ball.x + 14, ball.y + 10, ball.radius),
        mix(colour, palette.light, 0.15),
        shade=palette.light,
        tone=LinearTone(
            ball.x + sun_side * ball.radius,
            ball.y - ball.radius,
            ball.x - sun_side * ball.radius,
            ball.y + ball.radius,
            0.8,
            0.0,
        ),
    )
    light = _ball_light(ball, (sun_side * 0.6, -0.5), 0.6)
    sheet.areas(
        _swelling_lines(
            sheet,
            light,
            float(rng.uniform(9, 13)),
            float(rng.choice([0, 90, 45])),
            bow=float(rng.uniform(0.2, 0.5)),
            centre=ball,
        ),
        dark,
    )
    moon = _Ball(ball.x + sun_side * ball.radius * 0.95, ball.y - ball.radius * 0.85, float(rng.uniform(70, 120)))
    with sheet.overprint():
        sheet.area(circle(moon.x, moon.y, moon.radius), inks[-1] if inks[-1] != dark else colour)
        sheet.areas(_dots(sheet, _ball_light(moon, (sun_side * 0.6, -0.5), 0.0), 8.0, 45, (3, -3)), dark)


def _line_screen_cloth(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Cloth in two inks of swelling lines at two angles."""
    inks = _inks(palette)
    light = _cloth_light(rng, sheet)
    pitch = float(rng.uniform(11, 18))
    first = float(rng.uniform(0, 180))
    centre = _Ball(sheet.cx, sheet.cy, 500)
    with sheet.overprint():
        sheet.areas(
            _swelling_lines(
                sheet, lambda x, y: np.clip(1.1 - light(x, y), 0, 1) * 0.8, pitch, first, bow=0.0, centre=centre
            ),
            inks[0],
        )
        sheet.areas(_swelling_lines(sheet, light, pitch, first + 58, bow=0.0, centre=centre), inks[1 % len(inks)])


def _swelling_lines(
    sheet: Sheet, light: Light, pitch: float, degrees: float, *, bow: float, centre: _Ball
) -> list[str]:
    """Parallel lines about a centre, each as thick as the form is dark there; `bow` bends them round the form."""
    reach = math.hypot(sheet.width, sheet.height) * 0.75
    angle = math.radians(degrees)
    along = np.arange(-reach, reach, 7.0)
    shapes: list[str] = []
    for across in np.arange(-reach, reach, pitch).tolist():
        bend = bow * across * np.cos(np.clip(along / centre.radius, -1, 1) * math.pi / 2)
        offset = across + bend - bow * across
        x = centre.x + along * math.cos(angle) - offset * math.sin(angle)
        y = centre.y + along * math.sin(angle) + offset * math.cos(angle)
        half = light(x, y) * pitch * 0.46
        half = np.where(half > pitch * 0.03, half, 0.0)
        for start, end in _runs(half > 0):
            part = slice(max(0, start - 1), end + 1)
            over_x, over_y = x[part] - half[part] * math.sin(angle), y[part] + half[part] * math.cos(angle)
            under_x, under_y = x[part] + half[part] * math.sin(angle), y[part] - half[part] * math.cos(angle)
            if len(over_x) > 2:
                shapes.append(polygon([*zipped(over_x, over_y), *reversed(zipped(under_x, under_y))]))
    return shapes


def _runs(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0])))).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
