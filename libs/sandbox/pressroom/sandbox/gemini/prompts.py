"""What a generateContent request asks for, read as strictly as the API reads it: names in camelCase or snake_case
(proto3 JSON), unknown names refused, aspect ratios and sizes from the API's own lists."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from pressroom.sandbox.core.wire import (
    Json,
    JsonObject,
    as_list,
    as_object,
    as_objects,
    as_text,
    canonical,
)
from pressroom.sandbox.gemini.errors import invalid

# ai.google.dev, "Image generation", table of aspect ratios: pixels at 1K.
SIZES_1K: dict[str, tuple[int, int]] = {
    "1:1": (1024, 1024),
    "1:4": (512, 2048),
    "1:8": (352, 2816),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:1": (2048, 512),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "8:1": (2816, 352),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}
SCALES = {"512": 0.5, "0.5K": 0.5, "1K": 1.0, "2K": 2.0, "4K": 4.0}

REQUEST_FIELDS = frozenset(
    {"model", "contents", "tools", "toolConfig", "safetySettings", "systemInstruction", "generationConfig"}
    | {"cachedContent", "serviceTier", "store", "labels"}
)
GENERATION_FIELDS = frozenset(
    {"stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities"}
    | {"candidateCount", "maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty"}
    | {"frequencyPenalty", "responseLogprobs", "logprobs", "enableEnhancedCivicAnswers", "speechConfig"}
    | {"thinkingConfig", "imageConfig", "mediaResolution", "responseFormat"}
)
IMAGE_FIELDS = frozenset({"aspectRatio", "imageSize"})

MARKER = re.compile(r"\[sandbox:([a-z-]+)\]")


@dataclass(frozen=True)
class Wanted:
    """One request, understood."""

    model: str
    prompt: str
    fingerprint: str
    """sha256 of the model and the request: equal requests cost twice, so equal fingerprints are counted."""
    markers: frozenset[str]
    image: bool
    text: bool
    width: int
    height: int
    json_schema: Json
    """The asked schema of a JSON answer, or None for plain text."""


def field(body: JsonObject, name: str) -> Json:
    """A field by its camelCase name, or by its snake_case one."""
    if name in body:
        return body[name]
    return body.get(re.sub(r"([A-Z])", lambda capital: "_" + capital[1].lower(), name))


def makes_images(model: str) -> bool:
    return "image" in model or "banana" in model


def read_request(model: str, body: JsonObject, picture_px: int, key: str = "") -> Wanted:
    """What the body asks of this model; `GeminiRefusalError` for what the API refuses. A batch row's `key` becomes
    part of its fingerprint, because two rows may ask for the same and mean two pictures."""
    _refuse_unknown(body, REQUEST_FIELDS, "")
    config = as_object(field(body, "generationConfig"))
    _refuse_unknown(config, GENERATION_FIELDS, "generation_config")
    image_config = as_object(field(config, "imageConfig"))
    _refuse_unknown(image_config, IMAGE_FIELDS, "generation_config.image_config")
    prompt = _prompt(body)
    image, text = _modalities(model, config)
    width, height = _size(image_config, picture_px)
    mime_type = as_text(field(config, "responseMimeType"))
    schema = field(config, "responseSchema") or field(config, "responseJsonSchema")
    return Wanted(
        model=model,
        prompt=prompt,
        fingerprint=hashlib.sha256(canonical([model, {**body, "model": model}, key])).hexdigest(),
        markers=frozenset(MARKER.findall(prompt)),
        image=image,
        text=text,
        width=width,
        height=height,
        json_schema=(schema or {"type": "object"}) if mime_type == "application/json" else None,
    )


def _refuse_unknown(body: JsonObject, known: frozenset[str], at: str) -> None:
    for name in body:
        camel = re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name)
        if camel not in known:
            where = f" at '{at}'" if at else ""
            raise invalid(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.')


def _prompt(body: JsonObject) -> str:
    contents = as_objects(field(body, "contents"))
    if not contents:
        raise invalid("* GenerateContentRequest.contents: contents is not specified")
    words: list[str] = []
    for content in contents:
        parts = as_objects(content.get("parts"))
        if not parts:
            raise invalid("* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.")
        words += [text for part in parts if (text := as_text(part.get("text")))]
    return " ".join(words)


def _modalities(model: str, config: JsonObject) -> tuple[bool, bool]:
    asked = [as_text(modality).upper() for modality in as_list(field(config, "responseModalities"))]
    for modality in asked:
        if modality not in ("TEXT", "IMAGE", "AUDIO", "MODALITY_UNSPECIFIED"):
            raise invalid(f"Invalid value at 'generation_config.response_modalities[0]', \"{modality}\"")
    if "AUDIO" in asked or ("IMAGE" in asked and not makes_images(model)):
        raise invalid(
            f"The requested combination of response modalities ({', '.join(asked)}) is not supported by the model. "
            f"models/{model} accepts the following combination of response modalities: * TEXT"
        )
    if not asked:
        return makes_images(model), True
    return "IMAGE" in asked, "TEXT" in asked


def _size(image_config: JsonObject, picture_px: int) -> tuple[int, int]:
    ratio = as_text(field(image_config, "aspectRatio"), "1:1")
    size = as_text(field(image_config, "imageSize"), "1K")
    if ratio not in SIZES_1K:
        raise invalid(f"aspect_ratio must be one of {', '.join(SIZES_1K)}; got {ratio!r}")
    if size not in SCALES:
        raise invalid(f"image_size must be one of {', '.join(SCALES)}; got {size!r}")
    scale = SCALES[size] * picture_px / 1024
    width, height = SIZES_1K[ratio]
    return max(16, round(width * scale)), max(16, round(height * scale))
