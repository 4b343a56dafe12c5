"""Ending tasks for sure.

A single `cancel` can get lost: in Python 3.11 `asyncio.wait_for`, which nats-py waits with, swallows a cancellation
that comes in the same turn as its result (python/cpython#86296). So a task is cancelled until it has ended.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")

AGAIN_AFTER_S = 0.5


async def end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel `tasks` and wait until all have ended; what they raise is theirs. Cancelled meanwhile, as by an `end`
    further up, it waits all the same, and is cancelled after that: else who is further up would go on without them."""
    remaining = {task for task in tasks if not task.done()}
    was_cancelled = False
    while remaining:
        for task in remaining:
            task.cancel()
        try:
            await asyncio.wait(remaining, timeout=AGAIN_AFTER_S)
        except asyncio.CancelledError:
            was_cancelled = True
        remaining = {task for task in remaining if not task.done()}
    if was_cancelled:
        raise asyncio.CancelledError


async def first_of(main: "asyncio.Task[Any]", watch: "asyncio.Task[Any]") -> None:
    """Wait for `main`. When `watch` ends first, by raising, `main` is ended and that error is raised instead."""
    try:
        await asyncio.wait({main, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not main.done():
            await end([main])
            await watch
        await main
    finally:
        # What is watched may take its time to end, and is watched until then.
        try:
            await end([main])
        finally:
            await end([watch])
            if not watch.cancelled():
                watch.exception()  # Looked at, so that nobody complains; `main` came first.


async def see_through(work: Coroutine[Any, Any, Result], grace_s: float) -> Result:
    """What `work` returns. Cancelled meanwhile, however often, it gives `work` another `grace_s` to come to its end by
    itself, then ends it, and is cancelled after that: for work that must not be torn off where it can be helped."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await _outlast(task, grace_s)
        raise


async def _outlast(task: "asyncio.Future[Any]", grace_s: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace_s
    while not task.done():
        left_s = deadline - loop.time()
        if left_s <= 0:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({task}, timeout=left_s if left_s > 0 else AGAIN_AFTER_S)
    if not task.cancelled():
        task.exception()  # Looked at, so that nobody complains; its maker is cancelled all the same.
