"""Cut paper and mid-century abstraction: blobs, fronds, arches, pebbles and mobiles, few and large, set so that they
balance. Every shape is one sheet of paper with a grain of shade along one side."""

from __future__ import annotations

import math

import numpy as np

from ..brief import Brief
from ..colour import distance, mix
from ..frames import framed
from ..palettes import MIN_ACCENT_DISTANCE, Palette
from ..paths import Point, circle, ellipse, leaf, polygon, rect, rounded_rect, sector, smooth, smooth_closed, zipped
from ..press import Stock
from ..sheet import LinearTone, Sheet


def draw(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> Stock:
    """Draw one of five compositions; words may choose which."""
    if brief.says("matisse", "dance", "dancer", "collage", "seaweed", "cut-out", "cut-outs"):
        kind = _fronds
    elif brief.says("balance", "stones", "stone", "pebble", "pebbles", "zen"):
        kind = _pebbles
    elif brief.says("mobile", "calder", "jazz", "music", "kandinsky", "miro"):
        kind = _mobile
    elif brief.says("arch", "arches", "rainbow", "boho"):
        kind = _arches
    elif brief.says("wave", "waves", "sea", "ocean", "water", "river", "wind"):
        kind = _waves
    else:
        kinds = (_fronds, _pebbles, _mobile, _arches, _blobs, _blobs, _waves)
        kind = kinds[int(rng.integers(len(kinds)))]
    margin = 56.0 if rng.random() < 0.7 else 0.0
    with framed(sheet, margin):
        kind(sheet, brief.palette, rng)
    return Stock(flecks=1.2)


def _cut(
    sheet: Sheet,
    palette: Palette,
    rng: np.random.Generator,
    shape: str,
    colour: str,
    centre: Point,
    size: float,
    strength: float = 0.75,
) -> None:
    """Lay one cut shape down, shaded away from a light at the upper left."""
    turn = float(rng.uniform(0.1, 1.4))
    away = (math.cos(turn) * size, math.sin(turn) * size)
    shade = (
        mix(colour, palette.dark, 0.5) if distance(colour, palette.dark) > 0.12 else mix(colour, palette.light, 0.35)
    )
    tone = LinearTone(
        centre[0] - away[0] * 0.3, centre[1] - away[1] * 0.3, centre[0] + away[0], centre[1] + away[1], 0.0, strength
    )
    sheet.area(shape, colour, shade=shade, tone=tone)


def _unlike(rng: np.random.Generator, colours: list[str], *others: str) -> str:
    fitting = [colour for colour in colours if all(distance(colour, other) >= MIN_ACCENT_DISTANCE for other in others)]
    return fitting[int(rng.integers(len(fitting)))] if fitting else colours[-1]


def _blob(
    rng: np.random.Generator,
    x: float,
    y: float,
    size: float,
    points: int = 7,
    rough: float = 0.32,
    stretch: float = 1.0,
) -> str:
    """A soft closed shape."""
    phase = float(rng.uniform(0, 2 * math.pi))
    return smooth_closed(
        [
            (
                x
                + size
                * stretch
                * float(rng.uniform(1 - rough, 1 + rough))
                * math.cos(phase + index * 2 * math.pi / points),
                y
                + size
                / stretch
                * float(rng.uniform(1 - rough, 1 + rough))
                * math.sin(phase + index * 2 * math.pi / points),
            )
            for index in range(points)
        ]
    )


def _blobs(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Large soft shapes that overlap, a disc, and one fine line drawing of them."""
    colours = [*palette.accents, palette.ink]
    rng.shuffle(colours)
    w, h = sheet.width, sheet.height
    sheet.background(
        mix(
            palette.paper, palette.accents[int(rng.integers(len(palette.accents)))], float(rng.choice([0.0, 0.0, 0.22]))
        )
    )
    anchors = [(0.3, 0.26), (0.72, 0.36), (0.34, 0.72), (0.74, 0.78), (0.52, 0.52)]
    if rng.random() < 0.5:
        anchors = [(1 - x, y) for x, y in anchors]
    for index, (at_x, at_y) in enumerate(anchors[: int(rng.integers(4, 6))]):
        x, y = w * (at_x + float(rng.uniform(-0.06, 0.06))), h * (at_y + float(rng.uniform(-0.05, 0.05)))
        size = float(rng.uniform(150, 260)) * (1.0 if index < 3 else 0.75)
        colour = colours[index % len(colours)]
        manner = rng.random()
        if manner < 0.62:
            shape = _blob(rng, x, y, size, int(rng.integers(5, 8)), 0.34, float(rng.uniform(0.8, 1.3)))
        elif manner < 0.82:
            turn = float(rng.uniform(0, 2 * math.pi))
            shape = sector(x, y, size, turn, turn + math.pi)
        else:
            shape = circle(x, y, size * 0.75)
        _cut(sheet, palette, rng, shape, colour, (x, y), size)
    for _ in range(int(rng.integers(1, 3))):
        x, y = w * float(rng.uniform(0.22, 0.78)), h * float(rng.uniform(0.18, 0.82))
        motif = rng.random()
        if motif < 0.4:
            sheet.area(
                "".join(circle(x + 34 * column, y + 34 * row, 7.5) for row in range(4) for column in range(5)),
                palette.ink,
            )
        elif motif < 0.75:
            for row in range(6):
                sheet.line(
                    smooth([(x + 30 * step, y + 24 * row + 9 * (-1) ** step) for step in range(6)]), palette.ink, 5
                )
        else:
            for ray in range(12):
                turn = ray * math.pi / 6
                sheet.line(
                    f"M{x + 26 * math.cos(turn):.1f},{y + 26 * math.sin(turn):.1f}"
                    f"L{x + 78 * math.cos(turn):.1f},{y + 78 * math.sin(turn):.1f}",
                    palette.ink,
                    6,
                )
    walk = [(w * float(rng.uniform(0.1, 0.9)), h * (0.08 + 0.84 * step / 6)) for step in range(7)]
    sheet.line(smooth(walk), palette.reads_on(palette.accents[0]) if rng.random() < 0.5 else palette.ink, 4.5)


def _frond(x: float, y: float, size: float, turn: float, fingers: int, rng: np.random.Generator) -> str:
    """Matisse's seaweed: rounded fingers on both sides of a stem, as one outline."""
    left: list[Point] = []
    right: list[Point] = []
    for finger in range(fingers):
        at = -size + 2 * size * (finger + 0.5) / fingers
        swell = math.sin(math.pi * (finger + 0.8) / (fingers + 0.6)) ** 0.7
        step = 2 * size / fingers
        for side, points in ((-1, left), (1, right)):
            out = size * 0.62 * swell * float(rng.uniform(0.75, 1.15))
            points.append((side * size * 0.09, at - step * 0.42))
            points.append((side * out * 0.75, at - step * 0.55))
            points.append((side * out, at - step * 0.30))
            points.append((side * out * 0.82, at - step * 0.02))
            points.append((side * size * 0.10, at + step * 0.16))
    outline = [*right, (0.0, size), *reversed(left), (0.0, -size * 1.08)]
    cos, sin = math.cos(turn), math.sin(turn)
    return smooth_closed([(x + px * cos - py * sin, y + px * sin + py * cos) for px, py in outline])


def _fronds(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """A wall of coloured panels with a frond or a shape on each."""
    columns = int(rng.choice([2, 3, 3]))
    cell = sheet.width / columns
    rows = max(2, round(sheet.height / cell / float(rng.choice([1.0, 1.25]))))
    tall = sheet.height / rows
    colours = [*palette.accents, palette.ink, palette.paper]
    before = [palette.paper] * columns
    for row in range(rows):
        left = palette.paper
        for column in range(columns):
            ground = _unlike(rng, colours, before[column], left)
            figure = max(colours, key=lambda colour: distance(colour, ground) * float(rng.uniform(0.6, 1.0)))
            before[column], left = ground, ground
            x, y = (column + 0.5) * cell, (row + 0.5) * tall
            sheet.area(rect(column * cell - 1, row * tall - 1, cell + 2, tall + 2), ground)
            size = min(cell, tall) * 0.43
            turn = float(rng.uniform(-0.6, 0.6)) + float(rng.choice([0, 0, math.pi / 2]))
            manner = rng.random()
            if manner < 0.72:
                shape = _frond(x, y, size, turn, int(rng.integers(4, 7)), rng)
            elif manner < 0.86:
                shape = _blob(rng, x, y, size * 0.85, 5, 0.4)
            else:
                shape = "".join(leaf(x, y, size, size * 0.26, turn + index * math.pi / 3) for index in range(6))
            _cut(sheet, palette, rng, shape, figure, (x, y), size, 0.6)


def _pebbles(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """A cairn: stones in balance before a pale disc."""
    colours = [*palette.accents, palette.ink]
    rng.shuffle(colours)
    floor = sheet.height * 0.86
    x = sheet.width * float(rng.uniform(0.4, 0.6))
    disc = palette.accents[int(rng.integers(len(palette.accents)))]
    disc_x = sheet.width * float(rng.choice([0.32, 0.5, 0.68]))
    _cut(
        sheet,
        palette,
        rng,
        circle(disc_x, sheet.height * float(rng.uniform(0.3, 0.42)), float(rng.uniform(210, 300))),
        mix(disc, palette.paper, 0.3),
        (disc_x, 300),
        300,
        0.5,
    )
    sheet.area(
        rect(-60, floor, sheet.width + 120, sheet.height),
        mix(palette.ink, palette.paper, 0.12),
        shade=palette.paper,
        tone=LinearTone(0, floor, 0, sheet.height, 0.0, 0.4),
    )
    y, half = floor + 6, float(rng.uniform(210, 270))
    below = disc
    for _ in range(int(rng.integers(5, 8))):
        thick = half * float(rng.uniform(0.26, 0.5))
        colour = _unlike(rng, colours, below)
        points = [
            (x - half, y - thick),
            (x - half * 0.62, y - thick * 1.86),
            (x + half * 0.2, y - thick * 2.0),
            (x + half * 0.86, y - thick * 1.6),
            (x + half, y - thick * 0.9),
            (x + half * 0.6, y - thick * 0.1),
            (x - half * 0.1, y),
            (x - half * 0.75, y - thick * 0.2),
        ]
        _cut(sheet, palette, rng, smooth_closed(points), colour, (x, y - thick), half)
        if rng.random() < 0.4:
            band = smooth(
                [(x - half * 0.94, y - thick * 0.72), (x, y - thick * 0.5), (x + half * 0.95, y - thick * 0.8)]
            )
            sheet.line(band, palette.reads_on(colour), 4)
        below = colour
        y -= thick * 2 - 5
        half *= float(rng.uniform(0.66, 0.88))
        x += float(rng.uniform(-34, 34))


def _waves(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Torn paper in long waves, one before another, with a disc that sinks between them."""
    w, h = sheet.width, sheet.height
    count = int(rng.integers(7, 12))
    colours = [*palette.accents, palette.ink, palette.paper]
    top = h * float(rng.uniform(0.14, 0.4))
    disc_x, disc_y, size = (
        w * float(rng.uniform(0.25, 0.75)),
        top + float(rng.uniform(-60, 90)),
        float(rng.uniform(110, 210)),
    )
    disc = palette.accents[int(rng.integers(len(palette.accents)))]
    _cut(sheet, palette, rng, circle(disc_x, disc_y, size), disc, (disc_x, disc_y), size)
    swell, pace, slant = float(rng.uniform(26, 90)), float(rng.uniform(260, 620)), float(rng.uniform(-0.22, 0.22))
    phase, below = float(rng.uniform(0, 2 * math.pi)), palette.paper
    x = np.arange(-80.0, w + 100, 20)
    for band in range(count):
        level = top + (h - top) * (band / count) ** 1.05 + 40
        phase += float(rng.uniform(0.5, 1.5))
        y = level + slant * (x - w / 2) + swell * np.sin(2 * math.pi * x / pace + phase)
        y += swell * 0.45 * np.sin(2 * math.pi * x / pace * 0.53 + 2.1 * phase)
        crest = zipped(x, y)
        colour = _unlike(rng, colours, below)
        shape = smooth(crest) + f"V{h + 160:.0f}H-80Z"
        shade = (
            mix(colour, palette.dark, 0.5)
            if distance(colour, palette.dark) > 0.12
            else mix(colour, palette.light, 0.35)
        )
        sheet.area(
            shape, colour, shade=shade, tone=LinearTone(0, level - swell, 0, level + (h - top) / count * 1.6, 0.0, 0.8)
        )
        if rng.random() < 0.4:
            pen = palette.reads_on(colour)
            for line in range(int(rng.integers(2, 5))):
                sheet.line(smooth([(px, py + 16 + 13 * line) for px, py in crest]), pen, 3.0)
        below = colour


def _mobile(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Calder's mobile: wires in balance, a paper shape at each end."""
    colours = [*palette.accents, palette.ink]
    w, h = sheet.width, sheet.height
    wash = palette.accents[int(rng.integers(len(palette.accents)))]
    _cut(
        sheet,
        palette,
        rng,
        _blob(rng, w * float(rng.uniform(0.3, 0.7)), h * float(rng.uniform(0.4, 0.65)), 300, 6, 0.2),
        mix(wash, palette.paper, 0.55),
        (w / 2, h / 2),
        320,
        0.35,
    )
    x, y = w * float(rng.uniform(0.4, 0.6)), h * 0.1
    sheet.line(f"M{x:.1f},-40V{y:.1f}", palette.ink, 3.5)
    side = float(rng.choice([-1, 1]))
    span = w * 0.3
    levels = int(rng.integers(4, 6))
    for level in range(levels):
        near, far = (x + side * span * 0.62, y + 46), (x - side * span, y + 30)
        sheet.line(smooth([near, (x, y), far]), palette.ink, 3.5)
        sheet.line(f"M{far[0]:.1f},{far[1]:.1f}v{38 + 10 * level}", palette.ink, 3)
        _charm(
            sheet,
            palette,
            rng,
            far[0],
            far[1] + 38 + 10 * level,
            float(rng.uniform(44, 78)) * (1.25 - 0.12 * level),
            colours[level % len(colours)],
        )
        drop = h * 0.68 / levels
        x, y = near[0], near[1] + drop * 0.72
        sheet.line(f"M{near[0]:.1f},{near[1]:.1f}V{y:.1f}", palette.ink, 3)
        side, span = -side, span * float(rng.uniform(0.74, 0.92))
    _charm(sheet, palette, rng, x, y, 74, colours[levels % len(colours)])


def _charm(
    sheet: Sheet, palette: Palette, rng: np.random.Generator, x: float, y: float, size: float, colour: str
) -> None:
    """A shape that hangs from (x, y)."""
    manner = int(rng.integers(5))
    shapes = (
        circle(x, y + size, size),
        ellipse(x, y + size * 0.7, size * 1.2, size * 0.7),
        leaf(x, y, size * 2.3, size * 0.8, math.pi / 2 + float(rng.uniform(-0.3, 0.3))),
        polygon([(x, y), (x + size * 1.1, y + size * 1.7), (x - size * 0.9, y + size * 1.4)]),
        sector(x, y, size * 1.2, 0, math.pi),
    )
    _cut(sheet, palette, rng, shapes[manner], colour, (x, y + size), size * 1.2)


def _arches(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Arches inside arches standing on a floor of blocks, a sun above."""
    colours = [*palette.accents, palette.ink]
    rng.shuffle(colours)
    w, h = sheet.width, sheet.height
    floor = h * float(rng.uniform(0.78, 0.88))
    sun_x, sun_y, sun = (
        w * float(rng.uniform(0.25, 0.75)),
        h * float(rng.uniform(0.16, 0.28)),
        float(rng.uniform(80, 140)),
    )
    _cut(sheet, palette, rng, circle(sun_x, sun_y, sun), colours[0], (sun_x, sun_y), sun)
    arches = [
        (float(rng.uniform(0.26, 0.36)), float(rng.uniform(0.24, 0.3)), 1.0),
        (float(rng.uniform(0.64, 0.74)), float(rng.uniform(0.2, 0.27)), 0.8),
    ]
    if rng.random() < 0.5:
        arches = [(1 - at, half, rise) for at, half, rise in arches]
    for order, (at, half_share, rise) in enumerate(arches):
        half, x = half_share * min(w, 1100), w * at
        top = floor - half * float(rng.uniform(0.5, 1.3)) * rise
        for band in range(4):
            radius = half * (1 - band * 0.235)
            colour = colours[(order * 2 + band + 1) % len(colours)] if band < 3 else palette.paper
            shape = (
                f"M{x - radius:.1f},{floor + 80:.1f}V{top:.1f}A{radius:.1f},{radius:.1f} 0 0 1 "
                f"{x + radius:.1f},{top:.1f}V{floor + 80:.1f}Z"
            )
            _cut(sheet, palette, rng, shape, colour, (x, top), half * 1.6, 0.6)
    ground = colours[-1]
    _cut(sheet, palette, rng, rect(-60, floor, w + 120, h), ground, (w / 2, floor), 400, 0.6)
    x = w * float(rng.uniform(0.42, 0.58))
    vase = rounded_rect(x - 52, floor - 96, 104, 130, 48)
    pot = _unlike(rng, [*colours, palette.paper], ground)
    for blade in range(7):
        turn = -math.pi / 2 + (blade - 3) * 0.27
        _cut(
            sheet,
            palette,
            rng,
            leaf(x, floor - 80, float(rng.uniform(170, 260)), 26, turn),
            palette.ink,
            (x, floor - 200),
            200,
            0.4,
        )
    _cut(sheet, palette, rng, vase, pot, (x, floor - 40), 90)
