"""What a provider can do, as its worker announces it, and whether that is enough for a request: pure rules."""

from typing import Annotated

from pydantic import Field

from .facts import Fact, NonNegative, Reason
from .requests import BatchRequest

Positive = Annotated[int, Field(ge=1)]


class SizeRules(Fact):
    """The sizes that a provider makes; a wish outside them is brought to the nearest one of the same ratio.

    Sides in pixels. `side_multiple`: each side is divisible by it. `max_ratio`: the longer side by the shorter.
    """

    min_side_px: Positive = 64
    max_side_px: Positive = 8192
    side_multiple: Positive = 1
    min_pixels: Positive = 1
    max_pixels: Positive = 8192 * 8192
    max_ratio: Annotated[float, Field(ge=1)] = 128.0


class Capabilities(Fact):
    """`is_billed`: each call costs money somewhere. `at_once`: images that one worker asks it for together.
    `keeps_jobs`: it works on jobs of its own, which outlive the worker that asked."""

    sizes: SizeRules = SizeRules()
    prompt_max_characters: Positive
    seeds: bool = True
    negative_prompt: bool = False
    steps: bool = False
    guidance: bool = False
    transparent: bool = False
    input_images: NonNegative = Field(default=0, description="How many reference pictures it takes.")
    mixes_references: bool = Field(
        default=True, description="Whether one batch may have pictures with reference pictures and pictures without."
    )
    images_per_call: Positive = 1
    adapters: bool = False
    workflows: tuple[str, ...] = ()
    progress: bool = False
    cancel: bool = False
    keeps_jobs: bool = False
    is_billed: bool = False
    grade: str | None = Field(default=None, description="The quality it is set to, where its price depends on that.")
    at_once: Positive = 1


def shortcomings(can: Capabilities, request: BatchRequest, prompt_characters: int) -> list[Reason]:
    """What of `request` goes beyond a provider; empty when it can make it. `prompt_characters` is the longest prompt's
    length as it would be sent."""
    shown = request.pictures_shown()
    most_shown = max(shown)
    wanted = (
        (
            "prompt",
            prompt_characters > can.prompt_max_characters,
            f"{prompt_characters} characters as composed; at most {can.prompt_max_characters}",
        ),
        ("transparent", request.transparent and not can.transparent, "it makes no transparent backgrounds"),
        (
            "input_images",
            most_shown > can.input_images,
            f"{most_shown} reference pictures; it takes {can.input_images or 'none'}",
        ),
        (
            "images",
            not can.mixes_references and request.text_kind is None and most_shown > min(shown) == 0,
            "its batches take reference pictures for every image or for none",
        ),
        ("adapters", bool(request.adapters) and not can.adapters, "it takes no LoRAs or embeddings"),
        (
            "workflow",
            request.workflow is not None and request.workflow not in can.workflows,
            f"it has no workflow {request.workflow!r}; it has: {', '.join(can.workflows) or 'none'}",
        ),
    )
    return [Reason(field=field, message=message) for field, is_short, message in wanted if is_short]


def nearest_size(rules: SizeRules, width_px: int, height_px: int) -> tuple[int, int]:
    """The size that a provider is asked for when `width_px` x `height_px` is wanted: of the same ratio as nearly as its
    rules allow, and as large as wanted, or as it can."""
    width, height = float(width_px), float(height_px)
    width, height = max(width, height / rules.max_ratio), max(height, width / rules.max_ratio)
    shrink = min(1.0, rules.max_side_px / max(width, height), (rules.max_pixels / (width * height)) ** 0.5)
    grow = max(
        1.0,
        rules.min_side_px / (min(width, height) * shrink),
        (rules.min_pixels / (width * height)) ** 0.5 / shrink,
    )
    width, height = width * shrink * grow, height * shrink * grow
    size = _on_grid(rules, width, height)
    while size[0] * size[1] < rules.min_pixels and max(size) < rules.max_side_px:
        # What was trimmed for the ratio fell below the least area: from the next larger wish.
        width, height = width + rules.side_multiple, height + rules.side_multiple
        size = _on_grid(rules, width, height)
    return size


def _on_grid(rules: SizeRules, width: float, height: float) -> tuple[int, int]:
    step = rules.side_multiple
    sides = [max(round(side / step) * step, -(-rules.min_side_px // step) * step) for side in (width, height)]
    # Rounding may have gone below the least area: add a step to the shorter side.
    while sides[0] * sides[1] < rules.min_pixels:
        sides[sides.index(min(sides))] += step
    # Rounding up may have passed a limit: take steps off the longer side, so that the ratio suffers least.
    while (
        max(sides) > rules.max_side_px
        or sides[0] * sides[1] > rules.max_pixels
        or max(sides) / min(sides) > rules.max_ratio
    ):
        sides[sides.index(max(sides))] -= step
    return sides[0], sides[1]
