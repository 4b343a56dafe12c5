"""The built-in generator as a provider: procedural prints, without a model, a network or a price."""

import asyncio

from pressroom.contracts.capabilities import Capabilities, SizeRules
from pressroom.contracts.requests import PROMPT_MAX_CHARACTERS
from pressroom.contracts.vocabulary import ProviderName

from . import studio
from .providers import Generation, GenerationRequest, Progress


class StudioProvider:
    """It draws in a thread; a cancelled drawing is finished there and thrown away."""

    name = ProviderName.STUDIO
    model: str | None = "studio"
    capabilities = Capabilities(
        sizes=SizeRules(min_side_px=studio.MIN_SIDE_PX, max_side_px=studio.MAX_SIDE_PX),
        prompt_max_characters=2 * PROMPT_MAX_CHARACTERS,
    )

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        data = await asyncio.to_thread(
            studio.draw,
            request.prompt,
            seed=request.seed,
            width_px=request.width_px,
            height_px=request.height_px,
        )
        progress(1.0)
        return Generation(data, model="studio")

    async def aclose(self) -> None:
        return None
