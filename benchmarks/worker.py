"""`./run bench worker`: how much of the time a GPU works when images wait, beside a worker that takes one at a time.

The provider stands in for a GPU that needs exactly 200 ms an image. Its share of busy time is what it worked between
the first image's beginning and the last one's end. Both workers do the same: store, finish, tell, take the next.
"""

import asyncio
import time
from contextlib import AbstractAsyncContextManager

from pressroom.contracts.vocabulary import ProviderName
from pressroom.image_worker import studio
from pressroom.image_worker.app import build
from pressroom.image_worker.providers import Generation, GenerationRequest, Progress

from .bench_house import BenchHouse, ReadyProvider, bench_house
from .table import Table

GENERATION_S = 0.2
BATCHES = 8
IMAGES_PER_BATCH = 10
SIDES_PX = 512, 640
GOAL = 0.97


class FixedProvider(ReadyProvider):
    """Takes `GENERATION_S` for each image and notes when."""

    def __init__(self) -> None:
        super().__init__()
        self.data = studio.draw("harbour at dusk", seed=1, width_px=SIDES_PX[0], height_px=SIDES_PX[1])
        self.worked: list[tuple[float, float]] = []

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        began = time.perf_counter()
        await asyncio.sleep(GENERATION_S)
        self.worked.append((began, time.perf_counter()))
        return Generation(self.data, model="fixed")

    @property
    def busy_share(self) -> float:
        begins, ends = zip(*self.worked, strict=True)
        return sum(end - begin for begin, end in self.worked) / (max(ends) - min(begins))


async def measure() -> Table:
    shares = [await _measured(fetch_ahead) for fetch_ahead in (True, False)]
    return Table(
        title=f"worker: {BATCHES * IMAGES_PER_BATCH} images of {BATCHES} batches, {GENERATION_S * 1000:.0f} ms each",
        columns=("", "busy", "ms between two images"),
        rows=[
            (name, f"{share:.3f}", f"{GENERATION_S * 1000 * (1 / share - 1):.1f}")
            for name, share in zip(("the worker", "one that finishes before it fetches the next"), shares, strict=True)
        ],
        note=f"goal {GOAL}",
        metrics={"busy_share": round(shares[0], 4), "busy_share_serial": round(shares[1], 4)},
    )


async def _measured(fetch_ahead: bool) -> float:
    async with bench_house() as house:
        provider = FixedProvider()
        for _ in range(BATCHES):
            await house.request(IMAGES_PER_BATCH, sides_px=SIDES_PX)
        async with _worker(house, provider, fetch_ahead=fetch_ahead):
            await house.until_completed(BATCHES)
        return provider.busy_share


def _worker(house: BenchHouse, provider: FixedProvider, *, fetch_ahead: bool) -> AbstractAsyncContextManager[None]:
    app = build(house.settings, {ProviderName.STUDIO: provider}, beyond_generating=2 if fetch_ahead else 0)
    return app.start_lifespan_context()
