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
from pressroom.runtime.prompts import with_negative_clause
from pressroom.runtime.vendor_http import VendorClient
from pressroom.runtime.vendors.models import model_gone
from pressroom.runtime.vendors.pictures import reference_type

from ..providers import Generation, GenerationRequest, NotConfigured, Progress
from .settings import OpenAISettings
from .sizes import ANY_SIZE, size_for
from .wire import KEY_SETTING, MODEL_SETTING, VENDOR, ImagesAnswer, read_error

GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"

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
        self._client = VendorClient(
            VENDOR,
            settings.openai_url,
            key_setting=KEY_SETTING,
            headers={"Authorization": f"Bearer {key.get_secret_value()}"},
            timeout_s=settings.openai_timeout_s,
            read_error=read_error,
        )

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
        """What both ways to ask have in common. A background is opaque unless it is wanted otherwise, because the
        vendor's `auto` may make a transparent one."""
        width_px, height_px = size_for(model, request.width_px, request.height_px)
        return {
            "model": model,
            "prompt": with_negative_clause(request.prompt, request.negative_prompt),
            "size": f"{width_px}x{height_px}",
            "quality": self._settings.openai_quality,
            "background": "transparent" if request.transparent else "opaque",
            "output_format": "png",
        }

    def _picture(self, response: httpx.Response) -> bytes:
        return self._client.read(response, ImagesAnswer).picture()
