"""Flow fields, as a pen plotter would draw them: ribbons or threads that follow one invisible current and never
cross. Room is kept by a coarse map of what is taken, so a line stops before it touches another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..brief import Brief
from ..colour import mix
from ..frames import framed
from ..noise import fractal_noise
from ..paths import Point, circle, smooth
from ..press import Stock
from ..sheet import LinearTone, Sheet

CELL = 4.0
"""Side of a cell of the map of taken room, in sheet units: half of the thinnest gap that the eye sees as one."""
REGION_STEP = 20.0
"""Spacing of the map of which colour reigns where, in sheet units: its regions are some hundreds wide."""
FIELD_STEP = 12.0
"""Spacing of the angles of the current; it turns slowly, so a coarse grid is enough."""


@dataclass(frozen=True)
class _Current:
    """The field: an angle for every cell of a coarse grid that overhangs the sheet by `bleed`."""

    angles: list[list[float]]
    bleed: float

    def angle(self, x: float, y: float) -> float:
        row = min(max(int((y + self.bleed) / FIELD_STEP), 0), len(self.angles) - 1)
        column = min(max(int((x + self.bleed) / FIELD_STEP), 0), len(self.angles[0]) - 1)
        return self.angles[row][column]


class _Room:
    """What part of the sheet is taken."""

    def __init__(self, sheet: Sheet, bleed: float) -> None:
        self.bleed = bleed
        self.columns = int((sheet.width + 2 * bleed) / CELL) + 1
        self.rows = int((sheet.height + 2 * bleed) / CELL) + 1
        self.taken = bytearray(self.columns * self.rows)

    def is_free(self, x: float, y: float) -> bool:
        column, row = int((x + self.bleed) / CELL), int((y + self.bleed) / CELL)
        return 0 <= column < self.columns and 0 <= row < self.rows and not self.taken[row * self.columns + column]

    def take(self, x: float, y: float) -> None:
        column, row = int((x + self.bleed) / CELL), int((y + self.bleed) / CELL)
        if 0 <= column < self.columns and 0 <= row < self.rows:
            self.taken[row * self.columns + column] = 1


def _make_current(sheet: Sheet, rng: np.random.Generator, bleed: float) -> _Current:
    x = np.arange(-bleed, sheet.width + bleed + FIELD_STEP, FIELD_STEP)[None, :]
    y = np.arange(-bleed, sheet.height + bleed + FIELD_STEP, FIELD_STEP)[:, None]
    grain = float(rng.uniform(520, 1100))
    offset = float(rng.uniform(0, 40))
    angle = float(rng.uniform(0, 2 * math.pi)) + 2.1 * fractal_noise(
        rng, x / grain + offset, y / grain + offset, 2, 0.3
    )
    for _ in range(int(rng.integers(0, 3))):
        at_x, at_y = float(rng.uniform(0.1, 0.9)) * sheet.width, float(rng.uniform(0.1, 0.9)) * sheet.height
        reach = float(rng.uniform(220, 460))
        pull = np.exp(-(((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * reach**2)))
        around = np.arctan2(y - at_y, x - at_x) + math.pi / 2
        turn = np.angle(np.exp(1j * (around - angle)))
        angle = angle + np.clip(pull * 1.3, 0, 1) * turn
    return _Current(angle.tolist(), bleed)


def _trace(current: _Current, room: _Room, start: Point, width: float, gap: float, steps: int) -> list[Point]:
    """Follow the current from `start` both ways until something is in the way. Empty if there is no room at all."""
    pace, half = 6.0, width / 2 + gap
    arms: list[list[Point]] = []
    for way in (1.0, -1.0):
        x, y = start
        arm: list[Point] = []
        for _ in range(steps):
            angle = current.angle(x, y)
            across_x, across_y = -math.sin(angle), math.cos(angle)
            if not (
                room.is_free(x, y)
                and room.is_free(x + across_x * half, y + across_y * half)
                and room.is_free(x - across_x * half, y - across_y * half)
                and room.is_free(x + across_x * half / 2, y + across_y * half / 2)
                and room.is_free(x - across_x * half / 2, y - across_y * half / 2)
            ):
                break
            arm.append((x, y))
            x += way * pace * math.cos(angle)
            y += way * pace * math.sin(angle)
        arms.append(arm)
    return [*reversed(arms[1][1:]), *arms[0]]


def _occupy(current: _Current, room: _Room, line: list[Point], width: float) -> None:
    samples = max(1, math.ceil(width / CELL * 1.3))
    for x, y in line:
        angle = current.angle(x, y)
        across_x, across_y = -math.sin(angle), math.cos(angle)
        for sample in range(samples + 1):
            aside = width * (sample / samples - 0.5)
            room.take(x + across_x * aside, y + across_y * aside)


def _curve(line: list[Point]) -> str:
    """Every fourth point carries the shape; the curve through them is smooth."""
    return smooth([*line[:-1:4], line[-1]])


def draw(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> Stock:
    """Draw ribbons or threads, within a margin of paper or off the edge."""
    palette = brief.palette
    margin = 64.0 if rng.random() < 0.65 else 0.0
    with framed(sheet, margin):
        if margin == 0 and not palette.is_dark and rng.random() < 0.4:
            sheet.background(palette.ink)
        if rng.random() < 0.58:
            _ribbons(sheet, brief, rng)
        else:
            _threads(sheet, brief, rng)
    return Stock()


def _seeds(sheet: Sheet, rng: np.random.Generator, count: int, bleed: float) -> list[Point]:
    points = rng.uniform((-bleed, -bleed), (sheet.width + bleed, sheet.height + bleed), (count, 2))
    return [(float(x), float(y)) for x, y in points.tolist()]


def _ribbons(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> None:
    """Bands of many widths: the wide ones first, the thin ones in what room is left."""
    palette, bleed = brief.palette, 50.0
    current, room = _make_current(sheet, rng, bleed), _Room(sheet, bleed)
    scale = float(rng.choice([0.7, 1.0, 1.5]))
    gap = float(rng.uniform(2.0, 5.5))
    colours = [*palette.accents, palette.ink]
    weights = rng.dirichlet(np.linspace(4.0, 1.4, len(colours)))
    across = np.arange(-bleed, sheet.width + bleed + REGION_STEP, REGION_STEP)[None, :] / 420 + float(
        rng.uniform(0, 50)
    )
    down = np.arange(-bleed, sheet.height + bleed + REGION_STEP, REGION_STEP)[:, None] / 420 + float(rng.uniform(0, 50))
    regions = fractal_noise(rng, across, down, 1)
    area = sheet.width * sheet.height / 1.25e6
    reach = int(rng.choice([26, 60, 120]))
    for width, count in ((46, 60), (30, 130), (19, 260), (11, 480), (6, 800), (3, 900)):
        wide = width * scale
        for start in _seeds(sheet, rng, int(count * area), bleed):
            line = _trace(current, room, start, wide, gap, reach)
            if len(line) < max(6.0, wide * 0.35):
                continue
            _occupy(current, room, line, wide)
            # One region leans to one colour, so that the colours gather instead of speckling.
            lean = float(regions[int((start[1] + bleed) / REGION_STEP), int((start[0] + bleed) / REGION_STEP)])
            index = int(rng.choice(len(colours), p=weights))
            if rng.random() < 0.5:
                index = int((lean + 1) / 2 * len(colours)) % len(colours)
            _ribbon(sheet, rng, line, wide, colours[index], palette.paper, palette.dark)


def _ribbon(
    sheet: Sheet, rng: np.random.Generator, line: list[Point], width: float, colour: str, paper: str, dark: str
) -> None:
    path = _curve(line)
    (x1, y1), (x2, y2) = line[0], line[-1]
    shade = mix(colour, dark, 0.55) if colour != dark else mix(colour, paper, 0.35)
    tone = LinearTone(x1, y1, x2, y2, 0.75, 0.0) if width > 9 and rng.random() < 0.75 else None
    sheet.line(path, colour, width, shade=shade, tone=tone, cap="butt")
    if width > 14:
        manner = rng.random()
        if manner < 0.12:
            sheet.line(path, paper, width * 0.16, cap="butt")
        elif manner < 0.2:
            sheet.line(path, paper, width * 0.5, cap="butt", dash=f"{width * 0.2:.1f} {width * 0.55:.1f}")


def _threads(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> None:
    """Fine lines of one weight; a disc (or two) of another ink lies among them like a sun behind reeds."""
    palette, bleed = brief.palette, 24.0
    current, room = _make_current(sheet, rng, bleed), _Room(sheet, bleed)
    width = float(rng.uniform(3.4, 6.4))
    gap = float(rng.uniform(1.2, 2.6))
    ground = palette.paper
    discs = [
        (
            float(rng.uniform(0.22, 0.78)) * sheet.width,
            float(rng.uniform(0.2, 0.7)) * sheet.height,
            float(rng.uniform(120, 270)),
        )
        for _ in range(int(rng.integers(1, 4)))
    ]
    base = palette.ink if not palette.is_dark else palette.accents[0]
    order = [colour for colour in palette.accents if colour != base]
    lines: list[tuple[list[Point], str]] = []
    area = sheet.width * sheet.height / 1.25e6
    for start in _seeds(sheet, rng, int(2600 * area), bleed):
        line = _trace(current, room, start, width, gap, 90)
        if len(line) < 9:
            continue
        _occupy(current, room, line, width)
        lines.append((line, base))
    if rng.random() < 0.5:
        x, y, radius = discs[0]
        sheet.area(circle(x, y, radius), mix(order[0], ground, 0.45))
    sheet.line("".join(_curve(line) for line, _ in lines), base, width)
    for index, (x, y, radius) in enumerate(discs):
        ink = order[index % len(order)]
        with sheet.clipped(circle(x, y, radius)):
            sheet.line("".join(_curve(line) for line, _ in lines), ink, width + 0.5)
