"""Bytes that claim to be a picture, opened: kind and size are judged from the header, before any pixel is decoded.

What comes out of `opened` is one upright PNG, JPEG or WebP picture of a bearable size, read in strips. Keeps no state.
"""

import functools
from dataclasses import dataclass

import pyvips

SOURCE_MAX_PIXELS = 100_000_000
"""Of a picture that arrives. Providers make at most 20 million; a small file that claims billions is a trap that would
take minutes of CPU and all of the memory."""

# No picture is made twice, so libvips' cache of operations would only keep their memory.
pyvips.cache_set_max(0)


class NotAnImage(ValueError):
    """The bytes cannot be decoded as one picture, are cut off, or claim too many pixels."""


@dataclass(frozen=True)
class Rendering:
    """One encoded picture."""

    data: bytes
    media_type: str
    width_px: int
    height_px: int


def measure(data: bytes) -> Rendering:
    """What a provider's bytes are: media type and upright size in pixels. Decodes all of them. Raises `NotAnImage`."""
    image = opened(data)
    try:
        image.avg()
    except pyvips.Error as error:
        raise NotAnImage(f"not a picture: {first_line(error)}") from error
    return Rendering(data, media_type_of(data), image.width, image.height)


def media_type_of(data: bytes) -> str:
    """By the first bytes; nothing else is ever given to a decoder. Raises `NotAnImage`."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if not data:
        raise NotAnImage("no picture: there are no bytes at all")
    raise NotAnImage(f"not a PNG, JPEG or WebP picture: it begins with {data[:16]!r}")


def opened(data: bytes, *, max_pixels: int = SOURCE_MAX_PIXELS) -> pyvips.Image:
    """Lazily, in strips, in the colours that it came in. A picture that breaks off raises `pyvips.Error` where its data
    ends; the default is to fill it up with grey. Raises `NotAnImage` for what the header shows."""
    media_type_of(data)
    try:
        image: pyvips.Image = pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="truncated")
    except pyvips.Error as error:
        raise NotAnImage(f"not a picture: {first_line(error)}") from error
    if image.width * image.height > max_pixels:
        raise NotAnImage(
            f"a picture of {image.width}x{image.height} pixels; at most {max_pixels // 1_000_000} million are taken"
        )
    if (frames := _number(image, "n-pages")) > 1:
        raise NotAnImage(f"an animation of {frames} frames; a print is made of a single picture")
    return _upright(image) if _number(image, "orientation") > 1 else image


def to_srgb(image: pyvips.Image) -> pyvips.Image:
    """Three bands and perhaps an alpha, 8 bits each, without a profile. A picture without a profile is sRGB by
    convention; CMYK without one is taken as libvips' own CMYK profile says."""
    if image.get_typeof("icc-profile-data"):
        if image.get("icc-profile-data") != _own_profile():  # our print files come back to be reduced
            fallback = "cmyk" if image.interpretation == "cmyk" else "srgb"
            image = image.icc_transform("srgb", embedded=True, input_profile=fallback, intent="relative")
        image = image.copy()
        image.remove("icc-profile-data")
    return image if image.interpretation == "srgb" and image.format == "uchar" else image.colourspace("srgb")


def first_line(error: Exception) -> str:
    """The one that names the cause: libvips puts it last."""
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__


@functools.cache
def _own_profile() -> bytes:
    """The sRGB profile that our files get, from which there is nothing to transform: that takes longer than scaling."""
    return pyvips.Image.profile_load("srgb")


def _number(image: pyvips.Image, field: str) -> int:
    value = image.get(field) if image.get_typeof(field) else 1
    return value if isinstance(value, int) else 1


def _upright(image: pyvips.Image) -> pyvips.Image:
    """Turned as its EXIF orientation says. Turning needs all pixels at once."""
    try:
        return image.copy_memory().autorot()
    except pyvips.Error as error:
        raise NotAnImage(f"not a picture: {first_line(error)}") from error
