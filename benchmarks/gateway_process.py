"""A gateway as a process of its own, beside the servers of a bench."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx

from pressroom.cli.ports import free_port

from .bench_house import BenchHouse

TOKEN = "a-token-for-benchmarks-only"
READY_WITHIN_S = 30.0


@asynccontextmanager
async def gateway_process(house: BenchHouse) -> AsyncIterator[str]:
    """The real service, once it takes requests; its URL."""
    port = free_port()
    settings = {
        "NATS_URL": house.settings.nats_url,
        "MONGO_URL": house.settings.mongo_url,
        "BLOB_URL": house.settings.blob_url,
        "GATEWAY_PORT": str(port),
        "API_TOKEN": TOKEN,
        "LOG_LEVEL": "warning",
    }
    environment = {f"PRESSROOM_{name}": value for name, value in settings.items()}
    async with http_process([sys.executable, "-m", "pressroom.gateway"], port, "/readyz", environment) as url:
        yield url


@asynccontextmanager
async def http_process(
    command: Sequence[str], port: int, ready_path: str, environment: Mapping[str, str]
) -> AsyncIterator[str]:
    """A program that serves HTTP on `port`, from when it answers `ready_path` with 200."""
    process = await asyncio.to_thread(subprocess.Popen, command, env={**os.environ, **environment})
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(READY_WITHIN_S), httpx.AsyncClient(trust_env=False) as client:
            while not await _is_ready(client, url + ready_path):
                if process.poll() is not None:
                    raise SystemExit(f"{command[-1]} ended with {process.returncode}")
                await asyncio.sleep(0.05)
        yield url
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
