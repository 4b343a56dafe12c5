"""The key under which a command asks for what costs something: the same words under the same key buy nothing twice, so
a command whose connection broke can be given again."""

from typing import Annotated

import typer

from pressroom.contracts.identifiers import new_id

Key = Annotated[
    str | None,
    typer.Option("--idempotency-key", help="The same under one key is made once; a new key is drawn, and told."),
]


def told_key(key: str | None) -> str:
    """The key that was given, or a new one; told beside the output, so that it is known when the command is killed."""
    key = key or new_id("cli")
    typer.echo(f"Idempotency key: {key}", err=True)
    return key
