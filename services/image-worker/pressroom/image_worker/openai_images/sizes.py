"""Which size OpenAI is asked for: `gpt-image-2…` draw any within limits, the others one of three. Pure.

Source: the `size` parameter of openai-python 3.52.0, and for the fewest and most pixels OpenAI's image generation
guide (2026-11).
"""

import math

from pressroom.contracts.capabilities import SizeRules, nearest_size

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


def size_for(model: str, width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height in pixels, the nearest to the wish; the ratio matters more than the number of pixels."""
    if not model.startswith("gpt-image-2"):
        wanted = math.log(width_px / height_px)
        return min(STANDARD_SIZES, key=lambda size: abs(math.log(size[0] / size[1]) - wanted))
    return nearest_size(ANY_SIZE, width_px, height_px)
