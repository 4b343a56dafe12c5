"""`./run bench overhead`: what the line costs beside the images themselves."""

import time

from pressroom.runtime.blobs import BlobStore

from .bare_line import BareLine, BarePictures
from .bench_house import SIDE_PX, ReadyProvider, bench_house, seconds_since, worker
from .table import Table

BATCHES = 8
IMAGES_PER_BATCH = 25
IMAGES = BATCHES * IMAGES_PER_BATCH
WARM_UP = 25
GOAL = 0.6


async def measure() -> Table:
    async with bench_house() as house:
        provider = ReadyProvider()
        async with worker(house, provider):
            await house.request(WARM_UP)
            await house.until_completed(1)
            began = time.perf_counter()
            for _ in range(BATCHES):
                await house.request(IMAGES_PER_BATCH)
            await house.until_completed(1 + BATCHES)
            line_s = seconds_since(began)
        pictures = BarePictures(provider.data, SIDE_PX, BlobStore(house.settings.blob_url))
        pictured_s = await _by_hand("pictured", BareLine(house.database, house.js, pictures))
        bare_s = await _by_hand("bare", BareLine(house.database, house.js))
    line, pictured, bare = (IMAGES / seconds for seconds in (line_s, pictured_s, bare_s))
    rows = {
        "the whole line": line,
        "bare nats-py and motor, same writes, same pictures": pictured,
        "bare nats-py and motor, same writes": bare,
    }
    return Table(
        title=f"overhead: {IMAGES} images of {BATCHES} batches, one worker, a provider that is ready at once",
        columns=("", "images/s", "ms per image"),
        rows=[(name, f"{rate:.1f}", f"{1000 / rate:.2f}") for name, rate in rows.items()],
        note=f"ratio to raw {line / bare:.2f} (goal {GOAL}); {line / pictured:.2f} where the bare loop looks at, "
        "finishes and stores the pictures too",
        metrics={
            "images_per_s": round(line, 2),
            "ratio_to_raw": round(line / bare, 3),
            "ratio_with_pictures": round(line / pictured, 3),
        },
    )


async def _by_hand(name: str, bare: BareLine) -> float:
    """How many seconds the bare loop takes for as many images."""
    await bare.open()
    names = [f"bare-{name}-{number}" for number in range(IMAGES)]
    await bare.insert(names)
    began = time.perf_counter()
    for image in names:
        await bare.queue(image)
        await bare.finish(*await bare.take())
    return seconds_since(began)
