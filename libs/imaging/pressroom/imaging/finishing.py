"""From a provider's bytes to the file that a print shop takes, the thumbnail that a person reviews, and what is found
out about both.

The thumbnail shows what the file shows. Blocking, and heavy: called in a thread. libvips works through the picture in
strips, so a 24-megapixel print file needs tens of megabytes, not hundreds. Nothing is written anywhere.
"""

from dataclasses import dataclass

import pyvips

from pressroom.contracts.finishing import (
    BUILT_IN_PROFILES,
    FILE_SIDE_MAX_PX,
    NO_PROFILE,
    Check,
    Credentials,
    Fit,
    Profile,
)

from .checks import checked
from .credentials import has_credentials
from .encoding import print_file
from .likeness import perceptual_hash
from .pictures import NotAnImage, Rendering, first_line, measure, media_type_of, opened, to_srgb
from .placement import Placement, placed
from .provenance import Provenance, xmp_packet

__all__ = ["Finished", "NotAnImage", "Rendering", "finish", "finish_for", "measure", "reduce"]

TRANSPARENT = "transparent"
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


def finish_for(
    data: bytes,
    profile: Profile | None,
    *,
    width_px: int,
    height_px: int,
    provenance: Provenance | None = None,
) -> Finished:
    """Make the files and look at them. Without a profile the file gets the asked size, `width_px` x `height_px`.

    A picture of another ratio is cropped around its centre or padded, as the profile says, never stretched; a smaller
    one is enlarged (Lanczos). The file is an sRGB PNG at 300 DPI with its profile embedded, and `provenance` as XMP;
    the thumbnail a WebP of at most 512 px. Raises `NotAnImage`.

    One exception: a picture that arrives with content credentials in exactly the asked size, and without a profile, is
    the file, byte for byte. Any change would break its credentials.
    """
    shape = profile or Profile.model_construct(width_px=width_px, height_px=height_px)
    picture = _prepared(data, shape)
    placement = placed((picture.width, picture.height), (shape.width_px, shape.height_px), shape.fit)
    arrived_with_credentials = has_credentials(data)
    keep = arrived_with_credentials and profile is None and placement.enlargement == 1 and placement.fills
    try:
        proof = _proof(_prepared(data, shape), placement)
        if keep:
            file = Rendering(data, media_type_of(data), shape.width_px, shape.height_px)
        else:
            packet = xmp_packet(provenance) if provenance else None
            encoded = print_file(_laid_out(picture, placement, shape), xmp=packet)
            file = Rendering(encoded, "image/png", shape.width_px, shape.height_px)
        thumbnail = _thumbnail(proof, placement, shape)
        return Finished(
            file=file,
            thumbnail=thumbnail,
            checks=checked(proof, placement),
            perceptual_hash=perceptual_hash(proof),
            credentials=_credentials(arrived_with_credentials, keep),
            raw_width_px=picture.width,
            raw_height_px=picture.height,
        )
    except pyvips.Error as error:
        raise NotAnImage(f"not a picture that can be finished: {first_line(error)}") from error


def finish(data: bytes, profile: str, *, width_px: int, height_px: int) -> Finished:
    """`finish_for` with a built-in profile's name."""
    shape = None if profile == NO_PROFILE else BUILT_IN_PROFILES[profile]
    return finish_for(data, shape, width_px=width_px, height_px=height_px)


def reduce(data: bytes, side_px: int) -> Rendering:
    """A JPEG-free, lossless PNG of at most `side_px` on its longer side, for shops that refuse print masters."""
    picture = to_srgb(opened(data, max_pixels=FILE_SIDE_MAX_PX**2))
    try:
        small = picture.thumbnail_image(side_px, height=side_px, size="down")
        return Rendering(print_file(small, xmp=None), "image/png", small.width, small.height)
    except pyvips.Error as error:
        raise NotAnImage(f"not a picture that can be reduced: {first_line(error)}") from error


def _prepared(data: bytes, shape: Profile) -> pyvips.Image:
    """A cut-out that is padded with a colour is laid on that colour; otherwise it would stand in a clear rectangle."""
    picture = to_srgb(opened(data))
    if shape.fit is Fit.PAD and shape.background != TRANSPARENT and picture.hasalpha():
        return picture.flatten(background=_rgb(shape.background))
    return picture


def _proof(picture: pyvips.Image, placement: Placement) -> pyvips.Image:
    """What the file shows of the picture, small, in memory."""
    width, height = placement.used_width_px, placement.used_height_px
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    shown = picture.crop(max(0, left), max(0, top), min(width, picture.width), min(height, picture.height))
    return shown.thumbnail_image(PROOF_SIDE_PX, height=PROOF_SIDE_PX, size="down").copy_memory()


def _thumbnail(proof: pyvips.Image, placement: Placement, shape: Profile) -> Rendering:
    """Never larger than the file, nor than the picture was."""
    longer = max(placement.width_px, placement.height_px)
    scale = min(THUMBNAIL_SIDE_PX / longer, 1 / placement.enlargement, 1.0)
    size = max(1, round(placement.width_px * scale)), max(1, round(placement.height_px * scale))
    small = _laid_out(proof, placed((proof.width, proof.height), size, shape.fit), shape)
    encoded = small.webpsave_buffer(Q=_THUMBNAIL_QUALITY, keep=_KEEP_NOTHING)
    return Rendering(bytes(encoded), "image/webp", small.width, small.height)


def _laid_out(picture: pyvips.Image, placement: Placement, shape: Profile) -> pyvips.Image:
    """`thumbnail_image` with a crop of its own would hold the whole result in memory, and so would `resize` bleed the
    colour of transparent pixels into edges; a size that is forced has the picture's own ratio here."""
    scaled = picture.thumbnail_image(placement.scaled_width_px, height=placement.scaled_height_px, size="force")
    width, height = placement.width_px, placement.height_px
    if placement.fills:
        return scaled.crop((scaled.width - width) // 2, (scaled.height - height) // 2, width, height)
    if shape.background == TRANSPARENT:
        whole = scaled if scaled.hasalpha() else scaled.addalpha()
        return whole.gravity("centre", width, height, extend="background", background=[0, 0, 0, 0])
    return scaled.gravity("centre", width, height, extend="background", background=_rgb(shape.background))


def _rgb(colour: str) -> list[float]:
    return [float(level) for level in bytes.fromhex(colour.removeprefix("#"))]


def _credentials(arrived_with: bool, kept: bool) -> Credentials:
    if not arrived_with:
        return Credentials.NONE
    return Credentials.KEPT if kept else Credentials.SOURCE_ONLY
