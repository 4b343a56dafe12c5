"""The lines of a Gemini job's input file: one picture each, `{"key", "request"}`.

A line follows from its row alone, so a process that dies while it writes them writes the same ones again.
"""

import json
import math

from .provider_jobs import WantedRow

ASPECT_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
"""What `imageConfig.aspectRatio` takes (ai.google.dev, "Image generation", 2026-11)."""

IMAGE_SIZES_PX = {"1K": 1024, "2K": 2048, "4K": 4096}
"""What `imageConfig.imageSize` takes, by the longer side of a square picture (same page)."""

SEED_RANGE = 2**31
"""`generationConfig.seed` is a signed 32-bit number; ours has 32 bits without a sign, and is folded."""


def request_line(row: WantedRow) -> bytes:
    """One line of the input file, with its line end."""
    generation: dict[str, object] = {
        "responseModalities": ["IMAGE"],
        "imageConfig": {
            "aspectRatio": nearest_aspect_ratio(row.width_px, row.height_px),
            "imageSize": nearest_image_size(row.width_px, row.height_px),
        },
    }
    if row.seed is not None:
        generation["seed"] = row.seed % SEED_RANGE
    request = {"contents": [{"role": "user", "parts": [{"text": _prompt(row)}]}], "generationConfig": generation}
    return json.dumps({"key": row.key, "request": request}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def nearest_aspect_ratio(width_px: int, height_px: int) -> str:
    """The supported ratio that is off by the smallest factor."""
    wanted = math.log(width_px / height_px)
    return min(ASPECT_RATIOS, key=lambda ratio: abs(math.log(_value(ratio)) - wanted))


def nearest_image_size(width_px: int, height_px: int) -> str:
    """The size that the longer side is off from by the smallest factor; a step up costs half as much again."""
    wanted = math.log(max(width_px, height_px))
    return min(IMAGE_SIZES_PX, key=lambda size: abs(math.log(IMAGE_SIZES_PX[size]) - wanted))


def _value(ratio: str) -> float:
    width, height = ratio.split(":")
    return int(width) / int(height)


def _prompt(row: WantedRow) -> str:
    """Gemini has no field for what is unwanted, so it is asked for in words."""
    if row.negative_prompt is None:
        return row.prompt
    return f"{row.prompt}\n\nDo not show any of this: {row.negative_prompt}"
