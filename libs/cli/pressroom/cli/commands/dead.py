"""`pressroom dead`: what could not be handled, and the way back."""

import asyncio
from pathlib import Path
from typing import Annotated

import nats.js.errors
import typer

from pressroom.contracts.operations import DeadLetter
from pressroom.runtime.dead_letters import DeadLetters, LetterIsCut

from ..connection import server_settings
from ..errors import CommandFailed
from ..nats_connection import TIMEOUT_S, connected_by
from ..options import Data, Json


def register(app: typer.Typer) -> None:
    commands = typer.Typer(help="List what could not be handled, or send it again.", no_args_is_help=True)
    commands.command("list")(list_letters)
    commands.command("replay")(replay)
    app.add_typer(commands, name="dead")


def list_letters(*, data: Data = None, json: Json = False) -> None:
    """Show every dead letter with its reason."""
    letters = asyncio.run(_letters(data))
    for letter in letters:
        if json:
            typer.echo(letter.model_dump_json())
        else:
            when = letter.died_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
            cut = f"  (cut from {letter.cut_from} bytes)" if letter.cut_from is not None else ""
            typer.echo(f"{letter.sequence:>5}  {when}  {letter.subject}  {letter.kind}: {letter.reason}{cut}")
    if not letters and not json:
        typer.echo("Nothing is dead.")


def replay(
    sequences: Annotated[list[int] | None, typer.Argument(help="Numbers that `dead list` shows.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
    data: Data = None,
) -> None:
    """Send dead letters to where they came from, and remove them."""
    if bool(sequences) == everything:
        raise CommandFailed("Say which: ./run dead replay 3 7   or all of them: ./run dead replay --all")
    asyncio.run(_replay(data, set(sequences or [])))


async def _letters(data: Path | None) -> list[DeadLetter]:
    async with connected_by(server_settings(data)) as client:
        return [letter.shown async for letter in DeadLetters(client.jetstream(timeout=TIMEOUT_S)).after()]


async def _replay(data: Path | None, wanted: set[int]) -> None:
    async with connected_by(server_settings(data)) as client:
        dead = DeadLetters(client.jetstream(timeout=TIMEOUT_S))
        letters = [letter async for letter in dead.after() if not wanted or letter.shown.sequence in wanted]
        missing = wanted - {letter.shown.sequence for letter in letters}
        if missing:
            raise CommandFailed(f"There is no dead letter {', '.join(map(str, sorted(missing)))}; see: ./run dead list")
        refused = 0
        for letter in letters:
            try:
                await dead.replay(letter)
            except (LetterIsCut, nats.js.errors.Error) as error:
                typer.echo(f"{letter.shown.sequence} could not be sent again: {error}", err=True)
                refused += 1
            else:
                typer.echo(f"{letter.shown.sequence} sent again to {letter.shown.subject}")
        if refused:
            raise CommandFailed(f"{refused} of {len(letters)} were not sent again and stay; see: ./run dead list")
