"""Batches that a stand-in works on in the background, a task for each."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod


class BatchTasks(ABC):
    """`take` what is new, `stop` before the end."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @abstractmethod
    async def _run(self, batch_id: str) -> None:
        """The whole of one batch."""

    def take(self, batch_id: str) -> None:
        task = asyncio.create_task(self._run(batch_id), name=f"batch {batch_id}")
        self._tasks[batch_id] = task
        task.add_done_callback(lambda _done: self._tasks.pop(batch_id, None))

    async def give_up(self, batch_id: str) -> None:
        """Returns when nothing of it goes on."""
        task = self._tasks.get(batch_id)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stop(self) -> None:
        await asyncio.gather(*[self.give_up(batch_id) for batch_id in self._tasks])

    def drop(self) -> None:
        """Stops all work without waiting for it."""
        for task in list(self._tasks.values()):
            task.cancel()
