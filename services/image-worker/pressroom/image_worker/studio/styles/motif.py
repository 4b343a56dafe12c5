"""One figure as a print: a cat, a heron, a pumpkin before a fitting backdrop. Words choose the figure and the manner
(flat ink, woodcut, neon); the seed chooses the backdrop, the side it faces and the inks."""

from __future__ import annotations

import math

import numpy as np

from ..brief import Brief
from ..colour import contrast, distance, lightness, mix
from ..figures import FIGURES, Cutter, Inks
from ..frames import framed
from ..palettes import MIN_ACCENT_DISTANCE, Palette
from ..paths import circle, ellipse, polygon, rect, smooth
from ..press import Stock
from ..scenery import draw_crescent, draw_pine_row, draw_rayed_sun, draw_stars, make_ridge
from ..sheet import LinearTone, RadialTone, Sheet
from .botanical import reed_bed
from .city import skyline

_FACING = frozenset({"heron", "bird", "fish", "whale", "fox", "cup", "guitar"})
"""Figures that look to one side and may be turned about."""
_SOCIABLE = frozenset({"pumpkin", "fish", "butterfly", "cactus", "skull", "plant", "cat", "owl"})
"""Figures that may bring two smaller ones of their kind."""
_SPREAD = {"controller": 1.12, "whale": 1.04}
"""Wide, low figures are drawn larger to fill the sheet as well as tall ones do."""
_AFLOAT = frozenset({"fish", "whale", "butterfly", "rocket", "controller", "guitar", "fruit", "skull"})
"""Figures that need no ground under them."""


def draw(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> Stock:
    """Draw the prompt's figure, or one that the dice choose."""
    manner = _manner(brief)
    with framed(sheet, 50.0 if rng.random() < 0.6 or manner == "woodcut" else 0.0):
        picture(sheet, brief, rng)
    if manner == "woodcut":
        inset = 50.0
        border = rect(inset, inset, sheet.width - 2 * inset, sheet.height - 2 * inset)
        sheet.line(border, brief.palette.ink, 9, join="miter")
    return Stock(flecks=2.2 if manner == "woodcut" else 1.1)


def picture(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> None:
    """The figure before its backdrop, over the whole sheet."""
    name = brief.motif or sorted(FIGURES)[int(rng.integers(len(FIGURES)))]
    manner = _manner(brief)
    ground = brief.palette.dark if manner == "neon" else brief.palette.paper
    behind = _backdrop(sheet, brief, rng, name, manner, ground)
    _stand(sheet, brief, rng, name, manner, behind)


def _manner(brief: Brief) -> str:
    if brief.says("woodcut", "linocut", "lino", "engraving", "etching", "woodblock", "block"):
        return "woodcut"
    if brief.palette.is_dark and brief.says(
        "neon", "cyberpunk", "synthwave", "glow", "glowing", "laser", "cyber", "electric"
    ):
        return "neon"
    return "print"


def _inks(palette: Palette, manner: str, behind: str, rng: np.random.Generator) -> Inks:
    """Colours for the figure, of which the body is the one that leaps most from what is behind it."""
    accents = list(palette.accents)
    if manner == "neon":
        rng.shuffle(accents)
        bright = sorted(accents, key=lambda colour: -contrast(colour, palette.dark))[: max(3, len(accents) - 1)]
        rng.shuffle(bright)
        return Inks(bright[0], bright[1 % len(bright)], bright[2 % len(bright)], palette.light, palette.dark)
    if manner == "woodcut":
        warm = max(accents, key=lambda colour: int(colour[1:3], 16) - int(colour[5:7], 16))
        return Inks(palette.dark, palette.dark, warm, palette.light, palette.dark)
    apart = [colour for colour in (*accents, palette.dark) if distance(colour, behind) >= 0.16] or [palette.dark]
    weights = np.array([distance(colour, behind) for colour in apart])
    body = apart[int(rng.choice(len(apart), p=weights / weights.sum()))]
    rest = [colour for colour in accents if distance(colour, body) >= MIN_ACCENT_DISTANCE] or accents
    second = rest[int(rng.integers(len(rest)))]
    accent = max(rest, key=lambda colour: distance(colour, second) + 0.3 * distance(colour, body))
    return Inks(body, second, accent, palette.light, palette.dark)


_NATURAL: dict[str, tuple[int, int, int]] = {
    # What people expect the body of a thing to be, as red, green, blue.
    "pumpkin": (224, 103, 31),
    "fox": (205, 95, 40),
    "cactus": (70, 130, 80),
    "mushroom": (200, 50, 40),
    "fruit": (242, 150, 40),
    "whale": (40, 80, 120),
}


def _natural(inks: Inks, name: str, palette: Palette, behind: str) -> Inks:
    """Swap the body for the accent nearest to the thing's own colour, if that stands out from the backdrop."""
    if name not in _NATURAL:
        return inks
    wanted = "#" + "".join(f"{channel:02x}" for channel in _NATURAL[name])
    nearest = min(palette.accents, key=lambda colour: distance(colour, wanted))
    if distance(nearest, behind) < 0.1:
        return inks
    rest = [colour for colour in palette.accents if colour != nearest]
    second = inks.second if inks.second != nearest else rest[0]
    accent = inks.accent if inks.accent != nearest else max(rest, key=lambda colour: distance(colour, second))
    if name == "pumpkin":
        second = min(rest, key=lambda colour: int(colour[1:3], 16) - int(colour[3:5], 16))
        accent = max(
            (*rest, palette.light),
            key=lambda colour: lightness(colour) + (int(colour[1:3], 16) - int(colour[5:7], 16)) / 400,
        )
    return Inks(nearest, second, accent, inks.light, inks.dark)


def _backdrop(sheet: Sheet, brief: Brief, rng: np.random.Generator, name: str, manner: str, ground: str) -> str:
    """What is behind the figure; returns the colour that the figure must stand out from."""
    palette, w, h = brief.palette, sheet.width, sheet.height
    accents = list(palette.accents)
    wash = accents[int(rng.integers(len(accents)))]
    if manner == "neon":
        skyline(sheet, brief, rng, detail=0.5)
        sheet.area(rect(-60, 0, w + 120, h + 60), palette.dark, opacity=0.42)
        return palette.dark
    if manner == "woodcut":
        x, y = w / 2, h * 0.46
        draw_rayed_sun(sheet, x, y, 300, int(rng.choice([28, 36, 44])), palette.ink, 1.0)
        sheet.area(circle(x, y, min(w, h) * 0.43), palette.paper)
        return palette.paper
    sheet.background(ground)
    if (
        brief.says("moon", "night", "halloween", "spooky", "witch")
        or name == "owl"
        or (palette.is_dark and rng.random() < 0.5)
    ):
        return _night(sheet, brief, rng)
    if name in ("heron",) or brief.says("reeds", "reed", "bamboo"):
        x, y, radius = (
            w * float(rng.choice([0.34, 0.5, 0.66])),
            h * float(rng.uniform(0.3, 0.38)),
            float(rng.uniform(210, 290)),
        )
        sheet.area(
            circle(x, y, radius),
            mix(wash, palette.paper, 0.15),
            shade=palette.paper,
            tone=LinearTone(x, y - radius, x, y + radius, 0.0, 0.8),
        )
        reed_bed(sheet, palette, rng, 0.0, w, h, 0.55)
        return palette.paper
    if name in ("fish", "whale"):
        return _sea(sheet, palette, rng, wash)
    if name == "rocket":
        return _night(sheet, brief, rng)
    manner_of_ground = rng.random()
    x, y = w / 2, h * 0.46
    if manner_of_ground < 0.34:
        radius = min(w, h) * float(rng.uniform(0.38, 0.44))
        sheet.area(
            circle(x, y, radius),
            wash,
            shade=mix(wash, palette.paper, 0.55),
            tone=RadialTone(x - 150, y - 200, radius * 1.6, 0.9, 0.0),
        )
        return wash
    if manner_of_ground < 0.58:
        draw_rayed_sun(sheet, x, y, 330, int(rng.choice([12, 16, 20])), wash, 0.5)
        return mix(wash, palette.paper, 0.6)
    if manner_of_ground < 0.8:
        half = min(w * 0.4, h * 0.36)
        arch = (
            f"M{x - half:.1f},{h + 60:.1f}V{h * 0.12 + half:.1f}A{half:.1f},{half:.1f} 0 0 1 "
            f"{x + half:.1f},{h * 0.12 + half:.1f}V{h + 60:.1f}Z"
        )
        sheet.area(arch, wash, shade=mix(wash, palette.paper, 0.6), tone=LinearTone(0, h * 0.1, 0, h * 0.9, 0.0, 0.9))
        return wash
    second = accents[(accents.index(wash) + 1) % len(accents)]
    sheet.background(wash, shade=mix(wash, palette.dark, 0.3), tone=LinearTone(0, 0, 0, h, 0.0, 0.6))
    for dot_y in np.arange(40, h, 74).tolist():
        shift = 37 if int(dot_y / 74) % 2 else 0
        sheet.area(
            "".join(circle(dot_x + shift, dot_y, 6) for dot_x in np.arange(0, w, 74).tolist()), mix(second, wash, 0.4)
        )
    return wash


def _night(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> str:
    """A great moon, stars, and bats where the words are of that kind."""
    palette, w, h = brief.palette, sheet.width, sheet.height
    glow = palette.accents[int(rng.integers(len(palette.accents)))]
    sky = mix(palette.dark, glow, float(rng.choice([0.0, 0.12, 0.4])))
    sheet.background(sky, shade=mix(sky, glow, 0.55), tone=LinearTone(0, h * 0.15, 0, h, 0.0, 0.8))
    draw_stars(sheet, rng, h * 0.9, 90, palette.light)
    x, y, radius = w * float(rng.uniform(0.3, 0.7)), h * float(rng.uniform(0.26, 0.42)), float(rng.uniform(210, 380))
    moon = mix(palette.light, max(palette.accents, key=lightness), 0.25)
    if rng.random() < 0.4:
        hill = h * float(rng.uniform(0.6, 0.72))
        for layer, share in enumerate((0.55, 0.3)):
            ridge = make_ridge(rng, sheet, hill + layer * 80, 60, 420, 0.4)
            land = mix(sky, glow, share)
            sheet.area(polygon(ridge.outline(h + 60)), land, shade=sky, tone=LinearTone(0, hill, 0, h, 0.0, 0.8))
            draw_pine_row(sheet, rng, ridge, 120 + 60 * layer, 6, mix(sky, glow, share * 0.6))
    if rng.random() < 0.8:
        sheet.area(circle(x, y, radius * 1.16), moon, opacity=0.13)
        sheet.area(
            circle(x, y, radius),
            moon,
            shade=mix(moon, glow, 0.6),
            tone=LinearTone(x - radius, y - radius, x + radius, y + radius, 0.0, 0.7),
        )
        behind = moon
    else:
        draw_crescent(sheet, w * 0.76, h * 0.18, 90, moon)
        behind = sky
    if brief.says("halloween", "spooky", "witch", "bat", "bats", "vampire", "haunted", "pumpkin"):
        _bats(sheet, palette, rng, (x, y, radius), behind == moon)
    return behind


_BAT = (
    "M0,10C-8,-2 -12,-14 -10,-26L-4,-16H4L10,-26C12,-14 8,-2 0,10ZM-6,0C-30,-34 -66,-34 -92,-14C-70,-14 -62,-4 -60,10"
    "C-48,0 -38,2 -32,14C-24,4 -12,4 0,22C12,4 24,4 32,14C38,2 48,0 60,10C62,-4 70,-14 92,-14C66,-34 30,-34 6,0Z"
)


def _bats(
    sheet: Sheet, palette: Palette, rng: np.random.Generator, moon: tuple[float, float, float], has_moon: bool
) -> None:
    """Bats, dark before the moon and pale before the sky."""
    x, y, radius = moon
    for index in range(int(rng.integers(4, 8))):
        before_moon = has_moon and index < 3
        turn, far = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0.25, 0.8)) * radius
        at_x = x + far * math.cos(turn) if before_moon else float(rng.uniform(0.1, 0.9)) * sheet.width
        at_y = y - abs(far * math.sin(turn)) if before_moon else float(rng.uniform(0.06, 0.4)) * sheet.height
        on_moon = has_moon and math.hypot(at_x - x, at_y - y) < radius
        with sheet.moved(at_x, at_y, turn=float(rng.uniform(-18, 18)), scale=float(rng.uniform(0.45, 1.0))):
            sheet.area(_BAT, palette.dark if on_moon else mix(palette.dark, palette.light, 0.45))


def _sea(sheet: Sheet, palette: Palette, rng: np.random.Generator, wash: str) -> str:
    """Water in bands of waves, a sun over it."""
    w, h = sheet.width, sheet.height
    cool = min(palette.accents, key=lambda colour: int(colour[1:3], 16) - int(colour[5:7], 16))
    warm = max(palette.accents, key=lambda colour: int(colour[1:3], 16) - int(colour[5:7], 16))
    sheet.area(
        circle(w * float(rng.uniform(0.3, 0.7)), h * 0.24, 150),
        warm,
        shade=palette.paper,
        tone=LinearTone(0, h * 0.12, 0, h * 0.36, 0.0, 0.8),
    )
    sky = palette.paper
    for band in range(5):
        top = h * (0.3 + 0.145 * band)
        colour = mix(cool, sky, 0.68 - 0.13 * band)
        step = 80.0 - 4 * band
        crest = [(-80 + index * step, top + (20 if index % 2 else -20)) for index in range(int(w / step) + 4)]
        shape = smooth(crest) + f"V{h + 60:.0f}H-80Z"
        sheet.area(
            shape, colour, shade=mix(colour, palette.dark, 0.35), tone=LinearTone(0, top, 0, top + h * 0.18, 0.0, 0.6)
        )
    return mix(cool, sky, 0.35)


def _stand(sheet: Sheet, brief: Brief, rng: np.random.Generator, name: str, manner: str, behind: str) -> None:
    """Put the figure in its place, large, on a ground of its own if it needs one."""
    palette, w, h = brief.palette, sheet.width, sheet.height
    scale = min(w / 1000, h / 1120) * float(rng.uniform(0.82, 0.97)) * _SPREAD.get(name, 1.0)
    centre_y = h * 0.5 if name in _AFLOAT else h * 0.87 - 425 * scale
    inks = _inks(palette, manner, behind, rng)
    if manner == "print":
        inks = _natural(inks, name, palette, behind)
    if name not in _AFLOAT and name != "heron" and manner != "neon":
        floor = h * 0.85
        soil = palette.dark if manner == "woodcut" or lightness(behind) > 0.5 else palette.accents[0]
        hump = (
            smooth([(-60, floor + 30), (w * 0.25, floor - 8), (w * 0.6, floor + 6), (w + 60, floor + 26)])
            + f"V{h + 60:.0f}H-60Z"
        )
        sheet.area(hump, soil, shade=mix(soil, palette.light, 0.25), tone=LinearTone(0, floor, 0, h, 0.0, 0.7))
        if manner == "woodcut":
            _turf(sheet, palette, rng, floor)
    if name not in _AFLOAT and name != "heron" and manner == "print":
        with sheet.overprint(0.3):
            sheet.area(ellipse(w / 2 + 30 * scale, centre_y + 424 * scale, 300 * scale, 26 * scale), palette.dark)
    turn = float(rng.uniform(-9, 9)) if name in _AFLOAT and name != "skull" else 0.0
    if name == "rocket":
        turn = float(rng.uniform(14, 30)) * float(rng.choice([-1, 1]))
    cutter = Cutter(sheet, palette, inks, manner, rng)
    flip = name in _FACING and rng.random() < 0.5
    with sheet.mirrored(w / 2) if flip else sheet.moved(), sheet.moved(w / 2, centre_y, turn=turn, scale=scale):
        if name in _SOCIABLE and rng.random() < 0.5:
            for side in (-1, 1):
                small = float(rng.uniform(0.36, 0.6))
                lift = float(rng.uniform(-330, 260)) if name in _AFLOAT else 428 - 425 * small
                with sheet.moved(
                    side * float(rng.uniform(290, 360)), lift, turn=side * float(rng.uniform(0, 9)), scale=small
                ):
                    FIGURES[name](cutter)
        FIGURES[name](cutter)
    if name == "heron":
        reed_bed(sheet, palette, rng, 0.0, w * 0.26, h, 0.5)
        reed_bed(sheet, palette, rng, w * 0.78, w, h, 0.5)
        for row in range(5):
            y = h * 0.87 + row * h * 0.024
            half = w * float(rng.uniform(0.05, 0.2))
            x = w * float(rng.uniform(0.35, 0.65))
            sheet.line(f"M{x - half:.1f},{y:.1f}H{x + half:.1f}", palette.ink, 3.4)


def _turf(sheet: Sheet, palette: Palette, rng: np.random.Generator, floor: float) -> None:
    """Gouge marks on the ground of a woodcut."""
    for _ in range(120):
        x, y = float(rng.uniform(0, sheet.width)), floor + 20 + float(rng.random()) * (sheet.height - floor)
        long = float(rng.uniform(20, 90))
        lens = [(x, y), (x + long / 2, y + 3.2), (x + long, y + math.sin(x) * 3), (x + long / 2, y - 2.2)]
        sheet.area(polygon(lens), palette.light)
