"""Kills one program after the other with SIGKILL at random times, every program as often as every other."""

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Callable

from pressroom.cli.data_folder import DataFolder

SPARED = frozenset({"sandbox"})
"""The outside world: it is not ours to kill, and it counts what we did to it."""

_POLL_S = 0.1


class Killer:
    """`kills` counts them by program."""

    def __init__(
        self, folder: DataFolder, dice: random.Random, pause_s: tuple[float, float], tell: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._dice = dice
        self._pause_s = pause_s
        self._tell = tell
        self.kills: Counter[str] = Counter()

    async def run(self) -> None:
        """Go on until cancelled. Each round kills everything once, in an order of its own."""
        while True:
            facts = self._folder.running()
            names = sorted({program.name for program in facts.programs} - SPARED) if facts else []
            self._dice.shuffle(names)
            for name in names:
                await asyncio.sleep(self._dice.uniform(*self._pause_s))
                await self._kill(name)
            await asyncio.sleep(_POLL_S)

    async def _kill(self, name: str) -> None:
        while True:
            facts = self._folder.running()
            programs = facts.programs if facts else ()
            pid = next((program.pid for program in programs if program.name == name), None)
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.kills[name] += 1
                    self._tell(f"killed {name}")
                    return
            await asyncio.sleep(_POLL_S)
