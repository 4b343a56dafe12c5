"""Queues the notices whose next try has come, and those whose job got lost with its stream; dies without harm."""

import asyncio

from pressroom.runtime.notices import Notices

AT_MOST = 200


async def queue_due(notices: Notices, interval_s: float) -> None:
    """Look every `interval_s` seconds, until cancelled."""
    while True:
        # A full round is followed by the next at once.
        if await notices.requeue_due(at_most=AT_MOST) < AT_MOST:
            await asyncio.sleep(interval_s)
