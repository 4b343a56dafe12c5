"""Images for the tests: small, real, and each of its own colour."""

from __future__ import annotations

import pyvips


def png(width: int = 64, height: int = 48, colour: tuple[int, int, int] = (200, 80, 40)) -> bytes:
    picture = (pyvips.Image.black(width, height, bands=3) + list(colour)).cast("uchar").copy(interpretation="srgb")
    return picture.write_to_buffer(".png")


def size_of(content: bytes) -> tuple[int, int]:
    picture = pyvips.Image.new_from_buffer(content, "")
    return picture.width, picture.height
