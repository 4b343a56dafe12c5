"""A serverless endpoint of RunPod that runs worker-comfyui: a job is queued, looked at until it ends, its picture taken
from the answer or fetched from the worker's bucket.

The job's ref is stored by whoever calls, so a worker that dies is followed by one that asks for the same job again.
RunPod takes no key of ours and lists no jobs, so what dies between asking and storing is found by the job's webhook
alone, whose address carries our key; without a public address it is lost, and billed. Results are kept for 30 minutes.
An answer may come late: once a job was seen to have ended, no later word undoes it here.
"""

import contextlib
from collections.abc import Callable

from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.errors import ApiFailed, InvalidRequest
from pressroom.runtime.public_http import PublicHttp, UrlGone
from pressroom.runtime.vendor_http import VendorClient
from pressroom.runtime.vendors.pictures import decoded_picture, media_type_of

from ..providers import Generation, GenerationRequest, NotConfigured, Progress, RemoteJobOver
from ..remote_jobs import Wakers, generate_by_job, poll
from ..workflows import Graph, Workflows, WorkflowSettings, model_in
from .settings import (
    ENDPOINT_SETTING,
    KEY_SETTING,
    MODEL_SETTING,
    WORKFLOW_SETTING,
    WORKFLOWS_SETTING,
    RunPodSettings,
)
from .wire import (
    BASE64,
    ENDED,
    S3_URL,
    SIZES,
    VENDOR,
    Begun,
    Image,
    Job,
    NotFound,
    Status,
    body_of,
    endpoint_gone,
    image_of,
    job_of,
    name_of,
    read_error,
)

AT_ONCE = 8
"""Jobs that one of our workers has there together. RunPod starts more GPUs as its queue grows."""

WebhookUrl = Callable[[str], str | None]
"""The URL that RunPod tells of a job's end, by our key for it; None: nobody is told."""

_POLL_AT_MOST_S = 10.0


class RunPodProvider:
    """The `JobProvider` of one endpoint."""

    name = ProviderName.RUNPOD

    def __init__(self, settings: RunPodSettings, *, webhook_url: WebhookUrl | None = None) -> None:
        """Raises `NotConfigured` with the setting to mend. Without `webhook_url` jobs are looked at only."""
        key, endpoint = settings.runpod_api_key, settings.runpod_endpoint_id
        if key is None:
            raise NotConfigured(f"{VENDOR} needs a key: set {KEY_SETTING}")
        if endpoint is None:
            raise NotConfigured(f"{VENDOR} needs an endpoint: set {ENDPOINT_SETTING}")
        self._settings = settings
        self._endpoint = endpoint
        self._webhook_url = webhook_url
        self._workflows = Workflows(VENDOR, SIZES, _workflow_settings(settings))
        self.model = self._workflows.model
        self.capabilities = self._workflows.capabilities(at_once=AT_ONCE, is_billed=True)
        self._client = VendorClient(
            VENDOR,
            settings.runpod_url,
            key_setting=KEY_SETTING,
            headers={"Authorization": f"Bearer {key.get_secret_value()}"},
            timeout_s=settings.runpod_timeout_s,
            read_error=read_error,
        )
        self._pictures = PublicHttp(
            VENDOR, timeout_s=settings.runpod_timeout_s, trusted_hosts=settings.trusted_private_hosts
        )
        self.told_within_s = settings.runpod_webhook_wait_s if webhook_url is not None else 0.0
        self._wakers = Wakers()
        self._ended: dict[str, Status] = {}
        """Jobs that have ended and whose picture could not be fetched yet."""

    async def aclose(self) -> None:
        await self._client.aclose()
        await self._pictures.aclose()

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        return await generate_by_job(self, request, progress)

    async def submit(self, request: GenerationRequest, key: str) -> str:
        workflow, _ = self._workflow(request)
        webhook_url = self._webhook_url(key) if self._webhook_url else None
        begin = self._client.http.build_request(
            "POST",
            f"/{self._endpoint}/run",
            content=body_of(workflow, request.input_images, self._settings, webhook_url),
            headers={"Content-Type": "application/json"},
        )
        try:
            begun = self._client.read(await self._client.send(begin), Begun)
        except NotFound as error:
            raise endpoint_gone(self._endpoint, error) from error
        return self._ref(begun.id, key, request)

    async def find(self, request: GenerationRequest, key: str, vendor_id: str | None) -> str | None:
        """By what its webhook called it alone: RunPod lists no jobs and keeps no key of ours."""
        return None if vendor_id is None else self._ref(vendor_id, key, request)

    def told(self, key: str) -> None:
        self._wakers.wake(key)

    async def resume(self, ref: str, request: GenerationRequest, progress: Progress) -> Generation:
        job = job_of(ref)
        ended = self._ended.get(job.id) or await self._end_of(job)
        try:
            image = image_of(job, request, ended)
            if image.type == S3_URL:
                self._remember(job, ended)
            data = await self._picture(job, image)
        except RemoteJobOver as over:
            # The seconds of a worker are billed whatever came of them, also of failed and of cancelled jobs.
            over.gpu_seconds = ended.gpu_seconds
            raise
        self._ended.pop(job.id, None)
        progress(1.0)
        return Generation(data, model=job.model, gpu_seconds=ended.gpu_seconds)

    async def cancel(self, ref: str) -> None:
        # A job that is over, or that nobody knows, needs no stopping.
        with contextlib.suppress(RemoteJobOver):
            await self._cancel(job_of(ref))

    async def _cancel(self, job: Job) -> None:
        try:
            await self._client.send(self._client.http.build_request("POST", f"/{job.endpoint}/cancel/{job.id}"))
        except InvalidRequest:
            if await self._look(job) is None:
                raise

    async def _end_of(self, job: Job) -> Status:
        with self._wakers.waiting(job.key) as told:
            return await poll(
                lambda: self._look(job),
                interval_s=self._settings.runpod_poll_s,
                at_most_s=max(self._settings.runpod_poll_s, _POLL_AT_MOST_S),
                told=told,
            )

    async def _look(self, job: Job) -> Status | None:
        try:
            response = await self._client.send(
                self._client.http.build_request("GET", f"/{job.endpoint}/status/{job.id}")
            )
        except NotFound as error:
            raise RemoteJobOver(
                ApiFailed(f"{VENDOR} knows no job {job.id} any more; results are kept for 30 minutes ({error})")
            ) from error
        status = self._client.read(response, Status)
        return status if status.status in ENDED else None

    async def _picture(self, job: Job, image: Image) -> bytes:
        if image.type == BASE64:
            try:
                return decoded_picture(image.data.rpartition(",")[2], VENDOR)[0]
            except ApiFailed as error:
                raise RemoteJobOver(error) from error
        if image.type != S3_URL:
            raise RemoteJobOver(ApiFailed(f"{VENDOR}'s job {job.id} returned a picture as {image.type[:50]!r}"))
        try:
            data = await self._pictures.fetch(image.data)
        except UrlGone as error:
            raise RemoteJobOver(ApiFailed(f"{VENDOR} has the picture of job {job.id} no more: {error}")) from error
        if media_type_of(data) is None:
            raise ApiFailed(f"{VENDOR}'s job {job.id}: {len(data)} bytes in its bucket are no PNG, JPEG or WebP")
        return data

    def _remember(self, job: Job, ended: Status) -> None:
        """At most as many as are worked on together: what is older was given up."""
        self._ended[job.id] = ended
        while len(self._ended) > AT_ONCE:
            self._ended.pop(next(iter(self._ended)))

    def _ref(self, job_id: str, key: str, request: GenerationRequest) -> str:
        """Of a job that was asked for with `request`, by whichever of our workers."""
        workflow, is_named = self._workflow(request)
        return Job(
            id=job_id,
            endpoint=self._endpoint,
            model=model_in(workflow) or self._workflows.name_for(request),
            key=key,
            named_by_workflow=is_named,
        ).model_dump_json()

    def _workflow(self, request: GenerationRequest) -> tuple[Graph, bool]:
        """The filled template, and whether its model is only that of a workflow which the batch chose."""
        name = self._workflows.name_for(request)
        model = self._workflows.model_for(request, name)
        image = name_of(request.input_images[0], 1) if request.input_images else None
        workflow = self._workflows.fill(name, request, model, image)
        return workflow, model is None and request.workflow not in (None, self._workflows.default)


def _workflow_settings(settings: RunPodSettings) -> WorkflowSettings:
    return WorkflowSettings(
        folder=settings.runpod_workflows_dir,
        workflow=settings.runpod_workflow,
        model=settings.runpod_model,
        folder_setting=WORKFLOWS_SETTING,
        workflow_setting=WORKFLOW_SETTING,
        model_setting=MODEL_SETTING,
    )
