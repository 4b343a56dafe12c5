"""Fixtures of these tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from pressroom.cli.servers import NatsServer

from ..house import House, house
from .serving import Gateway, serving, unconnected

__all__ = ["house"]


@pytest.fixture
async def gateway(house: House) -> AsyncIterator[Gateway]:
    """Started, and stopped at the end."""
    async with serving(house) as running:
        yield running


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway without servers, for what is refused before any is asked."""
    async with unconnected(tmp_path) as client:
        yield client


@pytest.fixture
async def own_house(
    nats_server: NatsServer, mongo_url: str, mongo_database: str, tmp_path: Path
) -> AsyncIterator[House]:
    """A house whose nats-server the test may kill."""
    opened = House(nats_server.url, mongo_url, mongo_database, tmp_path)
    await opened.open()
    yield opened
    await opened.close()
