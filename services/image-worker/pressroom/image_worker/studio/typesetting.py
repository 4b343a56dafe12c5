"""Sets words in the bundled faces as outlines, because a worker's machine may have no fonts at all. A character that
no bundled font has (an emoji, a Chinese sign) is left out rather than shown as a box; a caller asks `settable` first
and designs without words when nothing is left."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from .font_file import FontFile, Glyph, read_font


@dataclass(frozen=True)
class Face:
    """A typeface: its font files in the order in which a character is looked for, and whether it wants capitals."""

    name: str
    files: tuple[str, ...]
    tracking: float = 0.0
    leading: float = 1.04
    """Baseline to baseline, in cap heights."""


_JOST_BOLD = ("jost-800-latin.woff", "jost-800-latin-ext.woff", "jost-800-cyrillic.woff")
_JOST = ("jost-500-latin.woff", "jost-500-latin-ext.woff", "jost-500-cyrillic.woff")

GROTESK = Face("grotesk", ("archivo-black-latin.woff", "archivo-black-latin-ext.woff", *_JOST_BOLD), -0.02, 1.22)
CONDENSED = Face("condensed", ("anton-latin.woff", "anton-latin-ext.woff", *_JOST_BOLD), 0.004, 1.14)
DIDONE = Face("didone", ("abril-fatface-latin.woff", "abril-fatface-latin-ext.woff", *_JOST_BOLD), -0.005, 1.34)
SLAB = Face("slab", ("alfa-slab-one-latin.woff", "alfa-slab-one-latin-ext.woff", *_JOST_BOLD), 0.01, 1.26)
RETRO = Face("retro", ("righteous-latin.woff", "righteous-latin-ext.woff", *_JOST_BOLD), 0.005, 1.26)
GEOMETRIC = Face("geometric", _JOST_BOLD, -0.01, 1.24)
TEXT = Face("text", _JOST, 0.06, 1.9)


@dataclass(frozen=True)
class Line:
    """One set line at an em of 1: placed glyphs as (path, x), its ink from `left` to `right`, its cap height."""

    glyphs: tuple[tuple[str, float], ...]
    left: float
    right: float
    cap_height: float

    @property
    def width(self) -> float:
        """Ink width in ems, side bearings left out, so that lines align to the eye."""
        return self.right - self.left

    def path_at(self, x: float, baseline: float, size: float) -> str:
        """SVG markup of the line: glyph outlines with the ink's left edge at x, `size` units to the em."""
        origin = x - self.left * size
        return "".join(
            f'<path transform="translate({origin + at * size:.2f} {baseline:.2f}) scale({size:.3f})" d="{path}"/>'
            for path, at in self.glyphs
            if path
        )


@lru_cache(maxsize=16)
def _fonts(face: Face) -> tuple[FontFile, ...]:
    return tuple(read_font(name) for name in face.files)


def _find(face: Face, character: str) -> tuple[FontFile, Glyph] | None:
    for font in _fonts(face):
        glyph = font.glyphs.get(character)
        if glyph is not None:
            return font, glyph
    return None


def settable(text: str, face: Face) -> str:
    """The text with what the face cannot show taken out, or its plain letter set instead (ḍ as d)."""
    kept: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        if character.isspace():
            kept.append(" ")
        elif _find(face, character):
            kept.append(character)
        else:
            plain = unicodedata.normalize("NFKD", character)
            kept.extend(part for part in plain if not unicodedata.combining(part) and _find(face, part))
    return " ".join("".join(kept).split())


def set_line(text: str, face: Face) -> Line:
    """Set one line with the face's kerning and tracking."""
    placed: list[tuple[str, float]] = []
    pen, left, right, previous = 0.0, 0.0, 0.0, ""
    for character in text:
        found = _find(face, character)
        if found is None:
            continue
        font, glyph = found
        if previous:
            pen += font.kerning.get((previous, character), 0.0) + face.tracking
        if not placed:
            left = pen + glyph.left
        placed.append((glyph.path, pen))
        if glyph.path:
            right = pen + glyph.right
        pen += glyph.advance
        previous = character
    return Line(tuple(placed), left, max(right, left + 0.01), _fonts(face)[0].cap_height)


@dataclass(frozen=True)
class Block:
    """Several lines and the size at which they fit a box."""

    lines: tuple[Line, ...]
    size: float
    leading: float

    @property
    def cap(self) -> float:
        """Height of a capital, in sheet units."""
        return self.lines[0].cap_height * self.size

    @property
    def height(self) -> float:
        """From the top of the first line's capitals to the last baseline."""
        return self.cap * (1 + (len(self.lines) - 1) * self.leading)

    @property
    def width(self) -> float:
        """The widest line."""
        return max(line.width for line in self.lines) * self.size

    def baselines(self, top: float) -> list[float]:
        """Baselines, if the first line's capitals begin at `top`."""
        return [top + self.cap * (1 + index * self.leading) for index in range(len(self.lines))]


def broken_into(words: list[str], count: int) -> list[str]:
    """The words in `count` lines of as even a length as can be, in order."""
    total = sum(map(len, words)) + len(words) - 1
    target, lines, current = total / count, [""] * 0, ""
    for index, word in enumerate(words):
        longer = f"{current} {word}".strip()
        left = len(words) - index
        must_break = bool(current) and left <= count - len(lines) - 1
        wants_break = (
            bool(current) and len(lines) < count - 1 and abs(len(longer) - target) > abs(len(current) - target)
        )
        if must_break or wants_break:
            lines.append(current)
            current = word
        else:
            current = longer
    lines.append(current)
    return lines


def fit(text: str, face: Face, width: float, height: float, max_size: float, max_lines: int = 5) -> Block:
    """The text in the number of lines that lets it be largest within width x height (and `max_size` to the em)."""
    words = text.split()
    best: Block | None = None
    for count in range(1, min(max_lines, len(words)) + 1):
        lines = tuple(set_line(line, face) for line in broken_into(words, count))
        tall = lines[0].cap_height * (1 + (count - 1) * face.leading)
        size = min(max_size, width / max(line.width for line in lines), height / tall)
        if best is None or size > best.size * 1.001:
            best = Block(lines, size, face.leading)
    assert best is not None, "fit needs at least one word"
    return best
