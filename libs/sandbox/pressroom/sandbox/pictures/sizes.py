"""How large a picture is drawn when a client asks for pixels: no longer than the setting `picture_px`, in the ratio
that was asked for."""

from __future__ import annotations

SMALLEST_PX = 16


def drawn_size(width: int, height: int, picture_px: int) -> tuple[int, int]:
    """The asked size, or the same ratio with `picture_px` as its longer side when it is longer than that."""
    longer = max(width, height)
    if longer <= picture_px:
        return width, height
    scale = picture_px / longer
    return max(SMALLEST_PX, round(width * scale)), max(SMALLEST_PX, round(height * scale))
