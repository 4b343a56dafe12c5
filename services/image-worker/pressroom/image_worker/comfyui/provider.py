"""The provider: places prompts on servers, waits for them, fetches their pictures.

The prompt's id is the caller's key, which is stored before anything is asked for; posting it twice would run it twice,
so after a lost answer `find` looks through every server's queue and history first. The WebSocket's client id is the
same, so whoever resumes a prompt hears of it. A process that dies leaves a prompt that runs on and can be resumed.
"""

import asyncio
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from pressroom.contracts.capabilities import SizeRules
from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.errors import ApiFailed, NetworkFailed, TimedOut, WorkError
from pressroom.runtime.vendors.pictures import reference_type

from ..providers import Generation, GenerationRequest, NotConfigured, Progress, RemoteJobOver
from ..remote_jobs import generate_by_job, poll
from ..workflows import Workflows, WorkflowSettings, model_in
from .fleet import Fleet
from .past import failure_in, picture_in, picture_of_twin
from .progress import Watch, listen
from .refusals import GraphRefused, NamedBy, NotThere, missing_model, no_model
from .server import Server
from .settings import MODEL_SETTING, URLS_SETTING, WORKFLOW_SETTING, WORKFLOWS_SETTING, ComfyUISettings
from .wire import Past, Picture

SIZES = SizeRules(min_side_px=64, max_side_px=4096, side_multiple=16, max_pixels=4096 * 4096)
"""Latents are in steps of 8 pixels, Flux's patches in steps of 16; models lose the picture long before 4096."""

_VENDOR = "ComfyUI"
_SOON_S = 0.1
"""Between two looks at a prompt that was told to have ended: its history is written a moment later."""

_LOOKS_AT_A_CANCELLED_PROMPT = 3
"""Between a look and the order a prompt may have moved from waiting to running."""


class Ref(BaseModel):
    """A prompt's name: the server without its password, and the id there."""

    model_config = ConfigDict(frozen=True)

    server: str
    prompt_id: str


class ComfyUIProvider:
    """A `JobProvider` over any number of servers."""

    name = ProviderName.COMFYUI

    def __init__(self, settings: ComfyUISettings) -> None:
        """Raises `NotConfigured` with the setting to mend."""
        if not settings.comfyui_urls:
            raise NotConfigured(f'ComfyUI needs a server: set {URLS_SETTING}, e.g. ["http://127.0.0.1:8188"]')
        self._settings = settings
        self._workflows = Workflows(_VENDOR, SIZES, _workflow_settings(settings))
        self.model = self._workflows.model
        self._fleet = Fleet(settings.comfyui_urls, settings.comfyui_timeout_s)
        self._placing = asyncio.Lock()
        self.capabilities = self._workflows.capabilities(at_once=len(self._fleet), progress=True)

    async def aclose(self) -> None:
        await self._fleet.aclose()

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        return await generate_by_job(self, request, progress)

    async def submit(self, request: GenerationRequest, key: str) -> str:
        """On the server with the shortest queue; among equals on the one that has the model warm. A server that
        refuses the workflow has queued nothing, so the next one is asked."""
        workflow = self._workflow(request)
        model = self._workflows.model_for(request, workflow)
        loaded = model or self._workflows.own_model(workflow) or workflow
        refused: WorkError | None = None
        # One at a time, so that two pictures do not both see the same queue empty.
        async with self._placing:
            for server in await self._fleet.by_load(loaded):
                try:
                    image = await server.upload(request.input_images[0]) if request.input_images else None
                    graph = self._workflows.fill(workflow, request, model, image)
                    prompt_id = await server.post(graph, key)
                except GraphRefused as error:
                    refused = refused or await self._explained(server, error, workflow, request, model)
                    continue
                server.last_model = loaded
                return Ref(server=server.name, prompt_id=prompt_id).model_dump_json()
        raise refused or NetworkFailed("no ComfyUI server was asked")

    async def find(self, request: GenerationRequest, key: str, vendor_id: str | None) -> str | None:
        """Where the prompt waits, runs or has run, on the servers that answer."""
        server = await self._fleet.knowing(key)
        return None if server is None else Ref(server=server.name, prompt_id=key).model_dump_json()

    async def resume(self, ref: str, request: GenerationRequest, progress: Progress) -> Generation:
        job = Ref.model_validate_json(ref)
        server = self._fleet.named(job.server)
        watch = Watch(job.prompt_id, progress)
        listening = asyncio.create_task(listen(server.socket_url(job.prompt_id), watch))
        try:
            past = await poll(
                lambda: self._patient_look(server, job.prompt_id, watch), interval_s=_SOON_S, at_most_s=_SOON_S
            )
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        if (failure := failure_in(past, server.label)) is not None:
            raise RemoteJobOver(failure)
        data = await _fetched(server, await _picture(server, past))
        watch.done()
        return Generation(data, model=model_in(past.graph) or request.model or self._workflow(request))

    async def cancel(self, ref: str) -> None:
        """Only this prompt: taken out of the queue while it waits, interrupted by its id while it runs."""
        job = Ref.model_validate_json(ref)
        server = self._fleet.named(job.server)
        for _ in range(_LOOKS_AT_A_CANCELLED_PROMPT):
            queue = await server.queue()
            if queue.is_running(job.prompt_id):
                await server.interrupt(job.prompt_id)
                return
            if not queue.is_pending(job.prompt_id):
                return
            await server.delete(job.prompt_id)

    async def _patient_look(self, server: Server, prompt_id: str, watch: Watch) -> Past | None:
        """A look, and a pause after one that failed: a server that starts again takes a while."""
        try:
            return await self._look(server, prompt_id, watch)
        except (NetworkFailed, ApiFailed, TimedOut):
            await asyncio.sleep(self._settings.comfyui_poll_s)
            raise

    async def _look(self, server: Server, prompt_id: str, watch: Watch) -> Past | None:
        """A prompt that has ended; None after a while when it has not. Raises `RemoteJobOver` when nobody knows it."""
        past = await server.past(prompt_id)
        if past is not None:
            return past
        graph = (await server.queue()).graph(prompt_id)
        if graph is not None:
            watch.expect(graph)
            await watch.ended(within_s=self._settings.comfyui_poll_s)
            return None
        past = await server.past(prompt_id)
        if past is None:
            raise RemoteJobOver(
                ApiFailed(f"{server.label} knows no prompt {prompt_id} any more: it was restarted, or it was deleted")
            )
        return past

    def _workflow(self, request: GenerationRequest) -> str:
        """The template's name, for reference pictures that can be read."""
        for place, picture in enumerate(request.input_images, start=1):
            reference_type(picture, place, _VENDOR)
        return self._workflows.name_for(request)

    async def _explained(
        self, server: Server, error: GraphRefused, workflow: str, request: GenerationRequest, model: str | None
    ) -> WorkError:
        """The refusal of a graph; for a model that is not there, with who named it and those that are there."""
        missing = missing_model(error.refusal, model)
        if missing is None:
            return error
        if not missing.choices:
            missing = replace(missing, choices=await server.choices(missing.class_type, missing.input_name))
        if request.model is not None:
            named_by = NamedBy.BATCH
        elif model is not None:
            named_by = NamedBy.SETTING
        else:
            is_default = workflow == self._workflows.default
            named_by = NamedBy.DEFAULT_WORKFLOW if is_default else NamedBy.OTHER_WORKFLOW
        return no_model(server.label, missing, named_by, workflow)


def _workflow_settings(settings: ComfyUISettings) -> WorkflowSettings:
    return WorkflowSettings(
        folder=settings.comfyui_workflows_dir,
        workflow=settings.comfyui_workflow,
        model=settings.comfyui_model,
        folder_setting=WORKFLOWS_SETTING,
        workflow_setting=WORKFLOW_SETTING,
        model_setting=MODEL_SETTING,
    )


async def _picture(server: Server, past: Past) -> Picture:
    """Where the picture of a prompt is. One that was served from the cache may have no outputs of its own."""
    picture = picture_in(past) or picture_of_twin(past, await server.recent())
    if picture is None:
        raise RemoteJobOver(ApiFailed(f"{server.label}: the workflow ended without a picture; its SaveImage made none"))
    return picture


async def _fetched(server: Server, picture: Picture) -> bytes:
    try:
        return await server.picture(picture)
    except NotThere as error:
        gone = ApiFailed(f"{server.label} has {picture.filename} no more; its files were tidied away")
        raise RemoteJobOver(gone) from error
