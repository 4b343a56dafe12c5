"""Tilings: one square, hexagon or rhomb after another. Each kind of tiling is a small set of rules; the seed turns
the tiles, and the palette keeps figure and ground apart in each of them."""

from __future__ import annotations

import cmath
import math

import numpy as np

from ..brief import Brief
from ..colour import distance, mix
from ..frames import framed
from ..palettes import MIN_ACCENT_DISTANCE, Palette
from ..paths import arc, circle, polygon, rect, sector
from ..press import Stock
from ..sheet import LinearTone, Sheet

QUARTER = math.pi / 2


def draw(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> Stock:
    """Draw one of the tilings; words may choose which."""
    if brief.says("hex", "hexagon", "hexagonal", "hexagons", "cube", "cubes", "isometric", "honeycomb"):
        kind = _cubes
    elif brief.says("penrose", "star", "stars", "islamic", "arabesque"):
        kind = _penrose
    elif brief.says("azulejo", "quilt", "patchwork", "moroccan", "marrakech", "kaleidoscope", "mosaic"):
        kind = _azulejo
    elif brief.says("truchet", "maze", "labyrinth"):
        kind = _truchet
    else:
        kinds = (_bauhaus, _azulejo, _cubes, _truchet, _penrose, _bauhaus)
        kind = kinds[int(rng.integers(len(kinds)))]
    margin = 60.0 if rng.random() < 0.7 else 0.0
    with framed(sheet, margin):
        kind(sheet, brief.palette, rng, margin)
    return Stock()


def _grid(sheet: Sheet, margin: float, across: int) -> tuple[float, int, int, float, float]:
    """Tile side, columns, rows and the origin of a grid that fills the frame exactly across
    (or down, if it is wide)."""
    wide, tall = sheet.width - 2 * margin, sheet.height - 2 * margin
    side = min(wide, tall) / across
    columns, rows = math.ceil(wide / side - 0.02), math.ceil(tall / side - 0.02)
    return side, columns, rows, (sheet.width - columns * side) / 2, (sheet.height - rows * side) / 2


def _pick(rng: np.random.Generator, colours: list[str], unlike: list[str]) -> str:
    """A colour that separates from all of `unlike`."""
    fitting = [colour for colour in colours if all(distance(colour, other) >= MIN_ACCENT_DISTANCE for other in unlike)]
    return fitting[int(rng.integers(len(fitting)))] if fitting else colours[0]


def _shade(colour: str, palette: Palette) -> str:
    return mix(colour, palette.dark, 0.5) if distance(colour, palette.dark) > 0.1 else mix(colour, palette.light, 0.3)


def _bauhaus(sheet: Sheet, palette: Palette, rng: np.random.Generator, margin: float) -> None:
    """Squares with quarter discs, petals, half discs, rings, triangles, dots and bars."""
    side, columns, rows, left, top = _grid(sheet, margin, int(rng.choice([4, 5, 6, 7])))
    colours = [palette.paper, *palette.accents, palette.ink]
    grounds = [palette.paper, palette.paper, *palette.accents, palette.ink]
    kinds = rng.permutation(9)[: int(rng.integers(4, 7))].tolist()
    sheet.background(palette.paper)
    for row in range(rows):
        for column in range(columns):
            ground = grounds[int(rng.integers(len(grounds)))]
            figure = _pick(rng, colours, [ground])
            second = _pick(rng, colours, [ground, figure])
            with sheet.moved(
                left + (column + 0.5) * side, top + (row + 0.5) * side, turn=90 * int(rng.integers(4)), scale=side / 100
            ):
                sheet.area(rect(-50.2, -50.2, 100.4, 100.4), ground)
                _tile(sheet, palette, rng, int(kinds[int(rng.integers(len(kinds)))]), figure, second)


def _tile(sheet: Sheet, palette: Palette, rng: np.random.Generator, kind: int, figure: str, second: str) -> None:
    """One 100 x 100 tile about the origin."""
    tone = LinearTone(-50, -50, 50, 50, 0.0, 0.8) if rng.random() < 0.5 else LinearTone(0, 50, 0, -50, 0.0, 0.65)
    shade = _shade(figure, palette)
    if kind == 0:
        sheet.area(sector(-50, -50, 100, 0, QUARTER), figure, shade=shade, tone=tone)
        sheet.area(sector(-50, -50, 50, 0, QUARTER), second)
    elif kind == 1:
        sheet.area("M-50,-50A100,100 0 0 1 50,50A100,100 0 0 1 -50,-50Z", figure, shade=shade, tone=tone)
    elif kind == 2:
        sheet.area(sector(0, -50, 50, 0, math.pi), figure, shade=shade, tone=tone)
        sheet.area(sector(0, 0, 50, 0, math.pi), second)
    elif kind == 3:
        for radius, colour in ((100, figure), (75, second), (50, figure), (25, second)):
            sheet.area(sector(-50, -50, radius, 0, QUARTER), colour)
    elif kind == 4:
        sheet.area(circle(0, 0, 50), figure, shade=shade, tone=tone)
        sheet.area(circle(0, 0, 20), second)
    elif kind == 5:
        sheet.area(polygon([(-50, -50), (50, -50), (-50, 50)]), figure, shade=shade, tone=tone)
    elif kind == 6:
        for bar in range(4):
            sheet.area(rect(-50, -50 + 25 * bar, 100, 12.5), figure)
    elif kind == 7:
        sheet.area("".join(circle(x, y, 13) for x in (-25, 25) for y in (-25, 25)), figure)
    else:
        sheet.area(sector(-50, 50, 100, -QUARTER, 0), figure, shade=shade, tone=tone)
        sheet.area(sector(50, -50, 50, QUARTER, math.pi), second)


def _azulejo(sheet: Sheet, palette: Palette, rng: np.random.Generator, margin: float) -> None:
    """Glazed tiles: one or two designs with the mirrors of a square, repeated over the wall."""
    side, columns, rows, left, top = _grid(sheet, margin, int(rng.choice([3, 4, 5])))
    designs = [_rosette(palette, rng) for _ in range(2)]
    for row in range(rows):
        for column in range(columns):
            with sheet.moved(left + (column + 0.5) * side, top + (row + 0.5) * side, scale=side / 100):
                for shape, colour, shade in designs[(row + column) % 2]:
                    sheet.area(shape, colour, shade=shade, tone=LinearTone(-50, -50, 50, 50, 0.0, 0.5))


def _rosette(palette: Palette, rng: np.random.Generator) -> list[tuple[str, str, str]]:
    """Layers of one square design, each the same under the square's eight turns and mirrors."""
    colours = [palette.paper, *palette.accents, palette.ink]
    layers: list[tuple[str, str, str]] = []
    ground = _pick(rng, [palette.paper, palette.ink, palette.accents[0]], [])
    layers.append((rect(-50.2, -50.2, 100.4, 100.4), ground, mix(ground, palette.dark, 0.12)))
    below = ground

    def add(shape: str) -> None:
        nonlocal below
        colour = _pick(rng, colours, [below])
        layers.append((shape, colour, _shade(colour, palette)))
        below = colour

    corner = float(rng.uniform(24, 50))
    add(
        "".join(
            sector(x, y, corner, start, start + QUARTER)
            for x, y, start in ((-50, -50, 0.0), (50, -50, QUARTER), (50, 50, math.pi), (-50, 50, -QUARTER))
        )
    )
    if rng.random() < 0.6:
        add(
            "".join(
                sector(x, y, corner * 0.6, start, start + QUARTER)
                for x, y, start in ((-50, -50, 0.0), (50, -50, QUARTER), (50, 50, math.pi), (-50, 50, -QUARTER))
            )
        )
    below = ground
    petals, long, wide = int(rng.choice([4, 8])), float(rng.uniform(36, 49)), float(rng.uniform(9, 15))
    turn = float(rng.choice([0.0, math.pi / 4]))
    add("".join(_petal(index * 2 * math.pi / petals + turn, long, wide) for index in range(petals)))
    if rng.random() < 0.7:
        add("".join(_petal(index * 2 * math.pi / petals + turn, long * 0.72, wide * 0.5) for index in range(petals)))
    below = layers[-1][1]
    if rng.random() < 0.6:
        add(_star(8, float(rng.uniform(17, 24)), float(rng.uniform(9, 13)), turn))
    heart = float(rng.uniform(7, 12))
    add(circle(0, 0, heart))
    add(circle(0, 0, heart * 0.5))
    return layers


def _petal(angle: float, long: float, wide: float) -> str:
    cos, sin = math.cos(angle), math.sin(angle)

    def at(along: float, aside: float) -> str:
        return f"{along * cos - aside * sin:.2f},{along * sin + aside * cos:.2f}"

    return f"M0,0Q{at(long * 0.5, wide * 2)} {at(long, 0)}Q{at(long * 0.5, -wide * 2)} 0,0Z"


def _star(points: int, outer: float, inner: float, turn: float) -> str:
    corners = [
        (
            (outer if index % 2 == 0 else inner) * math.cos(turn + index * math.pi / points),
            (outer if index % 2 == 0 else inner) * math.sin(turn + index * math.pi / points),
        )
        for index in range(2 * points)
    ]
    return polygon(corners)


def _truchet(sheet: Sheet, palette: Palette, rng: np.random.Generator, margin: float) -> None:
    """Smith's tile: two quarter rings per square join into endless bands, here of several stripes."""
    side, columns, rows, left, top = _grid(sheet, margin, int(rng.choice([5, 6, 8, 10])))
    ground = palette.paper if rng.random() < 0.5 else palette.ink
    inks = [
        colour
        for colour in (*palette.accents, palette.paper, palette.ink)
        if distance(colour, ground) >= MIN_ACCENT_DISTANCE
    ]
    sheet.background(ground)
    rng.shuffle(inks)
    stripes = int(rng.choice([1, 3, 3, 5]))
    for row in range(rows):
        for column in range(columns):
            x, y = left + column * side, top + row * side
            corners = (
                ((x, y, 0.0), (x + side, y + side, math.pi))
                if rng.random() < 0.5
                else ((x + side, y, QUARTER), (x, y + side, -QUARTER))
            )
            for corner_x, corner_y, start in corners:
                curve = arc(corner_x, corner_y, side / 2, start - 0.02, start + QUARTER + 0.02)
                for stripe in range(stripes):
                    ink = inks[stripe % len(inks)] if stripe % 2 == 0 else ground
                    sheet.line(
                        curve,
                        ink,
                        side * 0.64 * (1 - stripe / stripes),
                        cap="butt",
                        shade=_shade(ink, palette),
                        tone=LinearTone(x, y, x + side, y + side, 0.0, 0.55) if stripe == 0 else None,
                    )


def _cubes(sheet: Sheet, palette: Palette, rng: np.random.Generator, margin: float) -> None:
    """Hexagons seen as cubes, some opened, some turned to discs."""
    across = int(rng.choice([4, 5, 6]))
    radius = min(sheet.width, sheet.height) / across / math.sqrt(3)
    step_x, step_y = radius * math.sqrt(3), radius * 1.5
    accents = list(palette.accents)
    sheet.background(palette.ink if not palette.is_dark else palette.paper)
    for row in range(-1, int(sheet.height / step_y) + 2):
        for column in range(-1, int(sheet.width / step_x) + 2):
            x, y = column * step_x + (row % 2) * step_x / 2, row * step_y
            colour = accents[int(rng.integers(len(accents)))]
            with sheet.moved(x, y, turn=float(rng.choice([0, 120, 240])), scale=radius / 100):
                _cube(
                    sheet, palette, colour, int(rng.choice([0, 0, 1, 2, 3])), accents[int(rng.integers(len(accents)))]
                )


def _cube(sheet: Sheet, palette: Palette, colour: str, kind: int, other: str) -> None:
    corners = [
        (100.6 * math.cos(math.pi / 6 + index * math.pi / 3), 100.6 * math.sin(math.pi / 6 + index * math.pi / 3))
        for index in range(6)
    ]
    faces = (
        (colour, (3, 4, 5)),
        (mix(colour, palette.dark, 0.45), (5, 0, 1)),
        (mix(colour, palette.light, 0.5), (1, 2, 3)),
    )
    for face, (a, b, c) in faces:
        tone = LinearTone(*corners[b], 0, 0, 0.7, 0.0)
        sheet.area(
            polygon([(0, 0), corners[a], corners[b], corners[c]]), face, shade=mix(face, palette.dark, 0.35), tone=tone
        )
    if kind == 1:
        half = [(x * 0.5, y * 0.5) for x, y in corners]
        for face, (a, b, c) in zip(
            (other, mix(other, palette.dark, 0.4), mix(other, palette.light, 0.5)),
            ((0, 1, 2), (2, 3, 4), (4, 5, 0)),
            strict=True,
        ):
            sheet.area(polygon([(0, 0), half[a], half[b], half[c]]), face)
    elif kind == 2:
        for radius, ink in ((62, palette.light), (44, other), (24, palette.dark)):
            sheet.area(circle(0, 0, radius), ink)
    elif kind == 3:
        for index in range(1, 5):
            inset = [(x * index / 5, y * index / 5) for x, y in (corners[3], corners[4], corners[5])]
            sheet.line("M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in inset), palette.light, 3.2, cap="butt")


def _penrose(sheet: Sheet, palette: Palette, rng: np.random.Generator, margin: float) -> None:
    """Penrose's rhombs by deflation of Robinson triangles, with arcs that run from tile to tile."""
    golden = (1 + math.sqrt(5)) / 2
    size = math.hypot(sheet.width, sheet.height)
    centre = complex(sheet.width * float(rng.uniform(0.2, 0.8)), sheet.height * float(rng.uniform(0.2, 0.8)))
    triangles: list[tuple[int, complex, complex, complex]] = []
    for index in range(10):
        first = cmath.rect(size * 1.35, (2 * index - 1) * math.pi / 10)
        second = cmath.rect(size * 1.35, (2 * index + 1) * math.pi / 10)
        triangles.append((0, 0j, *((second, first) if index % 2 == 0 else (first, second))))
    for _ in range(int(rng.choice([5, 6, 6]))):
        finer: list[tuple[int, complex, complex, complex]] = []
        for kind, a, b, c in triangles:
            if kind == 0:
                p = a + (b - a) / golden
                finer += [(0, c, p, b), (1, p, c, a)]
            else:
                q, r = b + (a - b) / golden, b + (c - b) / golden
                finer += [(1, r, c, a), (1, q, r, b), (0, r, q, a)]
        triangles = finer
    accents = list(palette.accents)
    first, second = accents[0], _pick(rng, [*accents[1:], palette.ink], [accents[0]])
    third = _pick(rng, [palette.paper, palette.ink, *accents], [first, second])
    sheet.background(palette.paper)
    by_turn = rng.random() < 0.6
    for kind, a, b, c in triangles:
        a, b, c = a + centre, b + centre, c + centre
        if not (-80 < b.real < sheet.width + 80 and -80 < b.imag < sheet.height + 80):
            continue
        # Two mirrored triangles make one rhomb; drawing the rhomb from each half leaves no seam between them.
        d = b + c - a
        middle = abs(cmath.phase((b + c - 2 * a) ** 2))
        if by_turn:
            tiles = [first, second, mix(first, palette.paper, 0.45), third, mix(second, palette.light, 0.4)]
            colour = tiles[round(middle / math.pi * 5) % len(tiles)]
        else:
            colour = first if kind == 0 else second
        shape = polygon([(a.real, a.imag), (b.real, b.imag), (d.real, d.imag), (c.real, c.imag)])
        sheet.area(
            shape,
            colour,
            shade=mix(colour, palette.dark, 0.5),
            tone=LinearTone(a.real, a.imag, d.real, d.imag, 0.0, 0.7),
        )
    edge = palette.paper
    lines = "".join(
        f"M{(c + centre).real:.1f},{(c + centre).imag:.1f}"
        f"L{(a + centre).real:.1f},{(a + centre).imag:.1f}"
        f"L{(b + centre).real:.1f},{(b + centre).imag:.1f}"
        for _, a, b, c in triangles
    )
    sheet.line(lines, edge, float(rng.uniform(2.0, 5.0)))
