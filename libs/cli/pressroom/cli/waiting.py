"""Waiting for a batch's end, with a bar that tells how far it is."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pressroom.contracts.api import Batch
from pressroom.contracts.vocabulary import BatchState

from .connection import Api

FINAL = frozenset({BatchState.COMPLETED, BatchState.REJECTED, BatchState.CANCELLED})
_POLL_S = 0.3


def wait_for(api: Api, batch_id: str, *, quiet: bool) -> Batch:
    """The batch in its final state. `quiet` shows no bar; nor does an error stream that is no terminal."""
    console = Console(stderr=True, quiet=quiet or not sys.stderr.isatty())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(batch_id, total=None)
        while True:
            batch = Batch.model_validate_json(api.request("GET", f"/v1/batches/{batch_id}"))
            counts = batch.progress
            done = counts.ready + counts.failed + counts.cancelled
            progress.update(task, completed=done, total=counts.requested or None, description=f"{batch.state}")
            if batch.state in FINAL:
                return batch
            time.sleep(_POLL_S)
