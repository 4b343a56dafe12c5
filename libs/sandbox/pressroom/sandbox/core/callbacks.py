"""Webhooks that the sandbox sends when something ends, to this machine only. One that is not answered with 2xx is
tried twice more. They are sent at least once: a sandbox that is killed after a delivery and before it is noted sends
again after its restart, as vendors do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from pressroom.sandbox.core.fetching import post_local

TRIES = 3


@dataclass(frozen=True)
class Letter:
    """What is posted."""

    url: str
    body: bytes
    headers: dict[str, str]


class Callbacks:
    """The webhooks of one vendor that are on their way."""

    def __init__(self, retry_seconds: float) -> None:
        self._retry_seconds = retry_seconds
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, at: float, write: Callable[[], Letter | None], told: Callable[[bool], None]) -> None:
        """At the time `at`, posts what `write` then says (None: nothing any more); `told` hears whether it arrived."""
        task = asyncio.create_task(self._send(at, write, told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def drop(self) -> None:
        """Ends all of them without waiting."""
        for task in list(self._tasks):
            task.cancel()

    async def stop(self) -> None:
        tasks = list(self._tasks)
        self.drop()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, at: float, write: Callable[[], Letter | None], told: Callable[[bool], None]) -> None:
        await asyncio.sleep(max(0.0, at - time.time()))
        letter = await asyncio.to_thread(write)
        if letter is None:
            return
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(self._retry_seconds)
            if await asyncio.to_thread(_arrives, letter):
                told(True)
                return
        told(False)


def _arrives(letter: Letter) -> bool:
    try:
        return 200 <= post_local(letter.url, letter.body, letter.headers) < 300
    except ValueError:
        return False
