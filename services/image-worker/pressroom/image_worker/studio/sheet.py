"""The sheet that a style draws on: vector shapes in nominal units (the short side is 1000), kept as three plates.
`lit` holds every shape in its colour, `shade` the same shapes in their shadow colour, and `tone` says in greys how
much shade there is; the press turns tone into stipple, as a lithographer's crayon does. A sheet knows nothing of
pixels, which is why one composition prints alike at every size."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

SHORT_SIDE = 1000.0
MAX_ASPECT = 3.0
"""A sheet is never slimmer than this; a slimmer picture is cut from the middle of one, so a design cannot collapse."""


@dataclass(frozen=True)
class LinearTone:
    """Shade that runs from `start` (0..1) at one point to `end` at another."""

    x1: float
    y1: float
    x2: float
    y2: float
    start: float
    end: float

    def svg(self, name: str) -> str:
        """The gradient as an SVG definition."""
        return (
            f'<linearGradient id="{name}" gradientUnits="userSpaceOnUse" x1="{self.x1:.1f}" y1="{self.y1:.1f}" '
            f'x2="{self.x2:.1f}" y2="{self.y2:.1f}">{_stops(self.start, self.end)}</linearGradient>'
        )


@dataclass(frozen=True)
class RadialTone:
    """Shade that runs from `start` (0..1) at a centre to `end` at the radius."""

    x: float
    y: float
    radius: float
    start: float
    end: float

    def svg(self, name: str) -> str:
        """The gradient as an SVG definition."""
        return (
            f'<radialGradient id="{name}" gradientUnits="userSpaceOnUse" cx="{self.x:.1f}" cy="{self.y:.1f}" '
            f'r="{self.radius:.1f}">{_stops(self.start, self.end)}</radialGradient>'
        )


Tone = LinearTone | RadialTone | float


def _grey(share: float) -> str:
    level = round(max(0.0, min(1.0, share)) * 255)
    return f"#{level:02x}{level:02x}{level:02x}"


def _stops(start: float, end: float) -> str:
    return f'<stop offset="0" stop-color="{_grey(start)}"/><stop offset="1" stop-color="{_grey(end)}"/>'


@dataclass(frozen=True)
class Plates:
    """A finished drawing: three SVG bodies over one view box, and the gradients that the tone plate uses."""

    width: float
    height: float
    lit: str
    shade: str
    tone: str
    has_tone: bool

    def svg(self, body: str, width_px: int, height_px: int) -> bytes:
        """One plate as an SVG document that covers exactly width x height pixels."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width_px}" height="{height_px}" '
            f'viewBox="0 0 {self.width:.2f} {self.height:.2f}" preserveAspectRatio="xMidYMid slice">{body}</svg>'
        ).encode()


@dataclass
class Sheet:
    """Collects shapes, back to front. Coordinates are sheet units, y down; colours are `#rrggbb`."""

    width: float
    height: float
    paper: str
    _lit: list[str] = field(default_factory=list[str])
    _shade: list[str] = field(default_factory=list[str])
    _tone: list[str] = field(default_factory=list[str])
    _definitions: list[str] = field(default_factory=list[str])
    _overprinting: int = 0
    _has_tone: bool = False

    @classmethod
    def for_pixels(cls, width_px: int, height_px: int, paper: str) -> Sheet:
        """A blank sheet with the aspect of a picture, as far as `MAX_ASPECT` lets it."""
        aspect = min(MAX_ASPECT, max(1 / MAX_ASPECT, width_px / height_px))
        width, height = (SHORT_SIDE * aspect, SHORT_SIDE) if aspect >= 1 else (SHORT_SIDE, SHORT_SIDE / aspect)
        return cls(width, height, paper)

    @property
    def cx(self) -> float:
        """The middle, across."""
        return self.width / 2

    @property
    def cy(self) -> float:
        """The middle, down."""
        return self.height / 2

    def area(
        self, path: str, colour: str, *, shade: str | None = None, tone: Tone | None = None, opacity: float = 1.0
    ) -> None:
        """Fill a path (even-odd). With `tone`, `shade` is stippled over `colour` as densely as the tone says."""
        seen = f' fill-opacity="{opacity:.3f}"' if opacity < 1 else ""
        self._lit.append(f'<path fill-rule="evenodd" d="{path}" fill="{colour}"{seen}/>')
        self._shade.append(f'<path fill-rule="evenodd" d="{path}" fill="{shade or colour}"{seen}/>')
        if tone is not None:
            self._tone.append(f'<path fill-rule="evenodd" d="{path}" fill="{self._tone_paint(tone)}"/>')
        elif opacity >= 1 and not self._overprinting:
            self._tone.append(f'<path fill-rule="evenodd" d="{path}" fill="#000"/>')

    def areas(self, paths: Sequence[str], colour: str) -> None:
        """Fill many small shapes in one colour, where shapes may overlap. Neighbours that share a path, instead of all
        shapes in a single one, let the renderer skip what a strip of the picture does not show."""
        drawn = "".join(f'<path d="{path}"/>' for path in paths if path)
        for plate in (self._lit, self._shade):
            plate.append(f'<g fill="{colour}">{drawn}</g>')
        if not self._overprinting:
            self._tone.append(f'<g fill="#000">{drawn}</g>')

    def line(
        self,
        path: str,
        colour: str,
        width: float,
        *,
        shade: str | None = None,
        tone: Tone | None = None,
        opacity: float = 1.0,
        cap: str = "round",
        join: str = "round",
        dash: str | None = None,
    ) -> None:
        """Draw along a path with a pen `width` units wide; `shade` and `tone` as for `area`."""
        pen = f'fill="none" stroke-width="{width:.2f}" stroke-linecap="{cap}" stroke-linejoin="{join}"'
        if dash:
            pen += f' stroke-dasharray="{dash}"'
        seen = f' stroke-opacity="{opacity:.3f}"' if opacity < 1 else ""
        self._lit.append(f'<path d="{path}" stroke="{colour}" {pen}{seen}/>')
        self._shade.append(f'<path d="{path}" stroke="{shade or colour}" {pen}{seen}/>')
        if tone is not None:
            self._tone.append(f'<path d="{path}" stroke="{self._tone_paint(tone)}" {pen}/>')
        elif opacity >= 1 and not self._overprinting:
            self._tone.append(f'<path d="{path}" stroke="#000" {pen}/>')

    def glyphs(self, markup: str, colour: str, *, opacity: float = 1.0) -> None:
        """Ink set type; `markup` is what `Line.path_at` gave."""
        seen = f' fill-opacity="{opacity:.3f}"' if opacity < 1 else ""
        for plate in (self._lit, self._shade):
            plate.append(f'<g fill="{colour}"{seen}>{markup}</g>')
        if opacity >= 1 and not self._overprinting:
            self._tone.append(f'<g fill="#000">{markup}</g>')

    def background(self, colour: str, *, shade: str | None = None, tone: Tone | None = None) -> None:
        """Flood the whole sheet, bleed included."""
        bleed = 40.0
        box = f"M{-bleed},{-bleed}H{self.width + bleed:.1f}V{self.height + bleed:.1f}H{-bleed}Z"
        self.area(box, colour, shade=shade, tone=tone)

    @contextmanager
    def overprint(self, opacity: float = 1.0) -> Generator[None]:
        """What is drawn inside lies on the rest like transparent ink (multiplied)."""
        self._overprinting += 1
        style = f"mix-blend-mode:multiply;opacity:{opacity:.3f}"
        with self._wrapped(f'<g style="{style}">', tone_group="<g>"):
            yield
        self._overprinting -= 1

    @contextmanager
    def faded(self, opacity: float) -> Generator[None]:
        """What is drawn inside is one translucent layer."""
        with self._wrapped(f'<g opacity="{opacity:.3f}">', tone_group="<g>"):
            yield

    @contextmanager
    def moved(self, x: float = 0.0, y: float = 0.0, *, turn: float = 0.0, scale: float = 1.0) -> Generator[None]:
        """Draw in a frame with its origin at (x, y), turned by degrees and scaled."""
        group = f'<g transform="translate({x:.2f} {y:.2f}) rotate({turn:.2f}) scale({scale:.4f})">'
        with self._wrapped(group):
            yield

    @contextmanager
    def mirrored(self, axis: float) -> Generator[None]:
        """Draw left for right about the upright line x = `axis`."""
        with self._wrapped(f'<g transform="translate({2 * axis:.2f} 0) scale(-1 1)">'):
            yield

    @contextmanager
    def clipped(self, path: str) -> Generator[None]:
        """Only what lies within the path is drawn."""
        name = f"c{len(self._definitions)}"
        self._definitions.append(f'<clipPath id="{name}"><path clip-rule="evenodd" d="{path}"/></clipPath>')
        with self._wrapped(f'<g clip-path="url(#{name})">'):
            yield

    @contextmanager
    def panel(self, x: float, y: float, width: float, height: float) -> Generator[Sheet]:
        """A sheet within the sheet: what is drawn on it appears in that rectangle, and is cut off at its edge."""
        unit = min(width, height) / SHORT_SIDE
        # Gradients and clips are shared, so that no two have the same name.
        inner = Sheet(width / unit, height / unit, self.paper, _definitions=self._definitions)
        yield inner
        self._has_tone = self._has_tone or inner._has_tone
        with self.clipped(f"M{x:.2f},{y:.2f}h{width:.2f}v{height:.2f}h{-width:.2f}Z"), self.moved(x, y, scale=unit):
            for own, drawn in ((self._lit, inner._lit), (self._shade, inner._shade), (self._tone, inner._tone)):
                own.extend(drawn)

    def plates(self) -> Plates:
        """The finished drawing."""
        definitions = f"<defs>{''.join(self._definitions)}</defs>" if self._definitions else ""
        ground = f'<rect x="-50" y="-50" width="{self.width + 100:.1f}" height="{self.height + 100:.1f}" fill="{{}}"/>'
        return Plates(
            self.width,
            self.height,
            definitions + ground.format(self.paper) + "".join(self._lit),
            definitions + ground.format(self.paper) + "".join(self._shade),
            definitions + ground.format("#000") + "".join(self._tone),
            self._has_tone,
        )

    def _tone_paint(self, tone: Tone) -> str:
        self._has_tone = True
        if isinstance(tone, float | int):
            return _grey(tone)
        name = f"t{len(self._definitions)}"
        self._definitions.append(tone.svg(name))
        return f"url(#{name})"

    @contextmanager
    def _wrapped(self, group: str, *, tone_group: str | None = None) -> Generator[None]:
        self._lit.append(group)
        self._shade.append(group)
        self._tone.append(tone_group or group)
        yield
        for plate in (self._lit, self._shade, self._tone):
            plate.append("</g>")
