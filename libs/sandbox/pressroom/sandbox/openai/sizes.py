"""Which sizes a model draws. Sources: the `size` parameter in openai-python 3.52.0, and for the least and most pixels
OpenAI's image generation guide as public pages quote it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pressroom.sandbox.core.imagefile import ImageFacts
from pressroom.sandbox.openai.errors import invalid_value, not_one_of

STANDARD = ("1024x1024", "1024x1536", "1536x1024")
GRID_PX = 16
MOST_RATIO = 3
LONGEST_EDGE_PX = 3840
LEAST_PIXELS = 655_360
MOST_PIXELS = 3840 * 2160

SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")


@dataclass(frozen=True)
class Size:
    """Pixels as the vendor counts them, which is not what the sandbox draws."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    def drawn(self, picture_px: int) -> tuple[int, int]:
        """The same ratio with at most `picture_px` on the longer side."""
        scale = min(1.0, picture_px / max(self.width, self.height))
        return max(1, round(self.width * scale)), max(1, round(self.height * scale))


def draws_any_size(model: str) -> bool:
    return model.startswith("gpt-image-2")


def read_size(model: str, asked: str, first_image: ImageFacts | None) -> Size:
    """The size of the pictures; `auto` is a square, or for an edit the standard size nearest to the first image."""
    if asked == "auto":
        return _nearest(first_image)
    if not draws_any_size(model):
        if asked not in STANDARD:
            raise not_one_of(asked, "size", (*STANDARD, "auto"))
        return _parsed(asked)
    size = _parsed(asked)
    reason = _fault_of(size)
    if reason:
        raise invalid_value(f"Invalid size '{asked}'. {reason}", "size")
    return size


def _parsed(asked: str) -> Size:
    found = SIZE.fullmatch(asked)
    if found is None:
        raise invalid_value(f"Invalid size '{asked}'. Expected WIDTHxHEIGHT, for example '1824x1024'.", "size")
    return Size(int(found[1]), int(found[2]))


def _fault_of(size: Size) -> str:
    short, long = sorted((size.width, size.height))
    if short == 0 or size.width % GRID_PX or size.height % GRID_PX:
        return f"Width and height must both be divisible by {GRID_PX}."
    if long > MOST_RATIO * short:
        return f"The aspect ratio must be between 1:{MOST_RATIO} and {MOST_RATIO}:1."
    if long > LONGEST_EDGE_PX:
        return f"The longest edge must be at most {LONGEST_EDGE_PX} pixels."
    if not LEAST_PIXELS <= size.width * size.height <= MOST_PIXELS:
        return f"The total number of pixels must be between {LEAST_PIXELS} and {MOST_PIXELS}."
    return ""


def _nearest(first_image: ImageFacts | None) -> Size:
    if first_image is None:
        return _parsed(STANDARD[0])
    wanted = first_image.width / first_image.height
    return min(map(_parsed, STANDARD), key=lambda size: abs(size.width / size.height - wanted))
