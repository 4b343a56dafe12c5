"""A picture in a terminal: two pixels a character cell, as an upper half block in 24-bit colour."""

import pyvips

COLUMNS = 60
_RESET = "\x1b[0m"
_BACKGROUND = [255.0, 255.0, 255.0]


def drawn(data: bytes, columns: int = COLUMNS) -> str:
    """Lines of text with colour escapes, `columns` wide; transparent parts are white."""
    small = pyvips.Image.thumbnail_buffer(data, columns, height=2 * columns, size="down").colourspace("srgb")
    if small.hasalpha():
        small = small.flatten(background=_BACKGROUND)
    width, height = small.width, small.height
    pixels = bytes(small.cast("uchar").write_to_memory())

    def colour(x: int, y: int) -> tuple[int, ...]:
        start = (min(y, height - 1) * width + x) * 3
        return tuple(pixels[start : start + 3])

    lines: list[str] = []
    for y in range(0, height, 2):
        cells = [f"{_ink(38, colour(x, y))}{_ink(48, colour(x, y + 1))}▀" for x in range(width)]
        lines.append("".join(cells) + _RESET)
    return "\n".join(lines)


def _ink(ground: int, colour: tuple[int, ...]) -> str:
    red, green, blue = colour
    return f"\x1b[{ground};2;{red};{green};{blue}m"
