"""What a call is answered with: the drawn pictures and what they would cost in tokens. A prompt chooses its own fate by
a marker: `[sandbox:moderated]` (the words are blocked), `[sandbox:unsafe-image]` (the picture is), `[sandbox:error]`
(a server error)."""

from __future__ import annotations

import base64
import hashlib
import time

from pressroom.sandbox.core.wire import JsonObject, canonical, json_list
from pressroom.sandbox.openai.errors import broken, moderated
from pressroom.sandbox.openai.parameters import Asked
from pressroom.sandbox.openai.pictures import draw

# The output tokens of a 1024x1024 in OpenAI's guide to gpt-image-1; for other sizes and models this goes by the area,
# which is a guess.
TOKENS_OF_A_SQUARE = {"low": 272, "medium": 1056, "high": 4160}
SQUARE_PIXELS = 1024 * 1024
INPUT_IMAGE_TOKENS = 323
"""A guess of the right size: what gpt-image-1 counts for a 1024x1024 input at low fidelity."""


def refuse_by_marker(asked: Asked) -> None:
    """`OpenAIRefusalError` when the prompt asks for it."""
    if "error" in asked.markers:
        raise broken()
    if "moderated" in asked.markers:
        raise moderated("input")
    if "unsafe-image" in asked.markers:
        raise moderated("output")


def fingerprints_of(asked: Asked, call_id: str) -> list[str]:
    """One for each picture; the call is part of it, because without a seed no two pictures are the same."""
    return [
        hashlib.sha256(canonical([asked.model, asked.prompt, call_id, place])).hexdigest()
        for place in range(asked.count)
    ]


def answer(asked: Asked, fingerprints: list[str], drawn: tuple[int, int]) -> JsonObject:
    """The ImagesResponse; about 30 ms of one core for a picture."""
    pictures = [
        draw(
            asked.prompt,
            fingerprint,
            *drawn,
            transparent=asked.transparent,
            output_format=asked.output_format,
            compression=asked.compression,
        )
        for fingerprint in fingerprints
    ]
    return {
        "created": int(time.time()),
        "background": asked.background,
        "data": json_list({"b64_json": base64.b64encode(picture).decode()} for picture in pictures),
        "output_format": asked.output_format,
        "quality": asked.quality,
        "size": str(asked.size),
        "usage": _usage(asked),
    }


def _usage(asked: Asked) -> JsonObject:
    text_tokens = max(1, len(asked.prompt) // 4)
    image_tokens = INPUT_IMAGE_TOKENS * len(asked.inputs.images)
    area = asked.size.width * asked.size.height / SQUARE_PIXELS
    output_tokens = asked.count * round(TOKENS_OF_A_SQUARE[asked.quality] * area)
    return {
        "input_tokens": text_tokens + image_tokens,
        "input_tokens_details": {"text_tokens": text_tokens, "image_tokens": image_tokens},
        "output_tokens": output_tokens,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": output_tokens},
        "total_tokens": text_tokens + image_tokens + output_tokens,
    }
