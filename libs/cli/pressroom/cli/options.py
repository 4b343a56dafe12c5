"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(help="The instance's data folder; the XDG data home's `pressroom` when absent.", file_okay=False),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on standard output.")]
