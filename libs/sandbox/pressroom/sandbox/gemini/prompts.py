"""What a generateContent request asks for, read as strictly as the API reads it: names in camelCase or snake_case
(proto3 JSON), unknown names refused, aspect ratios and sizes from the API's own lists."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass

from pressroom.sandbox.core.imagefile import ImageFacts
from pressroom.sandbox.core.wire import (
    Json,
    JsonObject,
    as_int,
    as_list,
    as_object,
    as_text,
    canonical,
    is_int,
)
from pressroom.sandbox.gemini.contents import Contents, Stored, read_contents
from pressroom.sandbox.gemini.errors import invalid
from pressroom.sandbox.gemini.fields import field, refuse_unknown

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
    pictures: int
    """How many reference pictures came with the prompt."""
    fingerprint: str
    """sha256 of the model and the request: equal requests cost twice, so equal fingerprints are counted."""
    markers: frozenset[str]
    image: bool
    text: bool
    width: int
    height: int
    json_schema: Json
    """The asked schema of a JSON answer, or None for plain text."""


def makes_images(model: str) -> bool:
    return "image" in model or "banana" in model


def read_request(model: str, body: JsonObject, picture_px: int, stored: Stored, key: str = "") -> Wanted:
    """What the body asks of this model; `GeminiRefusalError` for what the API refuses. A batch row's `key` becomes
    part of its fingerprint, because two rows may ask for the same and mean two pictures; an uploaded picture counts by
    its content, because uploading it again is the same wish."""
    refuse_unknown(body, REQUEST_FIELDS, "")
    config = as_object(field(body, "generationConfig"))
    refuse_unknown(config, GENERATION_FIELDS, "generation_config")
    image_config = as_object(field(config, "imageConfig"))
    refuse_unknown(image_config, IMAGE_FIELDS, "generation_config.image_config")
    _check_seed(config)
    contents = read_contents(body, stored)
    image, text = _modalities(model, config)
    width, height = _size(image_config, picture_px, contents.pictures)
    mime_type = as_text(field(config, "responseMimeType"))
    schema = field(config, "responseSchema") or field(config, "responseJsonSchema")
    return Wanted(
        model=model,
        prompt=contents.prompt,
        pictures=len(contents.pictures),
        fingerprint=_fingerprint([model, {**body, "model": model}, key], contents),
        markers=frozenset(MARKER.findall(contents.prompt)),
        image=image,
        text=text,
        width=width,
        height=height,
        json_schema=(schema or {"type": "object"}) if mime_type == "application/json" else None,
    )


def _fingerprint(asked: Json, contents: Contents) -> str:
    said = canonical(asked)
    for uri, digest in contents.stored:
        said = said.replace(uri.encode(), digest.encode())
    return hashlib.sha256(said).hexdigest()


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


def _check_seed(config: JsonObject) -> None:
    seed = field(config, "seed")
    if seed is not None and (not is_int(seed) or not -(2**31) <= as_int(seed) < 2**31):
        raise invalid(f"Invalid value at 'generation_config.seed' (TYPE_INT32), {seed}")


def _size(image_config: JsonObject, picture_px: int, references: tuple[ImageFacts, ...]) -> tuple[int, int]:
    """The pixels to draw. Without an asked ratio it is that of the first reference picture, else a square
    (ai.google.dev, "Image generation", "Aspect ratios")."""
    ratio = _one_of(image_config, "aspectRatio", "aspect_ratio", tuple(SIZES_1K)) or _ratio_of(references)
    size = _one_of(image_config, "imageSize", "image_size", tuple(SCALES)) or "1K"
    scale = SCALES[size] * picture_px / 1024
    width, height = SIZES_1K[ratio]
    return max(16, round(width * scale)), max(16, round(height * scale))


def _one_of(image_config: JsonObject, name: str, proto_name: str, allowed: tuple[str, ...]) -> str:
    """The field's value, or nothing when it is not there; the words of the refusal are the API's."""
    value = field(image_config, name)
    if value is None:
        return ""
    if not isinstance(value, str) or value not in allowed:
        quoted = [f"'{one}'" for one in allowed]
        raise invalid(
            f"* GenerateContentRequest.generation_config.image_config.{proto_name}: {proto_name} must be one of "
            f"{', '.join(quoted[:-1])}, or {quoted[-1]}.\n"
        )
    return value


def _ratio_of(references: tuple[ImageFacts, ...]) -> str:
    if not references:
        return "1:1"
    wanted = math.log(references[0].width / references[0].height)
    return min(SIZES_1K, key=lambda ratio: abs(math.log(SIZES_1K[ratio][0] / SIZES_1K[ratio][1]) - wanted))
