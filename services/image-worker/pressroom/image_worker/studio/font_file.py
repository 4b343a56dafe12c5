# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportAttributeAccessIssue=false
"""Glyph outlines and kerning read from the bundled fonts. This is the one module that touches fontTools, which has no
types; what leaves it is typed. Faces are read once per process and never changed afterwards, so threads may share
them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from fontTools.pens.boundsPen import BoundsPen
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont


@dataclass(frozen=True)
class Glyph:
    """One letter's shape, its size in ems. `path` has y down and its origin on the baseline."""

    path: str
    advance: float
    left: float
    right: float


@dataclass(frozen=True)
class FontFile:
    """The letters of one font file. Kerning is in ems by pairs of characters."""

    glyphs: dict[str, Glyph]
    kerning: dict[tuple[str, str], float]
    cap_height: float


def _format_number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _pair_adjustments(font: TTFont, names: set[str]) -> dict[tuple[str, str], float]:
    pairs: dict[tuple[str, str], float] = {}
    if "kern" in font:
        for table in font["kern"].kernTables:
            for pair, value in table.kernTable.items():
                pairs.setdefault(pair, value)
    if "GPOS" not in font:
        return pairs
    table = font["GPOS"].table
    wanted: list[int] = []
    for record in table.FeatureList.FeatureRecord:
        if record.FeatureTag == "kern":
            wanted.extend(index for index in record.Feature.LookupListIndex if index not in wanted)
    for index in wanted:
        for subtable in table.LookupList.Lookup[index].SubTable:
            pair_table = subtable.ExtSubTable if subtable.LookupType == 9 else subtable
            if pair_table.LookupType == 2:
                _read_pairs(pair_table, names, pairs)
    return pairs


def _read_pairs(table: object, names: set[str], pairs: dict[tuple[str, str], float]) -> None:
    """One PairPos subtable (OpenType 1.9, GPOS lookup type 2): by glyph (format 1) or by class (format 2)."""
    firsts = [name for name in table.Coverage.glyphs if name in names]
    if table.Format == 1:
        for name, pair_set in zip(table.Coverage.glyphs, table.PairSet, strict=True):
            for record in pair_set.PairValueRecord:
                if name in names and record.SecondGlyph in names and record.Value1 is not None:
                    pairs.setdefault((name, record.SecondGlyph), getattr(record.Value1, "XAdvance", 0))
        return
    first_classes, second_classes = table.ClassDef1.classDefs, table.ClassDef2.classDefs
    for first in firsts:
        row = table.Class1Record[first_classes.get(first, 0)].Class2Record
        for second in names:
            value = row[second_classes.get(second, 0)].Value1
            advance = getattr(value, "XAdvance", 0) if value is not None else 0
            if advance:
                pairs.setdefault((first, second), advance)


@lru_cache(maxsize=64)
def read_font(file_name: str) -> FontFile:
    """The letters of a bundled font; `file_name` is one in the package's `fonts` folder."""
    data = (Path(__file__).with_name("fonts") / file_name).read_bytes()
    font = TTFont(BytesIO(data), lazy=False)
    em = font["head"].unitsPerEm
    outlines, names = font.getGlyphSet(), font.getBestCmap() or {}
    glyphs: dict[str, Glyph] = {}
    for code, name in names.items():
        pen = SVGPathPen(outlines, ntos=_format_number)
        outlines[name].draw(TransformPen(pen, (1 / em, 0, 0, -1 / em, 0, 0)))
        bounds = BoundsPen(outlines)
        outlines[name].draw(bounds)
        left, _, right, _ = bounds.bounds or (0, 0, 0, 0)
        glyphs[chr(code)] = Glyph(pen.getCommands(), outlines[name].width / em, left / em, right / em)
    characters: dict[str, list[str]] = {}
    for code, name in names.items():
        characters.setdefault(name, []).append(chr(code))
    kerning = {
        (first, second): value / em
        for (first_name, second_name), value in _pair_adjustments(font, set(characters)).items()
        for first in characters.get(first_name, ())
        for second in characters.get(second_name, ())
    }
    return FontFile(glyphs, kerning, (getattr(font["OS/2"], "sCapHeight", 0) or em * 0.7) / em)
