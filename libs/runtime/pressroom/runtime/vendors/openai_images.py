"""What OpenAI is asked for one picture, and what its answer says of it: what the realtime API and each row of a batch
have in common. `gpt-image-2…` draw any size within limits, the others one of three. Pure; nothing to lose.

Source: openai-python 3.52.0, and for the fewest and most pixels OpenAI's image generation guide (2026-11).
"""

import math

from pressroom.contracts.capabilities import SizeRules, nearest_size

from ..errors import ApiFailed
from ..prompts import with_negative_clause
from .openai import VENDOR, Wire
from .pictures import decoded_picture

GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"

LEAST_PIXELS = 655_360
STANDARD_SIZES = ((1024, 1024), (1536, 1024), (1024, 1536))
ANY_SIZE = SizeRules(
    # The shorter side of the smallest picture of 3:1.
    min_side_px=480,
    max_side_px=3840,
    side_multiple=16,
    min_pixels=LEAST_PIXELS,
    max_pixels=3840 * 2160,
    max_ratio=3.0,
)


class Picture(Wire):
    b64_json: str | None = None


class ImagesAnswer(Wire):
    """`data` is null in an answer without pictures."""

    data: tuple[Picture, ...] | None = None

    def picture(self) -> bytes:
        """The first picture; `ApiFailed` when there is none."""
        return self.picture_and_type()[0]

    def picture_and_type(self) -> tuple[bytes, str]:
        """The first picture and its media type; `ApiFailed` when there is none."""
        found = next((picture.b64_json for picture in self.data or () if picture.b64_json), None)
        if found is None:
            raise ApiFailed(f"{VENDOR} answered without a picture; ask for this image again")
        return decoded_picture(found, VENDOR)


def picture_wish(
    prompt: str,
    *,
    negative_prompt: str | None,
    width_px: int,
    height_px: int,
    model: str,
    quality: str,
    transparent: bool = False,
) -> dict[str, str]:
    """What a generation and an edit have in common: one PNG, which is lossless and may be transparent, of the size
    nearest to these sides. A background is opaque unless it is wanted otherwise, because the vendor's `auto` may make a
    transparent one."""
    width_px, height_px = size_for(model, width_px, height_px)
    return {
        "model": model,
        "prompt": with_negative_clause(prompt, negative_prompt),
        "size": f"{width_px}x{height_px}",
        "quality": quality,
        "background": "transparent" if transparent else "opaque",
        "output_format": "png",
    }


def size_for(model: str, width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height in pixels, the nearest to the wish; the ratio matters more than the number of pixels."""
    if not model.startswith("gpt-image-2"):
        wanted = math.log(width_px / height_px)
        return min(STANDARD_SIZES, key=lambda size: abs(math.log(size[0] / size[1]) - wanted))
    return nearest_size(ANY_SIZE, width_px, height_px)
