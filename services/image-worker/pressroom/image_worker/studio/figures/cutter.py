"""How a figure's parts are cut and inked. The figures say what is where; the cutter prints it in one of three
manners: flat ink with stippled shade, a woodcut with gouged lights, or tubes of neon on a dark sheet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..colour import contrast, distance, mix
from ..palettes import Palette
from ..paths import leaf
from ..sheet import LinearTone, Sheet

MANNERS = ("print", "woodcut", "neon")
PALE = 0.15
"""OKLab distance from the paper under which a woodcut's part needs a line about it to be seen."""


@dataclass(frozen=True)
class Inks:
    """The colours of one figure, all of which separate from what is behind it."""

    body: str
    second: str
    accent: str
    light: str
    dark: str


@dataclass
class Cutter:
    """Cuts parts onto a sheet; `manner` is one of `MANNERS`."""

    sheet: Sheet
    palette: Palette
    inks: Inks
    manner: str
    rng: np.random.Generator

    def part(self, path: str, colour: str, box: tuple[float, float, float, float], strength: float = 0.85) -> None:
        """One piece of the figure; `box` (left, top, right, bottom) says where its light and its shade lie."""
        left, top, right, bottom = box
        if self.manner == "neon":
            self.sheet.area(
                path,
                mix(colour, self.palette.dark, 0.8),
                shade=mix(colour, self.palette.dark, 0.45),
                tone=LinearTone(left, bottom, right, top, 0.0, 0.7),
            )
            self.stroke(path, colour, 5.5)
            return
        if self.manner == "woodcut":
            self.sheet.area(path, colour)
            self._gouge(path, colour, box)
            if distance(colour, self.palette.paper) < PALE:
                self.sheet.line(path, self.inks.dark, 8)
            return
        shade = mix(colour, self.inks.dark, 0.55)
        if distance(colour, self.inks.dark) < 0.12:
            shade = mix(colour, self.inks.light, 0.32)
        reach = 0.25
        tone = LinearTone(left + (right - left) * reach, top + (bottom - top) * reach, right, bottom, 0.0, strength)
        self.sheet.area(path, colour, shade=shade, tone=tone)

    def flat(self, path: str, colour: str) -> None:
        """A small piece without shade: an eye, a button."""
        if self.manner == "neon":
            self.sheet.area(path, colour, opacity=0.3)
            self.stroke(path, colour, 4.0)
        else:
            self.sheet.area(path, colour)

    def stroke(self, path: str, colour: str, width: float) -> None:
        """A drawn line: a whisker, a seam; in neon it glows."""
        if self.manner == "neon":
            for spread, strength in ((26.0, 0.07), (15.0, 0.14), (8.0, 0.25)):
                self.sheet.line(path, colour, width + spread, opacity=strength)
            self.sheet.line(path, mix(colour, "#ffffff", 0.25), min(width, 6.0))
        else:
            self.sheet.line(path, colour, width)

    def limb(self, path: str, colour: str, width: float) -> None:
        """A thick line that is part of the body: a tail, a neck, a leg."""
        if self.manner == "neon":
            self.sheet.line(path, colour, width + 9, opacity=0.22)
            self.sheet.line(path, mix(colour, "#ffffff", 0.2), width + 1)
            self.sheet.line(path, mix(colour, self.palette.dark, 0.85), max(1.0, width - 10))
        else:
            self.sheet.line(path, colour, width)

    def on(self, ground: str) -> str:
        """Light or dark, whichever reads better on a part."""
        if self.manner == "neon":
            return self.inks.light
        return max((self.inks.light, self.inks.dark), key=lambda colour: contrast(colour, ground))

    def _gouge(self, path: str, colour: str, box: tuple[float, float, float, float]) -> None:
        """Tapered cuts from the lit edge inwards, as a gouge leaves them."""
        left, top, right, bottom = box
        wide, tall = right - left, bottom - top
        pitch = max(9.0, min(wide, tall) / 17)
        is_pale = distance(colour, self.palette.paper) < PALE
        light = self.inks.dark if is_pale else self.inks.light
        cuts: list[str] = []
        rows = int(tall / pitch) + 1
        for row in range(rows):
            y = top + row * pitch + float(self.rng.uniform(-1.5, 1.5))
            swell = 0.22 + 0.3 * math.sin(math.pi * (row + 0.5) / rows)
            long = wide * swell * float(self.rng.uniform(0.75, 1.2))
            slant = float(self.rng.uniform(-0.05, 0.16))
            if is_pale:
                # Pale parts keep their light side; the cuts that stay standing are their shade.
                cuts.append(leaf(right + wide * 0.03, y, long, pitch * 0.3, math.pi + slant, 0.2))
                continue
            cuts.append(leaf(left - wide * 0.03, y, long, pitch * 0.36, slant, 0.2))
            if row % 2:
                start = left + long + wide * float(self.rng.uniform(0.06, 0.16))
                cuts.append(leaf(start, y, wide * float(self.rng.uniform(0.08, 0.2)), pitch * 0.2, 0.06, 0.3))
        with self.sheet.clipped(path):
            self.sheet.area("".join(cuts), light)
