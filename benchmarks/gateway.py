"""`./run bench gateway`: batches accepted a second by `POST /v1/batches`, beside a bare handler of one write and one
publish, in the same run. Each is a process of its own; the callers are this one."""

import asyncio
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import httpx

from pressroom.cli.ports import free_port

from .bench_house import BenchHouse, ReadyProvider, bench_house, seconds_since, worker
from .gateway_process import TOKEN, gateway_process, http_process
from .table import Table, percentile

CALLS = 600
WARM_UP = 60
CALLERS = 16
GOAL = 0.6
BODY = {"provider": "studio", "prompt": "ready", "count": 1}


async def measure() -> Table:
    async with bench_house() as house:
        # The lane must have been served once, or its batches are refused.
        async with worker(house, ReadyProvider()):
            pass
        async with gateway_process(house) as url:
            ours = await _calls(f"{url}/v1/batches", {"Authorization": f"Bearer {TOKEN}"})
        async with _bare(house) as url:
            bare = await _calls(f"{url}/batches", {})
    ratio = ours.per_s / bare.per_s
    return Table(
        title=f"gateway: {CALLS} batches asked for by {CALLERS} callers at once",
        columns=("", "accepted/s", "p50 ms", "p99 ms"),
        rows=(
            ("POST /v1/batches", f"{ours.per_s:.0f}", f"{ours.p50_ms:.1f}", f"{ours.p99_ms:.1f}"),
            ("bare FastAPI, one write, one publish", f"{bare.per_s:.0f}", f"{bare.p50_ms:.1f}", f"{bare.p99_ms:.1f}"),
        ),
        note=f"ratio to bare {ratio:.2f} (goal {GOAL})",
        metrics={
            "accepted_per_s": round(ours.per_s, 1),
            "p50_ms": round(ours.p50_ms, 1),
            "p99_ms": round(ours.p99_ms, 1),
            "ratio_to_bare": round(ratio, 3),
        },
    )


def _bare(house: BenchHouse) -> AbstractAsyncContextManager[str]:
    port = free_port()
    environment = {"PRESSROOM_NATS_URL": house.settings.nats_url, "PRESSROOM_MONGO_URL": house.settings.mongo_url}
    command = [sys.executable, "-m", "benchmarks.bare_handler", str(port)]
    return http_process(command, port, "/ready", environment)


class _Calls:
    def __init__(self, seconds: float, latencies_s: list[float]) -> None:
        self.per_s = len(latencies_s) / seconds
        self.p50_ms = percentile(latencies_s, 0.5) * 1000
        self.p99_ms = percentile(latencies_s, 0.99) * 1000


async def _calls(url: str, headers: Mapping[str, str]) -> _Calls:
    limits = httpx.Limits(max_connections=CALLERS)
    async with httpx.AsyncClient(headers=dict(headers), limits=limits, timeout=30, trust_env=False) as client:
        await _ask(client, url, WARM_UP)
        began = time.perf_counter()
        latencies = await _ask(client, url, CALLS)
        return _Calls(seconds_since(began), latencies)


async def _ask(client: httpx.AsyncClient, url: str, count: int) -> list[float]:
    latencies: list[float] = []
    left = iter(range(count))

    async def caller() -> None:
        for _ in left:
            began = time.perf_counter()
            answer = await client.post(url, json=BODY)
            latencies.append(seconds_since(began))
            if answer.status_code != httpx.codes.ACCEPTED:
                raise SystemExit(f"{url} answered {answer.status_code}: {answer.text}")

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return latencies
