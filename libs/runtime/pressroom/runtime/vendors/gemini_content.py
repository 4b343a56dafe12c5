"""What Gemini is asked for one picture or one text, and what its answer says of it: the `GenerateContentRequest` and
`GenerateContentResponse` that the realtime API and each row of a batch have in common. Pure; nothing to lose.

Source: ai.google.dev, "Image generation" and "GenerateContentResponse", v1beta, 2026-11.
"""

import base64
import math
from collections.abc import Sequence

from pressroom.contracts.vocabulary import TextKind

from ..errors import ApiFailed, Moderated, WorkError
from ..prompts import with_negative_clause
from .gemini import VENDOR, Refusal, Wire
from .pictures import decoded_picture, reference_type
from .texts import instructions_for, schema_of

ASPECT_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
"""What `imageConfig.aspectRatio` takes (ai.google.dev, "Image generation", 2026-11)."""

IMAGE_SIZES_PX = {"1K": 1024, "2K": 2048, "4K": 4096}
"""What `imageConfig.imageSize` takes, by the longer side of a square picture (same page)."""

SEED_RANGE = 2**31
"""`generationConfig.seed` is a signed 32-bit number; ours has 32 bits without a sign, and is folded."""

MODERATION_REASONS = frozenset(
    {
        "SAFETY",
        "IMAGE_SAFETY",
        "PROHIBITED_CONTENT",
        "IMAGE_PROHIBITED_CONTENT",
        "BLOCKLIST",
        "SPII",
        "RECITATION",
        "IMAGE_RECITATION",
    }
)
"""`finishReason`s that judge the content (ai.google.dev, "GenerateContentResponse")."""

_SAID_CHARACTERS = 300


Part = dict[str, object]
"""A part of a request's contents, as it is sent."""


class Blob(Wire):
    mime_type: str = ""
    data: str = ""


class AnswerPart(Wire):
    """`thought` marks a draft, which may be a picture as well."""

    text: str | None = None
    inline_data: Blob | None = None
    thought: bool = False


class Content(Wire):
    parts: tuple[AnswerPart, ...] = ()


class Candidate(Wire):
    content: Content = Content()
    finish_reason: str | None = None
    finish_message: str | None = None


class PromptFeedback(Wire):
    block_reason: str | None = None
    block_reason_message: str | None = None


class Usage(Wire):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None


class Answer(Wire):
    candidates: tuple[Candidate, ...] = ()
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: Usage | None = None
    error: Refusal | str | None = None


def picture_request(
    prompt: str,
    *,
    negative_prompt: str | None,
    width_px: int,
    height_px: int,
    seed: int | None,
    pictures: Sequence[Part] = (),
) -> dict[str, object]:
    """The body that asks for one picture, of the shape and size that are nearest to these sides. `pictures` are parts
    made by `inline_picture` or `stored_picture`. Gemini has no field for what is unwanted, so it is asked for in
    words."""
    generation: dict[str, object] = {
        "responseModalities": ["IMAGE"],
        "imageConfig": {
            "aspectRatio": nearest_aspect_ratio(width_px, height_px),
            "imageSize": nearest_image_size(width_px, height_px),
        },
    }
    if seed is not None:
        generation["seed"] = seed % SEED_RANGE
    return {
        "contents": _said(with_negative_clause(prompt, negative_prompt), pictures),
        "generationConfig": generation,
    }


def text_request(
    prompt: str,
    *,
    kind: TextKind,
    instructions: str | None,
    seed: int | None,
    pictures: Sequence[Part] = (),
    most_tokens: int | None = None,
) -> dict[str, object]:
    """The body that asks for one text; of a kind with fields, as JSON of their shape; of at most `most_tokens`,
    thoughts included."""
    generation: dict[str, object] = {}
    if most_tokens is not None:
        generation["maxOutputTokens"] = most_tokens
    if seed is not None:
        generation["seed"] = seed % SEED_RANGE
    schema = schema_of(kind)
    if schema is not None:
        generation |= {"responseMimeType": "application/json", "responseJsonSchema": schema}
    request: dict[str, object] = {"contents": _said(prompt, pictures), "generationConfig": generation}
    told = instructions_for(kind, instructions)
    if told is not None:
        request["systemInstruction"] = {"parts": [{"text": told}]}
    return request


def inline_picture(data: bytes, place: int) -> Part:
    """An encoded reference picture, in the request itself; `place` counts from 1. `InvalidRequest` for one that Gemini
    does not read."""
    blob = {"mimeType": reference_type(data, place, VENDOR), "data": base64.b64encode(data).decode()}
    return {"inlineData": blob}


def stored_picture(uri: str, media_type: str) -> Part:
    """A reference picture that was uploaded before (ai.google.dev, "Files API"), by its URI there."""
    return {"fileData": {"mimeType": media_type, "fileUri": uri}}


def _said(text: str, pictures: Sequence[Part]) -> list[dict[str, object]]:
    return [{"role": "user", "parts": [{"text": text}, *pictures]}]


def nearest_aspect_ratio(width_px: int, height_px: int) -> str:
    """The supported ratio that is off by the smallest factor."""
    wanted = math.log(width_px / height_px)
    return min(ASPECT_RATIOS, key=lambda ratio: abs(math.log(_value(ratio)) - wanted))


def nominal_size(width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height of the ratio that is asked for; Gemini keeps the ratio within a few percent."""
    longer, ratio = max(width_px, height_px), _value(nearest_aspect_ratio(width_px, height_px))
    return (longer, round(longer / ratio)) if ratio >= 1 else (round(longer * ratio), longer)


def nearest_image_size(width_px: int, height_px: int) -> str:
    """The size that the longer side is off from by the smallest factor; a step up costs half as much again."""
    wanted = math.log(max(width_px, height_px))
    return min(IMAGE_SIZES_PX, key=lambda size: abs(math.log(IMAGE_SIZES_PX[size]) - wanted))


def picture_of(answer: Answer) -> tuple[bytes, str]:
    """The picture and its media type, drafts left out; raises the `WorkError` that says why there is none."""
    blob = next(
        (part.inline_data for candidate in answer.candidates for part in candidate.content.parts if _is_final(part)),
        None,
    )
    if blob is None:
        raise _why_no_picture(answer)
    return decoded_picture(blob.data, VENDOR, blob.mime_type)


def text_of(answer: Answer | None) -> str | None:
    """What the model wrote beside or instead of a picture."""
    if answer is None:
        return None
    texts = [part.text for found in answer.candidates for part in found.content.parts if part.text and not part.thought]
    return "\n".join(texts) or None


def whole_text_of(answer: Answer) -> str:
    """The text that was asked for; raises the `WorkError` that says why there is none, or only a part."""
    refusal = _judged(answer)
    if refusal is not None:
        raise refusal
    reason = next((candidate.finish_reason for candidate in answer.candidates if candidate.finish_reason), "STOP")
    if reason != "STOP":
        raise ApiFailed(f"Gemini stopped in the middle of the text ({reason}); ask for a shorter one")
    text = text_of(answer)
    if text is None:
        raise ApiFailed("Gemini wrote no text; ask again or say it better")
    return text


def _value(ratio: str) -> float:
    width, height = ratio.split(":")
    return int(width) / int(height)


def _is_final(part: AnswerPart) -> bool:
    return part.inline_data is not None and not part.thought


def _judged(answer: Answer) -> WorkError | None:
    """Why Gemini refuses to answer at all; None when it does not."""
    feedback = answer.prompt_feedback
    if feedback and feedback.block_reason:
        more = f": {feedback.block_reason_message}" if feedback.block_reason_message else ""
        return Moderated(f"Gemini refused the prompt ({feedback.block_reason}{more}); change the prompt")
    for candidate in answer.candidates:
        reason = candidate.finish_reason or ""
        more = f": {candidate.finish_message}" if candidate.finish_message else ""
        if reason in MODERATION_REASONS:
            return Moderated(f"Gemini refused its answer ({reason}{more}); change the prompt")
    return None


def _why_no_picture(answer: Answer) -> WorkError:
    refusal = _judged(answer)
    if refusal is not None:
        return refusal
    for candidate in answer.candidates:
        reason = candidate.finish_reason or ""
        more = f": {candidate.finish_message}" if candidate.finish_message else ""
        if reason and reason != "STOP":
            return ApiFailed(f"Gemini made no picture ({reason}{more}); ask again or change the prompt")
    text = text_of(answer)
    wrote = f", it wrote: {text[:_SAID_CHARACTERS]}" if text else ""
    return ApiFailed(f"Gemini made no picture{wrote}; ask again or say it better")
