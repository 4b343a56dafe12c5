"""Where a picture comes to lie in a file of another size: pure geometry, which stretches nothing."""

from dataclasses import dataclass

from pressroom.contracts.finishing import Fit


@dataclass(frozen=True)
class Placement:
    """The picture, scaled to `scaled_width_px` x `scaled_height_px`, is cut to what the file shows of it."""

    width_px: int
    height_px: int
    enlargement: float
    scaled_width_px: int
    scaled_height_px: int

    @property
    def shown_width_px(self) -> int:
        return min(self.width_px, self.scaled_width_px)

    @property
    def shown_height_px(self) -> int:
        return min(self.height_px, self.scaled_height_px)

    @property
    def fills(self) -> bool:
        """Whether the picture covers the whole file."""
        return self.shown_width_px == self.width_px and self.shown_height_px == self.height_px

    @property
    def used_width_px(self) -> int:
        """How many of the picture's own pixels, from left to right, the file shows."""
        return max(1, round(self.shown_width_px / self.enlargement))

    @property
    def used_height_px(self) -> int:
        return max(1, round(self.shown_height_px / self.enlargement))


def placed(source: tuple[int, int], target: tuple[int, int], fit: Fit) -> Placement:
    """`source` and `target` are width and height in pixels. The picture keeps its ratio to less than one pixel."""
    ratios = target[0] / source[0], target[1] / source[1]
    enlargement = max(ratios) if fit is Fit.CROP else min(ratios)
    scaled = [max(1, round(side * enlargement)) for side in source]
    return Placement(*target, enlargement, *scaled)
