"""What a style is told: the words of the prompt, the palette they chose and the headline they make. A brief is
decided once by `prompt_reading` and never changed, so every style sees the same reading of a prompt."""

from __future__ import annotations

from dataclasses import dataclass

from .palettes import Palette


@dataclass(frozen=True)
class Brief:
    """One commission. `words` are lower case and in order; `deciding_words` are those that chose style and palette."""

    style: str
    palette: Palette
    words: tuple[str, ...]
    headline: str
    small_print: str
    motif: str | None
    deciding_words: tuple[str, ...]

    def says(self, *wanted: str) -> bool:
        """Whether the prompt has any of the words."""
        return any(word in self.words for word in wanted)
