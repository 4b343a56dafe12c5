"""From a provider's bytes to the file that a print shop takes, the thumbnail that a person reviews, and what is found
out about both.

The thumbnail shows what the file shows. Blocking, and heavy: called in a thread. libvips works through the picture in
strips, so a 24-megapixel print file needs tens of megabytes, not hundreds. Nothing is written anywhere.
"""

from dataclasses import dataclass

import pyvips

from pressroom.contracts.finishing import (
    FILE_SIDE_MAX_PX,
    Check,
    Credentials,
    Profile,
)

from .checks import checked
from .credentials import has_credentials
from .encoding import print_file
from .layout import laid_out, prepared, shown
from .likeness import perceptual_hash
from .pictures import SOURCE_MAX_PIXELS, NotAnImage, Rendering, first_line, measure, media_type_of, opened, to_srgb
from .placement import Placement, placed
from .provenance import Provenance, packet_of, xmp_packet

__all__ = ["Finished", "NotAnImage", "Rendering", "finish", "measure", "reduce"]

THUMBNAIL_SIDE_PX = 512
_THUMBNAIL_QUALITY = 82
_KEEP_NOTHING = 0  # VIPS_FOREIGN_KEEP_NONE

PROOF_SIDE_PX = 1024
"""The longer side of the copy that is looked at: the checks' numbers were found at this size, whatever arrives."""


@dataclass(frozen=True)
class Finished:
    """`perceptual_hash` is of what the file shows, 16 hex digits; `raw_width_px` and `raw_height_px` are the arrived
    picture's, upright."""

    file: Rendering
    thumbnail: Rendering
    checks: tuple[Check, ...]
    perceptual_hash: str
    credentials: Credentials
    raw_width_px: int
    raw_height_px: int


def finish(
    data: bytes,
    profile: Profile | None,
    *,
    width_px: int,
    height_px: int,
    provenance: Provenance | None = None,
) -> Finished:
    """Make the files and look at them. Without a profile the file gets the asked size, `width_px` x `height_px`.

    A picture of another ratio is cropped around its centre or padded, as the profile says, never stretched; a larger
    one is reduced with Lanczos, a smaller one enlarged with bicubic interpolation, which is what libvips has for it.
    The file is an sRGB PNG at 300 DPI with its profile embedded, and `provenance` as XMP; the thumbnail a WebP of at
    most 512 px. Raises `NotAnImage`.

    One exception: a picture that arrives with content credentials in exactly the asked size, and without a profile, is
    the file, byte for byte. Any change would break its credentials.
    """
    shape = profile or Profile.model_construct(width_px=width_px, height_px=height_px)
    arrived_with_credentials = has_credentials(data)
    try:
        picture = prepared(data, shape)
        placement = placed((picture.width, picture.height), (shape.width_px, shape.height_px), shape.fit)
        keep = arrived_with_credentials and profile is None and placement.enlargement == 1 and placement.fills
        proof = shown(prepared(data, shape), placement, PROOF_SIDE_PX).copy_memory()
        checks, look = checked(proof, placement), perceptual_hash(proof)
        thumbnail = _thumbnail(proof, placement, shape)
        del proof
        if keep:
            file, media_type = data, media_type_of(data)
        else:
            packet = xmp_packet(provenance) if provenance else None
            file, media_type = print_file(laid_out(picture, placement, shape), xmp=packet), "image/png"
        return Finished(
            file=Rendering(file, media_type, shape.width_px, shape.height_px),
            thumbnail=thumbnail,
            checks=checks,
            perceptual_hash=look,
            credentials=_credentials(arrived_with_credentials, keep),
            raw_width_px=picture.width,
            raw_height_px=picture.height,
        )
    except pyvips.Error as error:
        raise NotAnImage(f"not a picture that can be finished: {first_line(error)}") from error


def reduce(data: bytes, side_px: int, *, is_ours: bool = True) -> Rendering:
    """A JPEG-free, lossless PNG of at most `side_px` on its longer side, for shops that refuse print masters.

    A file that `is_ours`, made here, may be as large as one and keeps its XMP; of any other only the pixels are kept.
    Content credentials do not outlive it.
    """
    try:
        picture = to_srgb(opened(data, max_pixels=FILE_SIDE_MAX_PX**2 if is_ours else SOURCE_MAX_PIXELS))
        small = picture.thumbnail_image(side_px, height=side_px, size="down")
        xmp = packet_of(picture) if is_ours else None
        return Rendering(print_file(small, xmp=xmp), "image/png", small.width, small.height)
    except pyvips.Error as error:
        raise NotAnImage(f"not a picture that can be reduced: {first_line(error)}") from error


def _thumbnail(proof: pyvips.Image, placement: Placement, shape: Profile) -> Rendering:
    """Never larger than the file, nor than the picture was."""
    longer = max(placement.width_px, placement.height_px)
    scale = min(THUMBNAIL_SIDE_PX / longer, 1 / placement.enlargement, 1.0)
    size = max(1, round(placement.width_px * scale)), max(1, round(placement.height_px * scale))
    small = laid_out(proof, placed((proof.width, proof.height), size, shape.fit), shape)
    encoded = small.webpsave_buffer(Q=_THUMBNAIL_QUALITY, keep=_KEEP_NOTHING)
    return Rendering(bytes(encoded), "image/webp", small.width, small.height)


def _credentials(arrived_with: bool, kept: bool) -> Credentials:
    if not arrived_with:
        return Credentials.NONE
    return Credentials.KEPT if kept else Credentials.SOURCE_ONLY
