"""`pressroom dead`: what could not be handled, and the way back.

A replay publishes the message to its subject once more and then removes the letter. Killed in between, the letter
is still there and a second replay sends the message again, which its takers allow: they are idempotent.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from typing import Annotated, cast

import nats.js.errors
import typer
from nats.aio.client import Client
from pydantic import BaseModel, ConfigDict

from pressroom.contracts.cloudevents import MESSAGE_ID_HEADER
from pressroom.contracts.subjects import ALL_DEAD, DEAD_STREAM
from pressroom.runtime.dead_letters import REPLAYED, DeadLetter, read_letter

from ..connection import server_settings
from ..errors import CommandFailed
from ..nats_connection import TIMEOUT_S, connected_by
from ..options import Data, Json


class Letter(BaseModel):
    """A dead letter as `--json` shows it."""

    model_config = ConfigDict(frozen=True)

    sequence: int
    consumer: str
    subject: str
    kind: str
    reason: str
    attempt: int
    died_at: datetime
    body: str


class _Office:
    """The DEAD stream."""

    def __init__(self, client: Client) -> None:
        self._js = client.jetstream(timeout=TIMEOUT_S)

    async def letters(self) -> AsyncGenerator[DeadLetter]:
        """Every letter, oldest first."""
        sequence = 0
        while True:
            try:
                found = await self._js.get_msg(DEAD_STREAM, sequence + 1, subject=ALL_DEAD, next=True)
            except nats.js.errors.NotFoundError:
                return
            sequence = found.seq or sequence + 1
            headers = cast("dict[str, str] | None", found.headers)  # nats-py types them as a bare dict
            yield read_letter(sequence, found.subject or "", headers, found.data or b"")

    async def replay(self, letter: DeadLetter) -> None:
        stream = letter.stream_consumer.partition(".")[0]
        # An id of its own: under the first one the stream would take it for a repetition.
        headers = {
            name: value for name, value in letter.headers.items() if not name.startswith(("Pressroom-", "Nats-"))
        }
        headers |= {MESSAGE_ID_HEADER: f"replay-{letter.sequence}", REPLAYED: str(letter.sequence)}
        await self._js.publish(letter.subject, letter.body, stream=stream, headers=headers, timeout=TIMEOUT_S)
        await self._js.delete_msg(DEAD_STREAM, letter.sequence)


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
            typer.echo(_as_model(letter).model_dump_json())
        else:
            when = letter.died_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
            typer.echo(f"{letter.sequence:>5}  {when}  {letter.subject}  {letter.kind}: {letter.reason}")
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
        return [letter async for letter in _Office(client).letters()]


async def _replay(data: Path | None, wanted: set[int]) -> None:
    async with connected_by(server_settings(data)) as client:
        office = _Office(client)
        letters = [letter async for letter in office.letters()]
        missing = wanted - {letter.sequence for letter in letters}
        if missing:
            raise CommandFailed(f"There is no dead letter {', '.join(map(str, sorted(missing)))}; see: ./run dead list")
        for letter in letters:
            if not wanted or letter.sequence in wanted:
                try:
                    await office.replay(letter)
                except nats.js.errors.Error as error:
                    raise CommandFailed(f"{letter.sequence} could not be sent again: {error}") from error
                typer.echo(f"{letter.sequence} sent again to {letter.subject}")


def _as_model(letter: DeadLetter) -> Letter:
    return Letter(
        sequence=letter.sequence,
        consumer=letter.stream_consumer,
        subject=letter.subject,
        kind=letter.kind,
        reason=letter.reason,
        attempt=letter.attempt,
        died_at=letter.died_at,
        body=letter.body.decode(errors="replace"),
    )
