"""From a provider's bytes to the file that a print shop takes, and the thumbnail that a person reviews.

Blocking, and heavy: called in a thread. libvips works through the picture in strips, so a 24-megapixel print file
needs tens of megabytes, not hundreds.
"""

from dataclasses import dataclass
from typing import Any

import pyvips

from pressroom.contracts.vocabulary import FinishingProfile

THUMBNAIL_SIDE_PX = 512
PRINT_DPI = 300
_PIXELS_PER_MM = PRINT_DPI / 25.4
_THUMBNAIL_QUALITY = 82

# On grainy 4500x5400 prints this pair makes the smallest file of the fast ones: 0.7 s of CPU and 20 MB, where `up`
# takes 0.8 s and 25 MB (libvips 8.18).
_PNG_COMPRESSION = 3
_PNG_FILTER = 0x20  # VIPS_FOREIGN_PNG_FILTER_AVG

PRINT_SIZES_PX: dict[FinishingProfile, tuple[int, int]] = {FinishingProfile.T_SHIRT: (4500, 5400)}
"""Width and height of each print profile's file. `none` keeps the size that was asked of the provider."""


# No picture is made twice, so libvips' cache of operations would only keep their memory.
pyvips.cache_set_max(0)


class NotAnImage(ValueError):
    """The bytes cannot be decoded as a picture, or are cut off."""


@dataclass(frozen=True)
class Rendering:
    """One encoded picture."""

    data: bytes
    media_type: str
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Finished:
    file: Rendering
    thumbnail: Rendering


def measure(data: bytes) -> Rendering:
    """What a provider's bytes are: media type and size in pixels. Reads all of them. Raises `NotAnImage`."""
    try:
        image = _opened(data)
        loader = str(image.get("vips-loader"))
        image.avg()
    except pyvips.Error as error:
        raise NotAnImage(f"not a picture: {_first_line(error)}") from error
    media_type = next((kind for name, kind in _MEDIA_TYPES.items() if loader.startswith(name)), None)
    if media_type is None:
        raise NotAnImage(f"a picture of a kind that is not taken: {loader}")
    return Rendering(data, media_type, int(image.width), int(image.height))


def finish(data: bytes, profile: FinishingProfile, *, width_px: int, height_px: int) -> Finished:
    """Make the files. `width_px` and `height_px` are the asked size, used by the profile `none`.

    A picture of another ratio is cropped around its centre, never stretched; a smaller one is enlarged (Lanczos).
    The result is an sRGB PNG at 300 DPI with its profile embedded, and a WebP of at most 512 px. Raises `NotAnImage`.
    """
    target_width, target_height = PRINT_SIZES_PX.get(profile, (width_px, height_px))
    try:
        picture = _scaled(data, target_width, target_height, crop="centre", size="both")
        printable = picture.copy(xres=_PIXELS_PER_MM, yres=_PIXELS_PER_MM)
        file = printable.pngsave_buffer(compression=_PNG_COMPRESSION, filter=_PNG_FILTER, profile="srgb")
        small = _scaled(data, THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX, crop="none", size="down")
        thumbnail = small.webpsave_buffer(Q=_THUMBNAIL_QUALITY)
    except pyvips.Error as error:
        raise NotAnImage(f"not a picture that can be finished: {_first_line(error)}") from error
    return Finished(
        file=Rendering(bytes(file), "image/png", target_width, target_height),
        thumbnail=Rendering(bytes(thumbnail), "image/webp", int(small.width), int(small.height)),
    )


def reduce(data: bytes, side_px: int) -> Rendering:
    """A JPEG-free, lossless PNG of at most `side_px` on its longer side, for shops that refuse print masters."""
    try:
        small = _scaled(data, side_px, side_px, crop="none", size="down")
        encoded = small.pngsave_buffer(compression=_PNG_COMPRESSION, filter=_PNG_FILTER, profile="srgb")
    except pyvips.Error as error:
        raise NotAnImage(f"not a picture that can be reduced: {_first_line(error)}") from error
    return Rendering(bytes(encoded), "image/png", int(small.width), int(small.height))


def _scaled(data: bytes, width_px: int, height_px: int, *, crop: str, size: str) -> pyvips.Image:
    """In sRGB. Colours are transformed only when a profile came with the picture: that takes four times as long as
    the scaling itself, and a picture without one is sRGB by convention."""
    picture = _opened(data)
    options: dict[str, Any] = {"output_profile": "srgb"} if "icc-profile-data" in picture.get_fields() else {}
    return picture.thumbnail_image(width_px, height=height_px, crop=crop, size=size, **options)


def _opened(data: bytes) -> pyvips.Image:
    """Read in strips. A picture that breaks off raises where its data ends; the default is to fill it up with grey."""
    return pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="truncated")


_MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
