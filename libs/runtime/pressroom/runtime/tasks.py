"""Ending tasks for sure.

A single `cancel` can get lost: in Python 3.11 `asyncio.wait_for`, which nats-py waits with, swallows a cancellation
that comes in the same turn as its result (python/cpython#86296). So a task is cancelled until it has ended.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_AFTER_S = 0.5


async def end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel `tasks` and wait until all have ended; what they raise is theirs."""
    remaining = {task for task in tasks if not task.done()}
    while remaining:
        for task in remaining:
            task.cancel()
        _, remaining = await asyncio.wait(remaining, timeout=AGAIN_AFTER_S)


async def first_of(main: "asyncio.Task[Any]", watch: "asyncio.Task[Any]") -> None:
    """Wait for `main`. When `watch` ends first, by raising, `main` is ended and that error is raised instead."""
    try:
        await asyncio.wait({main, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not main.done():
            await end([main])
            await watch
        await main
    finally:
        await end([main, watch])
