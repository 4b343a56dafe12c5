"""What a model is told to write for each kind of text, and the shape that its answer must have: the same for all
vendors. Pure; what comes back is held to `pressroom.contracts.texts`."""

from collections.abc import Mapping
from typing import Any, cast

from pressroom.contracts.texts import SHAPES
from pressroom.contracts.vocabulary import TextKind

_TASKS: Mapping[TextKind, str | None] = {
    TextKind.PLAIN: None,
    TextKind.IMAGE_PROMPTS: (
        "Write prompts for an image model, as many as you are asked for. Each stands alone: subject, setting, "
        "composition, light, medium. No numbering, no words that the picture should show unless they are asked for."
    ),
    TextKind.PRODUCT_LISTING: (
        "Write the listing of a product that is printed with the picture described or shown. The title has at most 70 "
        "characters. The description is plain text of two or three short paragraphs that say only what is given: no "
        "promises of material, delivery or price. The tags are five to thirteen search words."
    ),
    TextKind.BLOG_POST: (
        "Write a blog post about what you are given. The summary is one or two sentences. The body is Markdown with "
        "headings from the second level on, without HTML and without links. The tags are three to eight search words."
    ),
}

_KEPT = ("type", "items", "enum")
"""What every vendor's subset of JSON Schema knows; limits are checked when the answer is here."""


def instructions_for(kind: TextKind, instructions: str | None) -> str | None:
    """The kind's task and the batch's own instructions, which have the last word; None when there are none."""
    return "\n\n".join(part for part in (_TASKS[kind], instructions) if part) or None


def schema_of(kind: TextKind) -> dict[str, Any] | None:
    """The JSON Schema of a kind that has fields: every one required, and no other. None for plain text."""
    shape = SHAPES.get(kind)
    return _plain(shape.model_json_schema()) if shape is not None else None


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {name: schema[name] for name in _KEPT if name in schema}
    if "items" in plain:
        plain["items"] = _plain(cast("Mapping[str, Any]", plain["items"]))
    if "properties" in schema:
        properties = cast("Mapping[str, Mapping[str, Any]]", schema["properties"])
        plain["properties"] = {name: _plain(value) for name, value in properties.items()}
        plain["required"] = list(properties)
        plain["additionalProperties"] = False
    return plain
