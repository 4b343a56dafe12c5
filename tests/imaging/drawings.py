"""Pictures to finish, made here: real PNG, JPEG and WebP files with known pixels."""

import io

import pyvips
from PIL import Image

from pressroom.image_worker import studio

RED, BLUE = [255, 0, 0], [0, 0, 255]


def halves(width: int, height: int, *, alpha: bool = False) -> bytes:
    """Red on the left half, blue on the right; with an alpha that is open in the middle if asked for."""
    left = pyvips.Image.black(width // 2, height).new_from_image(RED).copy(interpretation="srgb")
    right = pyvips.Image.black(width - width // 2, height).new_from_image(BLUE).copy(interpretation="srgb")
    joined = left.join(right, "horizontal").cast("uchar")
    if alpha:
        opening = pyvips.Image.black(width, height).draw_rect(255, width // 4, 0, width // 2, height, fill=True)
        joined = joined.bandjoin(opening.cast("uchar"))
    return bytes(joined.pngsave_buffer())


def print_of(prompt: str, seed: int = 1, width_px: int = 1024, height_px: int = 1280) -> pyvips.Image:
    """A studio print, decoded."""
    drawn = studio.draw(prompt, seed=seed, width_px=width_px, height_px=height_px)
    return pyvips.Image.new_from_buffer(drawn, "").copy_memory()


def cut_out(alpha: pyvips.Image, colour: tuple[int, int, int] = (200, 40, 40)) -> pyvips.Image:
    """One colour, seen through `alpha`, whose values are cut to 0..255."""
    clipped = (alpha < 0).ifthenelse(0, (alpha > 255).ifthenelse(255, alpha)).cast("uchar")
    flat = pyvips.Image.black(alpha.width, alpha.height, bands=3) + list(colour)
    return flat.cast("uchar").bandjoin(clipped).copy(interpretation="srgb").copy_memory()


def distance_from(x: float, y: float, side: int = 1024) -> pyvips.Image:
    """Of each pixel from a point, in pixels."""
    grid = pyvips.Image.xyz(side, side)
    return ((grid[0] - x) ** 2 + (grid[1] - y) ** 2) ** 0.5


def png(image: pyvips.Image) -> bytes:
    return bytes(image.pngsave_buffer())


def read(data: bytes) -> pyvips.Image:
    """Decoded whole."""
    return pyvips.Image.new_from_buffer(data, "").copy_memory()


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Encoded by Pillow, for what libvips would not write."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
