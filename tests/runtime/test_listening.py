"""A service whose servers are not there yet is alive, says what it waits for, and begins when they come."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from pressroom.cli.ports import free_port
from pressroom.cli.servers import NatsServer
from pressroom.runtime.settings import Settings
from pressroom.runtime.topology import provision

from ..house import eventually


@asynccontextmanager
async def worker(
    nats_url: str, mongo_url: str, database: str, folder: Path
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    port = free_port()
    environment = {
        "PRESSROOM_NATS_URL": nats_url,
        "PRESSROOM_MONGO_URL": mongo_url,
        "PRESSROOM_MONGO_DATABASE": database,
        "PRESSROOM_BLOB_URL": (folder / "blobs").as_uri(),
        "PRESSROOM_IMAGE_WORKER_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pressroom.image_worker",
        env={**os.environ, **environment},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def status(http: httpx.AsyncClient, url: str) -> int | None:
    try:
        return (await http.get(url)).status_code
    except httpx.TransportError:
        return None


@pytest.mark.skipif("PRESSROOM_NATS_URL" in os.environ, reason="starts and stops its own nats-server")
async def test_a_service_listens_before_its_servers_are_there_and_begins_when_they_come(
    mongo_url: str, mongo_database: str, tmp_path: Path
) -> None:
    server = NatsServer(tmp_path / "nats")
    try:
        async with (
            worker(server.url, mongo_url, mongo_database, tmp_path) as (url, process),
            httpx.AsyncClient(trust_env=False) as http,
        ):

            async def alive() -> bool:
                return await status(http, f"{url}/healthz") == 200

            await eventually(alive)
            assert await status(http, f"{url}/readyz") == 503
            await asyncio.to_thread(server.start)
            await provision(Settings(nats_url=server.url, mongo_url=mongo_url, mongo_database=mongo_database))

            async def ready() -> bool:
                return await status(http, f"{url}/readyz") == 200

            await eventually(ready)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                assert await process.wait() == 0
    finally:
        server.kill()


async def test_a_service_that_waits_ends_when_it_is_told_to(
    mongo_url: str, mongo_database: str, tmp_path: Path
) -> None:
    nowhere = f"nats://127.0.0.1:{free_port()}"
    async with (
        worker(nowhere, mongo_url, mongo_database, tmp_path) as (url, process),
        httpx.AsyncClient(trust_env=False) as http,
    ):

        async def alive() -> bool:
            return await status(http, f"{url}/healthz") == 200

        await eventually(alive)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
