"""What the lane can do, as far as that is known before its model is loaded. Nothing here imports torch."""

from pressroom.contracts.capabilities import Capabilities, SizeRules
from pressroom.contracts.requests import PROMPT_MAX_CHARACTERS

from .model_folder import likely_takes_negative_prompt
from .settings import DiffusersSettings

MAX_PIXELS = 2048 * 2048
"""Four times what the models are trained at; beyond that they repeat themselves, and prints are enlarged anyway."""
MAX_SIDE_PX = 4096
COMMON_SIDE_MULTIPLE = 16
"""Good for every family: Stable Diffusion's is 8, and Flux packs two by two of those."""


def size_rules(side_multiple: int) -> SizeRules:
    return SizeRules(
        min_side_px=64, max_side_px=MAX_SIDE_PX, side_multiple=side_multiple, max_pixels=MAX_PIXELS, max_ratio=8
    )


def abilities_before_loading(settings: DiffusersSettings) -> Capabilities:
    """`at_once` is two, so that the next picture is begun while this one is packed into its file; the model itself
    makes one at a time."""
    return Capabilities(
        sizes=size_rules(COMMON_SIDE_MULTIPLE),
        prompt_max_characters=2 * PROMPT_MAX_CHARACTERS,
        negative_prompt=likely_takes_negative_prompt(settings.diffusers_model or ""),
        steps=True,
        guidance=True,
        input_images=1,
        adapters=settings.diffusers_adapters_dir is not None,
        progress=True,
        cancel=True,
        at_once=2,
    )
