"""An instance started by another program: in the background for a person, or for as long as a demonstration lasts.

Its launcher is `pressroom up` in a process of its own, so what is shown and tested is what people run. One that is
started for a demonstration dies with the program that started it.
"""

import sys
import time
from collections.abc import Mapping

from .children import Child
from .data_folder import DataFolder, InstanceFacts
from .errors import CommandFailed
from .launcher import READY_WITHIN_S, launcher_log

_POLL_S = 0.05
_GRACE_S = 60.0  # longer than a launcher gives its programs
_PREFIX = "PRESSROOM_"


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without anything that is said to Pressroom: no real vendor, no server of somebody's."""
    return {name: value for name, value in environment.items() if not name.startswith(_PREFIX)}


class OwnInstance:
    """One launcher in `folder`. `dies_with_parent`: whether it ends when this process does."""

    def __init__(
        self,
        folder: DataFolder,
        *,
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
        dies_with_parent: bool = True,
    ) -> None:
        self.folder = folder
        self._words = ["up", "--data", str(folder.path), "--workers", str(workers)]
        self._environment = environment
        self._dies_with_parent = dies_with_parent
        self.launcher: Child | None = None

    def start(self) -> InstanceFacts:
        """Returns when everything takes work. Raises `CommandFailed` with the launcher's last lines if it does not."""
        if self.folder.is_locked():
            raise self.folder.taken()
        log = launcher_log(self.folder)
        launcher = Child(
            "the launcher",
            [sys.executable, "-m", "pressroom.cli", *self._words],
            log,
            environment=self._environment,
            dies_with_parent=self._dies_with_parent,
        )
        self.launcher = launcher
        deadline = time.monotonic() + 2 * READY_WITHIN_S
        while time.monotonic() < deadline:
            if launcher.exit_code is not None:
                raise CommandFailed(f"Pressroom did not start. It said ({log}):\n{launcher.tail()}")
            facts = self.folder.running()
            if facts is not None and facts.ready and facts.launcher_pid == launcher.pid:
                return facts
            time.sleep(_POLL_S)
        launcher.stop(_GRACE_S)
        raise CommandFailed(f"Pressroom was not ready in time. It said ({log}):\n{launcher.tail()}")

    def stop(self) -> None:
        """End it in good order."""
        if self.launcher is not None:
            self.launcher.stop(_GRACE_S)
            self.launcher = None
