"""What a text is held to: its kind's shape, and the limits of each field."""

import json

import pytest

from pressroom.contracts.texts import TEXT_MAX_CHARACTERS, Misshapen, read_text
from pressroom.contracts.vocabulary import TextKind

LISTING = {"title": " Fox in the snow ", "description": "A red fox.\n\nIn snow.", "tags": ["fox"]}


def test_a_plain_text_is_kept_as_it_is_without_the_space_around_it() -> None:
    assert read_text(TextKind.PLAIN, "\n Hello {not: json} \n") == "Hello {not: json}"


def test_a_shape_is_kept_as_its_json_and_what_it_does_not_know_is_left_out() -> None:
    read = json.loads(read_text(TextKind.PRODUCT_LISTING, json.dumps({**LISTING, "price": "free"})))

    assert read == {**LISTING, "title": "Fox in the snow"}


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (TextKind.PLAIN, " \n", "the text is empty"),
        (TextKind.PLAIN, "x" * (TEXT_MAX_CHARACTERS + 1), f"at most {TEXT_MAX_CHARACTERS}"),
        (TextKind.BLOG_POST, "Once upon a time", "no blog_post .*Invalid JSON"),
        (TextKind.BLOG_POST, '{"title": "A", "summary": "B"}', r"no blog_post \(body: "),
        (TextKind.IMAGE_PROMPTS, '{"prompts": []}', r"no image_prompts \(prompts: "),
        (TextKind.PRODUCT_LISTING, json.dumps({**LISTING, "title": "x" * 301}), "title: .*300"),
    ],
)
def test_what_does_not_fit_says_where(kind: TextKind, text: str, said: str) -> None:
    with pytest.raises(Misshapen, match=said):
        read_text(kind, text)
