"""What makes pixels: one small interface, and the providers that this worker can serve a lane with."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from pressroom.contracts.vocabulary import ProviderName
from pressroom.state.documents import ImageDocument

from . import studio


@dataclass(frozen=True)
class GenerationRequest:
    """One picture to make. Sides in pixels; `seed` 0..2^32-1."""

    image_id: str
    prompt: str
    negative_prompt: str | None
    model: str | None
    seed: int
    width_px: int
    height_px: int
    steps: int
    guidance: float


@dataclass(frozen=True)
class Generation:
    """A provider's answer: encoded picture bytes (PNG, JPEG or WebP), and the model that made them."""

    data: bytes
    model: str


class ImageProvider(Protocol):
    """Makes one image at a time. Raises a `WorkError` of the kind that tells what to do about it."""

    name: ProviderName

    async def generate(self, request: GenerationRequest) -> Generation:
        """Make the picture, without ever blocking the event loop. Cancelled when nobody wants it any more."""
        ...

    async def aclose(self) -> None: ...


class StudioProvider:
    """The built-in generator. It draws in a thread; a cancelled drawing is finished there and thrown away."""

    name = ProviderName.STUDIO

    async def generate(self, request: GenerationRequest) -> Generation:
        data = await asyncio.to_thread(
            studio.draw,
            request.prompt,
            seed=request.seed,
            width_px=request.width_px,
            height_px=request.height_px,
        )
        return Generation(data, model="studio")

    async def aclose(self) -> None:
        return None


def make_provider(name: ProviderName) -> ImageProvider:
    """The provider of a lane. Raises `ValueError` for one that works in batch mode only."""
    if name is ProviderName.STUDIO:
        return StudioProvider()
    raise ValueError(f"'{name}' cannot serve a realtime lane (PRESSROOM_IMAGE_WORKER_LANES)")


def request_of(image: ImageDocument) -> GenerationRequest:
    """What to ask a provider for."""
    return GenerationRequest(
        image_id=image.id,
        prompt=image.prompt,
        negative_prompt=image.negative_prompt,
        model=image.model,
        seed=image.seed,
        width_px=image.width,
        height_px=image.height,
        steps=image.steps,
        guidance=image.guidance,
    )
