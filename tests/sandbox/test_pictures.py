"""The drawn pictures: the asked size, the same for the same request, different for another."""

from __future__ import annotations

import pytest

from pressroom.sandbox.pictures.drawing import compose, draw_png
from pressroom.sandbox.pictures.glyphs import GLYPHS, wrap

from .images import size_of


@pytest.mark.parametrize("size", [(16, 16), (344, 192), (64, 512), (1584, 672)])
def test_a_picture_has_the_asked_size(size: tuple[int, int]) -> None:
    assert size_of(draw_png("a fox", "f", *size)) == size


def test_a_picture_follows_from_its_fingerprint() -> None:
    assert draw_png("a fox", "one", 64, 64) == draw_png("a fox", "one", 64, 64)
    assert draw_png("a fox", "one", 64, 64) != draw_png("a fox", "two", 64, 64)


def test_any_prompt_can_be_lettered() -> None:
    assert "<script" not in compose('</svg><script>"&', "x", 64, 64)
    assert size_of(draw_png("狐 über \x00 & <b>", "x", 64, 64)) == (64, 64)


def test_every_letter_has_seven_rows_of_five_dots() -> None:
    for letter, rows in GLYPHS.items():
        assert [len(row) for row in rows.split()] == [5] * 7, letter


def test_a_long_prompt_ends_in_an_ellipsis() -> None:
    lines = wrap("word " * 100, 20, 3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
