"""What the kinds of text consist of: the shape that a model is asked for, and that its answer is held to.

A text that does not fit its shape has failed, so whoever reads one need not check it again. Pure.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from .facts import Fact
from .requests import PROMPT_MAX_CHARACTERS
from .vocabulary import TextKind

TEXT_MAX_CHARACTERS = 400_000
"""More than any model writes in one answer (65,536 tokens), and little enough for one message."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Paragraphs = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100_000)]
Tags = Annotated[tuple[Line, ...], Field(max_length=50)]


class ImagePrompts(Fact):
    """Prompts for pictures, each of which may go into a batch as it is."""

    prompts: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=PROMPT_MAX_CHARACTERS)], ...],
        Field(min_length=1, max_length=200),
    ]


class ProductListing(Fact):
    """What a shop shows of a product. `description` is plain text, its paragraphs parted by empty lines."""

    title: Line
    description: Paragraphs
    tags: Tags = ()


class BlogPost(Fact):
    """`body` is Markdown; nothing in it is trusted as HTML."""

    title: Line
    summary: Paragraphs
    body: Paragraphs
    tags: Tags = ()


SHAPES: Mapping[TextKind, type[Fact]] = {
    TextKind.IMAGE_PROMPTS: ImagePrompts,
    TextKind.PRODUCT_LISTING: ProductListing,
    TextKind.BLOG_POST: BlogPost,
}
"""Kinds that are no shape are text as it comes."""


class Misshapen(ValueError):
    """The text is not what its kind asks for; the message says where."""


def read_text(kind: TextKind, text: str) -> str:
    """The text as it is stored: a shape's as its JSON, any other stripped. Raises `Misshapen`."""
    text = text.strip()
    if not text:
        raise Misshapen("the text is empty")
    if len(text) > TEXT_MAX_CHARACTERS:
        raise Misshapen(f"the text has {len(text)} characters; at most {TEXT_MAX_CHARACTERS} are kept")
    shape = SHAPES.get(kind)
    if shape is None:
        return text
    try:
        return shape.model_validate_json(text).model_dump_json()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "text"
        raise Misshapen(f"the text is no {kind} ({where}: {first['msg']})") from error
