"""`pressroom down`: end an instance in good order, wherever its launcher runs."""

import contextlib
import os
import signal
import time

import typer

from ..data_folder import DataFolder
from ..errors import CommandFailed
from ..options import Data

_GRACE_S = 60.0  # longer than the launcher gives its programs
_POLL_S = 0.05


def register(app: typer.Typer) -> None:
    app.command("down")(down)


def down(*, data: Data = None) -> None:
    """End the instance of a data folder; what it holds stays there."""
    folder = DataFolder(data)
    if not folder.is_locked():
        typer.echo(f"Nothing runs in {folder.path}.")
        return
    facts = folder.running()
    if facts is None:
        raise CommandFailed(f"Pressroom is starting or ending in {folder.path}; try again in a moment.")
    with contextlib.suppress(ProcessLookupError):
        os.kill(facts.launcher_pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    while folder.is_locked():
        if time.monotonic() > deadline:
            raise CommandFailed(f"The launcher (pid {facts.launcher_pid}) does not end; see {folder.logs}")
        time.sleep(_POLL_S)
    typer.echo(f"Ended. The data is in {folder.path}.")
