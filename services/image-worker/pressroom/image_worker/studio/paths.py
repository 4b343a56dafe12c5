"""SVG path data for the shapes that the styles draw. Everything is a string in sheet units, rounded to a hundredth,
so that equal shapes are equal bytes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from .noise import Field

Point = tuple[float, float]


def _pairs(points: Iterable[Point]) -> str:
    return "L".join(["%.2f,%.2f" % point for point in points])  # noqa: UP031 - twice as fast as an f-string over 10^5 points


def zipped(x: Field, y: Field) -> list[Point]:
    """Two coordinate arrays as a list of points."""
    return list(zip(x.tolist(), y.tolist(), strict=True))


def polyline(points: Iterable[Point]) -> str:
    """An open line through the points."""
    return "M" + _pairs(points)


def polygon(points: Iterable[Point]) -> str:
    """A closed shape with straight sides."""
    return "M" + _pairs(points) + "Z"


def rect(x: float, y: float, width: float, height: float) -> str:
    """An upright rectangle from its top left corner."""
    return f"M{x:.2f},{y:.2f}h{width:.2f}v{height:.2f}h{-width:.2f}Z"


def rounded_rect(x: float, y: float, width: float, height: float, radius: float) -> str:
    """A rectangle with quarter-circle corners; the radius is cut to what fits."""
    r = min(radius, width / 2, height / 2)
    return (
        f"M{x + r:.2f},{y:.2f}h{width - 2 * r:.2f}a{r:.2f},{r:.2f} 0 0 1 {r:.2f},{r:.2f}v{height - 2 * r:.2f}"
        f"a{r:.2f},{r:.2f} 0 0 1 {-r:.2f},{r:.2f}h{-(width - 2 * r):.2f}a{r:.2f},{r:.2f} 0 0 1 {-r:.2f},{-r:.2f}"
        f"v{-(height - 2 * r):.2f}a{r:.2f},{r:.2f} 0 0 1 {r:.2f},{-r:.2f}Z"
    )


def ellipse(x: float, y: float, across: float, down: float) -> str:
    """An ellipse from its centre and half axes."""
    return (
        f"M{x - across:.2f},{y:.2f}a{across:.2f},{down:.2f} 0 1 0 {2 * across:.2f},0"
        f"a{across:.2f},{down:.2f} 0 1 0 {-2 * across:.2f},0Z"
    )


def circle(x: float, y: float, radius: float) -> str:
    """A disc from its centre."""
    return ellipse(x, y, radius, radius)


def ring(x: float, y: float, outer: float, inner: float) -> str:
    """An annulus; fill it with the even-odd rule, which `Sheet.area` uses."""
    return circle(x, y, outer) + circle(x, y, inner)


def on_circle(x: float, y: float, radius: float, angle: float) -> Point:
    """The point at `angle` radians, clockwise from the right."""
    return x + radius * math.cos(angle), y + radius * math.sin(angle)


def sector(x: float, y: float, radius: float, start: float, end: float, inner: float = 0.0) -> str:
    """A slice of a disc (or of a ring, with `inner`) between two angles in radians, clockwise."""
    large = 1 if end - start > math.pi else 0
    first, last = on_circle(x, y, radius, start), on_circle(x, y, radius, end)
    arc = f"M{first[0]:.2f},{first[1]:.2f}A{radius:.2f},{radius:.2f} 0 {large} 1 {last[0]:.2f},{last[1]:.2f}"
    if inner <= 0:
        return f"{arc}L{x:.2f},{y:.2f}Z"
    back, front = on_circle(x, y, inner, end), on_circle(x, y, inner, start)
    return f"{arc}L{back[0]:.2f},{back[1]:.2f}A{inner:.2f},{inner:.2f} 0 {large} 0 {front[0]:.2f},{front[1]:.2f}Z"


def arc(x: float, y: float, radius: float, start: float, end: float) -> str:
    """An open arc between two angles in radians, clockwise."""
    large = 1 if end - start > math.pi else 0
    first, last = on_circle(x, y, radius, start), on_circle(x, y, radius, end)
    return f"M{first[0]:.2f},{first[1]:.2f}A{radius:.2f},{radius:.2f} 0 {large} 1 {last[0]:.2f},{last[1]:.2f}"


def _bezier(before: Point, start: Point, end: Point, after: Point) -> str:
    first = (start[0] + (end[0] - before[0]) / 6, start[1] + (end[1] - before[1]) / 6)
    second = (end[0] - (after[0] - start[0]) / 6, end[1] - (after[1] - start[1]) / 6)
    return f"C{first[0]:.2f},{first[1]:.2f} {second[0]:.2f},{second[1]:.2f} {end[0]:.2f},{end[1]:.2f}"


def smooth(points: Sequence[Point]) -> str:
    """An open curve through the points (Catmull-Rom)."""
    padded = [points[0], *points, points[-1]]
    curves = [_bezier(*padded[index : index + 4]) for index in range(len(points) - 1)]
    return f"M{points[0][0]:.2f},{points[0][1]:.2f}" + "".join(curves)


def smooth_closed(points: Sequence[Point]) -> str:
    """A closed curve through the points (Catmull-Rom)."""
    padded = [points[-1], *points, points[0], points[1]]
    curves = [_bezier(*padded[index : index + 4]) for index in range(len(points))]
    return f"M{points[0][0]:.2f},{points[0][1]:.2f}" + "".join(curves) + "Z"


def leaf(x: float, y: float, length: float, width: float, angle: float, lean: float = 0.42) -> str:
    """A pointed leaf from its foot at (x, y); `lean` is where along it the belly lies."""
    cos, sin = math.cos(angle), math.sin(angle)

    def at(along: float, aside: float) -> str:
        return f"{x + along * cos - aside * sin:.2f},{y + along * sin + aside * cos:.2f}"

    belly, tip = length * lean, f"{x + length * cos:.2f},{y + length * sin:.2f}"
    return (
        f"M{x:.2f},{y:.2f}C{at(belly * 0.5, width)} {at(belly * 1.6, width)} {tip}"
        f"C{at(belly * 1.6, -width)} {at(belly * 0.5, -width)} {x:.2f},{y:.2f}Z"
    )


def drop(x: float, y: float, radius: float, height: float, angle: float) -> str:
    """A petal: round at the far end, its point at (x, y)."""
    cos, sin = math.cos(angle), math.sin(angle)

    def at(along: float, aside: float) -> str:
        return f"{x + along * cos - aside * sin:.2f},{y + along * sin + aside * cos:.2f}"

    reach = height - radius
    return (
        f"M{x:.2f},{y:.2f}C{at(reach * 0.4, radius * 0.4)} {at(reach * 0.7, radius)} {at(reach, radius)}"
        f"A{radius:.2f},{radius:.2f} 0 0 0 {at(reach, -radius)}C{at(reach * 0.7, -radius)} "
        f"{at(reach * 0.4, -radius * 0.4)} "
        f"{x:.2f},{y:.2f}Z"
    )
