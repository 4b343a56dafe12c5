"""Image-workers as processes of their own, before the vendors' sandbox: each after the one before."""

import json
from pathlib import Path
from typing import Any

from pressroom.cli.ports import free_port
from pressroom.contracts.vocabulary import ProviderName

from ..house import House, eventually
from ..killable import PATIENT_S, KillableService, as_environment, environment_of
from ..vendor_sandbox import VendorSandbox

# Every vendor is looked at often: nothing here waits for the length of a poll.
_SOON = {"flux_poll_s": 0.1, "runpod_poll_s": 0.1, "comfyui_poll_s": 0.1}


class Workers:
    """The workers of one test, all of one lane."""

    def __init__(self, house: House, vendors: VendorSandbox, lane: ProviderName, folder: Path) -> None:
        self._house = house
        self._lane = lane
        self._log = folder / "image-workers.log"
        lanes = json.dumps([str(lane)])
        self._environment = environment_of(house, vendors, image_worker_lanes=lanes, **_SOON)
        self._started: list[KillableService] = []

    async def another(self, **settings: Any) -> KillableService:
        """One more, as soon as it serves its lane."""
        own = as_environment({"image_worker_port": free_port(), **settings})
        worker = KillableService("image-worker", {**self._environment, **own}, self._log)
        self._started.append(worker)
        await self._serving(worker)
        return worker

    async def _serving(self, worker: KillableService) -> None:
        """When it has said that it serves its lane."""

        async def told() -> bool:
            worker.child.check()
            lane = await self._house.database.lanes.get(str(self._lane))
            return lane is not None and (lane.served_by or "").endswith(f":{worker.child.pid}")

        await eventually(told, PATIENT_S)

    def end(self) -> None:
        for worker in self._started:
            worker.kill()
