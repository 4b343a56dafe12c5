"""A job's end that is told: a batch whose next look is an hour away is collected, because its vendor calls the gateway.
Nothing here looks at a clock; without the webhook these tests would not end."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest

from pressroom.batch_poller.app import build
from pressroom.batch_poller.gemini import GeminiBatches
from pressroom.batch_poller.provider_jobs import VendorJob, WantedJob, WantedRow
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.vocabulary import ImageState
from pressroom.state.documents import ImageDocument

from ..gateway.serving import serving
from ..house import House, eventually, running
from ..vendor_sandbox import GEMINI_KEY, OPENAI_KEY, VendorSandbox
from . import test_following_jobs as at_gemini
from . import test_openai_jobs as at_openai

SECRET = "a-secret-for-tests-only"
AN_HOUR: dict[str, Any] = {"poll_initial_s": 3600.0, "poll_max_s": 3600.0}
OF_BATCHES: Any = ["batch.completed", "batch.failed", "batch.expired", "batch.cancelled"]


@asynccontextmanager
async def told_by_gemini(house: House, vendors: VendorSandbox, **settings: Any) -> AsyncGenerator[dict[str, Any]]:
    """The settings of a poller whose jobs Gemini tells a gateway of, which looks at its signature."""
    keys = f"{vendors.url}/.well-known/jwks.json"
    async with serving(house, webhook_secret=SECRET, gemini_webhook_jwks_url=keys, **settings) as gateway:
        yield {**AN_HOUR, "public_url": gateway.url, "webhook_secret": SECRET}


def states(images: list[ImageDocument]) -> list[ImageState]:
    return [image.state for image in images]


async def test_a_job_that_gemini_tells_of_is_collected_long_before_its_next_look(
    house: House, vendors: VendorSandbox
) -> None:
    async with told_by_gemini(house, vendors) as settings, at_gemini.poller(house, vendors, **settings):
        batch = await at_gemini.request(house)
        images = await house.completed(batch.id)
    assert states(images) == [ImageState.GENERATED] * 4
    assert vendors.stats("gemini")["images_made_twice"] == 0
    assert (await house.audit()).drifts == ()


@pytest.mark.parametrize("fault", ["fail", "expire"])
async def test_a_job_that_gemini_tells_ended_badly_is_given_up_long_before_its_next_look(
    house: House, vendors: VendorSandbox, fault: str
) -> None:
    vendors.fault("gemini", fault, "POST .*batchGenerateContent")
    async with told_by_gemini(house, vendors) as settings, at_gemini.poller(house, vendors, **settings):
        batch = await at_gemini.request(house)
        images = await house.completed(batch.id)
    assert states(images) == [ImageState.FAILED] * 4
    assert (await house.audit()).drifts == ()


async def test_many_jobs_are_told_of_one_by_one(house: House, vendors: VendorSandbox) -> None:
    async with (
        told_by_gemini(house, vendors) as settings,
        at_gemini.poller(house, vendors, **settings, provider_job_max_images=1),
    ):
        batch = await at_gemini.request(house, count=6)
        images = await house.completed(batch.id)
    assert states(images) == [ImageState.GENERATED] * 6
    assert vendors.stats("gemini")["batches"] == 6


async def test_a_job_that_openai_tells_of_is_collected_long_before_its_next_look(
    house: House, vendors: VendorSandbox
) -> None:
    with openai.OpenAI(api_key=OPENAI_KEY, base_url=f"{vendors.url}/openai/v1") as project:
        endpoint = project.webhooks.create(event_types=OF_BATCHES, name="pressroom", url="https://press.example")
        async with serving(house, openai_webhook_secret=endpoint.signing_secret) as gateway:
            project.webhooks.update(endpoint.id, url=f"{gateway.url}/webhooks/openai")
            async with at_openai.poller(house, vendors, **AN_HOUR):
                batch = await at_openai.request(house)
                images = await house.completed(batch.id)
    assert {image.state for image in images} <= {ImageState.GENERATED, ImageState.FAILED}
    assert (await house.audit()).drifts == ()


async def test_a_hint_before_the_job_is_stored_as_submitted_is_told_again(house: House, vendors: VendorSandbox) -> None:
    """Its end is told while its poller has not heard yet that there is a job."""
    async with told_by_gemini(house, vendors) as settings:
        own = at_gemini.settings_of(house, vendors, **settings)
        async with running(build(own, SlowToHear(own))):
            batch = await at_gemini.request(house)
            images = await house.completed(batch.id)
    assert states(images) == [ImageState.GENERATED] * 4


class SlowToHear(GeminiBatches):
    """Gemini's client, which comes back from `create` after the job has ended."""

    async def create(self, job: WantedJob, input_file: str) -> VendorJob:
        created = await super().create(job, input_file)

        async def ended() -> bool:
            return (await self.status(created.name)).is_ended

        await eventually(ended)
        return created


async def test_a_vendor_that_refuses_our_address_is_asked_for_the_same_job_without_it(vendors: VendorSandbox) -> None:
    settings = BatchPollerSettings.model_validate(
        {
            "gemini_url": vendors.url,
            "gemini_api_key": GEMINI_KEY,
            "public_url": "http://press.example",
            "webhook_secret": SECRET,
        }
    )
    batches, job = GeminiBatches(settings), WantedJob("job", settings.gemini_model)
    rows = [WantedRow(key="k", prompt="a fox", width_px=64, height_px=64)]
    made = await batches.create(job, await batches.upload(job, rows))
    found = await batches.find("job")
    await batches.aclose()
    assert found is not None
    assert found.name == made.name
    assert vendors.stats("gemini")["batches"] == 1


async def test_without_a_public_address_no_vendor_is_given_one(house: House, vendors: VendorSandbox) -> None:
    async with at_gemini.poller(house, vendors):
        batch = await at_gemini.request(house)
        await house.completed(batch.id)
    (job,) = vendors.items("gemini", "batches")
    assert job["webhook_uris"] == []
