"""`pressroom provision`: make the streams, the consumers and the indexes. Idempotent; a deploy runs it first."""

import asyncio

import typer

from pressroom.runtime.topology import provision as provision_all

from ..connection import server_settings
from ..options import Data


def register(app: typer.Typer) -> None:
    app.command("provision")(provision)


def provision(*, data: Data = None) -> None:
    """Make or update streams, consumers and indexes; safe to repeat."""
    asyncio.run(provision_all(server_settings(data)))
    typer.echo("Streams, consumers and indexes are as they should be.")
