"""Encoded pictures on their way to a vendor and back: told apart by their first bytes, because a claimed type may be
wrong. Nothing is decoded here, so a whole beginning is no proof of a whole picture. Pure; nothing to lose."""

import base64
import binascii

from ..errors import ApiFailed, InvalidRequest


def media_type_of(data: bytes) -> str | None:
    """The media type of a PNG, JPEG or WebP, by its signature; None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def reference_type(data: bytes, place: int, vendor: str) -> str:
    """The media type of the reference picture at `place` (from 1); `InvalidRequest` when the vendor cannot read it."""
    media_type = media_type_of(data)
    if media_type is None:
        raise InvalidRequest(f"reference picture {place} is no PNG, JPEG or WebP, which is what {vendor} reads")
    return media_type


def decoded_picture(text: str, vendor: str, claimed: str = "") -> tuple[bytes, str]:
    """A picture in base64 and its media type; `ApiFailed` for what is no PNG, JPEG or WebP. `claimed` is what the
    vendor called it."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiFailed(f"{vendor} returned a picture in broken base64 ({error}); ask for this image again") from error
    media_type = media_type_of(data)
    if media_type is None:
        raise ApiFailed(
            f"{vendor} returned {len(data)} bytes called {claimed or 'nothing'} that are no PNG, JPEG or WebP"
        )
    return data, media_type
