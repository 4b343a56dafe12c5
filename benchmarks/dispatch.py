"""`./run bench dispatch`: how soon an accepted batch's first image is taken by an idle worker."""

import asyncio
import time
from datetime import datetime

from pressroom.contracts.events import BatchAccepted
from pressroom.contracts.subjects import EVENTS_STREAM, event_filter

from .bare_line import BODY, EVENT_SUBJECT, BareLine
from .bench_house import BenchHouse, ReadyProvider, bench_house, worker
from .table import Table, percentile

ROUNDS = 150
WARM_UP = 10


async def measure() -> Table:
    async with bench_house() as house:
        line = await _line(house)
        bare = await _bare(house)
    line_p50, line_p99 = percentile(line, 0.5), percentile(line, 0.99)
    bare_p50, bare_p99 = percentile(bare, 0.5), percentile(bare, 0.99)
    return Table(
        title=f"dispatch: accepted to taken, {ROUNDS} batches of one image, an idle worker",
        columns=("", "p50 ms", "p99 ms"),
        rows=(
            ("the line", f"{line_p50:.1f}", f"{line_p99:.1f}"),
            ("bare nats-py and motor, same writes", f"{bare_p50:.1f}", f"{bare_p99:.1f}"),
        ),
        note=f"ratio to raw {bare_p50 / line_p50:.2f} (of the medians)",
        metrics={
            "p50_ms": round(line_p50, 2),
            "p99_ms": round(line_p99, 2),
            "ratio_to_raw": round(bare_p50 / line_p50, 3),
        },
    )


async def _line(house: BenchHouse) -> list[float]:
    """Milliseconds from the `BatchAccepted` event's own time to the provider's call."""
    taken: dict[str, float] = {}
    delays: list[float] = []
    async with worker(house, ReadyProvider(lambda image_id: taken.setdefault(image_id, time.time()))):
        for number in range(WARM_UP + ROUNDS):
            batch_id = await house.request(1)
            await house.until_completed(number + 1)
            message = await house.js.get_last_msg(EVENTS_STREAM, event_filter(BatchAccepted, batch_id), direct=True)
            accepted = datetime.fromisoformat((message.headers or {})["ce-time"]).timestamp()
            delays.append((taken[f"{batch_id}-0000"] - accepted) * 1000)
    return delays[WARM_UP:]


async def _bare(house: BenchHouse) -> list[float]:
    """The same by hand: the accepted write and its event, then the job, to a taker that waits for it."""
    bare = BareLine(house.database, house.js)
    await bare.open()
    names = [f"bare{number}" for number in range(WARM_UP + ROUNDS)]
    await bare.insert(names)
    delays: list[float] = []
    for name in names:
        taking = asyncio.create_task(bare.take())
        began = time.perf_counter()
        await house.database.images.raw.update_one({"_id": name}, {"$set": {"accepted": True}})
        await house.js.publish(EVENT_SUBJECT, BODY, stream=EVENTS_STREAM)
        await bare.queue(name)
        taken = await taking
        delays.append((time.perf_counter() - began) * 1000)
        await bare.finish(*taken)
    return delays[WARM_UP:]
