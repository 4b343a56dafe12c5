"""The files of an edit: up to 16 pictures and a mask for the first. Each is decoded once, because the vendor too
refuses what is no whole picture."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pyvips

from pressroom.sandbox.core.imagefile import ImageFacts, read_facts
from pressroom.sandbox.core.wire import JsonObject
from pressroom.sandbox.openai.errors import USER_ERROR, OpenAIRefusalError, missing

# openai-python 3.52.0, images.edit: 16 images of less than 50 MB each, a mask of less than 4 MB.
MOST_IMAGES = 16
LARGEST_IMAGE_BYTES = 50 * 1024 * 1024
LARGEST_MASK_BYTES = 4 * 1024 * 1024
IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})


@dataclass(frozen=True)
class Input:
    """One picture that came with an edit."""

    sha256: str
    facts: ImageFacts

    def body(self) -> JsonObject:
        return {"sha256": self.sha256, "width": self.facts.width, "height": self.facts.height}


@dataclass(frozen=True)
class Inputs:
    """The files of one edit; a generation has none."""

    images: tuple[Input, ...] = ()
    mask: Input | None = None


def read_inputs(images: list[bytes], mask: bytes | None) -> Inputs:
    """Decodes all of them, so it takes the time of a thread; `OpenAIRefusalError` for what the vendor refuses."""
    if not images:
        raise missing("image")
    if len(images) > MOST_IMAGES:
        raise OpenAIRefusalError(
            400,
            f"Invalid 'image': array too long. Expected an array with maximum length {MOST_IMAGES}, but got an array "
            f"with length {len(images)} instead.",
            param="image",
            code="array_above_max_length",
        )
    read = tuple(_read_image(content, place) for place, content in enumerate(images, 1))
    return Inputs(read, _read_mask(mask, read[0]) if mask is not None else None)


def _read_image(content: bytes, place: int) -> Input:
    if len(content) >= LARGEST_IMAGE_BYTES:
        message = f"Image {place} has {len(content)} bytes; each must have less than {LARGEST_IMAGE_BYTES}."
        raise OpenAIRefusalError(400, message, kind=USER_ERROR, param="image", code="image_too_large")
    facts = _facts(content)
    if facts is None or facts.mime_type not in IMAGE_TYPES:
        message = f"Invalid image file or mode for image {place}, please check your image file."
        raise OpenAIRefusalError(400, message, kind=USER_ERROR, param="image", code="invalid_image_file")
    return Input(hashlib.sha256(content).hexdigest(), facts)


def _read_mask(content: bytes, image: Input) -> Input:
    facts = _facts(content)
    reason = ""
    if len(content) >= LARGEST_MASK_BYTES:
        reason = "mask must have less than 4 MB"
    elif facts is None or facts.mime_type != "image/png":
        reason = "mask must be a PNG"
    elif (facts.width, facts.height) != (image.facts.width, image.facts.height):
        reason = "mask size does not match image size"
    elif not _has_alpha(content):
        reason = "mask must have an alpha channel"
    if reason or facts is None:
        message = f"Invalid mask image format - {reason}"
        raise OpenAIRefusalError(400, message, kind=USER_ERROR, param="mask", code="invalid_mask_image_format")
    return Input(hashlib.sha256(content).hexdigest(), facts)


def _facts(content: bytes) -> ImageFacts | None:
    try:
        return read_facts(content)
    except ValueError:
        return None


def _has_alpha(content: bytes) -> bool:
    image: pyvips.Image = pyvips.Image.new_from_buffer(content, "")
    return bool(image.hasalpha())
