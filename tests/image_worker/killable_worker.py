"""Image-workers as processes of their own, before the vendors' sandbox: to be killed, told to stop, and followed."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pressroom.cli.children import Child
from pressroom.cli.own_instance import without_settings
from pressroom.cli.ports import free_port
from pressroom.cli.vendors import with_stand_ins
from pressroom.contracts.vocabulary import ProviderName

from ..house import House, eventually
from ..vendor_sandbox import VendorSandbox

PATIENT_S = 60.0
"""What a worker takes to start on a busy machine, and to end."""

# Every vendor is looked at often: nothing here waits for the length of a poll.
_SOON = {
    "PRESSROOM_FLUX_POLL_S": "0.1",
    "PRESSROOM_RUNPOD_POLL_S": "0.1",
    "PRESSROOM_COMFYUI_POLL_S": "0.1",
}


class KillableWorker:
    """One `python -m pressroom.image_worker` that serves one lane."""

    def __init__(self, house: House, lane: ProviderName, environment: dict[str, str], log: Path) -> None:
        self._house = house
        self._lane = lane
        self._environment = environment
        self._log = log
        self._child: Child | None = None

    def start(self) -> None:
        self._child = Child(
            "image-worker", [sys.executable, "-m", "pressroom.image_worker"], self._log, environment=self._environment
        )

    async def serving(self) -> None:
        """When it has said that it serves its lane."""

        async def told() -> bool:
            self.child.check()
            lane = await self._house.database.lanes.get(str(self._lane))
            return lane is not None and (lane.served_by or "").endswith(f":{self.child.pid}")

        await eventually(told, PATIENT_S)

    @property
    def child(self) -> Child:
        assert self._child is not None, "start it first"
        return self._child

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self.child.kill()

    def freeze(self) -> None:
        """SIGSTOP: it lives, and does nothing until it wakes."""
        os.kill(self.child.pid, signal.SIGSTOP)

    def wake(self) -> None:
        os.kill(self.child.pid, signal.SIGCONT)

    def tell_to_stop(self) -> None:
        """SIGTERM; returns at once."""
        os.kill(self.child.pid, signal.SIGTERM)

    async def said(self, words: str, *, times: int = 1) -> None:
        """When its log has `words` so often."""

        async def found() -> bool:
            return self._log.read_text().count(words) >= times

        await eventually(found, PATIENT_S)

    async def stopped(self) -> None:
        """When it has ended by itself, in good order."""
        deadline = asyncio.get_running_loop().time() + PATIENT_S
        while self.child.exit_code is None:
            assert asyncio.get_running_loop().time() < deadline, f"it goes on:\n{self.child.tail()}"
            await asyncio.sleep(0.02)
        assert self.child.exit_code == 0, self.child.tail()


class Workers:
    """The workers of one test: all of one lane, each after the one before."""

    def __init__(self, house: House, vendors: VendorSandbox, lane: ProviderName, folder: Path) -> None:
        self._house = house
        self._lane = lane
        self._log = folder / "image-workers.log"
        ours = {f"PRESSROOM_{name.upper()}": str(value) for name, value in house.values.items()}
        lanes = {"PRESSROOM_IMAGE_WORKER_LANES": json.dumps([str(lane)])}
        environment = {**without_settings(os.environ), **ours, **lanes}
        self._environment = with_stand_ins(environment, vendors.url, "") | _SOON
        self._started: list[KillableWorker] = []

    async def another(self, **settings: Any) -> KillableWorker:
        """One more, as soon as it serves its lane."""
        own = {f"PRESSROOM_{name.upper()}": str(value) for name, value in settings.items()}
        port = {"PRESSROOM_IMAGE_WORKER_PORT": str(free_port())}
        worker = KillableWorker(self._house, self._lane, {**self._environment, **port, **own}, self._log)
        self._started.append(worker)
        worker.start()
        await worker.serving()
        return worker

    def end(self) -> None:
        for worker in self._started:
            worker.kill()
