"""A command's connection to nats-server: told at once when nobody answers, kept through restarts afterwards."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client

from pressroom.runtime.settings import Settings

from .errors import CommandFailed

TIMEOUT_S = 5.0
_CONNECT_TIMEOUT_S = 3.0
_AGAIN_AFTER_S = 0.2


@asynccontextmanager
async def connected(url: str, token: str | None) -> AsyncGenerator[Client]:
    """A client for the time of a command. Raises `CommandFailed` when the server cannot be reached now."""

    async def quiet(_: Exception) -> None: ...

    try:
        # nats-py would try the first connection for ever, as it does every later one.
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            client = await nats.connect(
                url,
                token=token,
                name="pressroom-cli",
                reconnect_time_wait=_AGAIN_AFTER_S,
                max_reconnect_attempts=-1,
                error_cb=quiet,
            )
    except TimeoutError:
        raise CommandFailed(f"nats-server at {url} lets nobody in. See what runs: ./run status") from None
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def connected_by(settings: Settings) -> AsyncGenerator[Client]:
    """The same, to where the settings say."""
    token = settings.nats_token.get_secret_value() if settings.nats_token else None
    async with connected(settings.nats_url, token) as client:
        yield client
