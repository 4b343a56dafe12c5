"""ComfyUI servers as a provider, before two of the sandbox: the suite of all providers, and what is ComfyUI's own."""

import asyncio
import json
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from pressroom.image_worker.comfyui import ComfyUIProvider, ComfyUISettings
from pressroom.image_worker.comfyui.past import picture_in, picture_of_twin
from pressroom.image_worker.comfyui.progress import Watch
from pressroom.image_worker.comfyui.refusals import choices_in
from pressroom.image_worker.comfyui.wire import Past
from pressroom.image_worker.configured import MAKERS
from pressroom.image_worker.providers import GenerationRequest, NotConfigured, RemoteJobOver
from pressroom.image_worker.settings import ImageWorkerSettings
from pressroom.runtime.errors import ApiFailed, InvalidRequest, ModelGone, NetworkFailed

from ...vendor_sandbox import VendorSandbox, running_sandbox
from .backstages import SandboxBackstage
from .conformance import Heard, ProviderConformance, Trouble, a_picture, draw, ignore, picture_of, until

PROMPT = "POST /comfyui/prompt"
DEAD_MODEL = "gone.safetensors"
OTHER_MODEL = "v1-5-pruned-emaonly-fp16.safetensors"
POLL_S = 0.1
SHORT_TIMEOUT_S = 0.5
LONG_STEPS = 150
"""Three seconds, at the step's length below."""


@pytest.fixture(scope="module")
def sandbox_of_full_sizes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorSandbox]:
    folder = tmp_path_factory.mktemp("comfyui")
    with running_sandbox(folder, PICTURE_PX="4096", COMFYUI_STEP_SECONDS="0.02") as sandbox:
        yield sandbox


@pytest.fixture
def vendors(sandbox_of_full_sizes: VendorSandbox) -> VendorSandbox:
    """An empty sandbox that draws every pixel that is asked for."""
    sandbox_of_full_sizes.reset()
    return sandbox_of_full_sizes


class ComfyUIBackstage(SandboxBackstage[ComfyUIProvider]):
    """The provider before one of the sandbox's servers, or before both."""

    vendor = "comfyui"
    asks, shows = PROMPT, "GET /comfyui/view"
    wishes: ClassVar = {
        Trouble.BAD_REQUEST: {"guidance": 101.0},
        Trouble.FAILED_AT_PROVIDER: {"prompt": "a fox [sandbox:error]"},
    }
    misconfigured: ClassVar = {Trouble.DEAD_MODEL: {"comfyui_model": DEAD_MODEL}}

    def __init__(self, vendors: VendorSandbox, workflows: Path) -> None:
        self.workflows = workflows
        self._forgetting: asyncio.Task[None] | None = None
        super().__init__(
            vendors,
            {
                "comfyui_urls": (f"{vendors.url}/comfyui",),
                "comfyui_workflows_dir": workflows,
                "comfyui_poll_s": POLL_S,
            },
        )

    def make(self, settings: dict[str, Any]) -> ComfyUIProvider:
        return ComfyUIProvider(ComfyUISettings(**settings))

    def with_two(self) -> ComfyUIProvider:
        return self.replace(comfyui_urls=(f"{self.vendors.url}/comfyui", f"{self.vendors.url}/comfyui-2"))

    async def _forget(self) -> None:
        """As a server that is started again does."""
        await until(lambda: self.made() > 0)
        await asyncio.to_thread(self.vendors.reset)

    async def aclose(self) -> None:
        if self._forgetting is not None:
            await self._forgetting
        await super().aclose()

    def long_request(self, **changes: object) -> GenerationRequest:
        return self.request(steps=LONG_STEPS, **changes)

    def stats(self, server: str = "comfyui") -> dict[str, Any]:
        return self.vendors.stats(server)

    def made(self) -> int:
        return self.stats()["jobs"]

    def stopped(self) -> int:
        """Interrupted, or taken out of the queue before they ran."""
        stats = self.stats()
        in_history = len(self.vendors.items("comfyui", "history"))
        return stats["interrupted"] + max(0, stats["jobs"] - stats["waiting"] - in_history)

    def heard(self) -> Heard:
        past: dict[str, Any] = self.vendors.items("comfyui", "history")[0]
        graph = past["prompt"][2]
        [sampler] = [node["inputs"] for node in graph.values() if node["class_type"] == "KSampler"]
        return Heard(
            prompt=graph[sampler["positive"][0]]["inputs"]["text"],
            seed=sampler["seed"],
            negative_prompt=graph[sampler["negative"][0]]["inputs"]["text"] or None,
            steps=sampler["steps"],
            guidance=sampler["cfg"],
            input_images=sum(node["class_type"] == "LoadImage" for node in graph.values()),
        )

    def arrange(self, trouble: Trouble) -> bool:
        match trouble:
            case Trouble.SLOW:
                self.replace(comfyui_timeout_s=SHORT_TIMEOUT_S)
                self.fault("slow", seconds=3 * SHORT_TIMEOUT_S)
            case Trouble.FORGOTTEN:
                self._changes = {"steps": LONG_STEPS}
                self._forgetting = asyncio.create_task(self._forget())
            case _:
                return False
        return True


@pytest.fixture
def workflows(tmp_path: Path) -> Path:
    """A folder with one template: the default one with a second sampling."""
    folder = tmp_path / "workflows"
    folder.mkdir()
    graph = json.loads((files("pressroom.image_worker.workflows") / "builtin" / "default.json").read_text())
    write(folder, "twice", {**graph, **a_second_pass(graph)})
    return folder


def a_second_pass(graph: dict[str, Any]) -> dict[str, Any]:
    """The nodes that sample the picture of `graph` once more before it is decoded, and show the first one too."""
    again = {"class_type": "KSampler", "inputs": {**graph["5"]["inputs"], "latent_image": ["5", 0], "denoise": 0.5}}
    first = {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}}
    return {
        "0": {"class_type": "PreviewImage", "inputs": {"images": ["10", 0]}},
        "10": first,
        "9": again,
        "6": {"class_type": "VAEDecode", "inputs": {"samples": ["9", 0], "vae": ["1", 2]}},
    }


def write(folder: Path, name: str, graph: dict[str, Any]) -> None:
    (folder / f"{name}.json").write_text(json.dumps(graph))


@pytest.fixture
async def backstage(vendors: VendorSandbox, workflows: Path) -> AsyncIterator[ComfyUIBackstage]:
    async with aclosing(ComfyUIBackstage(vendors, workflows)) as stage:
        yield stage


class TestComfyUI(ProviderConformance):
    vendor = "ComfyUI"
    model_setting = "PRESSROOM_COMFYUI_MODEL"
    can_find = True


async def submit(provider: ComfyUIProvider, request: GenerationRequest) -> str:
    return await provider.submit(request, str(uuid.uuid4()))


def place_of(ref: str) -> str:
    return json.loads(ref)["server"].rpartition("/")[2]


# Where a picture is made


async def test_each_picture_goes_to_the_server_with_the_least_to_do(backstage: ComfyUIBackstage) -> None:
    provider = backstage.with_two()
    assert provider.capabilities.at_once == 2

    refs = await asyncio.gather(*(submit(provider, backstage.long_request(seed=seed)) for seed in range(4)))

    assert sorted(place_of(ref) for ref in refs) == ["comfyui", "comfyui", "comfyui-2", "comfyui-2"]


async def test_of_two_idle_servers_the_one_that_has_the_model_warm_is_asked(backstage: ComfyUIBackstage) -> None:
    provider = backstage.with_two()
    places: list[str] = []
    for seed, model in enumerate([None, OTHER_MODEL, None, OTHER_MODEL, OTHER_MODEL, None]):
        request = backstage.request(seed=seed, model=model)
        ref = await submit(provider, request)
        await provider.resume(ref, request, ignore)
        places.append(place_of(ref))

    assert places == ["comfyui", "comfyui-2", "comfyui", "comfyui-2", "comfyui-2", "comfyui"]
    assert backstage.stats("comfyui")["model_loads"] == 1
    assert backstage.stats("comfyui-2")["model_loads"] == 1


async def test_a_warm_model_is_warm_for_every_workflow_that_loads_it(backstage: ComfyUIBackstage) -> None:
    provider = backstage.with_two()
    await submit(provider, backstage.request(model=OTHER_MODEL))
    await submit(provider, backstage.request())
    await until(lambda: not backstage.stats()["waiting"] and not backstage.stats("comfyui-2")["waiting"])

    assert place_of(await submit(provider, backstage.request(workflow="twice"))) == "comfyui-2"


async def test_a_server_that_is_away_is_left_out(backstage: ComfyUIBackstage) -> None:
    provider = backstage.replace(comfyui_urls=(an_address_where_nobody_is(), f"{backstage.vendors.url}/comfyui"))

    ref = await submit(provider, backstage.request())

    assert place_of(ref) == "comfyui"
    assert await provider.find(backstage.request(), str(uuid.uuid4()), None) is None
    picture_of((await provider.resume(ref, backstage.request(), ignore)).data)


async def test_a_server_that_hangs_is_left_out(backstage: ComfyUIBackstage) -> None:
    backstage.with_two()
    provider = backstage.replace(comfyui_timeout_s=SHORT_TIMEOUT_S)
    backstage.fault("slow", "GET /comfyui/queue", seconds=3 * SHORT_TIMEOUT_S)

    assert place_of(await submit(provider, backstage.request())) == "comfyui-2"


async def test_an_address_that_is_no_comfyui_closes_the_lane(backstage: ComfyUIBackstage) -> None:
    provider = backstage.replace(comfyui_urls=(f"{backstage.vendors.url}/nothing",))

    with pytest.raises(InvalidRequest, match="check the path in PRESSROOM_COMFYUI_URLS") as caught:
        await provider.generate(backstage.request(), ignore)
    assert caught.value.closes_lane


async def test_when_all_are_away_it_is_the_network(backstage: ComfyUIBackstage) -> None:
    away = an_address_where_nobody_is(), an_address_where_nobody_is()
    provider = backstage.replace(comfyui_urls=away)

    with pytest.raises(NetworkFailed, match="none of the 2 ComfyUI servers of PRESSROOM_COMFYUI_URLS") as caught:
        await provider.generate(backstage.request(), ignore)
    assert all(url in str(caught.value) for url in away)
    with pytest.raises(NetworkFailed):
        await provider.find(backstage.request(), str(uuid.uuid4()), None)


async def test_a_model_that_only_one_server_has_is_made_there(backstage: ComfyUIBackstage, tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "other", COMFYUI_MODELS="mine.safetensors") as other:
        provider = backstage.replace(comfyui_urls=(f"{backstage.vendors.url}/comfyui", f"{other.url}/comfyui"))

        made = await provider.generate(backstage.request(model="mine.safetensors"), ignore)

        assert made.model == "mine.safetensors"
        assert other.stats("comfyui")["jobs"] == 1
    assert backstage.made() == 0


async def test_a_prompt_of_a_server_that_left_the_settings_is_still_fetched(backstage: ComfyUIBackstage) -> None:
    ref = await submit(backstage.provider, backstage.request())
    successor = backstage.replace(comfyui_urls=(f"{backstage.vendors.url}/comfyui-2",))

    picture_of((await successor.resume(ref, backstage.request(), ignore)).data)


# What survives


async def test_a_prompt_whose_answer_was_lost_is_found_on_any_server_and_not_posted_again(
    backstage: ComfyUIBackstage,
) -> None:
    provider, key = backstage.with_two(), str(uuid.uuid4())
    await submit(provider, backstage.long_request())
    backstage.vendors.fault("comfyui-2", "cut_after_effect", "POST /comfyui-2/prompt")
    with pytest.raises(NetworkFailed):
        await provider.submit(backstage.request(), key)

    ref = await backstage.another().find(backstage.request(), key, None)

    assert ref is not None
    assert place_of(ref) == "comfyui-2"
    picture_of((await provider.resume(ref, backstage.request(), ignore)).data)
    assert await provider.find(backstage.request(), key, None) == ref, "also when it has ended"
    assert backstage.stats("comfyui-2")["prompt_ids_posted_twice"] == 0
    assert backstage.stats("comfyui-2")["jobs"] == 1


async def test_a_socket_that_is_lost_in_the_middle_loses_nothing(backstage: ComfyUIBackstage) -> None:
    told: list[float] = []
    backstage.fault("cut_after_effect", "WS /comfyui/ws")

    made = await backstage.provider.generate(backstage.request(steps=30), told.append)

    picture_of(made.data)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) < 30, "the socket was not lost"


async def test_without_any_socket_the_history_is_enough(backstage: ComfyUIBackstage) -> None:
    backstage.fault("cut_before", "WS /comfyui/ws", times=-1)
    told: list[float] = []

    picture_of((await backstage.provider.generate(backstage.request(), told.append)).data)

    assert told == [0, 1]


async def test_a_server_that_stumbles_while_it_is_asked_is_asked_again(backstage: ComfyUIBackstage) -> None:
    backstage.fault("502", "GET /comfyui/history", times=3)
    backstage.fault("cut_before", "GET /comfyui/queue", after=1)

    picture_of((await draw(backstage)).data)

    assert backstage.made() == 1


async def test_an_identical_picture_comes_from_the_servers_cache(backstage: ComfyUIBackstage) -> None:
    first = await draw(backstage)
    again = await draw(backstage)

    assert first.data == again.data
    assert backstage.stats()["cached_jobs"] == 1
    assert backstage.stats()["images"] == 1


async def test_a_file_that_was_tidied_away_is_told_and_not_waited_for(backstage: ComfyUIBackstage) -> None:
    ref = await submit(backstage.provider, backstage.request())
    backstage.fault("forget", "GET /comfyui/view")

    with pytest.raises(RemoteJobOver, match="no more; its files were tidied away"):
        await backstage.provider.resume(ref, backstage.request(), ignore)


# How it is stopped


async def test_cancelling_what_waits_leaves_what_runs_alone(backstage: ComfyUIBackstage) -> None:
    provider, running, waiting = backstage.provider, backstage.long_request(), backstage.request(seed=2)
    running_ref = await submit(provider, running)
    waiting_ref = await submit(provider, waiting)

    await provider.cancel(waiting_ref)

    with pytest.raises(RemoteJobOver, match="knows no prompt"):
        await provider.resume(waiting_ref, waiting, ignore)
    picture_of((await provider.resume(running_ref, running, ignore)).data)
    assert backstage.stats()["interrupted"] == 0


async def test_cancelling_what_runs_leaves_what_waits_alone(backstage: ComfyUIBackstage) -> None:
    provider, running, waiting = backstage.provider, backstage.long_request(), backstage.request(seed=2)
    running_ref = await submit(provider, running)
    await until(lambda: bool(backstage.stats()["model_loads"]))
    waiting_ref = await submit(provider, waiting)

    await provider.cancel(running_ref)

    with pytest.raises(RemoteJobOver, match="was interrupted there"):
        await provider.resume(running_ref, running, ignore)
    picture_of((await provider.resume(waiting_ref, waiting, ignore)).data)
    assert backstage.stats()["interrupted"] == 1


async def test_cancelling_what_has_ended_interrupts_nothing(backstage: ComfyUIBackstage) -> None:
    provider = backstage.provider
    ended = await submit(provider, backstage.request())
    await provider.resume(ended, backstage.request(), ignore)
    running, request = await submit(provider, backstage.long_request()), backstage.long_request()

    await provider.cancel(ended)

    picture_of((await provider.resume(running, request, ignore)).data)
    assert not any(line.startswith("POST /comfyui/interrupt") for line in backstage.vendors.lines("comfyui"))


async def test_a_call_that_is_cancelled_while_it_posts_leaves_no_prompt_behind(backstage: ComfyUIBackstage) -> None:
    backstage.fault("slow", PROMPT, seconds=SHORT_TIMEOUT_S)
    call = asyncio.create_task(draw(backstage, steps=LONG_STEPS))
    await until(lambda: "GET /comfyui/queue" in backstage.vendors.lines("comfyui"))

    call.cancel()
    await asyncio.wait([call])

    assert call.cancelled()
    assert backstage.made() == 1
    await until(lambda: backstage.stopped() == 1)


async def test_somebody_at_the_server_may_interrupt_it(backstage: ComfyUIBackstage) -> None:
    resuming = asyncio.create_task(draw(backstage, steps=LONG_STEPS))
    await until(lambda: bool(backstage.stats()["model_loads"]))

    async with httpx.AsyncClient() as somebody:
        await somebody.post(f"{backstage.vendors.url}/comfyui/interrupt", json={})

    with pytest.raises(ApiFailed, match="was interrupted there"):
        await resuming


async def test_out_of_memory_is_told_as_such(backstage: ComfyUIBackstage) -> None:
    with pytest.raises(ApiFailed, match=r"node 5 \(KSampler\) ran out of memory: ask for smaller pictures"):
        await draw(backstage, prompt="a fox [sandbox:oom]")


# How far it is


async def test_two_samplings_are_two_halves_of_one_progress(backstage: ComfyUIBackstage) -> None:
    told: list[float] = []
    request = backstage.request(workflow="twice", steps=20)

    made = await backstage.provider.generate(request, told.append)

    assert told == sorted(told)
    assert len(told) == len(set(told)), "nothing is told twice"
    assert len(told) > 30
    assert max(after - before for before, after in pairwise(told)) < 0.3
    [past] = backstage.vendors.items("comfyui", "history")
    [saved] = [output["images"][0] for node_id, output in past["outputs"].items() if node_id == "7"]
    async with httpx.AsyncClient() as http:
        picture = await http.get(f"{backstage.vendors.url}/comfyui/view", params=saved)
    assert made.data == picture.content, "the SaveImage's, not the preview's"


# What it is asked for


async def test_a_reference_picture_is_sent_by_the_name_of_its_content(backstage: ComfyUIBackstage) -> None:
    for seed in (1, 2):
        await draw(backstage, input_images=(a_picture(),), seed=seed)
    await draw(backstage, input_images=(a_picture(1),), seed=1)

    graphs = [json.dumps(past["prompt"]) for past in backstage.vendors.items("comfyui", "history")]
    names = {text.partition("pressroom-")[2][:64] for text in graphs}
    assert len(graphs) == 3
    assert len(names) == 2


async def test_a_reference_picture_is_brought_to_the_wanted_size(backstage: ComfyUIBackstage) -> None:
    image = picture_of((await draw(backstage, input_images=(a_picture(),), width_px=320, height_px=480)).data)

    assert (image.width, image.height) == (320, 480)


async def test_reference_pictures_that_it_cannot_take_are_refused(backstage: ComfyUIBackstage) -> None:
    with pytest.raises(InvalidRequest, match="takes one reference picture, not 2"):
        await draw(backstage, input_images=(a_picture(), a_picture(1)))
    with pytest.raises(InvalidRequest, match="reference picture 1 is no PNG"):
        await draw(backstage, input_images=(b"GIF89a",))
    with pytest.raises(InvalidRequest, match="'twice' has no place for a reference picture"):
        await draw(backstage, input_images=(a_picture(),), workflow="twice")
    with pytest.raises(InvalidRequest, match="'image-to-image' starts from a reference picture"):
        await draw(backstage, workflow="image-to-image")
    assert backstage.made() == 0


async def test_the_flux_template_is_a_workflow_that_runs(backstage: ComfyUIBackstage) -> None:
    backstage.replace(comfyui_model=OTHER_MODEL)

    made = await draw(backstage, workflow="flux", width_px=500, height_px=700)

    assert made.model == "flux1-dev.safetensors", "a checkpoint is nothing for its loader"
    image = picture_of(made.data)
    assert (image.width, image.height) == (496, 704)


async def test_the_models_of_batch_setting_and_template_go_in_this_order(backstage: ComfyUIBackstage) -> None:
    assert (await draw(backstage)).model == "sd_xl_base_1.0.safetensors"
    backstage.replace(comfyui_model="flux1-dev-fp8.safetensors")
    assert (await draw(backstage)).model == "flux1-dev-fp8.safetensors"
    assert (await draw(backstage, model=OTHER_MODEL)).model == OTHER_MODEL


async def test_a_dead_checkpoint_names_who_wanted_it_and_what_there_is(
    backstage: ComfyUIBackstage, workflows: Path
) -> None:
    there = "It has: sd_xl_base_1.0.safetensors, v1-5"
    with pytest.raises(ModelGone, match=rf"no model '{DEAD_MODEL}': it is the batch's own model.*{there}"):
        await draw(backstage, model=DEAD_MODEL)

    template = (workflows / "twice.json").read_text().replace("sd_xl_base_1.0.safetensors", DEAD_MODEL)
    (workflows / "twice.json").write_text(template)
    backstage.replace(comfyui_workflow="twice")
    with pytest.raises(ModelGone, match=rf"it is the workflow 'twice' that names it; set PRESSROOM_COMFY.*{there}"):
        await draw(backstage)

    backstage.replace(comfyui_model=DEAD_MODEL)
    with pytest.raises(ModelGone, match=rf"set PRESSROOM_COMFYUI_MODEL to one that it has. {there}"):
        await draw(backstage)


async def test_a_workflow_of_one_batch_with_a_dead_checkpoint_leaves_the_lane_open(
    backstage: ComfyUIBackstage, workflows: Path
) -> None:
    text = (workflows / "twice.json").read_text()
    write(workflows, "old", json.loads(text.replace("sd_xl_base_1.0.safetensors", DEAD_MODEL)))
    backstage.replace()

    with pytest.raises(InvalidRequest, match="the workflow 'old' that names it; name a model in the batch") as caught:
        await draw(backstage, workflow="old")
    assert not caught.value.closes_lane
    assert (await draw(backstage, workflow="old", model=OTHER_MODEL)).model == OTHER_MODEL


async def test_a_workflow_that_the_server_refuses_is_told_by_its_node(
    backstage: ComfyUIBackstage, workflows: Path
) -> None:
    text = (workflows / "twice.json").read_text()
    write(workflows, "other-sampler", json.loads(text.replace("dpmpp_2m", "dpmpp_9m")))
    write(workflows, "unknown-node", json.loads(text.replace('"PreviewImage"', '"SaveHologram"')))
    backstage.replace()

    with pytest.raises(
        InvalidRequest, match=r"node 5 \(KSampler\): Value not in list: sampler_name: 'dpmpp_9m'"
    ) as bad:
        await draw(backstage, workflow="other-sampler")
    assert not bad.value.closes_lane
    with pytest.raises(InvalidRequest, match="node SaveHologram does not exist"):
        await draw(backstage, workflow="unknown-node")
    with pytest.raises(InvalidRequest, match="no workflow 'none'; there are: default, flux"):
        await draw(backstage, workflow="none")


# How it is set up


def test_without_a_server_it_is_not_configured() -> None:
    with pytest.raises(NotConfigured, match=r"set PRESSROOM_COMFYUI_URLS, e\.g\."):
        MAKERS[ComfyUIProvider.name](ImageWorkerSettings())


def test_what_is_wrong_with_the_workflows_is_told_at_the_start(workflows: Path) -> None:
    def settings(**more: Any) -> ComfyUISettings:
        return ComfyUISettings(comfyui_urls=("http://127.0.0.1:8188",), comfyui_workflows_dir=workflows, **more)

    with pytest.raises(NotConfigured, match="PRESSROOM_COMFYUI_WORKFLOW: there is no 'mine'; there are: default"):
        ComfyUIProvider(settings(comfyui_workflow="mine"))
    text = (workflows / "twice.json").read_text()
    write(workflows, "bare", json.loads(text.replace("{{model|sd_xl_base_1.0.safetensors}}", "{{model}}")))
    with pytest.raises(NotConfigured, match="PRESSROOM_COMFYUI_MODEL: the workflow 'bare' has no model of its own"):
        ComfyUIProvider(settings(comfyui_workflow="bare"))
    assert ComfyUIProvider(settings(comfyui_workflow="bare", comfyui_model="a")).model == "a"
    (workflows / "bad.json").write_text("{}")
    with pytest.raises(NotConfigured, match=r"PRESSROOM_COMFYUI_WORKFLOWS_DIR: .*bad\.json: it has no nodes"):
        ComfyUIProvider(settings())


async def test_a_servers_password_is_used_and_never_told(backstage: ComfyUIBackstage) -> None:
    url = f"{backstage.vendors.url}/comfyui".replace("http://", "http://me:secret@")
    provider = backstage.replace(comfyui_urls=(url,))

    ref = await submit(provider, backstage.request())
    picture_of((await provider.resume(ref, backstage.request(), ignore)).data)
    assert "secret" not in ref
    backstage.fault("500", PROMPT)
    with pytest.raises(ApiFailed) as caught:
        await draw(backstage)
    assert "secret" not in str(caught.value)


# What answers mean


def test_only_this_prompts_own_steps_count_and_what_is_told_never_falls() -> None:
    told: list[float] = []
    watch = Watch("mine", told.append)
    watch.expect({"1": {"class_type": "KSampler"}, "2": {"class_type": "KSamplerSelect"}})
    said: list[object] = [
        {"type": "progress", "data": {"prompt_id": "other", "node": "1", "value": 9, "max": 10}},
        {"type": "status", "data": {"status": {}}},
        {"type": "progress", "data": {"prompt_id": "mine", "node": "1", "value": 4, "max": 10}},
        {"type": "progress", "data": {"prompt_id": "mine", "node": "1", "value": 2, "max": 10}},
        {"type": "progress", "data": {"prompt_id": "mine", "node": "1", "value": "many", "max": 0}},
        {"type": "progress", "data": {"prompt_id": "mine", "node": "1", "value": 5, "max": 0}},
        {"type": "progress_state", "data": {"prompt_id": "mine", "nodes": {"1": {"value": 8, "max": 10}, "2": None}}},
        {"type": "progress_state", "data": {"prompt_id": "mine", "nodes": {"7": {"value": 1, "max": 4}}}},
        {"type": "progress_state", "data": {"prompt_id": "mine", "nodes": {"8": {"value": 0, "max": 1}}}},
        {"type": "progress", "data": {"prompt_id": "mine", "node": "1", "value": 10, "max": 10}},
        {"type": "progress", "data": {"prompt_id": "mine", "node": "7", "value": 40, "max": 4}},
        {"type": "execution_success", "data": {"prompt_id": "mine"}},
    ]

    for message in [*map(json.dumps, said), "", "null", '{"type": 1}', '{"type": "progress", "data": []}']:
        watch.hear(message)
    watch.done()

    assert told == [0, 0.4, 0.8, 0.99, 1]


def test_the_choices_of_an_input_are_read_in_both_of_their_shapes() -> None:
    assert choices_in([["a", "b"], {}]) == ("a", "b")
    assert choices_in(["COMBO", {"options": ["a"]}]) == ("a",)
    for other in (None, [], "COMBO", ["COMBO"], ["INT", {"min": 0}], [[1, None]]):
        assert choices_in(other) == ()


def test_the_saved_picture_goes_before_previews_and_the_saving_node_before_others() -> None:
    graph: dict[str, Any] = {"1": {"class_type": "PreviewImage"}, "2": {"class_type": "ImageSaver"}}
    outputs: dict[str, Any] = {
        "1": {"images": [{"filename": "shown.png", "type": "temp"}, "nonsense"]},
        "2": {"images": [{"filename": "kept.png"}], "text": ["x"]},
        "5": {"text": ["no pictures"]},
        "6": {"images": [{"filename": None}, {"filename": "odd.png", "subfolder": 3}], "animated": [True]},
        "7": None,
        "8": {"images": "none"},
    }
    assert _name(_past(graph, outputs)) == "kept.png"
    graph["3"] = {"class_type": "SaveImage"}
    outputs["3"] = {"images": [{"filename": "first.png"}, {"filename": "second.png"}]}
    assert _name(_past(graph, outputs)) == "first.png"
    assert _name(_past(graph, {"1": outputs["1"]})) == "shown.png"
    assert _name(_past(graph, {})) is None


def test_a_prompt_without_outputs_of_its_own_shows_those_of_the_same_graph() -> None:
    graph: dict[str, Any] = {"3": {"class_type": "SaveImage", "inputs": {"seed": 1}}}
    outputs: dict[str, Any] = {"3": {"images": [{"filename": "first.png"}]}}
    cached = _past(graph, {})
    others = {"a": _past(graph, outputs), "b": _past({"3": {"class_type": "SaveImage"}}, outputs), "c": cached}

    found = picture_of_twin(cached, others)

    assert found is not None
    assert found.filename == "first.png"
    assert picture_of_twin(cached, {"b": others["b"], "c": cached}) is None


def _past(graph: dict[str, Any], outputs: dict[str, Any]) -> Past:
    return Past.model_validate({"prompt": [0, "id", graph, {}, []], "outputs": outputs})


def _name(past: Past) -> str | None:
    picture = picture_in(past)
    return picture.filename if picture is not None else None


def an_address_where_nobody_is() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"
