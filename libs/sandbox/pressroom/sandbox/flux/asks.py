"""What a request for a picture may say, validated by pydantic and refused in the shape in which FastAPI shows
pydantic's errors, because the real API is a FastAPI application (api.bfl.ai/openapi.json)."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from pressroom.sandbox.core.imagefile import read_facts
from pressroom.sandbox.core.wire import JsonObject, as_objects, json_list, parse
from pressroom.sandbox.flux.errors import FluxRefusalError

MODELS = ("flux-2-pro", "flux-2-max", "flux-2-flex", "flux-2-klein-4b", "flux-2-klein-9b")
LARGEST_PIXELS = 4 * 1024 * 1024
DEFAULT_PX = 1024
MIME_SUFFIXES = {"jpeg": "jpg", "png": "png"}


def _is_image(value: str) -> str:
    try:
        read_facts(base64.b64decode(value.rpartition(",")[2], validate=True))
    except (binascii.Error, ValueError) as wrong:
        raise ValueError("Could not decode the image: base64 of a PNG, JPEG or WebP is taken") from wrong
    return value


Side = Annotated[int, Field(ge=64, multiple_of=16)]
Picture = Annotated[str, AfterValidator(_is_image)]


class Ask(BaseModel):
    """One request. Fields that are not known are passed over, as by the real API."""

    prompt: str
    width: Side | None = None
    height: Side | None = None
    seed: int | None = None
    safety_tolerance: int = Field(2, ge=0, le=5)
    output_format: Literal["jpeg", "png"] = "jpeg"
    webhook_url: str | None = Field(None, min_length=1, max_length=2083, pattern="^https?://")
    webhook_secret: str | None = None
    input_image: Picture | None = None
    input_image_2: Picture | None = None
    input_image_3: Picture | None = None
    input_image_4: Picture | None = None
    input_image_5: Picture | None = None
    input_image_6: Picture | None = None
    input_image_7: Picture | None = None
    input_image_8: Picture | None = None

    @model_validator(mode="after")
    def _fits(self) -> Ask:
        width, height = self.size()
        if width * height > LARGEST_PIXELS:
            raise ValueError(f"width x height is {width * height} pixels; at most {LARGEST_PIXELS} are made")
        return self

    def size(self) -> tuple[int, int]:
        return self.width or DEFAULT_PX, self.height or DEFAULT_PX


class FlexAsk(Ask):
    """flux-2-flex also lets its sampler be set."""

    steps: int = Field(50, ge=1, le=50)
    guidance: float = Field(5.0, ge=1.5, le=10)


def read_ask(model: str, raw: bytes) -> Ask:
    """The request; `FluxRefusalError` (422) for what cannot be."""
    kind = FlexAsk if model == "flux-2-flex" else Ask
    try:
        body = parse(raw)
    except ValueError as wrong:
        error: JsonObject = {"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error", "input": {}}
        raise FluxRefusalError(422, [error]) from wrong
    try:
        return kind.model_validate(body)
    except ValidationError as wrong:
        found = as_objects(parse(wrong.json(include_url=False, include_context=False)))
        raise FluxRefusalError(422, [_in_body(one) for one in found]) from wrong


def _in_body(error: JsonObject) -> JsonObject:
    place = error["loc"]
    return {**error, "loc": json_list(["body", *(place if isinstance(place, list) else [])])}
