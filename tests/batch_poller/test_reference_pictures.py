"""Reference pictures and transparent backgrounds in batches: uploaded once, named in every row."""

from typing import Any

import pytest
import pyvips

from pressroom.batch_poller.app import build
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import ErrorKind, ImageState, Mode, ProviderJobState
from pressroom.runtime.admission import refusals
from pressroom.runtime.settings import Settings

from ..house import House, running
from ..vendor_sandbox import OPENAI_KEY, VendorSandbox
from .test_following_jobs import Interrupted, job_of, settings_of

GONE = f"{'0' * 64}.png"


def settings(house: House, vendors: VendorSandbox) -> BatchPollerSettings:
    return settings_of(house, vendors, openai_url=f"{vendors.url}/openai", openai_api_key=OPENAI_KEY)


async def a_picture(house: House, colour: int = 90) -> str:
    data: bytes = (pyvips.Image.black(8, 8, bands=3) + colour).cast("uchar").pngsave_buffer()
    stored = await house.blobs.put(data, "image/png", width_px=8, height_px=8)
    return stored.key.rpartition("/")[2]


@pytest.mark.parametrize("provider", ["gemini", "openai"])
@pytest.mark.parametrize("text_kind", [None, "product_listing"])
async def test_every_row_is_shown_the_pictures_that_were_uploaded_once(
    house: House, vendors: VendorSandbox, provider: str, text_kind: str | None
) -> None:
    names = [await a_picture(house), await a_picture(house, colour=200)]
    async with running(build(settings(house, vendors))):
        batch = await house.request(provider=provider, mode="batch", count=3, input_images=names, text_kind=text_kind)
        images = await house.completed(batch.id)

    assert [image.state for image in images] == [ImageState.GENERATED] * 3
    uploads = {"gemini": ("POST /upload/v1beta/files", 2 * 3), "openai": ("POST /openai/v1/files", 3)}
    path, expected = uploads[provider]
    # Two pictures and the rows; at Gemini each takes two requests.
    assert sum(line.startswith(path) for line in vendors.lines(provider)) == expected
    if provider == "openai" and text_kind is None:
        assert [image["edit"] for image in vendors.items("openai", "images")] == [True] * 3


@pytest.mark.parametrize("provider", ["gemini", "openai"])
async def test_an_image_may_have_pictures_of_its_own_after_those_of_its_batch(
    house: House, vendors: VendorSandbox, provider: str
) -> None:
    common, own = await a_picture(house), await a_picture(house, colour=200)
    async with running(build(settings(house, vendors))):
        batch = await house.request(
            provider=provider,
            mode="batch",
            prompt=None,
            input_images=[common],
            images=[{"prompt": "a fox"}, {"prompt": "a hare", "input_images": [own]}],
        )
        images = await house.completed(batch.id)

    assert [image.input_images for image in images] == [(common,), (common, own)]
    assert [image.state for image in images] == [ImageState.GENERATED] * 2
    assert (await house.audit()).drifts == ()


async def test_rows_are_made_once_also_when_the_pictures_were_uploaded_twice(
    house: House, vendors: VendorSandbox
) -> None:
    doomed = Interrupted(settings(house, vendors), "uploaded")
    async with running(build(settings(house, vendors), doomed)):
        batch = await house.request(provider="gemini", mode="batch", count=3, input_images=[await a_picture(house)])
        await doomed.reached.wait()
    async with running(build(settings(house, vendors))):
        images = await house.completed(batch.id)

    assert [image.state for image in images] == [ImageState.GENERATED] * 3
    stats = vendors.stats("gemini")
    assert (stats["batches"], stats["images_made"], stats["images_made_twice"]) == (1, 3, 0)


async def test_a_picture_that_is_not_stored_fails_the_job_and_names_the_field(
    house: House, vendors: VendorSandbox
) -> None:
    async with running(build(settings(house, vendors))):
        batch = await house.request(provider="gemini", mode="batch", count=2, input_images=[GONE])
        images = await house.completed(batch.id)
        job = await job_of(house, batch)

    assert job.state is ProviderJobState.FAILED
    for image in images:
        assert image.error is not None
        assert image.error.kind is ErrorKind.VALIDATION
        assert image.error.message.startswith(f"input_images: there is no stored file {GONE}")
    assert "batches" not in "".join(vendors.lines("gemini"))


@pytest.mark.parametrize("provider", ["gemini", "openai"])
async def test_a_picture_that_one_image_lacks_costs_the_others_nothing(
    house: House, vendors: VendorSandbox, provider: str
) -> None:
    good = await a_picture(house)
    images = [{"prompt": "a fox", "input_images": [name]} for name in (good, GONE, good)]
    async with running(build(settings(house, vendors))):
        batch = await house.request(provider=provider, mode="batch", prompt=None, images=images)
        made = await house.completed(batch.id)
        job = await job_of(house, batch)

    assert [image.state for image in made] == [ImageState.GENERATED, ImageState.FAILED, ImageState.GENERATED]
    assert made[1].error is not None
    assert made[1].error.message.startswith(f"input_images: there is no stored file {GONE}")
    assert (job.state, job.succeeded, job.failed) == (ProviderJobState.SUCCEEDED, 2, 1)
    assert (await house.audit()).drifts == ()


async def test_a_transparent_background_is_asked_for_in_every_row(house: House, vendors: VendorSandbox) -> None:
    async with running(build(settings(house, vendors))):
        batch = await house.request(provider="openai", mode="batch", count=2, transparent=True)
        await house.completed(batch.id)

    assert [image["transparent"] for image in vendors.items("openai", "images")] == [True] * 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"provider": "gemini", "transparent": True}, ["transparent: 'gemini': it makes no transparent backgrounds"]),
        ({"provider": "openai", "transparent": True}, []),
        (
            {"provider": "openai", "input_images": [GONE] * 16, "workflow": "mine"},
            ["workflow: 'openai': it has no workflow 'mine'; it has: none"],
        ),
        ({"providers": ["gemini", "openai"], "transparent": True}, []),
        (
            {"provider": "openai", "images": [{"prompt": "x"}, {"prompt": "y", "input_images": [GONE]}]},
            ["images: 'openai': its batches take reference pictures for every image or for none"],
        ),
        ({"provider": "gemini", "images": [{"prompt": "x"}, {"prompt": "y", "input_images": [GONE]}]}, []),
    ],
)
def test_what_batches_cannot_do_is_refused_by_field(fields: dict[str, Any], said: list[str]) -> None:
    wanted = {} if "images" in fields else {"prompt": "x", "count": 3}
    request = BatchRequest.model_validate({"mode": "batch", **wanted, **fields})
    assert [f"{reason.field}: {reason.message}" for reason in refusals(request, Settings(), None)] == said


async def test_the_job_goes_to_the_first_provider_that_can(house: House, vendors: VendorSandbox) -> None:
    async with running(build(settings(house, vendors))):
        batch = await house.request(
            provider=None, providers=["gemini", "openai"], mode="auto", count=3, transparent=True
        )
        assert batch.request.mode is Mode.BATCH
        images = await house.completed(batch.id)

    assert {str(image.provider) for image in images} == {"openai"}
