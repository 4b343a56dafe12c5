"""The sandbox as its own tests meet it: started for each test, killed when the test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .process import Sandbox


@pytest.fixture
def start_sandbox(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes with settings of one's own; all share one folder, as restarts do."""
    running: list[Sandbox] = []

    def start(**settings: object) -> Sandbox:
        sandbox = Sandbox(tmp_path / "sandbox", {name: str(value) for name, value in settings.items()}).start()
        running.append(sandbox)
        return sandbox

    yield start
    for sandbox in running:
        if sandbox.process is not None and sandbox.process.poll() is None:
            sandbox.kill()


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One process for all tests that need no settings of their own."""
    settings = {"batch_seconds": "0.3", "media_seconds": "0.15", "comfyui_step_seconds": "0.01"}
    shared = Sandbox(tmp_path_factory.mktemp("shared"), settings).start()
    yield shared
    shared.kill()


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    """A sandbox whose clocks run fast and which was given nothing yet."""
    shared_sandbox.reset()
    return shared_sandbox
