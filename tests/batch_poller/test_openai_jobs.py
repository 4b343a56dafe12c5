"""The batch-poller as a whole against the sandbox's OpenAI: one job at the provider, each image once, whatever dies."""

import base64
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from pressroom.batch_poller.app import build
from pressroom.batch_poller.openai import OpenAIBatches
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.vocabulary import ErrorKind, ImageState, ProviderJobState
from pressroom.state.documents import BatchDocument, ProviderJobDocument

from ..house import PICTURE, House, running
from ..vendor_sandbox import OPENAI_KEY, VendorSandbox

PROMPTS = ("a fox", "a hare", "an owl", "a pike")
ASK = "GET .*/batches/.*"


class Rewritten(OpenAIBatches):
    """OpenAI's client whose files hold other lines than the vendor wrote: `lines` makes them of the images' ids."""

    def __init__(self, settings: BatchPollerSettings, lines: list[bytes]) -> None:
        super().__init__(settings)
        self._lines = lines

    @asynccontextmanager
    async def _content(self, file_id: str) -> AsyncGenerator[httpx.Response]:
        async with super()._content(file_id) as response:
            await response.aread()
            yield httpx.Response(200, content=b"\n".join(self._lines), request=response.request)


def settings_of(house: House, vendors: VendorSandbox, **more: Any) -> BatchPollerSettings:
    values = {
        **house.values,
        "openai_url": f"{vendors.url}/openai",
        "openai_api_key": OPENAI_KEY,
        "poll_initial_s": 0.1,
        "due_interval_s": 0.05,
        "provider_create_doubt_s": 0.1,
        **more,
    }
    return BatchPollerSettings(**values)


def poller(house: House, vendors: VendorSandbox, **more: Any) -> AbstractAsyncContextManager[None]:
    return running(build(settings_of(house, vendors, **more)))


async def request(house: House, prompts: Iterable[str] = PROMPTS, **fields: Any) -> BatchDocument:
    images = [{"prompt": prompt} for prompt in prompts]
    return await house.request(**{"provider": "openai", "mode": "batch", "prompt": None, "images": images, **fields})


async def job_of(house: House, batch: BatchDocument) -> ProviderJobDocument:
    job = await house.database.provider_jobs.get(f"{batch.id}-job-0")
    assert job is not None
    return job


async def test_a_batch_goes_out_as_one_job_and_comes_back_as_images(house: House, vendors: VendorSandbox) -> None:
    async with poller(house, vendors):
        batch = await request(house)
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 4
    stats = vendors.stats("openai")
    assert (stats["batches"], stats["images"], stats["images_made_twice"], stats["calls"]) == (1, 4, 0, 0)
    job = await job_of(house, batch)
    assert (job.state, job.succeeded, job.failed, job.model) == (ProviderJobState.SUCCEEDED, 4, 0, "gpt-image-2")
    assert job.cost_microusd == sum(image.cost_microusd for image in images) > 0
    assert (await house.audit()).drifts == ()


async def test_a_batch_may_name_a_model_of_its_own(house: House, vendors: VendorSandbox) -> None:
    async with poller(house, vendors):
        batch = await request(house, model="gpt-image-1.5")
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 4
    assert {image["model"] for image in vendors.items("openai", "images")} == {"gpt-image-1.5"}


async def test_a_bad_row_fails_one_image_and_says_why(house: House, vendors: VendorSandbox) -> None:
    async with poller(house, vendors):
        batch = await request(house, ["a fox", "a fox [sandbox:moderated]", "a hare [sandbox:error]", "a hare"])
        images = await house.completed(batch.id)
    assert [image.error.kind if image.error else None for image in images] == [
        None,
        ErrorKind.MODERATION,
        ErrorKind.API_ERROR,
        None,
    ]
    assert (await house.audit()).drifts == ()


async def test_a_create_whose_answer_is_lost_is_not_paid_twice(house: House, vendors: VendorSandbox) -> None:
    vendors.fault("openai", "cut_after_effect", "POST .*/batches$")
    async with poller(house, vendors):
        batch = await request(house)
        await house.completed(batch.id)
    assert vendors.stats("openai")["batches"] == 1


@pytest.mark.parametrize("kind", ["500", "429_retry_after", "html", "cut_before"])
async def test_a_vendor_that_fails_for_a_while_costs_nothing_but_time(
    house: House, vendors: VendorSandbox, kind: str
) -> None:
    vendors.fault("openai", kind, ASK, times=3, seconds=0.1)
    async with poller(house, vendors):
        batch = await request(house)
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED] * 4


@pytest.mark.parametrize("key", [None, "not-the-key"])
async def test_without_the_right_key_the_batch_fails_and_names_the_setting(
    house: House, vendors: VendorSandbox, key: str | None
) -> None:
    async with poller(house, vendors, openai_api_key=key):
        batch = await request(house)
        images = await house.completed(batch.id)
    assert {image.state for image in images} == {ImageState.FAILED}
    assert images[0].error is not None
    assert "PRESSROOM_OPENAI_API_KEY" in images[0].error.message
    assert (await house.audit()).drifts == ()


async def test_a_dead_model_fails_the_batch_and_names_the_setting(house: House, vendors: VendorSandbox) -> None:
    async with poller(house, vendors, openai_model="gpt-image-of-last-year"):
        batch = await request(house)
        images = await house.completed(batch.id)
    assert {image.state for image in images} == {ImageState.FAILED}
    assert images[0].error is not None
    assert "PRESSROOM_OPENAI_MODEL" in images[0].error.message
    assert "batches" not in vendors.stats("openai")


async def test_a_job_that_expired_half_way_delivers_what_it_has(house: House, vendors: VendorSandbox) -> None:
    vendors.fault("openai", "expire", "POST .*/batches$")
    async with poller(house, vendors):
        batch = await request(house)
        images = await house.completed(batch.id)
    assert sorted(image.state for image in images) == [*[ImageState.FAILED] * 2, *[ImageState.GENERATED] * 2]
    assert {image.error.kind for image in images if image.error} == {ErrorKind.TIMEOUT}
    assert (await job_of(house, batch)).state is ProviderJobState.EXPIRED
    assert (await house.audit()).drifts == ()


async def test_a_job_that_the_provider_forgot_ends_as_failed_with_the_reason(
    house: House, vendors: VendorSandbox
) -> None:
    vendors.fault("openai", "forget", ASK)
    async with poller(house, vendors):
        batch = await request(house)
        images = await house.completed(batch.id)
    assert {image.state for image in images} == {ImageState.FAILED}
    assert (await job_of(house, batch)).state is ProviderJobState.FAILED
    assert (await house.audit()).drifts == ()


async def test_rubbish_among_the_results_fails_only_its_own_image(house: House, vendors: VendorSandbox) -> None:
    settings = settings_of(house, vendors)
    ids = [f"rubbish-{number:04d}" for number in range(4)]

    def line(custom_id: str, picture: str) -> bytes:
        body = {"data": [{"b64_json": picture}]}
        told = {"id": "r", "custom_id": custom_id, "response": {"status_code": 200, "body": body}, "error": None}
        return json.dumps(told).encode()

    good = base64.b64encode(PICTURE).decode()
    lines = [
        line("somebody-else-0000", good),
        line(ids[0], good),
        line(ids[0], good),
        line(ids[1], "%%%"),
        b"",
        line(ids[2], good)[:-40],
    ]
    async with running(build(settings, Rewritten(settings, lines))):
        await request(house, batch_id="rubbish")
        images = await house.completed("rubbish")
    assert [image.state for image in images] == [ImageState.GENERATED, *[ImageState.FAILED] * 3]
    said = [image.error.message if image.error else "" for image in images]
    assert "broken base64" in said[1]
    assert "cannot be read" in said[2]
    assert "no row for this image" in said[3]
    told = [event.type for event in await house.events()]
    assert told.count("pressroom.image.generated.v1") == 1
    assert (await house.audit()).drifts == ()
