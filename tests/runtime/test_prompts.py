"""How a prompt is composed: in an order that users know, nothing twice, and nothing lost that was wanted."""

from typing import Any

import pytest

from pressroom.contracts.requests import BatchRequest
from pressroom.runtime.prompts import composed, full_prompt, with_negative_clause


def full(prompt: str, *, style: str = "", genre: str = "", quality_words: str = "") -> str:
    return full_prompt(prompt, style=style, genre=genre, quality_words=quality_words)


def test_a_prompt_alone_stays_as_it_is() -> None:
    assert full("a quiet harbour, seen from above") == "a quiet harbour, seen from above"


def test_style_genre_and_quality_words_follow_in_this_order() -> None:
    told = full("a cat", style="watercolour", genre="noir", quality_words="sharp, 8k")
    assert told == "a cat, watercolour style, noir theme, sharp, 8k"


@pytest.mark.parametrize(
    "style", ["watercolour", " watercolour ", "watercolour style", ", watercolour,", "watercolour, "]
)
def test_a_style_is_written_once_however_it_was_typed(style: str) -> None:
    assert full("a cat", style=style) == "a cat, watercolour style"


@pytest.mark.parametrize("prompt", ["a cat,", "a cat, ", " a cat ", "a cat,,"])
def test_no_comma_is_doubled(prompt: str) -> None:
    assert full(prompt, quality_words="sharp") == "a cat, sharp"


def test_what_the_prompt_says_already_is_not_said_again() -> None:
    assert full("a cat in Watercolour Style", style="watercolour") == "a cat in Watercolour Style"
    assert full("a cat, 8k, sharp", quality_words="8K, sharp") == "a cat, 8k, sharp"


@pytest.mark.parametrize(
    ("prompt", "words"), [("a birthday cake", "HD"), ("sharpened pencils", "sharp"), ("a thinker", "ink")]
)
def test_words_are_not_taken_for_said_because_they_are_inside_of_another(prompt: str, words: str) -> None:
    assert full(prompt, quality_words=words) == f"{prompt}, {words}"


def test_a_style_is_not_taken_for_said_because_it_is_inside_of_another() -> None:
    assert full("a smart style icon", style="art") == "a smart style icon, art style"


@pytest.mark.parametrize("words", ["c++", "(masterpiece:1.2)", "50%", "*", "夜"])
def test_words_of_any_characters_are_added_and_said_once(words: str) -> None:
    assert full("a cat", quality_words=words) == f"a cat, {words}"
    assert full(f"a cat, {words}", quality_words=words) == f"a cat, {words}"


def test_nothing_but_commas_adds_nothing() -> None:
    assert full("a cat", style=" , ", genre=",", quality_words="") == "a cat"


def a_request(**fields: Any) -> BatchRequest:
    return BatchRequest.model_validate({"provider": "studio", "prompt": "a cat", **fields})


def test_a_deployment_adds_its_quality_words_unless_the_batch_has_its_own() -> None:
    assert composed("a cat", a_request(), "print quality") == "a cat, print quality"
    assert composed("a cat", a_request(quality_words="grainy"), "print quality") == "a cat, grainy"
    assert composed("a cat", a_request(quality_words=""), "print quality") == "a cat"


def test_what_is_unwanted_is_asked_for_in_words_only_where_there_is_something() -> None:
    assert with_negative_clause("a cat", None) == "a cat"
    assert with_negative_clause("a cat", "dogs").startswith("a cat\n")
    assert with_negative_clause("a cat", "dogs").endswith(": dogs")
