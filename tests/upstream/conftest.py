"""Fixtures of these tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from pressroom.image_worker.app import build
from pressroom.image_worker.settings import ImageWorkerSettings

from ..house import House, ReadyProvider, house, running
from .sender import Upstream

__all__ = ["house"]


@asynccontextmanager
async def held(context: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
    """Entered and left by one task, as a service's lifespan has to be; a fixture is left by another than entered it."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with context:
            entered.set()
            await leave.wait()

    holder = asyncio.create_task(hold())
    entering = asyncio.create_task(entered.wait())
    await asyncio.wait({holder, entering}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if holder.done():
            holder.result()
        yield
    finally:
        leave.set()
        entering.cancel()
        await holder


@pytest.fixture
async def open_house(house: House) -> AsyncIterator[House]:
    """A house whose image-worker makes the same small picture of every prompt."""
    async with held(house.worker(ReadyProvider())):
        yield house


@pytest.fixture
async def studio_house(house: House) -> AsyncIterator[House]:
    """A house whose image-worker draws."""
    async with held(running(build(ImageWorkerSettings(**house.values)))):
        yield house


@pytest.fixture
def upstream(open_house: House) -> Upstream:
    """Somebody outside, who sends to a house that is open."""
    return Upstream(open_house)
