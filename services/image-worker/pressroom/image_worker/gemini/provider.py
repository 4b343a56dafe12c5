"""Gemini, one picture to a call: `POST /v1beta/models/{model}:generateContent`, with reference pictures in the request.

There is no job and no key that would make a repetition known: a call whose answer was not heard (a dropped connection,
a timeout, a process that died) may have made a picture and be billed, and asking again is another picture. Source:
ai.google.dev, "Image generation", "Troubleshooting guide", v1beta, 2026-11.
"""

import asyncio
import json
from http import HTTPStatus
from urllib.parse import quote

import httpx

from pressroom.contracts.capabilities import Capabilities, SizeRules
from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.errors import AuthFailed, InvalidRequest, OutOfCredit, WorkError
from pressroom.runtime.vendors.gemini import (
    API,
    KEY_SETTING,
    MODEL_SETTING,
    VENDOR,
    GeminiSettings,
    NotFound,
    gemini_client,
    read_gemini_error,
    refusal_of,
)
from pressroom.runtime.vendors.gemini_content import Answer, inline_picture, nominal_size, picture_of, picture_request
from pressroom.runtime.vendors.models import model_gone

from ..providers import Generation, GenerationRequest, NotConfigured, Progress

REQUEST_MAX_BYTES = 20 * 10**6
"""What a request with inline pictures may have (ai.google.dev, "Image understanding", "Passing inline image data")."""

CAPABILITIES = Capabilities(
    # The largest sides of the table of sizes (ai.google.dev, "Image generation"). The smallest is 672; 620 keeps a thin
    # wish for 1K from being taken for 2K, and priced so: the longer side stays below the half between them.
    sizes=SizeRules(min_side_px=620, max_side_px=6336, max_pixels=4800 * 3584, max_ratio=21 / 9),
    # The models read 65,536 tokens (their pages there), a quarter of which 14 pictures take; two for each character is
    # more than any script needs.
    prompt_max_characters=24_000,
    input_images=14,
    is_billed=True,
    at_once=4,
)


class GeminiProvider:
    """The `ImageProvider` of Gemini. Shape and size come from Gemini's own lists, the nearest to what was wanted."""

    name = ProviderName.GEMINI
    capabilities = CAPABILITIES

    def __init__(self, settings: GeminiSettings) -> None:
        if settings.gemini_api_key is None or not settings.gemini_api_key.get_secret_value():
            raise NotConfigured(f"{VENDOR} needs a key: set {KEY_SETTING}")
        self.model: str | None = settings.gemini_model
        self._default_model = settings.gemini_model
        self._client = gemini_client(settings, read_error)

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        model = (request.model or self._default_model).removeprefix("models/")
        # Megabytes of base64 on the way there and back are nothing for the event loop.
        body = await asyncio.to_thread(_body, request)
        path = f"{API}/models/{quote(model, safe='')}:generateContent"
        headers = {"Content-Type": "application/json"}
        try:
            response = await self._client.send(
                self._client.http.build_request("POST", path, content=body, headers=headers)
            )
        except NotFound as error:
            raise model_gone(VENDOR, model, MODEL_SETTING, error, named_by_batch=request.model is not None) from error
        data = await asyncio.to_thread(self._picture, response)
        progress(1.0)
        return Generation(data, model=model, asked_px=nominal_size(request.width_px, request.height_px))

    async def aclose(self) -> None:
        await self._client.aclose()

    def _picture(self, response: httpx.Response) -> bytes:
        data, _ = picture_of(self._client.read(response, Answer))
        return data


def read_error(response: httpx.Response) -> WorkError | None:
    """What every call meets alike until somebody mends the account comes as 400 and 429, and is told apart here."""
    refusal = refusal_of(response)
    if refusal is not None and response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        # No code of its own, only words (public reports of 2026).
        if "credits are depleted" in refusal.message:
            return OutOfCredit(
                f"{VENDOR}: {refusal.said()} (pay in Google AI Studio, for the project of {KEY_SETTING})"
            )
    elif refusal is not None and refusal.status == "FAILED_PRECONDITION":
        return AuthFailed(
            f"{VENDOR}: {refusal.said()} (check the region and the billing of the project of {KEY_SETTING})"
        )
    return read_gemini_error(response)


def _body(request: GenerationRequest) -> bytes:
    wanted = picture_request(
        request.prompt,
        negative_prompt=request.negative_prompt,
        width_px=request.width_px,
        height_px=request.height_px,
        seed=request.seed,
        pictures=[inline_picture(data, place) for place, data in enumerate(request.input_images, start=1)],
    )
    body = json.dumps(wanted, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) > REQUEST_MAX_BYTES:
        raise InvalidRequest(
            f"{VENDOR} takes {REQUEST_MAX_BYTES} bytes in one request, and this one has {len(body)}: give fewer or "
            f"smaller reference pictures"
        )
    return body
