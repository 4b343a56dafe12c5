"""Whether some bytes are an image, and of what kind and size. Only the header is trusted for the size, but the whole
file is decoded once, because a vendor too refuses a picture that breaks off."""

from __future__ import annotations

from dataclasses import dataclass

import pyvips

MIME_TYPES = {
    "pngload_buffer": "image/png",
    "jpegload_buffer": "image/jpeg",
    "webpload_buffer": "image/webp",
    "gifload_buffer": "image/gif",
    "svgload_buffer": "image/svg+xml",
}


@dataclass(frozen=True)
class ImageFacts:
    width: int
    height: int
    mime_type: str


def read_facts(content: bytes) -> ImageFacts:
    """The facts of an image; `ValueError` when the bytes are none that browsers show, or are damaged."""
    try:
        image: pyvips.Image = pyvips.Image.new_from_buffer(content, "", access="sequential", fail_on="truncated")
        mime_type = MIME_TYPES.get(str(image.get("vips-loader")))
        if mime_type is None:
            raise ValueError(f"images of the kind {image.get('vips-loader')} are not taken")
        image.avg()
        return ImageFacts(image.width, image.height, mime_type)
    except pyvips.Error as wrong:
        raise ValueError("the bytes are no whole image") from wrong


def thumbnail_webp(content: bytes, width: int) -> bytes:
    """A small WebP of the image, at most `width` wide."""
    image: pyvips.Image = pyvips.Image.thumbnail_buffer(content, width, size="down")
    webp: bytes = image.write_to_buffer(".webp", Q=80)
    return webp
