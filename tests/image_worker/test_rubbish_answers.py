"""What a provider answers instead of a picture: never trusted, told with what came, and the lane goes on."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from pressroom.contracts.vocabulary import ErrorKind, ImageState, LaneState, ProviderName, TryOutcome
from pressroom.image_worker.app import build
from pressroom.image_worker.configured import MAKERS
from pressroom.image_worker.settings import ImageWorkerSettings

from ..house import House, running
from ..vendor_sandbox import FLUX_KEY, GEMINI_KEY, OPENAI_KEY, VendorSandbox, vendor_sandbox_process, vendors

__all__ = ["vendor_sandbox_process", "vendors"]

Worker = Callable[[ProviderName], AbstractAsyncContextManager[None]]

PICTURE_OF = {
    ProviderName.FLUX: ("flux", "GET .*/delivery/"),
    ProviderName.OPENAI: ("openai", "POST .*/images/generations"),
    ProviderName.GEMINI: ("gemini", "POST .*:generateContent"),
}
"""The vendor's name in the sandbox, and the request whose answer is or has the picture."""


@pytest.fixture
def worker(house: House, vendors: VendorSandbox) -> Worker:
    """An image-worker of one vendor's lane."""

    @asynccontextmanager
    async def serving(name: ProviderName) -> AsyncIterator[None]:
        values: dict[str, Any] = {
            **house.values,
            "openai_url": f"{vendors.url}/openai",
            "openai_api_key": OPENAI_KEY,
            "gemini_url": vendors.url,
            "gemini_api_key": GEMINI_KEY,
            "flux_url": f"{vendors.url}/flux",
            "flux_api_key": FLUX_KEY,
            "flux_result_hosts": ("127.0.0.1",),
            "trusted_private_hosts": ("127.0.0.1",),
            "max_attempts": 1,
        }
        settings = ImageWorkerSettings(**values)
        async with running(build(settings, {name: MAKERS[name](settings)})):
            yield

    return serving


@pytest.mark.parametrize(
    ("spoilt", "kind", "told"),
    [
        ("not_a_picture", ErrorKind.API_ERROR, ""),
        ("huge_picture", ErrorKind.API_ERROR, "60000"),
        ("other_size", ErrorKind.API_ERROR, "was asked for"),
        ("html_200", ErrorKind.API_ERROR, ""),
        # The connection broke off, so the rest may come next time.
        ("truncate", ErrorKind.NETWORK, "complete"),
    ],
)
@pytest.mark.parametrize("name", list(PICTURE_OF))
async def test_an_answer_that_is_not_the_picture_fails_with_what_came(
    house: House, vendors: VendorSandbox, worker: Worker, name: ProviderName, spoilt: str, kind: ErrorKind, told: str
) -> None:
    vendor, match = PICTURE_OF[name]
    vendors.fault(vendor, spoilt, match, times=-1)
    async with worker(name):
        batch = await house.request(provider=str(name), width=1024, height=1280)
        (image,) = await house.completed(batch.id)
        assert (await house.database.lanes.get(name)).state is LaneState.OPEN
    assert image.state is ImageState.FAILED
    assert image.error is not None
    assert image.error.kind is kind, image.error
    assert told in image.error.message
    assert image.tries
    assert all(attempt.outcome is not TryOutcome.MADE for attempt in image.tries)
    assert image.raw is None
    assert (await house.audit()).drifts == ()


async def test_a_picture_on_a_private_address_is_not_fetched(
    house: House, vendors: VendorSandbox, worker: Worker
) -> None:
    vendors.fault("flux", "foreign_url", "GET .*get_result", times=-1)
    async with worker(ProviderName.FLUX):
        batch = await house.request(provider="flux", width=1024, height=1280)
        (image,) = await house.completed(batch.id)
    assert image.error is not None
    assert image.error.kind is ErrorKind.API_ERROR
    assert "169.254.169.254" in image.error.message


async def test_after_rubbish_the_next_try_brings_the_picture(
    house: House, vendors: VendorSandbox, worker: Worker
) -> None:
    vendors.fault("openai", "not_a_picture", "POST .*/images/generations")
    async with worker(ProviderName.OPENAI):
        batch = await house.request(provider="openai", width=1024, height=1280, max_attempts=3)
        (image,) = await house.completed(batch.id)
    assert image.state is ImageState.GENERATED
    assert [attempt.outcome for attempt in image.tries][-1] is TryOutcome.MADE
    assert len(image.tries) == 2
    assert image.calls == 2
