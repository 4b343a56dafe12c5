"""ComfyUI workflows on a serverless endpoint of RunPod, against the sandbox."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
import pyvips

from pressroom.image_worker.providers import GenerationRequest, NotConfigured, RemoteJobOver
from pressroom.image_worker.runpod import RunPodProvider, RunPodSettings
from pressroom.runtime.errors import ApiFailed, InvalidRequest, NetworkFailed, TimedOut

from ...vendor_sandbox import RUNPOD_ENDPOINT, RUNPOD_KEY, VendorSandbox, running_sandbox
from .backstages import Fault
from .conformance import Heard, Trouble, a_picture, draw, ignore, picture_of, same_picture
from .jobs import KEY, JobBackstage, JobConformance
from .wire_tap import WireTap, tapped

SUBMIT = "POST /runpod/v2/.*/run$|POST /runpod/v2/.*/run[?]"
LOOK = "GET /runpod/v2/.*/status/"
FETCH = "GET /runpod/bucket/"
DEAD = "gone.safetensors"
UNKNOWN_NODE = {
    "1": {"class_type": "NodeOfNobody", "inputs": {"text": "{{prompt}}", "seed": "{{seed}}"}},
    "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["1", 0]}},
}


@pytest.fixture(scope="session")
def slow_vendors_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorSandbox]:
    """One whose jobs take a while, and are handed over by URL."""
    with running_sandbox(tmp_path_factory.mktemp("slow"), RUNPOD_SECONDS="2", RUNPOD_OUTPUT="s3_url") as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def bucket_vendors_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorSandbox]:
    """One whose worker leaves its pictures in a bucket."""
    with running_sandbox(tmp_path_factory.mktemp("bucket"), RUNPOD_OUTPUT="s3_url", RUNPOD_SECONDS="0.1") as sandbox:
        yield sandbox


class RunPodBackstage(JobBackstage[RunPodProvider]):
    vendor = "runpod"
    asks = SUBMIT
    looks = shows = LOOK
    shown = -1
    faults: ClassVar = {
        Trouble.HTML: Fault("html", SUBMIT),
        Trouble.FORGOTTEN: Fault("forget", LOOK, times=-1),
        Trouble.LATE_PROGRESS: Fault("late_progress", LOOK),
    }
    wishes: ClassVar = {
        Trouble.BAD_REQUEST: {"workflow": "broken"},
        Trouble.FAILED_AT_PROVIDER: {"prompt": "a fox [sandbox:error]"},
    }
    misconfigured: ClassVar = {
        Trouble.BAD_KEY: {"runpod_api_key": "wrong-key"},
        Trouble.DEAD_MODEL: {"runpod_model": DEAD},
    }

    def __init__(self, vendors: VendorSandbox, slow: VendorSandbox, tap: WireTap, folder: Path) -> None:
        self.tap = tap
        self._slow = slow
        (folder / "broken.json").write_text(json.dumps(UNKNOWN_NODE))
        super().__init__(
            vendors,
            {
                "runpod_url": f"{vendors.url}/runpod/v2",
                "runpod_api_key": RUNPOD_KEY,
                "runpod_endpoint_id": RUNPOD_ENDPOINT,
                "runpod_workflows_dir": folder,
                "runpod_poll_s": 0.05,
                "trusted_private_hosts": (urlsplit(vendors.url).hostname,),
            },
        )

    def make(self, settings: dict[str, Any]) -> RunPodProvider:
        return RunPodProvider(RunPodSettings.model_validate(settings))

    def long_request(self) -> GenerationRequest:
        self.replace(runpod_url=f"{self._slow.url}/runpod/v2")
        return self.request()

    def made(self) -> int:
        return self._count("jobs")

    def stopped(self) -> int:
        return self._count("jobs_by_status", "CANCELLED")

    def heard(self) -> Heard:
        body = json.loads(self.tap.sent("POST", "/run")[-1].content)["input"]
        graph = body["workflow"]
        sampler = next(node["inputs"] for node in graph.values() if node["class_type"] == "KSampler")
        size = next(node["inputs"] for node in graph.values() if "width" in node["inputs"])
        return Heard(
            prompt=graph[sampler["positive"][0]]["inputs"]["text"],
            negative_prompt=graph[sampler["negative"][0]]["inputs"]["text"],
            seed=sampler["seed"],
            steps=sampler["steps"],
            guidance=sampler["cfg"],
            width_px=size["width"],
            height_px=size["height"],
            input_images=len(body.get("images", [])),
        )

    def _count(self, *path: str) -> int:
        found = 0
        for sandbox in (self.vendors, self._slow):
            counts: Any = sandbox.stats("runpod")
            for step in path:
                counts = counts.get(step, 0)
            found += int(counts)
        return found


@pytest.fixture
async def backstage(
    vendors: VendorSandbox, slow_vendors_process: VendorSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[RunPodBackstage]:
    slow_vendors_process.reset()
    async with aclosing(RunPodBackstage(vendors, slow_vendors_process, tapped(monkeypatch), tmp_path)) as stage:
        yield stage


@pytest.fixture
async def with_bucket(
    bucket_vendors_process: VendorSandbox,
    slow_vendors_process: VendorSandbox,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> AsyncIterator[RunPodBackstage]:
    bucket_vendors_process.reset()
    stage = RunPodBackstage(bucket_vendors_process, slow_vendors_process, tapped(monkeypatch), tmp_path)
    async with aclosing(stage):
        yield stage


class TestRunPod(JobConformance):
    vendor = "RunPod"
    key_setting = "PRESSROOM_RUNPOD_API_KEY"
    model_setting = "PRESSROOM_RUNPOD_MODEL"
    exact_size = False
    most_pixels = 2048 * 2048
    side_multiple = 16


def sent_body(backstage: RunPodBackstage) -> Any:
    return json.loads(backstage.tap.sent("POST", "/run")[-1].content)


async def test_without_an_endpoint_it_names_the_setting(backstage: RunPodBackstage) -> None:
    with pytest.raises(NotConfigured, match="PRESSROOM_RUNPOD_ENDPOINT_ID"):
        backstage.another(runpod_endpoint_id=None)


async def test_a_default_workflow_that_does_not_exist_names_the_setting(backstage: RunPodBackstage) -> None:
    with pytest.raises(NotConfigured, match=r"PRESSROOM_RUNPOD_WORKFLOW: .*'nowhere'.*default"):
        backstage.another(runpod_workflow="nowhere")


async def test_a_faulty_template_names_the_setting_and_the_file(backstage: RunPodBackstage, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("{}")

    with pytest.raises(NotConfigured, match=r"PRESSROOM_RUNPOD_WORKFLOWS_DIR: .*empty\.json"):
        backstage.another()


async def test_an_endpoint_that_does_not_exist_closes_the_lane(backstage: RunPodBackstage) -> None:
    provider = backstage.another(runpod_endpoint_id="elsewhere")

    with pytest.raises(InvalidRequest, match="PRESSROOM_RUNPOD_ENDPOINT_ID") as caught:
        await provider.submit(backstage.request(), KEY)

    assert caught.value.closes_lane


async def test_the_time_limits_are_sent_in_milliseconds(backstage: RunPodBackstage) -> None:
    provider = backstage.another(runpod_execution_timeout_s=120, runpod_ttl_s=3600)
    await provider.submit(backstage.request(), KEY)

    assert sent_body(backstage)["policy"] == {"executionTimeout": 120_000, "ttl": 3_600_000}
    assert "webhook" not in sent_body(backstage)


async def test_a_webhook_has_the_key_of_its_job(backstage: RunPodBackstage) -> None:
    settings = RunPodSettings.model_validate(backstage.settings)
    provider = backstage.keep(RunPodProvider(settings, webhook_url=lambda key: f"http://127.0.0.1:9/hooks/{key}"))
    await provider.submit(backstage.request(), KEY)

    assert sent_body(backstage)["webhook"] == f"http://127.0.0.1:9/hooks/{KEY}"


async def test_the_time_on_the_gpu_is_told(backstage: RunPodBackstage) -> None:
    made = await draw(backstage)

    assert made.gpu_seconds is not None
    assert 0.01 < made.gpu_seconds < 1, "two thirds of the sandbox's time for a job, in seconds"
    assert made.cost_microusd is None
    assert made.model == backstage.provider.model == "sd_xl_base_1.0.safetensors"


async def test_a_reference_picture_goes_into_a_workflow_that_has_a_place_for_it(backstage: RunPodBackstage) -> None:
    picture = a_picture(3)
    made = await backstage.provider.generate(backstage.request(input_images=(picture,)), ignore)

    picture_of(made.data)
    sent = sent_body(backstage)["input"]
    (image,) = sent["images"]
    loader = next(node for node in sent["workflow"].values() if node["class_type"] == "LoadImage")
    assert loader["inputs"]["image"] == image["name"]
    assert image["name"].endswith(".png")


async def test_a_setting_s_model_stays_out_of_workflows_that_load_others(backstage: RunPodBackstage) -> None:
    provider = backstage.another(runpod_model="v1-5-pruned-emaonly-fp16.safetensors")
    refs = [json.loads(await provider.submit(backstage.request(workflow=name), KEY)) for name in ("default", "flux")]

    assert [ref["model"] for ref in refs] == ["v1-5-pruned-emaonly-fp16.safetensors", "flux1-dev.safetensors"]


async def test_a_model_that_only_the_batch_s_own_workflow_names_closes_no_lane(
    backstage: RunPodBackstage, tmp_path: Path
) -> None:
    default = files("pressroom.image_worker.workflows") / "builtin" / "default.json"
    (tmp_path / "own.json").write_text(default.read_text().replace("sd_xl_base_1.0.safetensors", DEAD))

    with pytest.raises(InvalidRequest, match="the batch's own workflow") as caught:
        await backstage.another().generate(backstage.request(workflow="own"), ignore)

    assert not caught.value.closes_lane


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"input_images": (a_picture(), a_picture(1))}, "one reference picture"),
        ({"input_images": (b"no picture",)}, "reference picture 1 is no PNG"),
        ({"input_images": (a_picture(),), "workflow": "default"}, "no place for a reference picture"),
        ({"workflow": "nowhere"}, "no workflow 'nowhere'"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(
    backstage: RunPodBackstage, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said):
        await backstage.a_ref(**changes)

    assert backstage.tap.requests == []


async def test_a_request_over_ten_megabytes_is_refused_before_it_is_sent(backstage: RunPodBackstage) -> None:
    noise = pyvips.Image.gaussnoise(1900, 1900, sigma=80, mean=128)
    large = bytes(noise.bandjoin([noise.rot90(), noise.rot180()]).cast("uchar").pngsave_buffer(compression=0))

    with pytest.raises(InvalidRequest, match=r"RunPod takes 10000000 at most.*smaller reference pictures"):
        await backstage.a_ref(input_images=(large,))

    assert backstage.tap.requests == []


@pytest.mark.parametrize(
    ("word", "said"),
    [("no-image", "success_no_images"), ("error", "Job processing failed"), ("worker-error", "Job processing failed")],
)
async def test_a_job_that_ends_without_a_picture_says_why(backstage: RunPodBackstage, word: str, said: str) -> None:
    with pytest.raises(ApiFailed, match=f"RunPod's job .*{said}"):
        await backstage.provider.generate(backstage.request(prompt=f"a fox [sandbox:{word}]"), ignore)


async def test_a_warning_about_another_picture_does_not_lose_this_one(backstage: RunPodBackstage) -> None:
    picture_of((await backstage.provider.generate(backstage.request(prompt="a fox [sandbox:warned]"), ignore)).data)


async def test_a_job_that_took_too_long_names_the_settings(backstage: RunPodBackstage) -> None:
    backstage.fault("expire", SUBMIT)
    ref = await backstage.a_ref()

    with pytest.raises(RemoteJobOver, match="PRESSROOM_RUNPOD_EXECUTION_TIMEOUT_S or PRESSROOM_RUNPOD_TTL_S") as caught:
        await backstage.provider.resume(ref, backstage.request(), ignore)

    assert isinstance(caught.value.error, TimedOut)


async def test_a_job_that_failed_tells_the_seconds_that_are_billed(backstage: RunPodBackstage) -> None:
    request = backstage.request(prompt="a fox [sandbox:error]")
    ref = await backstage.provider.submit(request, "key")

    with pytest.raises(RemoteJobOver) as caught:
        await backstage.provider.resume(ref, request, ignore)

    assert caught.value.gpu_seconds is not None
    assert caught.value.gpu_seconds > 0


async def test_a_job_of_another_endpoint_is_asked_for_there(backstage: RunPodBackstage) -> None:
    ref = await backstage.a_ref()
    moved = backstage.another(runpod_endpoint_id="elsewhere")

    picture_of((await moved.resume(ref, backstage.request(), ignore)).data)


@pytest.mark.parametrize("seen", ["forgotten", "ended"])
async def test_cancelling_what_runpod_does_not_cancel_any_more_is_quiet(backstage: RunPodBackstage, seen: str) -> None:
    ref = await backstage.a_ref()
    await backstage.provider.resume(ref, backstage.request(), ignore)
    backstage.fault("forget", "/cancel/")
    if seen == "forgotten":
        backstage.fault("forget", LOOK)

    await backstage.provider.cancel(ref)
    await backstage.provider.cancel("what is this")


async def test_a_picture_in_a_bucket_is_fetched_without_the_key(with_bucket: RunPodBackstage) -> None:
    made = await draw(with_bucket)

    picture_of(made.data)
    stats = with_bucket.vendors.stats("runpod")
    assert (stats["downloads"], stats["keys_leaked"]) == (1, 0)


async def test_a_bucket_on_a_private_address_is_refused_unless_it_is_trusted(with_bucket: RunPodBackstage) -> None:
    ref = await with_bucket.a_ref()
    wary = with_bucket.another(trusted_private_hosts=())

    with pytest.raises(ApiFailed, match="RunPod gave a URL that is not https"):
        await wary.resume(ref, with_bucket.request(), ignore)

    assert with_bucket.vendors.stats("runpod")["downloads"] == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [("500", ApiFailed), ("html_200", ApiFailed), ("truncate", NetworkFailed), ("not_a_picture", ApiFailed)],
)
async def test_a_picture_that_could_not_be_fetched_is_fetched_again_without_asking_for_the_job(
    with_bucket: RunPodBackstage, fault: str, error: type[Exception]
) -> None:
    ref = await with_bucket.a_ref()
    with_bucket.fault(fault, FETCH)
    with pytest.raises(error, match="RunPod"):
        await with_bucket.provider.resume(ref, with_bucket.request(), ignore)
    looks = with_bucket.vendors.stats("runpod")["status_calls"]
    with_bucket.fault("late_progress", LOOK, times=-1)

    made = await with_bucket.provider.resume(ref, with_bucket.request(), ignore)

    picture_of(made.data)
    assert with_bucket.vendors.stats("runpod")["status_calls"] == looks


async def test_a_picture_that_is_gone_from_its_bucket_ends_the_job(with_bucket: RunPodBackstage) -> None:
    ref = await with_bucket.a_ref()
    with_bucket.fault("forget", FETCH)

    with pytest.raises(RemoteJobOver, match="RunPod") as caught:
        await with_bucket.provider.resume(ref, with_bucket.request(), ignore)

    assert caught.value.gpu_seconds is not None


async def test_both_ways_of_handing_over_give_the_same_picture(
    backstage: RunPodBackstage, with_bucket: RunPodBackstage
) -> None:
    inside = await draw(backstage)
    outside = await draw(with_bucket)

    assert same_picture(inside.data, outside.data)
