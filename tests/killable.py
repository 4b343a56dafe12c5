"""A service as a process of its own, before the vendors' sandbox: to be killed, frozen, told to stop, and followed."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pressroom.cli.children import Child
from pressroom.cli.own_instance import without_settings
from pressroom.cli.vendors import with_stand_ins

from .house import House, eventually
from .vendor_sandbox import VendorSandbox

PATIENT_S = 60.0
"""What a service takes to start on a busy machine, and to end."""


def environment_of(house: House, vendors: VendorSandbox, **settings: Any) -> dict[str, str]:
    """Of a service that stands in `house` and knows no other vendor than the sandbox."""
    environment = {**without_settings(os.environ), **as_environment(house.values)}
    return with_stand_ins(environment, vendors.url, "") | as_environment(settings)


def as_environment(settings: dict[str, Any]) -> dict[str, str]:
    return {f"PRESSROOM_{name.upper()}": str(value) for name, value in settings.items()}


class KillableService:
    """One `python -m pressroom.<name>`; what it says goes to `log`."""

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        module = f"pressroom.{name.replace('-', '_')}"
        self.log = log
        self.child = Child(name, [sys.executable, "-m", module], log, environment=environment)

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
            return self.log.read_text().count(words) >= times

        await eventually(found, PATIENT_S)

    async def stopped(self) -> None:
        """When it has ended by itself, in good order."""
        deadline = asyncio.get_running_loop().time() + PATIENT_S
        while self.child.exit_code is None:
            assert asyncio.get_running_loop().time() < deadline, f"it goes on:\n{self.child.tail()}"
            await asyncio.sleep(0.02)
        assert self.child.exit_code == 0, self.child.tail()
