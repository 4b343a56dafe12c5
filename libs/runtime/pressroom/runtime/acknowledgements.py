"""Acknowledgements that may fail: without one the message comes again and finds its work done."""

import contextlib
from collections.abc import Awaitable

from .broker import BrokerError


async def try_to(acknowledgement: Awaitable[None]) -> None:
    """Await `ack`, `nak` or `in_progress`, whether or not the server is there to hear it."""
    with contextlib.suppress(*BrokerError):
        await acknowledgement
