"""What any vendor's jobs are asked in tests."""

import asyncio
import time

from pressroom.batch_poller.provider_jobs import BatchProvider, VendorJob, WantedRow

ENDED_WITHIN_S = 20.0


def a_row(key: str, prompt: str = "a fox in a raincoat") -> WantedRow:
    return WantedRow(key=key, prompt=prompt, width_px=1024, height_px=1280, seed=7)


async def ended(batches: BatchProvider, name: str) -> VendorJob:
    deadline = time.monotonic() + ENDED_WITHIN_S
    while not (job := await batches.status(name)).is_ended:
        assert time.monotonic() < deadline, f"{name} is still {job.raw_state}"
        await asyncio.sleep(0.02)
    return job
