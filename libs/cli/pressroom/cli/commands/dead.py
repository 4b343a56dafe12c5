"""`pressroom dead`: what could not be handled, and the way back.

A replay publishes the message to its subject once more and then removes the letter. Killed in between, the letter
is still there and a second replay sends the message again, which its takers allow: they are idempotent.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import nats.js.errors
import typer
from nats.aio.client import Client
from pressroom.contracts import subjects
from pressroom.contracts.cloudevents import MESSAGE_ID_HEADER
from pressroom.runtime.dead_letters import REPLAYED, DeadLetter, read_letter
from pydantic import BaseModel, ConfigDict

from ..connection import server_settings
from ..errors import CommandFailed
from ..event_stream import StreamReader, connect
from ..options import Data, Json

_PUBLISH_TIMEOUT_S = 5.0


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


@dataclass(frozen=True)
class _Office:
    client: Client

    async def letters(self) -> list[DeadLetter]:
        reader = StreamReader(self.client, subjects.DEAD_STREAM, subjects.ALL_DEAD)
        async with aclosing(reader.read(1, follow=False)) as messages:
            return [read_letter(one.sequence, one.subject, one.headers, one.body) async for one in messages]

    async def replay(self, letter: DeadLetter) -> None:
        js = self.client.jetstream(timeout=_PUBLISH_TIMEOUT_S)
        stream = letter.stream_consumer.partition(".")[0]
        # An id of its own: under the first one the stream would take it for a repetition.
        headers = {name: value for name, value in letter.headers.items() if not name.startswith("Pressroom-")}
        headers |= {MESSAGE_ID_HEADER: f"replay-{letter.sequence}", REPLAYED: str(letter.sequence)}
        await js.publish(letter.subject, letter.body, stream=stream, headers=headers, timeout=_PUBLISH_TIMEOUT_S)
        await js.delete_msg(subjects.DEAD_STREAM, letter.sequence)


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
    async with _office(data) as office:
        return await office.letters()


async def _replay(data: Path | None, wanted: set[int]) -> None:
    async with _office(data) as office:
        letters = await office.letters()
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


@asynccontextmanager
async def _office(data: Path | None) -> AsyncGenerator[_Office]:
    settings = server_settings(data)
    client = await connect(settings.nats_url, settings.nats_token.get_secret_value() if settings.nats_token else None)
    try:
        yield _Office(client)
    finally:
        await client.close()


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
