"""What stands in a request's `contents`: the words of the prompt and the pictures beside it. A part is one of the
API's kinds and only one, and a picture is decoded once, because the API too refuses what it cannot show to a model."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from pressroom.sandbox.core.imagefile import ImageFacts, read_facts
from pressroom.sandbox.core.wire import Json, JsonObject, as_object, as_objects, as_text
from pressroom.sandbox.gemini.errors import GeminiRefusalError, invalid
from pressroom.sandbox.gemini.fields import field, refuse_unknown

# ai.google.dev, "Generate content", Part: the one-of `data`, and what may stand beside it.
DATA_FIELDS = frozenset(
    {"text", "inlineData", "functionCall", "functionResponse", "fileData", "executableCode", "codeExecutionResult"}
)
PART_FIELDS = DATA_FIELDS | {"thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution"}
BLOB_FIELDS = frozenset({"mimeType", "data", "displayName"})
FILE_FIELDS = frozenset({"mimeType", "fileUri", "displayName"})
CONTENT_FIELDS = frozenset({"parts", "role"})

# ai.google.dev, "Image understanding", supported formats; HEIC and HEIF, which the API takes too, need a codec that
# the sandbox does not bring.
PICTURE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})

MOST_PICTURES = 14
"""ai.google.dev, "Image generation": up to 14 reference images."""

UNREADABLE = "Unable to process input image. Please retry or report in the sandbox's request."


@dataclass(frozen=True)
class Contents:
    """The contents of one request, understood."""

    prompt: str
    pictures: tuple[ImageFacts, ...]
    stored: tuple[tuple[str, str], ...] = ()
    """Of the pictures that were uploaded before: address and sha256."""


Stored = Callable[[str], bytes | None]
"""The bytes of an uploaded file, by its id; None when there is none."""


def read_contents(body: JsonObject, stored: Stored) -> Contents:
    """The words and pictures of all turns, in their order; `GeminiRefusalError` for what the API refuses."""
    contents = as_objects(field(body, "contents"))
    if not contents:
        raise invalid("* GenerateContentRequest.contents: contents is not specified")
    words: list[str] = []
    pictures: list[ImageFacts] = []
    files: list[tuple[str, str]] = []
    for turn, content in enumerate(contents):
        refuse_unknown(content, CONTENT_FIELDS, f"contents[{turn}]")
        parts = as_objects(content.get("parts"))
        if not parts:
            raise invalid(f"* GenerateContentRequest.contents[{turn}].parts: contents.parts must not be empty.")
        for place, part in enumerate(parts):
            at = f"contents[{turn}].parts[{place}]"
            _check_kind(part, at)
            if text := as_text(part.get("text")):
                words.append(text)
            blob = field(part, "inlineData")
            if blob is not None:
                pictures.append(_picture(blob, at))
            file = field(part, "fileData")
            if file is not None:
                data = _stored(file, at, stored)
                pictures.append(_facts(data))
                files.append((as_text(field(as_object(file), "fileUri")), hashlib.sha256(data).hexdigest()))
    if len(pictures) > MOST_PICTURES:
        raise invalid(f"The request has {len(pictures)} input images; at most {MOST_PICTURES} are taken.")
    return Contents(" ".join(words), tuple(pictures), tuple(files))


def _check_kind(part: JsonObject, at: str) -> None:
    refuse_unknown(part, PART_FIELDS, at)
    kinds = [name for name in sorted(DATA_FIELDS) if field(part, name) is not None]
    if not kinds:
        raise invalid(
            f"* GenerateContentRequest.{at}.data: required oneof field 'data' must have one initialized field"
        )
    if len(kinds) > 1:
        raise invalid(f"Invalid value at '{at}' (oneof), oneof field 'data' is already set. Cannot set '{kinds[1]}'")


def _picture(blob: Json, at: str) -> ImageFacts:
    given = as_object(blob)
    refuse_unknown(given, BLOB_FIELDS, f"{at}.inline_data")
    mime_type = as_text(field(given, "mimeType"))
    if mime_type not in PICTURE_TYPES:
        raise invalid(f"Unsupported MIME type: {mime_type}")
    return _facts(_decoded(as_text(given.get("data")), at))


def _stored(reference: Json, at: str, stored: Stored) -> bytes:
    given = as_object(reference)
    refuse_unknown(given, FILE_FIELDS, f"{at}.file_data")
    mime_type = as_text(field(given, "mimeType"))
    if mime_type not in PICTURE_TYPES:
        raise invalid(f"Unsupported MIME type: {mime_type}")
    uri = as_text(field(given, "fileUri"))
    _, found, file_id = uri.rpartition("/v1beta/files/")
    data = stored(file_id) if found else None
    if data is None:
        raise GeminiRefusalError(
            403,
            f"You do not have permission to access the File {file_id or uri} or it may not exist.",
            name="PERMISSION_DENIED",
        )
    return data


def _facts(data: bytes) -> ImageFacts:
    try:
        facts = read_facts(data)
    except ValueError as wrong:
        raise invalid(UNREADABLE) from wrong
    if facts.mime_type not in PICTURE_TYPES:
        raise invalid(UNREADABLE)
    return facts


def _decoded(text: str, at: str) -> bytes:
    """Bytes as proto3 JSON carries them: either base64 alphabet, with padding or without."""
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError) as wrong:
        raise invalid(
            f"Invalid value at '{at}.inline_data.data' (TYPE_BYTES), Base64 decoding failed for \"{text[:40]}\""
        ) from wrong
