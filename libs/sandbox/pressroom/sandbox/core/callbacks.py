"""Webhooks that the sandbox sends when something ends, to this machine only. One that is not answered with 2xx is
tried again: twice at the same distance, or for as long as its vendor does, at ever longer ones. They are sent at least
once: a sandbox that is killed after a delivery and before it is noted sends again after its restart, as vendors do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from pressroom.sandbox.core.fetching import post_local

TRIES = 3


@dataclass(frozen=True)
class Letter:
    """What is posted."""

    url: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Later:
    """Nothing to post yet; ask again then."""

    seconds: float


Writer = Callable[[], Letter | Later | None]
"""Says what is to be posted now, at each try anew; None: nothing any more."""


class Callbacks:
    """The webhooks of one vendor that are on their way. `trying_seconds`: for so long one is tried again, after twice
    the pause each time; None for `TRIES` in all."""

    def __init__(self, retry_seconds: float, trying_seconds: float | None = None) -> None:
        self._retry_seconds = retry_seconds
        self._trying_seconds = trying_seconds
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, at: float, write: Writer, told: Callable[[bool], None]) -> None:
        """From the time `at` on, posts what `write` says; `told` hears whether it arrived."""
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

    async def _send(self, at: float, write: Writer, told: Callable[[bool], None]) -> None:
        await asyncio.sleep(max(0.0, at - time.time()))
        for pause in self._pauses():
            await asyncio.sleep(pause)
            letter = await asyncio.to_thread(write)
            while isinstance(letter, Later):
                await asyncio.sleep(letter.seconds)
                letter = await asyncio.to_thread(write)
            if letter is None:
                return
            if await asyncio.to_thread(_arrives, letter):
                told(True)
                return
        told(False)

    def _pauses(self) -> Generator[float]:
        """Before each try, the first included."""
        yield 0.0
        if self._trying_seconds is None:
            yield from [self._retry_seconds] * (TRIES - 1)
            return
        pause, waited = self._retry_seconds, 0.0
        while waited + pause <= self._trying_seconds and pause > 0:
            yield pause
            pause, waited = pause * 2, waited + pause


def _arrives(letter: Letter) -> bool:
    try:
        return 200 <= post_local(letter.url, letter.body, letter.headers) < 300
    except ValueError:
        return False
