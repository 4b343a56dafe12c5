"""Plants: a pressed branch, a vase of stems, a fern that grows by a rule, a meadow, reeds before a sun. Leaves are
single cuts with a midrib and a stippled half, inks lie over each other where leaves cross."""

from __future__ import annotations

import math

import numpy as np

from ..brief import Brief
from ..colour import distance, mix
from ..frames import framed
from ..palettes import Palette
from ..paths import Point, circle, drop, ellipse, leaf, rect, rounded_rect, sector, smooth
from ..press import Stock
from ..sheet import LinearTone, Sheet


def draw(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> Stock:
    """Draw one plant study, within a margin or off the edge."""
    with framed(sheet, 50.0 if rng.random() < 0.7 else 0.0):
        study(sheet, brief, rng)
    return Stock(flecks=1.2)


def study(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> None:
    """The plant itself, over the whole sheet; words may choose which."""
    if brief.says("reed", "reeds", "grass", "bamboo", "wheat", "seagrass"):
        kind = reeds
    elif brief.says("fern", "ferns", "palm", "palms", "jungle", "monstera"):
        kind = _fern
    elif brief.says("vase", "bouquet", "tulip", "tulips", "rose", "roses"):
        kind = _vase
    elif brief.says("meadow", "wildflower", "wildflowers", "poppy", "poppies", "daisy", "flower", "flowers", "garden"):
        kind = _meadow if rng.random() < 0.6 else _vase
    elif brief.says("branch", "branches", "eucalyptus", "olive", "leaf", "leaves", "herb", "herbs"):
        kind = _branch
    else:
        kinds = (_branch, _vase, _fern, _meadow, reeds)
        kind = kinds[int(rng.integers(len(kinds)))]
    kind(sheet, brief.palette, rng)


def _shade(colour: str, palette: Palette) -> str:
    return mix(colour, palette.dark, 0.5) if distance(colour, palette.dark) > 0.12 else mix(colour, palette.light, 0.3)


def _greens(palette: Palette) -> list[str]:
    """The cooler, deeper accents: what leaves are printed in."""
    ordered = sorted(palette.accents, key=lambda colour: int(colour[1:3], 16) - int(colour[3:5], 16) * 1.2)
    return [*ordered[: max(2, len(ordered) // 2)], palette.ink]


def _blooms(palette: Palette) -> list[str]:
    """The warmer accents: what flowers are printed in."""
    ordered = sorted(palette.accents, key=lambda colour: int(colour[3:5], 16) * 1.2 - int(colour[1:3], 16))
    return ordered[: max(2, (len(ordered) + 1) // 2)]


def _backdrop(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Bare paper, a sun, an arch or a wash behind the plant."""
    manner = rng.random()
    wash = mix(_blooms(palette)[int(rng.integers(len(_blooms(palette))))], palette.paper, 0.35)
    if manner < 0.4:
        x, y = sheet.width * float(rng.uniform(0.38, 0.62)), sheet.height * float(rng.uniform(0.34, 0.46))
        radius = float(rng.uniform(230, 330))
        sheet.area(
            circle(x, y, radius), wash, shade=palette.paper, tone=LinearTone(x, y - radius, x, y + radius, 0.0, 0.9)
        )
    elif manner < 0.65:
        half = sheet.width * float(rng.uniform(0.28, 0.36))
        top = sheet.height * 0.12 + half
        arch = (
            f"M{sheet.cx - half:.1f},{sheet.height + 60:.1f}V{top:.1f}A{half:.1f},{half:.1f} 0 0 1 "
            f"{sheet.cx + half:.1f},{top:.1f}V{sheet.height + 60:.1f}Z"
        )
        sheet.area(arch, wash, shade=palette.paper, tone=LinearTone(0, top, 0, sheet.height, 0.0, 0.7))
    elif manner < 0.85:
        sheet.background(
            mix(wash, palette.paper, 0.35), shade=palette.paper, tone=LinearTone(0, 0, 0, sheet.height, 0.1, 0.8)
        )


def _leaf(
    sheet: Sheet,
    palette: Palette,
    foot: Point,
    long: float,
    wide: float,
    angle: float,
    colour: str,
    *,
    rib: bool = True,
) -> None:
    """One leaf: its far half in shade, a midrib left as paper."""
    tip = (foot[0] + long * math.cos(angle), foot[1] + long * math.sin(angle))
    side = (-math.sin(angle) * wide, math.cos(angle) * wide)
    middle = ((foot[0] + tip[0]) / 2, (foot[1] + tip[1]) / 2)
    tone = LinearTone(middle[0] - side[0], middle[1] - side[1], middle[0] + side[0], middle[1] + side[1], 0.0, 0.9)
    sheet.area(leaf(*foot, long, wide, angle), colour, shade=_shade(colour, palette), tone=tone)
    if rib:
        end = (foot[0] + long * 0.86 * math.cos(angle), foot[1] + long * 0.86 * math.sin(angle))
        sheet.line(f"M{foot[0]:.1f},{foot[1]:.1f}L{end[0]:.1f},{end[1]:.1f}", palette.paper, max(1.6, wide * 0.05))


def _stem(rng: np.random.Generator, foot: Point, tip: Point, bow: float, count: int) -> list[tuple[Point, float]]:
    """Points along a bowed stem, with the direction of growth at each."""
    across = (-(tip[1] - foot[1]), tip[0] - foot[0])
    points: list[Point] = []
    for index in range(count):
        share = index / (count - 1)
        bulge = bow * math.sin(math.pi * share * 0.9)
        points.append(
            (
                foot[0] + (tip[0] - foot[0]) * share + across[0] * bulge,
                foot[1] + (tip[1] - foot[1]) * share + across[1] * bulge,
            )
        )
    directions = [
        math.atan2(
            points[min(index + 1, count - 1)][1] - points[max(index - 1, 0)][1],
            points[min(index + 1, count - 1)][0] - points[max(index - 1, 0)][0],
        )
        for index in range(count)
    ]
    return list(zip(points, directions, strict=True))


def _branch(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """One or two large branches with paired or alternate leaves, berries among them."""
    _backdrop(sheet, palette, rng)
    greens, blooms = _greens(palette), _blooms(palette)
    w, h = sheet.width, sheet.height
    paired, round_leaf = rng.random() < 0.5, rng.random() < 0.35
    count = int(rng.integers(1, 3))
    for index in range(count):
        side = -1 if index else 1
        foot = (w * (0.5 - side * float(rng.uniform(0.02, 0.2))), h * 0.97)
        tip = (w * (0.5 + side * float(rng.uniform(0.02, 0.24))), h * float(rng.uniform(0.1, 0.2)))
        nodes = _stem(rng, foot, tip, float(rng.uniform(-0.16, 0.16)), int(rng.integers(10, 14)))
        sheet.line(smooth([point for point, _ in nodes]), palette.ink, 6.5)
        colour = greens[index % len(greens)]
        for place, (point, heading) in enumerate(nodes[2:], start=2):
            share = place / len(nodes)
            long = (110 + 190 * math.sin(math.pi * (share * 0.78 + 0.16))) * (
                0.62 if paired else 0.8 if count == 2 else 1.0
            )
            wide = long * (0.42 if round_leaf else float(rng.uniform(0.2, 0.27)))
            ways = (-1, 1) if paired else ((-1) ** place,)
            for way in ways:
                ink = colour if rng.random() < 0.75 else greens[(index + 1) % len(greens)]
                _leaf(
                    sheet,
                    palette,
                    point,
                    long,
                    wide,
                    heading + way * float(rng.uniform(0.7, 1.0)) * (1.15 - 0.45 * share),
                    ink,
                )
            if rng.random() < 0.3:
                berry = (
                    point[0] + 34 * math.cos(heading + 1.9 * (-1) ** place),
                    point[1] + 34 * math.sin(heading + 1.9 * (-1) ** place),
                )
                sheet.line(f"M{point[0]:.1f},{point[1]:.1f}L{berry[0]:.1f},{berry[1]:.1f}", palette.ink, 3)
                bloom = blooms[int(rng.integers(len(blooms)))]
                sheet.area(
                    circle(*berry, 15),
                    bloom,
                    shade=_shade(bloom, palette),
                    tone=LinearTone(berry[0] - 15, berry[1] - 15, berry[0] + 15, berry[1] + 15, 0.0, 0.9),
                )
        point, heading = nodes[-1]
        _leaf(sheet, palette, point, 130, 34, heading, colour)


def flower(
    sheet: Sheet, palette: Palette, rng: np.random.Generator, x: float, y: float, size: float, colour: str, kind: int
) -> None:
    """A flower head of one of five kinds, seen from the side or from above."""
    heart = palette.ink if distance(colour, palette.ink) > 0.25 else palette.light
    shade = _shade(colour, palette)
    if kind == 0:
        petals = int(rng.integers(8, 14))
        turn = float(rng.uniform(0, 1))
        for index in range(petals):
            angle = turn + 2 * math.pi * index / petals
            tone = LinearTone(x, y, x + size * math.cos(angle), y + size * math.sin(angle), 0.85, 0.0)
            sheet.area(drop(x, y, size * 0.2, size, angle), colour, shade=shade, tone=tone)
        sheet.area(circle(x, y, size * 0.27), heart)
    elif kind == 1:
        for start, colour_here in ((0.0, colour), (0.4, mix(colour, palette.light, 0.25))):
            tone = LinearTone(x - size, y, x + size, y, 0.0, 0.8)
            cup = (
                f"M{x - size * 0.72:.1f},{y - size * 0.7 + start * 40:.1f}"
                f"C{x - size * 0.9:.1f},{y + size * 0.5:.1f} {x + size * 0.9:.1f},{y + size * 0.5:.1f} "
                f"{x + size * 0.72:.1f},{y - size * 0.7 + start * 40:.1f}"
                f"L{x + size * 0.34:.1f},{y - size * 0.25:.1f}L{x:.1f},{y - size * (0.85 - start):.1f}"
                f"L{x - size * 0.34:.1f},{y - size * 0.25:.1f}Z"
            )
            sheet.area(cup, colour_here, shade=shade, tone=tone)
    elif kind == 2:
        for radius, ink in ((1.0, colour), (0.72, mix(colour, palette.light, 0.28)), (0.36, heart)):
            tone = LinearTone(x - size, y - size, x + size, y + size, 0.0, 0.75)
            sheet.area(circle(x, y, size * radius * 0.82), ink, shade=shade if ink != heart else heart, tone=tone)
        sheet.area(
            "".join(
                circle(
                    x + size * 0.52 * math.cos(k * math.pi / 7),
                    y + size * 0.52 * math.sin(k * math.pi / 7),
                    size * 0.05,
                )
                for k in range(14)
            ),
            heart,
        )
    elif kind == 3:
        tone = LinearTone(x, y - size, x, y + size * 0.4, 0.0, 0.9)
        sheet.area(sector(x, y, size, math.pi, 2 * math.pi), colour, shade=shade, tone=tone)
        for index in range(7):
            angle = math.pi + math.pi * (index + 0.5) / 7
            sheet.line(
                f"M{x:.1f},{y:.1f}L{x + size * 0.92 * math.cos(angle):.1f},{y + size * 0.92 * math.sin(angle):.1f}",
                palette.paper,
                2.4,
            )
        sheet.area(sector(x, y, size * 0.36, math.pi, 2 * math.pi), heart)
    else:
        for index in range(22):
            angle = -math.pi / 2 + (index - 10.5) * 0.15
            far = size * (1.15 if index % 2 else 0.95)
            end = (x + far * math.cos(angle), y + far * math.sin(angle))
            sheet.line(f"M{x:.1f},{y:.1f}L{end[0]:.1f},{end[1]:.1f}", colour, 2.8)
            sheet.area(circle(*end, size * 0.075), colour)
        sheet.area(ellipse(x, y, size * 0.16, size * 0.22), heart)


def _vase(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """A still life: a pot on a table, stems that fan out of it."""
    _backdrop(sheet, palette, rng)
    greens, blooms = _greens(palette), _blooms(palette)
    w, h = sheet.width, sheet.height
    table = h * float(rng.uniform(0.8, 0.86))
    cloth = palette.accents[int(rng.integers(len(palette.accents)))]
    sheet.area(
        rect(-60, table, w + 120, h),
        mix(cloth, palette.paper, 0.2),
        shade=_shade(cloth, palette),
        tone=LinearTone(0, table, 0, h, 0.1, 0.7),
    )
    x, mouth = w * float(rng.uniform(0.46, 0.54)), h * float(rng.uniform(0.6, 0.64))
    count = int(rng.integers(5, 9))
    for index in range(count):
        spread = (index - (count - 1) / 2) / max(1, (count - 1) / 2)
        tip = (
            x + spread * w * 0.34 + float(rng.uniform(-30, 30)),
            h * (0.19 + 0.17 * abs(spread)) + float(rng.uniform(-30, 50)),
        )
        nodes = _stem(rng, (x + spread * 22, mouth + 30), tip, 0.09 * spread, 9)
        sheet.line(smooth([point for point, _ in nodes]), palette.ink, 5.5)
        green = greens[index % len(greens)]
        for place in (3, 4, 5, 6):
            if rng.random() < 0.75:
                point, heading = nodes[place]
                _leaf(
                    sheet,
                    palette,
                    point,
                    float(rng.uniform(90, 150)),
                    float(rng.uniform(20, 38)),
                    heading + float(rng.choice([-0.8, 0.8])),
                    green,
                )
        flower(
            sheet, palette, rng, *tip, float(rng.uniform(62, 108)), blooms[index % len(blooms)], int(rng.integers(5))
        )
    pot_inks = [colour for colour in (*palette.accents, palette.ink) if distance(colour, cloth) > 0.14]
    pot = pot_inks[int(rng.integers(len(pot_inks)))]
    wide = float(rng.uniform(105, 150))
    neck = wide * float(rng.uniform(0.42, 0.8))
    foot = table + 46
    belly = (mouth + foot) / 2
    shape = (
        f"M{x - neck:.1f},{mouth:.1f}C{x - neck * 0.7:.1f},{mouth + 50:.1f} "
        f"{x - wide * 1.35:.1f},{belly - 40:.1f} {x - wide:.1f},{foot - 40:.1f}"
        f"Q{x - wide * 0.86:.1f},{foot:.1f} {x - wide * 0.5:.1f},{foot:.1f}H{x + wide * 0.5:.1f}"
        f"Q{x + wide * 0.86:.1f},{foot:.1f} {x + wide:.1f},{foot - 40:.1f}"
        f"C{x + wide * 1.35:.1f},{belly - 40:.1f} {x + neck * 0.7:.1f},{mouth + 50:.1f} {x + neck:.1f},{mouth:.1f}Z"
    )
    with sheet.overprint(0.35):
        sheet.area(ellipse(x + wide * 0.5, foot - 4, wide * 1.5, 20), palette.dark)
    sheet.area(shape, pot, shade=_shade(pot, palette), tone=LinearTone(x - wide * 0.7, 0, x + wide * 1.2, 0, 0.0, 0.95))
    with sheet.clipped(shape):
        line = palette.reads_on(pot)
        top = mouth + (foot - mouth) * 0.42
        if rng.random() < 0.5:
            for band in range(3):
                sheet.area(rect(x - 300, top + band * 26, 600, 9), line)
        else:
            for tooth in range(-6, 7):
                sheet.line(f"M{x + tooth * 34 - 17:.1f},{top + 44:.1f}l17,-40l17,40", line, 6)


def _fern(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Fronds that unfold from one root, each leaflet smaller than the last by the same rule."""
    _backdrop(sheet, palette, rng)
    greens = _greens(palette)
    w, h = sheet.width, sheet.height
    root = (w * float(rng.uniform(0.42, 0.58)), h * 0.98)
    count = int(rng.integers(5, 8))
    order = sorted(range(count), key=lambda index: -abs(index - (count - 1) / 2))
    for index in order:
        spread = (index - (count - 1) / 2) / ((count - 1) / 2)
        tip = (root[0] + spread * w * 0.44, h * (0.12 + 0.3 * abs(spread) ** 1.4) + float(rng.uniform(-20, 40)))
        nodes = _stem(rng, root, tip, 0.16 * spread, 30)
        colour = greens[index % len(greens)]
        sheet.line(
            smooth([point for point, _ in nodes]),
            palette.ink if distance(colour, palette.ink) > 0.08 else palette.accents[0],
            4.6,
        )
        for place, (point, heading) in enumerate(nodes[4:-1], start=4):
            share = place / len(nodes)
            long = 128 * math.sin(math.pi * (0.12 + 0.86 * share)) ** 0.9 * (1.1 - 0.5 * share)
            for way in (-1, 1):
                _leaf(sheet, palette, point, long, long * 0.15, heading + way * (1.22 - 0.5 * share), colour, rib=False)


def _meadow(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Wild flowers at the height of a child's eye, pale ones behind."""
    _backdrop(sheet, palette, rng)
    greens, blooms = _greens(palette), _blooms(palette)
    w, h = sheet.width, sheet.height
    kinds = rng.permutation(5)[:3].tolist()
    for layer in range(3):
        near = layer / 2
        veil = 0.55 * (1 - near)
        for _ in range(int((9 - 1.5 * layer) * w / 1000) + 1):
            x = float(rng.uniform(0.02, 0.98)) * w
            tall = h * float(rng.uniform(0.38, 0.6)) * (1.12 - 0.3 * near)
            foot = (x, h + 20)
            tip = (x + float(rng.uniform(-70, 70)), h - tall)
            nodes = _stem(rng, foot, tip, float(rng.uniform(-0.06, 0.06)), 8)
            green = mix(greens[int(rng.integers(len(greens)))], palette.paper, veil)
            sheet.line(smooth([point for point, _ in nodes]), green, 3.6 + 2 * near)
            for place in (2, 3, 4):
                point, heading = nodes[place]
                _leaf(
                    sheet,
                    palette,
                    point,
                    float(rng.uniform(80, 170)),
                    float(rng.uniform(13, 26)),
                    heading + float(rng.choice([-0.5, 0.5])),
                    green,
                    rib=near > 0.4,
                )
            bloom = mix(blooms[int(rng.integers(len(blooms)))], palette.paper, veil)
            flower(
                sheet,
                palette,
                rng,
                *tip,
                float(rng.uniform(44, 74)) * (0.8 + 0.4 * near),
                bloom,
                int(kinds[int(rng.integers(3))]),
            )


def reeds(sheet: Sheet, palette: Palette, rng: np.random.Generator) -> None:
    """Reeds and rushes in still water before a low sun."""
    w, h = sheet.width, sheet.height
    sun = palette.accents[0]
    x, y, radius = w * float(rng.uniform(0.3, 0.7)), h * float(rng.uniform(0.28, 0.4)), float(rng.uniform(140, 210))
    sheet.area(
        circle(x, y, radius), sun, shade=palette.paper, tone=LinearTone(x, y - radius, x, y + radius * 1.1, 0.0, 0.75)
    )
    reed_bed(sheet, palette, rng, 0.0, w, h, 1.0)


def reed_bed(
    sheet: Sheet, palette: Palette, rng: np.random.Generator, left: float, right: float, foot: float, density: float
) -> None:
    """Blades and bulrushes that stand from `left` to `right`, pale behind and dark in front."""
    h = sheet.height
    for layer in range(3):
        near = layer / 2
        colour = mix(palette.ink, palette.paper, 0.62 * (1 - near))
        for _ in range(int(26 * density * (right - left) / 1000)):
            x = float(rng.uniform(left, right))
            tall, lean = h * float(rng.uniform(0.22, 0.62)), float(rng.uniform(-120, 120))
            tip = (x + lean, foot - tall)
            wide = 5.0 + 6 * near
            bend = (x + lean * 0.16, foot - tall * 0.62)
            blade = (
                f"M{x - wide:.1f},{foot + 20:.1f}Q{bend[0] - wide * 0.6:.1f},{bend[1]:.1f} "
                f"{tip[0]:.1f},{tip[1]:.1f}Q{bend[0] + wide * 0.9:.1f},{bend[1]:.1f} "
                f"{x + wide:.1f},{foot + 20:.1f}Z"
            )
            sheet.area(blade, colour)
        for _ in range(int(5 * density * (right - left) / 1000) + (1 if density else 0)):
            x, tall = float(rng.uniform(left, right)), h * float(rng.uniform(0.4, 0.66))
            lean = float(rng.uniform(-36, 36))
            sheet.line(
                f"M{x:.1f},{foot + 20:.1f}Q{x + lean * 0.2:.1f},{foot - tall * 0.6:.1f} "
                f"{x + lean:.1f},{foot - tall:.1f}",
                colour,
                3.4 + near,
            )
            head = rounded_rect(-9 - 2 * near, 0, 18 + 4 * near, 92, 12)
            with sheet.moved(x + lean, foot - tall + 12, turn=-lean * 0.12):
                brown = mix(palette.accents[-1], palette.paper, 0.5 * (1 - near))
                sheet.area(head, brown, shade=_shade(brown, palette), tone=LinearTone(-10, 0, 12, 0, 0.0, 0.9))
                sheet.line("M0,0v-26", colour, 2.6)
