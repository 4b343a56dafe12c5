"""`./run bench overhead`: what the line costs beside the images themselves."""

import time

from .bare_line import BareLine
from .bench_house import ReadyProvider, bench_house, seconds_since, worker
from .table import Table

BATCHES = 8
IMAGES_PER_BATCH = 25
IMAGES = BATCHES * IMAGES_PER_BATCH
WARM_UP = 25
GOAL = 0.6


async def measure() -> Table:
    async with bench_house() as house:
        async with worker(house, ReadyProvider()):
            await house.request(WARM_UP)
            await house.until_completed(1)
            began = time.perf_counter()
            for _ in range(BATCHES):
                await house.request(IMAGES_PER_BATCH)
            await house.until_completed(1 + BATCHES)
            line_s = seconds_since(began)
        bare = BareLine(house.database, house.js)
        await bare.open()
        names = [f"bare{number}" for number in range(IMAGES)]
        await bare.insert(names)
        began = time.perf_counter()
        for name in names:
            await bare.queue(name)
            await bare.finish(*await bare.take())
        bare_s = seconds_since(began)
    rates = IMAGES / line_s, IMAGES / bare_s
    ratio = rates[0] / rates[1]
    return Table(
        title=f"overhead: {IMAGES} images of {BATCHES} batches, one worker, a provider that is ready at once",
        columns=("", "images/s", "ms per image"),
        rows=(
            ("the whole line", f"{rates[0]:.1f}", f"{1000 / rates[0]:.2f}"),
            ("bare nats-py and motor, same writes", f"{rates[1]:.1f}", f"{1000 / rates[1]:.2f}"),
        ),
        note=f"ratio to raw {ratio:.2f} (goal {GOAL}); the line also makes two pictures and stores three files each",
        metrics={"images_per_s": round(rates[0], 2), "ratio_to_raw": round(ratio, 3)},
    )
