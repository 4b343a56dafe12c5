"""Contour lines of a field by marching squares, joined into closed loops. The field is fenced with low ground first,
so every loop closes and a level can be filled as one even-odd path."""

from __future__ import annotations

import numpy as np

from .noise import Field
from .paths import Point

Edge = tuple[int, int, int]
"""A grid edge: row, column and direction (0 rightwards, 1 downwards)."""

# Which two edges of a cell a contour joins, by which corners are high
# (bits: top left, top right, bottom right, bottom left).
_TOP, _RIGHT, _BOTTOM, _LEFT = (0, 0, 0), (0, 1, 1), (1, 0, 0), (0, 0, 1)
_JOINS: dict[int, tuple[tuple[Edge, Edge], ...]] = {
    1: ((_LEFT, _TOP),),
    2: ((_TOP, _RIGHT),),
    3: ((_LEFT, _RIGHT),),
    4: ((_RIGHT, _BOTTOM),),
    5: ((_LEFT, _TOP), (_RIGHT, _BOTTOM)),
    6: ((_TOP, _BOTTOM),),
    7: ((_LEFT, _BOTTOM),),
    8: ((_BOTTOM, _LEFT),),
    9: ((_BOTTOM, _TOP),),
    10: ((_TOP, _RIGHT), (_BOTTOM, _LEFT)),
    11: ((_BOTTOM, _RIGHT),),
    12: ((_RIGHT, _LEFT),),
    13: ((_RIGHT, _TOP),),
    14: ((_TOP, _LEFT),),
}


def loops(field: Field, level: float) -> list[list[Point]]:
    """The closed contours of `field` at `level`, as points in grid units (column, row)."""
    fence = float(field.min()) - 1.0
    padded = np.pad(field, 1, constant_values=min(fence, level - 1.0))
    high = padded > level
    kinds = high[:-1, :-1] * 1 + high[:-1, 1:] * 2 + high[1:, 1:] * 4 + high[1:, :-1] * 8
    neighbours: dict[Edge, list[Edge]] = {}
    rows, columns = np.nonzero((kinds > 0) & (kinds < 15))
    for row, column, kind in zip(rows.tolist(), columns.tolist(), kinds[rows, columns].tolist(), strict=True):
        for first, second in _JOINS[kind]:
            start = (row + first[0], column + first[1], first[2])
            end = (row + second[0], column + second[1], second[2])
            neighbours.setdefault(start, []).append(end)
            neighbours.setdefault(end, []).append(start)
    values = padded.tolist()
    found: list[list[Point]] = []
    seen: set[Edge] = set()
    for origin in neighbours:
        if origin in seen:
            continue
        loop: list[Point] = []
        edge: Edge | None = origin
        while edge is not None:
            seen.add(edge)
            loop.append(_crossing(values, edge, level))
            edge = next((other for other in neighbours[edge] if other not in seen), None)
        found.append(loop)
    return found


def _crossing(values: list[list[float]], edge: Edge, level: float) -> Point:
    row, column, down = edge
    here = values[row][column]
    there = values[row + 1][column] if down else values[row][column + 1]
    share = (level - here) / (there - here)
    return (column - 1 + (0 if down else share), row - 1 + (share if down else 0))
