"""What the models answer: a drawn picture, a line of text, JSON of the asked schema, or one of the ways in which they
say no. A prompt chooses its own fate by a marker: `[sandbox:moderated]` (blocked prompt), `[sandbox:unsafe-image]` (a
candidate without content, finishReason IMAGE_SAFETY), `[sandbox:no-image]` (finishReason NO_IMAGE),
`[sandbox:text-only]` (a model that talks instead of drawing), `[sandbox:cut-off]` (a text that ends in the middle,
finishReason MAX_TOKENS), `[sandbox:misshapen]` (JSON of another shape than was asked for), `[sandbox:error]`
(INTERNAL)."""

from __future__ import annotations

import base64
import uuid

from pressroom.sandbox.core.schemas import instance_of
from pressroom.sandbox.core.wire import JsonObject, dump, json_list
from pressroom.sandbox.gemini.errors import GeminiRefusalError
from pressroom.sandbox.gemini.prompts import Wanted
from pressroom.sandbox.pictures.drawing import draw_png

# What the API reports for an image at 1K (ai.google.dev, "Gemini Developer API pricing").
IMAGE_TOKENS = 1120
REFERENCE_TOKENS = 560
"""The same page: what an input image counts."""


def answer(wanted: Wanted) -> tuple[JsonObject, bool]:
    """The GenerateContentResponse and whether a picture was made (and would be billed); takes about 30 ms of one core
    for a picture. `GeminiRefusalError` for a prompt that asks for an error."""
    if "error" in wanted.markers:
        raise GeminiRefusalError(500, "An internal error has occurred. Please retry or report in the sandbox's prompt.")
    if "moderated" in wanted.markers:
        return {**_envelope(wanted, 0, image=False), "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, False
    if wanted.image and "unsafe-image" in wanted.markers:
        return _without_content(wanted, "IMAGE_SAFETY"), False
    if wanted.image and "no-image" in wanted.markers:
        return _without_content(wanted, "NO_IMAGE"), False
    draws = wanted.image and "text-only" not in wanted.markers
    parts: list[JsonObject] = []
    if wanted.text or not draws:
        parts.append({"text": _words(wanted, draws=draws)})
    if draws:
        png = draw_png(wanted.prompt, wanted.fingerprint, wanted.width, wanted.height)
        parts.append({"inlineData": {"mimeType": "image/png", "data": base64.b64encode(png).decode()}})
    candidate: JsonObject = {
        "content": {"parts": json_list(parts), "role": "model"},
        "finishReason": "MAX_TOKENS" if "cut-off" in wanted.markers else "STOP",
        "index": 0,
    }
    return {"candidates": [candidate], **_envelope(wanted, IMAGE_TOKENS if draws else 40, image=draws)}, draws


def _without_content(wanted: Wanted, reason: str) -> JsonObject:
    candidate: JsonObject = {
        "content": {},
        "finishReason": reason,
        "finishMessage": f"The sandbox was asked for {reason} by a marker in the prompt.",
        "index": 0,
    }
    return {"candidates": [candidate], **_envelope(wanted, 0, image=False)}


def _envelope(wanted: Wanted, output_tokens: int, *, image: bool) -> JsonObject:
    text_tokens = max(1, len(wanted.prompt) // 4)
    picture_tokens = wanted.pictures * REFERENCE_TOKENS
    prompt_details: list[JsonObject] = [{"modality": "TEXT", "tokenCount": text_tokens}]
    if picture_tokens:
        prompt_details.append({"modality": "IMAGE", "tokenCount": picture_tokens})
    usage: JsonObject = {
        "promptTokenCount": text_tokens + picture_tokens,
        "candidatesTokenCount": output_tokens,
        "totalTokenCount": text_tokens + picture_tokens + output_tokens,
        "promptTokensDetails": json_list(prompt_details),
    }
    if image:
        usage["candidatesTokensDetails"] = [{"modality": "IMAGE", "tokenCount": output_tokens}]
    return {"usageMetadata": usage, "modelVersion": wanted.model, "responseId": uuid.uuid4().hex[:22]}


def _words(wanted: Wanted, *, draws: bool) -> str:
    if "misshapen" in wanted.markers:
        return dump({"sandbox": "not what was asked for"})
    if wanted.json_schema is not None:
        return dump(instance_of(wanted.json_schema, wanted.prompt))
    if draws:
        return f"Here is a sandbox picture of: {wanted.prompt[:200]}"
    return f"This is the sandbox's answer, no model's. You asked: {wanted.prompt[:500]}"
