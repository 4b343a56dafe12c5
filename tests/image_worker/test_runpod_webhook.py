"""RunPod's webhook, whole: the gateway, a worker and the sandbox. It cuts the wait, and it finds a job whose answer
nobody heard: an image is paid once though its worker was killed in the one moment that nothing else covers."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from pressroom.contracts.vocabulary import ImageState, ProviderName, TryOutcome
from pressroom.image_worker.app import build as build_worker
from pressroom.image_worker.providers import RemoteJobOver
from pressroom.image_worker.remote_jobs import Wakers, poll
from pressroom.image_worker.runpod import RunPodProvider, RunPodSettings
from pressroom.image_worker.settings import ImageWorkerSettings
from pressroom.runtime.errors import ApiFailed
from pressroom.state.documents import ImageDocument

from ..gateway.serving import Gateway, serving
from ..house import House, eventually, running
from ..killable import PATIENT_S
from ..vendor_sandbox import RUNPOD_ENDPOINT, RUNPOD_KEY, VendorSandbox, running_sandbox
from .killable_worker import Workers
from .providers.conformance import a_request
from .stand_ins import image_when

SECRET = "a-secret-for-tests-only"
SUBMIT = "POST .*/run$"
JOB_S = 1.0
"""So long a job takes that its first look, right after the submit, finds it unfinished."""
POLL_S = 30.0
WELL_WITHIN_S = 15.0
"""Less than the pause after a first look, and more than a busy machine needs for a job that is told of."""


@pytest.fixture(scope="module")
def slower_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("vendors"), RUNPOD_SECONDS=str(JOB_S)) as sandbox:
        yield sandbox


@pytest.fixture
def vendors(slower_sandbox: VendorSandbox) -> VendorSandbox:
    slower_sandbox.reset()
    return slower_sandbox


@dataclass(frozen=True)
class Scene:
    """A gateway that the sandbox reaches, and workers that look at a job once in a long while."""

    gateway: Gateway
    house: House
    vendors: VendorSandbox
    public: dict[str, Any]

    def worker(self, **settings: Any) -> AbstractAsyncContextManager[None]:
        """In this process, of the runpod lane."""
        own = {
            "image_worker_lanes": (ProviderName.RUNPOD,),
            "runpod_url": f"{self.vendors.url}/runpod/v2",
            "runpod_api_key": RUNPOD_KEY,
            "runpod_endpoint_id": RUNPOD_ENDPOINT,
            "runpod_poll_s": POLL_S,
        }
        values = {**self.house.values, **self.public, **own, **settings}
        return running(build_worker(ImageWorkerSettings.model_validate(values)))

    async def ask(self, **fields: Any) -> str:
        return (await self.house.request(provider="runpod", **fields)).id

    async def home(self, batch_id: str, within_s: float = WELL_WITHIN_S) -> list[ImageDocument]:
        """The batch's images, once all of them are made and the account is in order."""
        images = await self.house.completed(batch_id, within_s=within_s)
        assert [image.state for image in images] == [ImageState.GENERATED] * len(images), images[0].error
        assert all((image.remote, image.lease) == (None, None) for image in images)
        assert (await self.house.audit()).drifts == ()
        return images

    def jobs(self) -> object:
        return self.vendors.stats("runpod")["jobs"]

    def told(self) -> list[tuple[str, str]]:
        """Address and id of each job that the sandbox was given."""
        return [(str(job["webhook"]), str(job["id"])) for job in self.vendors.items("runpod", "jobs")]


@pytest.fixture
async def scene(house: House, vendors: VendorSandbox) -> AsyncIterator[Scene]:
    async with serving(house, webhook_secret=SECRET) as gateway:
        yield Scene(gateway, house, vendors, {"public_url": gateway.url, "webhook_secret": SECRET})


def outcomes(image: ImageDocument) -> list[tuple[TryOutcome, int]]:
    return [(attempt.outcome, attempt.calls) for attempt in image.tries]


MADE = (TryOutcome.MADE, 1)


async def test_images_come_home_when_their_jobs_end_though_looks_are_rare(scene: Scene) -> None:
    async with scene.worker():
        began = time.monotonic()
        images = await scene.home(await scene.ask(count=3))
    assert time.monotonic() - began < POLL_S
    assert [outcomes(image) for image in images] == [[MADE]] * 3
    # One look when it was asked for, one when it was told of; on a slow machine the first may do.
    looks = scene.vendors.stats("runpod")["status_calls"]
    assert isinstance(looks, int)
    assert 3 <= looks <= 6
    assert scene.jobs() == 3


async def test_a_job_whose_answer_was_cut_off_is_found_by_its_webhook(scene: Scene) -> None:
    scene.vendors.fault("runpod", "cut_after_effect", SUBMIT)
    async with scene.worker():
        (image,) = await scene.home(await scene.ask())
    assert scene.jobs() == 1
    # The answer that was not heard is told with its reason; the one job is counted once.
    assert outcomes(image) == [(TryOutcome.FAILED, 0), MADE]
    assert image.model == "sd_xl_base_1.0.safetensors"


async def test_a_webhook_that_comes_before_the_loss_is_noted_counts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = RunPodProvider.submit

    async def told_first(self: RunPodProvider, request: Any, key: str) -> str:
        await submit(self, request, key)
        await image_when(scene.house, request.image_id, lambda image: image.remote and image.remote.vendor_id)
        raise ApiFailed("nothing was heard")

    monkeypatch.setattr(RunPodProvider, "submit", told_first)
    async with scene.worker(runpod_webhook_wait_s=0):
        (image,) = await scene.home(await scene.ask())
    assert scene.jobs() == 1
    assert outcomes(image) == [(TryOutcome.FAILED, 0), MADE]


async def test_a_worker_killed_before_it_heard_of_its_job_leaves_one_job(scene: Scene, tmp_path: Path) -> None:
    # What is matched by its body is read before it waits, and so is done although nobody hears of it.
    scene.vendors.fault("runpod", "slow", SUBMIT, match_body=".", seconds=1.5)
    workers = Workers(scene.house, scene.vendors, ProviderName.RUNPOD, tmp_path)
    settings = {**scene.public, "runpod_poll_s": POLL_S}
    try:
        doomed = await workers.another(**settings)
        batch_id = await scene.ask()
        await _struck(scene.vendors)
        doomed.kill()
        await workers.another(**settings)
        (image,) = await scene.home(batch_id, within_s=PATIENT_S)
    finally:
        workers.end()
    assert scene.jobs() == 1
    assert outcomes(image) == [MADE]
    assert (image.crashes, image.failures) == (1, 0)


async def test_a_job_that_never_was_is_waited_for_no_longer_than_the_setting_says(scene: Scene) -> None:
    scene.vendors.fault("runpod", "cut_before", SUBMIT)
    async with scene.worker(runpod_webhook_wait_s=1.0):
        (image,) = await scene.home(await scene.ask())
    assert scene.jobs() == 1
    assert outcomes(image) == [(TryOutcome.FAILED, 0), (TryOutcome.UNKNOWN, 1), MADE]


async def test_without_a_public_url_nothing_is_waited_for(scene: Scene) -> None:
    scene.vendors.fault("runpod", "cut_after_effect", SUBMIT)
    async with scene.worker(public_url=None, runpod_poll_s=0.1):
        (image,) = await scene.home(await scene.ask())
    assert scene.jobs() == 2
    assert outcomes(image) == [(TryOutcome.FAILED, 0), (TryOutcome.UNKNOWN, 1), MADE]
    assert {url for url, _ in scene.told()} == {""}


async def test_a_job_that_failed_is_told_of_too(scene: Scene) -> None:
    scene.vendors.fault("runpod", "fail", SUBMIT)
    async with scene.worker():
        (image,) = await scene.home(await scene.ask())
    assert scene.jobs() == 2
    assert [outcome for outcome, _ in outcomes(image)] == [TryOutcome.FAILED, TryOutcome.MADE]


async def test_what_is_told_of_a_job_that_goes_on_is_not_believed(scene: Scene) -> None:
    async with scene.worker(), httpx.AsyncClient(trust_env=False) as anybody:
        batch_id = await scene.ask()
        image = await image_when(scene.house, f"{batch_id}-0000", lambda image: image.remote and image.remote.ref)
        ((url, job_id),) = scene.told()
        for status in ("FAILED", "COMPLETED", "CANCELLED"):
            told = await anybody.post(url, json={"id": job_id, "status": status, "output": {"images": []}})
            assert told.status_code == 200
        wrong = await anybody.post(f"{url[:-1]}x", json={"id": job_id, "status": "COMPLETED"})
        assert wrong.status_code == 404
        (image,) = await scene.home(batch_id)
    assert outcomes(image) == [MADE]
    assert scene.jobs() == 1


async def test_a_webhook_of_a_finished_image_is_harmless(scene: Scene) -> None:
    async with scene.worker(), httpx.AsyncClient(trust_env=False) as anybody:
        batch_id = await scene.ask()
        before = await scene.home(batch_id)
        ((url, job_id),) = scene.told()
        for _ in range(3):
            again = await anybody.post(url, json={"id": job_id, "status": "COMPLETED"})
            assert again.status_code == 404
        assert await scene.house.completed(batch_id) == before
        await scene.home(await scene.ask(seed=99))
    assert scene.jobs() == 2


async def test_a_job_that_runpod_does_not_know_under_the_told_name_is_made_again(scene: Scene) -> None:
    settings = RunPodSettings.model_validate(
        {
            "runpod_url": f"{scene.vendors.url}/runpod/v2",
            "runpod_api_key": RUNPOD_KEY,
            "runpod_endpoint_id": RUNPOD_ENDPOINT,
        }
    )
    provider = RunPodProvider(settings)
    request = a_request()
    ref = await provider.find(request, "key", "no-such-job")
    assert ref is not None
    with pytest.raises(RemoteJobOver, match="knows no job no-such-job"):
        await provider.resume(ref, request, lambda _part: None)
    assert await provider.find(request, "key", None) is None
    await provider.aclose()


async def test_who_is_told_looks_at_once_and_nobody_else() -> None:
    wakers = Wakers()
    looks = {"a": 0, "b": 0}
    over = False

    async def wait_for(key: str) -> str:
        async def look() -> str | None:
            looks[key] += 1
            return key if over else None

        with wakers.waiting(key) as told:
            return await poll(look, interval_s=60, at_most_s=60, told=told)

    async def looked(**expected: int) -> None:
        async def look() -> bool:
            return looks == expected

        await eventually(look)

    waits = [asyncio.create_task(wait_for(key)) for key in looks]
    await looked(a=1, b=1)
    wakers.wake("nobody")
    wakers.wake("a")
    await looked(a=2, b=1)
    over = True
    wakers.wake("a")
    assert await waits[0] == "a"
    wakers.wake("a")
    wakers.wake("b")
    assert await waits[1] == "b"
    assert looks == {"a": 3, "b": 2}


async def _struck(vendors: VendorSandbox) -> None:
    """When the sandbox keeps somebody waiting."""

    async def look() -> bool:
        return vendors.strikes() > 0

    await eventually(look, PATIENT_S)
