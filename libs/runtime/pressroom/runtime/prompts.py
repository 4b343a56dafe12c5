"""How a prompt is composed from what a batch says, in the order that print-on-demand users know: the prompt itself, its
style, its genre, words for quality. Pure; the original prompt is kept beside the result."""

import re

from pressroom.contracts.requests import BatchRequest

_AROUND = ", \t\n"

NEGATIVE_CLAUSE = "\n\nDo not show any of this: "
"""For providers that have no field for what is unwanted: it is asked for in words."""


def full_prompt(prompt: str, *, style: str, genre: str, quality_words: str) -> str:
    """`prompt, <style> style, <genre> theme, <quality words>`; what is empty, or is said already, is left out."""
    parts = [prompt.strip().rstrip(_AROUND)]
    for words, noun in ((style, "style"), (genre, "theme"), (quality_words, "")):
        added = words.strip(_AROUND)
        if not added:
            continue
        if noun and not added.lower().endswith(noun):
            added = f"{added} {noun}"
        if not _says(parts[0], added):
            parts.append(added)
    return ", ".join(parts)


def _says(prompt: str, words: str) -> bool:
    """As words of their own: a birthday is not HD."""
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", prompt, re.IGNORECASE) is not None


def composed(prompt: str, request: BatchRequest, default_quality_words: str) -> str:
    """The full prompt of one image of a batch."""
    said = request.quality_words
    quality_words = default_quality_words if said is None else said
    return full_prompt(prompt, style=request.style, genre=request.genre, quality_words=quality_words)


def with_negative_clause(prompt: str, negative_prompt: str | None) -> str:
    """What a provider without negative prompts is sent."""
    return prompt if negative_prompt is None else f"{prompt}{NEGATIVE_CLAUSE}{negative_prompt}"
