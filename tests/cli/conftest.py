"""A whole instance for the tests that only look at one, and ways to run the `pressroom` command."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from pressroom.cli.data_folder import DataFolder, InstanceFacts
from pressroom.cli.own_instance import OwnInstance, without_settings

DEADLINE_S = 30.0


def wait_until(condition: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def processes_of(folder: Path) -> list[int]:
    """Every process whose command line or environment names a folder, launchers and children's children included."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                said = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in said and is_running(int(entry.name)):
                found.append(int(entry.name))
    return found


def pressroom(
    *words: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, in `folder` where one is given."""
    return subprocess.run(
        [sys.executable, "-m", "pressroom.cli", *words],
        env={**without_settings(os.environ), **(environment or {})},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Instance:
    """A running instance and the command, pointed at it."""

    def __init__(self, own: OwnInstance, facts: InstanceFacts) -> None:
        self.own = own
        self.facts = facts
        self.path = own.folder.path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return pressroom(*words, "--data", str(self.path))

    def now(self) -> InstanceFacts:
        facts = self.own.folder.running()
        assert facts is not None
        return facts

    def pid(self, name: str) -> int:
        pid = next(program.pid for program in self.now().programs if program.name == name)
        assert pid is not None
        return pid


def start_instance(path: Path) -> Instance:
    own = OwnInstance(DataFolder(path), environment=without_settings(os.environ))
    return Instance(own, own.start())


@pytest.fixture(scope="package")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One for all tests of a process that harm nothing. Ended with them, as its programs are never idle."""
    running = start_instance(tmp_path_factory.mktemp("instance"))
    yield running
    running.own.stop()


@pytest.fixture
def own_instance(tmp_path: Path) -> Iterator[Instance]:
    """One for a test that harms it."""
    running = start_instance(tmp_path / "data")
    yield running
    running.own.stop()
