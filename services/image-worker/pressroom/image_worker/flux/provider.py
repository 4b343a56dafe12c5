"""FLUX.2 at Black Forest Labs: a task is asked for, looked at until it is ready, and its picture fetched at once.

The task's ref is stored by whoever calls, so a worker that dies is followed by one that asks for the same task again;
what dies between asking and storing is lost and billed, because BFL lists no tasks and takes no key of ours. The API
key goes to BFL's API only: never to the host of the pictures, whatever an answer says. Pictures are gone 10 minutes
after they were made. Source: docs.bfl.ai, 2026-11.
"""

import time
from urllib.parse import quote

import httpx

from pressroom.contracts.capabilities import Capabilities, nearest_size
from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.errors import ApiFailed
from pressroom.runtime.public_http import PublicHttp, UrlGone
from pressroom.runtime.vendor_http import VendorClient
from pressroom.runtime.vendors.models import model_gone
from pressroom.runtime.vendors.pictures import media_type_of

from ..providers import Generation, GenerationRequest, NotConfigured, Progress, RemoteJobOver
from ..remote_jobs import generate_by_job, poll
from .settings import FluxSettings
from .wire import (
    ENDED_BADLY,
    INPUT_IMAGES_MAX,
    KEY_SETTING,
    MICRODOLLARS_PER_CREDIT,
    MODEL_SETTING,
    PROMPT_MAX_CHARACTERS,
    READY,
    SIZES,
    TASK_NOT_FOUND,
    TASKS_AT_ONCE,
    VENDOR,
    Job,
    NotFound,
    Result,
    Submitted,
    body_of,
    error_of_end,
    is_of_vendor,
    is_settable,
    job_of,
    read_error,
    sample_of,
)

NOT_FOUND_PATIENCE_S = 10.0
"""A task that was just taken in may not be known everywhere yet."""

_POLL_AT_MOST_S = 5.0


class FluxProvider:
    """The `JobProvider` of BFL. Asks are refused with 429 above 24 tasks at once, over all workers of an account."""

    name = ProviderName.FLUX

    def __init__(self, settings: FluxSettings, *, not_found_patience_s: float = NOT_FOUND_PATIENCE_S) -> None:
        key = settings.flux_api_key
        if key is None:
            raise NotConfigured(f"{VENDOR} needs a key: set {KEY_SETTING}")
        self.model: str | None = settings.flux_model
        self._default_model = settings.flux_model
        is_flex = is_settable(settings.flux_model)
        self.capabilities = Capabilities(
            sizes=SIZES,
            prompt_max_characters=PROMPT_MAX_CHARACTERS,
            steps=is_flex,
            guidance=is_flex,
            input_images=INPUT_IMAGES_MAX,
            keeps_jobs=True,
            is_billed=True,
            at_once=TASKS_AT_ONCE,
        )
        self._url = settings.flux_url.rstrip("/")
        self._safety_tolerance = settings.flux_safety_tolerance
        self._poll_s = settings.flux_poll_s
        self._not_found_patience_s = not_found_patience_s
        self._client = VendorClient(
            VENDOR,
            self._url,
            key_setting=KEY_SETTING,
            headers={"x-key": key.get_secret_value()},
            timeout_s=settings.flux_timeout_s,
            read_error=read_error,
        )
        self._pictures = PublicHttp(
            VENDOR,
            timeout_s=settings.flux_timeout_s,
            trusted_hosts=settings.trusted_private_hosts,
            hosts=settings.flux_result_hosts,
        )

    async def aclose(self) -> None:
        await self._client.aclose()
        await self._pictures.aclose()

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        return await generate_by_job(self, request, progress)

    async def submit(self, request: GenerationRequest, key: str) -> str:
        model = request.model or self._default_model
        # Quoted, for a batch may name anything: it stays one part of the path.
        path = f"/v1/{quote(model, safe='')}"
        body = body_of(request, model, self._safety_tolerance)
        try:
            response = await self._client.send(self._client.http.build_request("POST", path, json=body))
        except NotFound as error:
            raise model_gone(VENDOR, model, MODEL_SETTING, error, named_by_batch=request.model is not None) from error
        made = self._client.read(response, Submitted)
        polling_url = made.polling_url or f"{self._url}/v1/get_result?id={quote(made.id, safe='')}"
        return Job(id=made.id, polling_url=polling_url, model=model, cost=made.cost).model_dump_json()

    async def find(self, request: GenerationRequest, key: str, vendor_id: str | None) -> str | None:
        """None always: BFL lists no tasks and keeps no key of ours, so a task whose answer was lost cannot be found.
        It may have been billed."""
        return None

    async def resume(self, ref: str, request: GenerationRequest, progress: Progress) -> Generation:
        job = job_of(ref)
        self._check_polling_url(job.polling_url)
        began = time.monotonic()

        async def look() -> Result | None:
            try:
                response = await self._client.send(self._client.http.build_request("GET", job.polling_url))
            except NotFound:
                status = TASK_NOT_FOUND
            else:
                result = self._client.read(response, Result)
                if result.status == READY:
                    return result
                status = result.status
                if status in ENDED_BADLY:
                    # BFL bills pictures: what it failed at, or refused, is not billed.
                    raise RemoteJobOver(error_of_end(job, result), cost_microusd=0)
            if status == TASK_NOT_FOUND and time.monotonic() - began > self._not_found_patience_s:
                # It may have been made, and been forgotten since.
                raise RemoteJobOver(
                    ApiFailed(f"{VENDOR} knows no task {job.id} (any more)"), cost_microusd=_microusd(job.cost)
                )
            return None

        result = await poll(look, interval_s=self._poll_s, at_most_s=max(self._poll_s, _POLL_AT_MOST_S))
        cost = _microusd(result.cost if result.cost is not None else job.cost)
        data = await self._picture(job, sample_of(result), cost)
        progress(1.0)
        return Generation(
            data,
            model=job.model,
            cost_microusd=cost,
            asked_px=nearest_size(SIZES, request.width_px, request.height_px),
        )

    async def cancel(self, ref: str) -> None:
        """Nothing: BFL stops no tasks, and bills what was asked for."""

    async def _picture(self, job: Job, url: str, cost_microusd: int | None) -> bytes:
        try:
            data = await self._pictures.fetch(url)
        except UrlGone as error:
            gone = ApiFailed(f"{VENDOR} has the picture of task {job.id} no more: {error}")
            raise RemoteJobOver(gone, cost_microusd=cost_microusd) from error
        if media_type_of(data) is None:
            # The place of the pictures may answer otherwise the next time: the task is not over.
            raise ApiFailed(f"{VENDOR} delivered {len(data)} bytes for task {job.id} that are no PNG, JPEG or WebP")
        return data

    def _check_polling_url(self, url: str) -> None:
        """The key goes to the API's own address, and from one of BFL's hosts to any other of them."""
        try:
            asked, own = httpx.URL(url), httpx.URL(self._url)
        except httpx.InvalidURL as error:
            raise ApiFailed(f"{VENDOR} gave a polling_url that is none: {url[:200]!r}") from error
        is_own = (asked.scheme, asked.host, asked.port) == (own.scheme, own.host, own.port)
        if not is_own and not (asked.scheme == "https" and is_of_vendor(own.host) and is_of_vendor(asked.host)):
            raise ApiFailed(f"{VENDOR} gave a polling_url on {asked.host or 'no host'}, which must not be sent the key")


def _microusd(credits_spent: float | None) -> int | None:
    return None if credits_spent is None else round(credits_spent * MICRODOLLARS_PER_CREDIT)
