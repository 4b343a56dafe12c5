"""`pressroom tail`: follow the events, straight from the stream; what a subject cannot filter is not asked for."""

import asyncio
import json as json_module
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pressroom.contracts import subjects
from pressroom.contracts.cloudevents import UnreadableEvent, read_event
from pressroom.contracts.identifiers import IDENTIFIER_PATTERN
from pydantic import ValidationError

from ..connection import server_settings
from ..errors import CommandFailed
from ..event_lines import colour, detail, event_type, subject_of
from ..event_stream import Start, StoredMessage, StreamReader, connect
from ..options import Data, Json

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NAME_WIDTH = 20


def register(app: typer.Typer) -> None:
    app.command("tail")(tail)


def tail(
    *,
    batch: Annotated[str | None, typer.Option(help="Only this batch's story.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only events of this type, e.g. ImageGenerated.")] = None,
    since: Annotated[str | None, typer.Option(help="Replay from here: 90s, 5m, 1h, 2d ago, or a sequence.")] = None,
    no_follow: Annotated[bool, typer.Option("--no-follow", help="End with the last event that there is.")] = False,
    json: Json = False,
    data: Data = None,
) -> None:
    """Show events as they happen, all of them or a part; a restart of nats-server loses and repeats none."""
    start = read_start(since)
    if start is None and no_follow:
        start = 1
    subject = subject_filter(batch, kind)
    asyncio.run(_tail(data, subject, start, follow=not no_follow, json=json))


def subject_filter(batch: str | None, kind: str | None) -> str:
    """The subjects of one batch, one type, both, or everything."""
    if batch is not None and not re.match(IDENTIFIER_PATTERN, batch):
        raise CommandFailed(f"{batch!r} is not a batch's id")
    if kind is not None:
        return subjects.event_filter(event_type(kind), batch or "*")
    return subjects.story_filter(batch) if batch else subjects.ALL_EVENTS


def read_start(since: str | None) -> Start:
    """A sequence for `42`, a moment for `5m`."""
    if since is None:
        return None
    if since.isdigit():
        return max(1, int(since))
    amount, unit = since[:-1], since[-1:]
    if amount.isdigit() and unit in _UNITS_S:
        return datetime.now(UTC) - timedelta(seconds=int(amount) * _UNITS_S[unit])
    raise CommandFailed(f"--since {since!r} is neither an age (90s, 5m, 1h, 2d) nor a sequence (42)")


async def _tail(data: Path | None, subject: str, start: Start, *, follow: bool, json: bool) -> None:
    settings = server_settings(data)
    token = settings.nats_token.get_secret_value() if settings.nats_token else None
    client = await connect(settings.nats_url, token)
    try:
        async for message in StreamReader(client, subjects.EVENTS_STREAM, subject).read(start, follow=follow):
            typer.echo(as_json(message) if json else as_line(message))
    finally:
        await client.close()


def as_json(message: StoredMessage) -> str:
    """One line: the CloudEvent in structured form, with its sequence and subject."""
    attributes = {name.removeprefix("ce-"): value for name, value in message.headers.items() if name.startswith("ce-")}
    try:
        body = json_module.loads(message.body)
    except ValueError:
        body = message.body.decode(errors="replace")
    return json_module.dumps({"sequence": message.sequence, "subject": message.subject, **attributes, "data": body})


def as_line(message: StoredMessage) -> str:
    """One line for people, in local time."""
    when = message.stored_at.astimezone().strftime("%H:%M:%S")
    try:
        received = read_event(message.headers, message.body)
    except (UnreadableEvent, ValidationError):
        unreadable = typer.style("(unreadable)".ljust(_NAME_WIDTH), fg="red")
        return f"{when}  {unreadable}  {message.subject}"
    name = typer.style(type(received.data).__name__.ljust(_NAME_WIDTH), fg=colour(received.data))
    return f"{when}  {name}  {subject_of(received.data)}  {typer.style(detail(received), dim=True)}"
