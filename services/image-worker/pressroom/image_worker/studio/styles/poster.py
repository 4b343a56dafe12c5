"""Posters: the prompt's words set as a headline with one strong composition, in the manners of the Swiss grid,
Bauhaus diagonals, deco rays, seventies rainbows and wood type. A prompt without a letter that the faces can show gets
the composition alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..brief import Brief
from ..colour import contrast, distance, mix
from ..frames import framed
from ..palettes import MIN_ACCENT_DISTANCE, Palette
from ..paths import arc, circle, polygon, rect, sector
from ..press import Stock
from ..sheet import LinearTone, RadialTone, Sheet
from ..typesetting import CONDENSED, DIDONE, GEOMETRIC, GROTESK, RETRO, SLAB, TEXT, Block, Face, fit, set_line, settable
from . import botanical, city, landscape, motif

MIN_HEADLINE_CONTRAST = 3.0
"""WCAG 2.2 asks 3:1 of large text."""
MARGIN = 70.0


_SCENES = (
    "travel mountain mountains forest sea ocean beach coast island lake desert canyon park national alps valley hills "
    "vineyard sunset sunrise sailing surf camping hiking city paris london tokyo york lisbon rome venice skyline "
    "landscape flower flowers garden botanical"
)
"""Words of a poster that ask for a picture over the words."""
_CITIES = ("city", "paris", "london", "tokyo", "york", "skyline", "berlin", "chicago")


@dataclass(frozen=True)
class _Words:
    """What the poster says: empty strings for what cannot be set."""

    headline: str
    small: str


def draw(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> Stock:
    """Set the headline in one of six compositions."""
    if brief.says("bauhaus", "constructivist"):
        compose = _bauhaus
    elif brief.says("deco", "gatsby", "jazz", "twenties"):
        compose = _deco
    elif brief.says("seventies", "70s", "groovy", "retro", "disco", "rainbow"):
        compose = _rainbow
    elif brief.says("woodtype", "letterpress", "typography", "typographic"):
        compose = _letterpress
    elif brief.says("swiss", "minimalist", "minimal", "grid"):
        compose = _swiss
    elif brief.motif or brief.says(*_SCENES.split()):
        compose = _pictorial
    elif brief.says("wood", "western", "vintage"):
        compose = _letterpress
    else:
        compositions = (_swiss, _bauhaus, _deco, _rainbow, _letterpress, _eclipse, _swiss, _eclipse)
        compose = compositions[int(rng.integers(len(compositions)))]
    compose(sheet, brief, rng)
    return Stock(flecks=1.3)


def _words(brief: Brief, face: Face, *, capitals: bool) -> _Words:
    # Upper-casing may lengthen a word (ß); the headline's length is cut before, by the reading of the prompt.
    headline = settable(brief.headline.upper() if capitals else _sentence(brief.headline), face)[:90]
    return _Words(headline, settable(brief.small_print.upper(), TEXT)[:48])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if text.islower() else text


def _reading_ink(palette: Palette, ground: str, rng: np.random.Generator) -> str:
    """A colour for type on a ground: an accent if one is strong enough, else paper or ink."""
    strong = [colour for colour in palette.accents if contrast(colour, ground) >= MIN_HEADLINE_CONTRAST]
    plain = palette.reads_on(ground)
    return strong[int(rng.integers(len(strong)))] if strong and rng.random() < 0.35 else plain


def _set(
    sheet: Sheet, block: Block, x: float, top: float, colour: str, *, align: float = 0.0, width: float = 0.0
) -> None:
    """Ink a block of lines with its first capitals at `top`; `align` is 0 left, 0.5 centred, 1 right in `width`."""
    for line, baseline in zip(block.lines, block.baselines(top), strict=True):
        sheet.glyphs(line.path_at(x + (width - line.width * block.size) * align, baseline, block.size), colour)


def _small(sheet: Sheet, text: str, x: float, baseline: float, colour: str, size: float, *, align: float = 0.0) -> None:
    if text:
        line = set_line(text, TEXT)
        size = min(size, (sheet.width - 2 * MARGIN) / line.width)
        sheet.glyphs(line.path_at(x - line.width * size * align, baseline, size), colour)


def _accents(palette: Palette, rng: np.random.Generator, ground: str) -> list[str]:
    colours = [
        colour
        for colour in (*palette.accents, palette.ink, palette.paper)
        if distance(colour, ground) > MIN_ACCENT_DISTANCE
    ]
    head, tail = colours[:-1], colours[-1:]
    rng.shuffle(head)
    return [*head, *tail]


def _shaded(sheet: Sheet, palette: Palette, shape: str, colour: str, tone: LinearTone | RadialTone) -> None:
    shade = (
        mix(colour, palette.dark, 0.55) if distance(colour, palette.dark) > 0.12 else mix(colour, palette.light, 0.35)
    )
    sheet.area(shape, colour, shade=shade, tone=tone)


def _swiss(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> None:
    """Flush left, tight grotesk at the foot (or the head); quarter discs on a strict grid fill the rest."""
    palette, w, h = brief.palette, sheet.width, sheet.height
    ground = palette.paper if rng.random() < 0.6 else palette.accents[0]
    sheet.background(ground)
    words = _words(brief, GROTESK, capitals=False)
    inner = w - 2 * MARGIN
    colours = _accents(palette, rng, ground)
    at_foot = rng.random() < 0.6
    ink = palette.reads_on(ground)
    art_top, art_bottom = MARGIN, h - MARGIN
    if words.headline:
        block = fit(words.headline, GROTESK, inner, h * 0.36, 190)
        deep = block.height + block.cap * 0.34
        top = h - MARGIN - deep if at_foot else MARGIN
        _set(sheet, block, MARGIN, top + block.cap * 0.04, ink)
        art_top, art_bottom = (MARGIN + 60, top - 44) if at_foot else (top + deep + 40, h - MARGIN - 60)
        line_y = MARGIN + 22 if at_foot else h - MARGIN
        _small(sheet, words.small, MARGIN, line_y, ink, 21)
        sheet.area(rect(MARGIN, line_y + (14 if at_foot else -40), inner, 4), ink)
    columns = round(int(rng.choice([2, 3, 3, 4])) * max(1.0, inner / 860))
    rows = max(1, round((art_bottom - art_top) * columns / inner))
    cell = inner / columns
    cell_y = (art_bottom - art_top) / rows
    for row in range(rows):
        for column in range(columns):
            if rng.random() < 0.1:
                continue
            colour = colours[int(rng.integers(len(colours)))]
            x, y = MARGIN + column * cell, art_top + row * cell_y
            _grid_shape(sheet, palette, rng, x, y, cell, cell_y, colour)


def _grid_shape(
    sheet: Sheet, palette: Palette, rng: np.random.Generator, x: float, y: float, wide: float, tall: float, colour: str
) -> None:
    tone = (
        LinearTone(x, y, x + wide, y + tall, 0.0, 0.85)
        if rng.random() < 0.5
        else LinearTone(x + wide, y, x, y + tall, 0.0, 0.85)
    )
    with sheet.clipped(rect(x, y, wide, tall)):
        manner = int(rng.integers(6))
        size = max(wide, tall)
        if manner in (0, 1):
            corner_x, corner_y = x + wide * int(rng.integers(2)), y + tall * int(rng.integers(2))
            _shaded(sheet, palette, circle(corner_x, corner_y, min(wide, tall)), colour, tone)
        elif manner == 2:
            _shaded(sheet, palette, circle(x + wide / 2, y + tall / 2, min(wide, tall) / 2), colour, tone)
        elif manner == 3:
            bars = "".join(rect(x, y + tall * bar / 8, wide, tall / 16) for bar in range(8))
            sheet.area(bars, colour)
        elif manner == 4:
            _shaded(sheet, palette, rect(x, y, wide, tall), colour, tone)
        else:
            left = int(rng.integers(2))
            _shaded(
                sheet,
                palette,
                sector(
                    x + wide * left,
                    y + tall / 2,
                    size / 2,
                    math.pi / 2 if left else -math.pi / 2,
                    math.pi * 1.5 if left else math.pi / 2,
                ),
                colour,
                tone,
            )


def _bauhaus(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> None:
    """A turned field of bars and discs, with the headline riding on the same slant."""
    palette, w, h = brief.palette, sheet.width, sheet.height
    ground = palette.paper
    sheet.background(ground)
    colours = _accents(palette, rng, ground)
    slant = float(rng.choice([-32, -24, 24, 32]))
    words = _words(brief, GEOMETRIC, capitals=True)
    centre_x, centre_y = w * float(rng.uniform(0.42, 0.58)), h * float(rng.uniform(0.34, 0.42))
    big = float(rng.uniform(250, 320))
    first, second, third = colours[0], colours[1 % len(colours)], colours[2 % len(colours)]
    with sheet.moved(centre_x, centre_y, turn=slant):
        sheet.area(rect(-1400, -big * 0.2, 1400, big * 0.4), palette.ink)
        _shaded(sheet, palette, circle(0, 0, big), first, RadialTone(-big * 0.4, -big * 0.4, big * 1.8, 0.0, 0.9))
        _shaded(sheet, palette, sector(0, 0, big, 0, math.pi), second, LinearTone(-big, 0, big, 0, 0.0, 0.7))
        sheet.area(circle(0, 0, big * 0.36), ground)
        sheet.area(circle(0, 0, big * 0.2), palette.ink)
        for bar in range(int(rng.integers(3, 6))):
            sheet.area(
                rect(big * 1.08 + bar * 42, -big * (0.9 - 0.12 * bar), 20, big * (1.8 - 0.24 * bar)),
                third if bar % 2 else palette.ink,
            )
        sheet.area(rect(-1400, big * 1.12, 2800, 12), first)
        _shaded(
            sheet,
            palette,
            circle(-big * 1.25, -big * 0.8, big * 0.3),
            third,
            LinearTone(-big * 1.5, 0, -big, 0, 0.0, 0.8),
        )
    floor = h * 0.7
    edge = math.tan(math.radians(slant)) * min(w, h) * 0.25
    panel = polygon([(-60, floor - edge), (w + 60, floor + edge), (w + 60, h + 60), (-60, h + 60)])
    panel_colour = palette.ink if rng.random() < 0.6 else palette.accents[0]
    sheet.area(panel, panel_colour)
    if words.headline:
        top = floor + abs(edge) * 0.75 + 12
        block = fit(words.headline, GEOMETRIC, w - 2 * MARGIN, h - MARGIN - top - 46, 200)
        ink = palette.reads_on(panel_colour)
        free = h - MARGIN - 46 - top - block.height
        _set(sheet, block, MARGIN, top + free * 0.5, ink, align=0.0 if slant > 0 else 1.0, width=w - 2 * MARGIN)
        _small(
            sheet,
            words.small,
            MARGIN if slant > 0 else w - MARGIN,
            h - MARGIN + 12,
            ink,
            20,
            align=0.0 if slant > 0 else 1.0,
        )


def _deco(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> None:
    """Rays that rise behind a stepped arch, the headline in a fat face beneath, everything on the centre line."""
    palette, w, h = brief.palette, sheet.width, sheet.height
    ground = palette.ink if not palette.is_dark else palette.paper
    sheet.background(ground)
    colours = _accents(palette, rng, ground)
    gold, second = colours[0], colours[1 % len(colours)]
    base = h * 0.66
    rays = int(rng.choice([16, 22, 28]))
    with sheet.clipped(rect(MARGIN, MARGIN, w - 2 * MARGIN, base - MARGIN)):
        sheet.area(
            rect(0, 0, w, base),
            mix(ground, second, 0.35),
            shade=ground,
            tone=RadialTone(w / 2, base, h * 0.75, 0.0, 1.0),
        )
        for ray in range(rays):
            start = math.pi + math.pi * ray / rays
            if ray % 2 == 0:
                _shaded(
                    sheet,
                    palette,
                    sector(w / 2, base, h, start, start + math.pi / rays),
                    gold,
                    RadialTone(w / 2, base, h * 0.72, 0.0, 1.0),
                )
        sun = w * float(rng.uniform(0.24, 0.32))
        bands = int(rng.integers(4, 7))
        for band in range(bands):
            radius = sun * (1 - band / bands)
            colour = colours[band % len(colours)] if band % 2 else ground
            _shaded(
                sheet,
                palette,
                circle(w / 2, base, radius),
                colour,
                LinearTone(w / 2 - radius, base - radius, w / 2 + radius, base, 0.0, 0.7),
            )
    for inset, pen in ((MARGIN * 0.55, 5.0), (MARGIN * 0.78, 2.0)):
        sheet.line(rect(inset, inset, w - 2 * inset, h - 2 * inset), gold, pen, join="miter")
    sheet.area(rect(MARGIN, base, w - 2 * MARGIN, 7), gold)
    sheet.area(rect(MARGIN, base + 13, w - 2 * MARGIN, 2.5), gold)
    words = _words(brief, DIDONE, capitals=False)
    if words.headline:
        space = h - MARGIN - 40 - base - 30
        block = fit(words.headline, DIDONE, w - 2.9 * MARGIN, space * 0.78, 190, 3)
        lift = base + 26 + (space - block.height - (34 if words.small else 0)) / 2
        ink = palette.light if contrast(palette.light, ground) > contrast(gold, ground) * 0.8 else gold
        _set(sheet, block, MARGIN * 1.45, lift, ink, align=0.5, width=w - 2.9 * MARGIN)
        _small(sheet, words.small, w / 2, h - MARGIN - 6, gold, 20, align=0.5)


def _rainbow(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> None:
    """Seventies stripes that run in, turn through an arc and run out, with round type in the bay that they leave."""
    palette, w, h = brief.palette, sheet.width, sheet.height
    ground = palette.paper
    sheet.background(ground)
    colours = [colour for colour in (*palette.by_lightness[::-1],) if distance(colour, ground) > MIN_ACCENT_DISTANCE]
    colours = [*colours, palette.ink] if len(colours) < 4 else colours
    stripe = float(rng.uniform(36, 50))
    right = rng.random() < 0.5
    words = _words(brief, RETRO, capitals=rng.random() < 0.5)
    centre_y = h * float(rng.uniform(0.36, 0.44))
    with sheet.moved(), sheet.mirrored(w / 2) if right else sheet.moved():
        sun = w * 0.17
        centre_x = w * float(rng.uniform(0.5, 0.58))
        _shaded(
            sheet,
            palette,
            circle(centre_x, centre_y, sun),
            colours[0],
            LinearTone(centre_x - sun, centre_y - sun, centre_x + sun, centre_y + sun, 0.0, 0.85),
        )
        for index, colour in enumerate(colours):
            radius = sun + stripe * (0.95 + index)
            turn = arc(centre_x, centre_y, radius, math.pi, 2 * math.pi)
            path = (
                f"{turn}M{centre_x - radius:.1f},{centre_y - 0.5:.1f}"
                f"V{h + 60:.1f}M{centre_x + radius:.1f},{centre_y - 0.5:.1f}"
                + (
                    f"V{centre_y + h * 0.13:.1f}"
                    if radius < 0
                    else f"V{centre_y + 40 + (len(colours) - index) * 6:.1f}a{stripe:.1f},{stripe:.1f} 0 0 0 "
                    f"{stripe:.1f},{stripe:.1f}H{w + 60:.1f}"
                )
            )
            shade = mix(colour, palette.dark, 0.5)
            sheet.line(
                path,
                colour,
                stripe * 0.98,
                cap="butt",
                shade=shade,
                tone=LinearTone(0, centre_y - radius, 0, h, 0.0, 0.75),
            )
    if words.headline:
        top = h * 0.74
        sheet.area(rect(-60, top - 34, w + 120, h), palette.ink)
        block = fit(words.headline, RETRO, w - 2 * MARGIN, h - top - MARGIN - 26, 210, 3)
        ink = palette.reads_on(palette.ink)
        free = h - top - MARGIN - 26 - block.height
        _set(sheet, block, MARGIN, top + max(0.0, free) * 0.5, ink, align=0.5, width=w - 2 * MARGIN)
        _small(sheet, words.small, w / 2, h - MARGIN + 26, ink, 19, align=0.5)


def _letterpress(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> None:
    """Wood type: every line as wide as the forme, rules and ornaments between them, in two inks."""
    palette, w, h = brief.palette, sheet.width, sheet.height
    sheet.background(palette.paper)
    face = (SLAB, CONDENSED, SLAB)[int(rng.integers(3))]
    words = _words(brief, face, capitals=True)
    strong = [colour for colour in palette.accents if contrast(colour, palette.paper) >= MIN_HEADLINE_CONTRAST]
    accent = strong[int(rng.integers(len(strong)))] if strong else palette.ink
    inner = w - 2 * MARGIN - 40
    for inset, pen in ((34.0, 9.0), (52.0, 2.5)):
        sheet.line(rect(inset, inset, w - 2 * inset, h - 2 * inset), palette.ink, pen, join="miter")
    pieces = words.headline.split()
    lines: list[str] = []
    for word in pieces:
        if lines and len(pieces) > 4 and len(lines[-1]) + len(word) < 9:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    lines = lines[:7]
    set_lines = [set_line(line, face) for line in lines]
    heights = [min(inner / line.width * line.cap_height, h * 0.3) for line in set_lines]
    gaps = 36.0 * max(0, len(lines) - 1)
    # The ornament takes what the type leaves, so that the forme is always full.
    ornament = min(max(h - 2 * MARGIN - 150 - sum(heights) - gaps, 110.0), w * 0.62)
    free = h - 2 * MARGIN - 70 - ornament
    squeeze = min(1.0, (free - gaps) / max(1.0, sum(heights)))
    y = MARGIN + 34 + max(0.0, free - gaps - sum(heights) * squeeze) / 2
    _ornament(sheet, palette, rng, w / 2, y + ornament / 2, ornament * 0.5, accent)
    y += ornament + 26
    for index, (line, tall) in enumerate(zip(set_lines, heights, strict=True)):
        tall *= squeeze
        size = tall / line.cap_height
        colour = accent if index % 2 else palette.ink
        sheet.glyphs(line.path_at((w - line.width * size) / 2, y + tall, size), colour)
        y += tall + 36
        if index < len(lines) - 1:
            sheet.area(rect(w / 2 - inner / 2, y - 21, inner, 5), palette.ink)
    _small(sheet, words.small, w / 2, h - MARGIN - 4, palette.ink, 21, align=0.5)


def _ornament(
    sheet: Sheet, palette: Palette, rng: np.random.Generator, x: float, y: float, size: float, colour: str
) -> None:
    """A sun, a star or an eye of wedges, cut like a wood-engraver's stock block."""
    rays = int(rng.choice([12, 16, 24]))
    outer = [(size if index % 2 == 0 else size * 0.62) for index in range(rays * 2)]
    star = [
        (
            x + radius * math.cos(math.pi * index / rays - math.pi / 2),
            y + radius * math.sin(math.pi * index / rays - math.pi / 2),
        )
        for index, radius in enumerate(outer)
    ]
    _shaded(sheet, palette, polygon(star), colour, LinearTone(x - size, y - size, x + size, y + size, 0.0, 0.6))
    sheet.area(circle(x, y, size * 0.5), palette.paper)
    sheet.area(circle(x, y, size * 0.42), palette.ink)
    sheet.area(circle(x - size * 0.1, y - size * 0.1, size * 0.42), colour) if rng.random() < 0.5 else sheet.area(
        circle(x, y, size * 0.2), palette.paper
    )
    if size > 120:
        # A large ornament fills the forme; rules beside it would run out of the frame.
        return
    for side in (-1, 1):
        for index in range(3):
            sheet.area(
                rect(x + side * (size * 1.3 + index * 26) - 9, y - 3, 18 if index < 2 else 90 * side, 6), palette.ink
            )


def _pictorial(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> None:
    """A travel poster: a picture in a panel, the place's name under it (or over it) as wide as the panel."""
    palette, w, h = brief.palette, sheet.width, sheet.height
    face = (CONDENSED, DIDONE, RETRO, GROTESK)[int(rng.integers(4))]
    words = _words(brief, face, capitals=face is not DIDONE)
    ground = palette.paper if rng.random() < 0.6 or palette.is_dark else palette.ink
    sheet.background(ground)
    edge, gap = 52.0, 40.0
    small = 44.0 if words.small else 0.0
    block = fit(words.headline, face, w - 2 * edge, h * 0.27, 330, 3) if words.headline else None
    # Lower-case letters hang below the line, and what follows must clear them.
    tail = block.cap * 0.3 if block and face is DIDONE else 0.0
    deep = block.height + tail + gap + small if block else 0.0
    on_top = rng.random() < 0.25
    top = edge + deep if on_top else edge
    with sheet.panel(edge, top, w - 2 * edge, h - 2 * edge - deep) as inner:
        if brief.motif:
            motif.picture(inner, brief, rng)
        elif brief.says(*_CITIES):
            city.skyline(inner, brief, rng, detail=0.8)
        elif brief.says("flower", "flowers", "garden", "botanical"):
            botanical.study(inner, brief, rng)
        else:
            landscape.view(inner, brief, rng, is_framed=True)
    if block:
        ink = _reading_ink(palette, ground, rng)
        first = edge if on_top else h - edge - small - tail - block.height
        _set(sheet, block, edge, first, ink, align=0.5, width=w - 2 * edge)
        line = first + block.height + tail + small * 0.78
        _small(sheet, words.small, w / 2, line, palette.reads_on(ground), 21, align=0.5)


def _eclipse(sheet: Sheet, brief: Brief, rng: np.random.Generator) -> None:
    """One enormous shaded disc and a smaller one in front; condensed capitals as tall as they
    can be across the foot."""
    palette, w, h = brief.palette, sheet.width, sheet.height
    grounds = [palette.paper, palette.ink, palette.accents[0]]
    ground = grounds[int(rng.integers(3))]
    colours = _accents(palette, rng, ground)
    with framed(sheet, 0.0):
        sheet.background(ground, shade=mix(ground, palette.dark, 0.4), tone=LinearTone(0, 0, 0, h, 0.0, 0.4))
    words = _words(brief, CONDENSED, capitals=True)
    block = fit(words.headline, CONDENSED, w - 2 * MARGIN, h * 0.42, 420, 3) if words.headline else None
    foot = h - MARGIN - (block.height + 40 if block else 0)
    x, y = w * float(rng.uniform(0.36, 0.64)), foot * float(rng.uniform(0.48, 0.6))
    big = min(w * 0.42, foot * 0.46) * float(rng.uniform(0.9, 1.08))
    turn = float(rng.uniform(0, 2 * math.pi))
    away = (math.cos(turn), math.sin(turn))
    _shaded(
        sheet,
        palette,
        circle(x, y, big),
        colours[0],
        LinearTone(x - away[0] * big, y - away[1] * big, x + away[0] * big, y + away[1] * big, 0.0, 0.95),
    )
    second = colours[1 % len(colours)]
    small = big * float(rng.uniform(0.34, 0.55))
    at_x, at_y = x + away[0] * big * 0.86, y + away[1] * big * 0.86
    _shaded(
        sheet,
        palette,
        circle(at_x, at_y, small),
        second,
        LinearTone(at_x + small, at_y - small, at_x - small, at_y + small, 0.0, 0.9),
    )
    orbit = palette.reads_on(ground)
    for index in range(int(rng.integers(1, 4))):
        sheet.line(circle(x, y, big * (1.16 + 0.13 * index)), orbit, 2.6)
        spot = turn + 2.2 + index * 1.3
        sheet.area(
            circle(
                x + big * (1.16 + 0.13 * index) * math.cos(spot), y + big * (1.16 + 0.13 * index) * math.sin(spot), 11
            ),
            colours[(index + 2) % len(colours)],
        )
    if block:
        ink = _reading_ink(palette, mix(ground, palette.dark, 0.15), rng)
        _set(sheet, block, MARGIN, h - MARGIN - block.height - 4, ink, align=0.0, width=w - 2 * MARGIN)
        _small(sheet, words.small, MARGIN, MARGIN + 16, palette.reads_on(ground), 21)
