"""A 5x7 pixel alphabet and its lettering as SVG, because a bare server has no fonts and the pictures must carry legible
words on any machine. Small letters are drawn as capitals; a sign that is not here is drawn as a question mark."""

from __future__ import annotations

import textwrap

ADVANCE = 6
"""Pixels from one letter to the next."""
LINE = 10
"""Pixels from one line to the next."""
ROWS = 7

GLYPHS = {
    "A": ".###. #...# #...# ##### #...# #...# #...#",
    "B": "####. #...# #...# ####. #...# #...# ####.",
    "C": ".###. #...# #.... #.... #.... #...# .###.",
    "D": "####. #...# #...# #...# #...# #...# ####.",
    "E": "##### #.... #.... ####. #.... #.... #####",
    "F": "##### #.... #.... ####. #.... #.... #....",
    "G": ".###. #...# #.... #.### #...# #...# .###.",
    "H": "#...# #...# #...# ##### #...# #...# #...#",
    "I": ".###. ..#.. ..#.. ..#.. ..#.. ..#.. .###.",
    "J": "..### ...#. ...#. ...#. ...#. #..#. .##..",
    "K": "#...# #..#. #.#.. ##... #.#.. #..#. #...#",
    "L": "#.... #.... #.... #.... #.... #.... #####",
    "M": "#...# ##.## #.#.# #.#.# #...# #...# #...#",
    "N": "#...# ##..# #.#.# #..## #...# #...# #...#",
    "O": ".###. #...# #...# #...# #...# #...# .###.",
    "P": "####. #...# #...# ####. #.... #.... #....",
    "Q": ".###. #...# #...# #...# #.#.# #..#. .##.#",
    "R": "####. #...# #...# ####. #.#.. #..#. #...#",
    "S": ".#### #.... #.... .###. ....# ....# ####.",
    "T": "##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..",
    "U": "#...# #...# #...# #...# #...# #...# .###.",
    "V": "#...# #...# #...# #...# .#.#. .#.#. ..#..",
    "W": "#...# #...# #...# #.#.# #.#.# ##.## #...#",
    "X": "#...# #...# .#.#. ..#.. .#.#. #...# #...#",
    "Y": "#...# #...# .#.#. ..#.. ..#.. ..#.. ..#..",
    "Z": "##### ....# ...#. ..#.. .#... #.... #####",
    "0": ".###. #..## #.#.# #.#.# #.#.# ##..# .###.",
    "1": "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.",
    "2": ".###. #...# ....# ..##. .#... #.... #####",
    "3": "####. ....# ....# .###. ....# ....# ####.",
    "4": "#..#. #..#. #..#. ##### ...#. ...#. ...#.",
    "5": "##### #.... ####. ....# ....# #...# .###.",
    "6": ".###. #.... #.... ####. #...# #...# .###.",
    "7": "##### ....# ...#. ..#.. ..#.. .#... .#...",
    "8": ".###. #...# #...# .###. #...# #...# .###.",
    "9": ".###. #...# #...# .#### ....# ....# .###.",
    ".": "..... ..... ..... ..... ..... .##.. .##..",
    ",": "..... ..... ..... ..... .##.. ..#.. .#...",
    ":": "..... .##.. .##.. ..... .##.. .##.. .....",
    "-": "..... ..... ..... .###. ..... ..... .....",
    "_": "..... ..... ..... ..... ..... ..... #####",
    "'": "..#.. ..#.. .#... ..... ..... ..... .....",
    "!": "..#.. ..#.. ..#.. ..#.. ..#.. ..... ..#..",
    "?": ".###. #...# ....# ..##. ..#.. ..... ..#..",
    "/": "....# ....# ...#. ..#.. .#... #.... #....",
    "(": "...#. ..#.. .#... .#... .#... ..#.. ...#.",
    ")": ".#... ..#.. ...#. ...#. ...#. ..#.. .#...",
    "+": "..... ..#.. ..#.. ##### ..#.. ..#.. .....",
    "=": "..... ..... ##### ..... ##### ..... .....",
    "#": ".#.#. .#.#. ##### .#.#. ##### .#.#. .#.#.",
    "%": "##..# ##..# ...#. ..#.. .#... #..## #..##",
    "&": ".##.. #..#. #..#. .##.. #..#. #...# .##.#",
    "*": "..... #.#.# .###. ##### .###. #.#.# .....",
    "[": ".###. .#... .#... .#... .#... .#... .###.",
    "]": ".###. ...#. ...#. ...#. ...#. ...#. .###.",
    "…": "..... ..... ..... ..... ..... #.#.# #.#.#",
}


def wrap(text: str, columns: int, lines: int) -> list[str]:
    """The text in at most `lines` lines of `columns` letters, the last ending in an ellipsis when more was left."""
    wrapped = textwrap.wrap(" ".join(text.split()), max(columns, 4))
    if len(wrapped) > lines:
        wrapped = wrapped[:lines]
        wrapped[-1] = wrapped[-1][: max(columns, 4) - 1] + "…"
    return wrapped


def lettering(text: str, x: float, y: float, pixel: float, colour: str) -> str:
    """One line of text as an SVG path, its upper left corner at (x, y), `pixel` units to a dot of the letters."""
    strokes: list[str] = []
    for place, letter in enumerate(text.upper()):
        if letter == " ":
            continue
        for row, dots in enumerate(GLYPHS.get(letter, GLYPHS["?"]).split()):
            strokes += [_run(x, y, pixel, place * ADVANCE + start, row, length) for start, length in _runs(dots)]
    return f'<path fill="{colour}" d="{"".join(strokes)}"/>'


def _runs(dots: str) -> list[tuple[int, int]]:
    """Neighbouring dots as (start, length), so that a bar is one rectangle."""
    runs: list[tuple[int, int]] = []
    start: int | None = None
    for column, dot in enumerate(dots + "."):
        if dot == "#" and start is None:
            start = column
        elif dot == "." and start is not None:
            runs.append((start, column - start))
            start = None
    return runs


def _run(x: float, y: float, pixel: float, column: int, row: int, length: int) -> str:
    return f"M{x + column * pixel:.1f} {y + row * pixel:.1f}h{length * pixel:.1f}v{pixel:.1f}h-{length * pixel:.1f}z"
