"""OpenAI's Images API: `POST /v1/images/generations`, and `/v1/images/edits` where there are reference pictures.

It is synchronous and has no task id, no seed and no key that would make a repetition known: a dropped connection, a
timeout or a process that died may leave a picture that is billed all the same, and asking again is another picture.
An answer tells tokens and no price, so the price table decides what a picture cost. Source: openai-python 3.52.0.
"""

import asyncio

import httpx

from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.errors import ModelGone
from pressroom.runtime.vendors.models import model_gone
from pressroom.runtime.vendors.openai import KEY_SETTING, MODEL_SETTING, VENDOR, openai_client
from pressroom.runtime.vendors.openai_images import (
    ANY_SIZE,
    EDITS,
    GENERATIONS,
    ImagesAnswer,
    picture_wish,
    size_for,
)
from pressroom.runtime.vendors.pictures import reference_type

from ..providers import Generation, GenerationRequest, NotConfigured, Progress
from .settings import OpenAISettings

CAPABILITIES = Capabilities(
    sizes=ANY_SIZE,
    prompt_max_characters=32_000,
    seeds=False,
    transparent=True,
    input_images=16,
    is_billed=True,
    at_once=4,
)


class OpenAIProvider:
    """The `ImageProvider` of OpenAI. Pictures come as PNG, which is lossless and may be transparent."""

    name = ProviderName.OPENAI

    def __init__(self, settings: OpenAISettings) -> None:
        key = settings.openai_api_key
        if key is None or not key.get_secret_value():
            raise NotConfigured(f"{VENDOR} needs a key: set {KEY_SETTING}")
        self.model: str | None = settings.openai_model
        self.capabilities = CAPABILITIES.model_copy(update={"grade": settings.openai_quality})
        self._settings = settings
        self._client = openai_client(settings)

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        model = request.model or self._settings.openai_model
        call = self._edit(request, model) if request.input_images else self._generation(request, model)
        try:
            response = await self._client.send(call)
        except ModelGone as error:
            raise model_gone(VENDOR, model, MODEL_SETTING, error, named_by_batch=request.model is not None) from error
        # Megabytes of base64 are nothing for the event loop.
        data = await asyncio.to_thread(self._picture, response)
        progress(1.0)
        return Generation(data, model=model, asked_px=size_for(model, request.width_px, request.height_px))

    async def aclose(self) -> None:
        await self._client.aclose()

    def _generation(self, request: GenerationRequest, model: str) -> httpx.Request:
        body = {**self._wish(request, model), "moderation": self._settings.openai_moderation, "n": 1}
        return self._client.http.build_request("POST", GENERATIONS, json=body)

    def _edit(self, request: GenerationRequest, model: str) -> httpx.Request:
        """As a form. `moderation` is no parameter of an edit."""
        files: list[tuple[str, tuple[str, bytes, str]]] = []
        for place, data in enumerate(request.input_images, start=1):
            media_type = reference_type(data, place, VENDOR)
            files.append(("image[]", (f"{place}.{media_type.removeprefix('image/')}", data, media_type)))
        return self._client.http.build_request("POST", EDITS, data=self._wish(request, model), files=files)

    def _wish(self, request: GenerationRequest, model: str) -> dict[str, str]:
        return picture_wish(
            request.prompt,
            negative_prompt=request.negative_prompt,
            width_px=request.width_px,
            height_px=request.height_px,
            model=model,
            quality=self._settings.openai_quality,
            transparent=request.transparent,
        )

    def _picture(self, response: httpx.Response) -> bytes:
        return self._client.read(response, ImagesAnswer).picture()
