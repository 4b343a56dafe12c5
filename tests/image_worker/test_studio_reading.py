"""How studio reads prompts, sets type and keeps its palettes legible."""

from __future__ import annotations

import pytest

from pressroom.image_worker import studio
from pressroom.image_worker.studio.figures import FIGURES
from pressroom.image_worker.studio.palettes import PALETTES, Palette, broken_rules
from pressroom.image_worker.studio.prompt_reading import read
from pressroom.image_worker.studio.typesetting import CONDENSED, GROTESK, TEXT, broken_into, fit, set_line, settable
from pressroom.image_worker.studio.vocabulary import MOTIFS


@pytest.mark.parametrize("palette", PALETTES, ids=lambda palette: palette.name)
def test_a_palette_keeps_figure_and_ground_apart(palette: Palette) -> None:
    assert broken_rules(palette) == []
    assert 4 <= 2 + len(palette.accents) <= 6


def test_there_are_enough_palettes_and_each_has_its_own_name() -> None:
    assert len({palette.name for palette in PALETTES}) == len(PALETTES) >= 24


@pytest.mark.parametrize(
    ("prompt", "style"),
    [
        ("mountain landscape sunset", "landscape"),
        ("misty pine forest at dawn risograph", "landscape"),
        ("cyberpunk cat neon lights", "motif"),
        ("Japandi style heron between reeds, two ink tones", "motif"),
        ("Vintage Halloween pumpkin woodcut", "motif"),
        ("retro gaming controller", "motif"),
        ("geometric pattern", "tiling"),
        ("poster: SLOW DOWN", "poster"),
        ("Tokyo skyline at night", "city"),
        ("wildflowers in a vase", "botanical"),
        ("op art illusion", "opart"),
        ("topographic map of an island", "topography"),
    ],
)
def test_words_lead_to_the_style_that_draws_them_best(prompt: str, style: str) -> None:
    assert {studio.describe(prompt, seed).style for seed in range(5)} == {style}


def test_a_named_colour_and_mood_choose_the_palette() -> None:
    assert studio.describe("cyberpunk city neon", 1).palette in {"neon", "arcade", "synthwave"}
    assert studio.describe("halloween", 2).palette in {"halloween", "graveyard"}
    assert "sunset" in studio.describe("mountain sunset", 1).deciding_words


def test_unknown_words_keep_their_style_whatever_the_seed() -> None:
    described = [studio.describe("qwrtz plmk", seed) for seed in range(12)]
    assert len({one.style for one in described}) == 1
    assert 1 < len({one.palette for one in described}) <= 4
    assert described[0].deciding_words == ()


def test_different_unknown_words_are_drawn_differently() -> None:
    assert len({studio.describe(f"zq{word}x", 1).style for word in range(40)}) > 5


@pytest.mark.parametrize(
    ("prompt", "headline"),
    [
        ("poster: SLOW DOWN", "SLOW DOWN"),
        ('a poster that says "Good Day, Sunshine" in orange', "Good Day, Sunshine"),
        ("poster of jazz in Montreux", "jazz in Montreux"),
        ("vintage print with the words “Stay Curious”", "Stay Curious"),
    ],
)
def test_the_headline_is_what_the_prompt_wants_said(prompt: str, headline: str) -> None:
    assert read(prompt, 1).headline == headline


def test_every_figure_has_words_that_call_for_it() -> None:
    assert set(MOTIFS) == set(FIGURES)
    for figure in FIGURES:
        assert read(figure, 1).motif == figure


def test_letters_that_no_face_has_are_left_out_and_accents_are_kept() -> None:
    assert settable("Żółć 🎉 Straße", GROTESK) == "Żółć Straße"
    assert settable("你好", CONDENSED) == ""
    assert settable("Привет", TEXT) == "Привет"


def test_kerning_draws_pairs_together() -> None:
    pair = set_line("AV", CONDENSED).width
    apart = set_line("A", CONDENSED).width + set_line("V", CONDENSED).width
    loose = set_line("HH", CONDENSED).width - 2 * set_line("H", CONDENSED).width
    assert pair - apart < loose


@pytest.mark.parametrize("text", ["I", "SLOW DOWN", "one two three four five six seven", "W" * 80])
def test_a_fitted_headline_stays_in_its_box(text: str) -> None:
    block = fit(text, GROTESK, 800, 300, 200)
    assert block.width <= 800.01
    assert block.height <= 300.01
    assert block.size <= 200


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_lines_keep_every_word_in_order(count: int) -> None:
    words = ["the", "quick", "brown", "fox", "jumps"]
    lines = broken_into(words, count)
    assert len(lines) == count
    assert " ".join(lines).split() == words
