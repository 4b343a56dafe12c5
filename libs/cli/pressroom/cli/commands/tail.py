"""`pressroom tail`: follow the events, straight from the stream; what a subject cannot filter is not asked for."""

import asyncio
import json as json_module
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import nats.js.errors
import typer

from pressroom.contracts import subjects
from pressroom.contracts.identifiers import IDENTIFIER_PATTERN
from pressroom.runtime.tail import EVERYTHING, Beginning, TailedEvent
from pressroom.runtime.tail import tail as tail_stream

from ..connection import server_settings
from ..errors import CommandFailed
from ..event_lines import colour, detail, event_type, subject_of
from ..nats_connection import TIMEOUT_S, connected_by
from ..options import Data, Json

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NAME_WIDTH = 20
_IDLE_S = 1.0


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
    beginning = EVERYTHING if since is None and no_follow else read_beginning(since)
    asyncio.run(_tail(data, subject_filter(batch, kind), beginning, follow=not no_follow, json=json))


def subject_filter(batch: str | None, kind: str | None) -> str:
    """The subjects of one batch, one type, both, or everything."""
    if batch is not None and not re.match(IDENTIFIER_PATTERN, batch):
        raise CommandFailed(f"{batch!r} is not a batch's id")
    if kind is not None:
        return subjects.event_filter(event_type(kind), batch or "*")
    return subjects.story_filter(batch) if batch else subjects.ALL_EVENTS


def read_beginning(since: str | None) -> Beginning:
    """From a sequence on for `42`, from a moment on for `5m`, what comes next for nothing."""
    if since is None:
        return Beginning()
    if since.isdigit():
        return Beginning(after_sequence=int(since) - 1)
    amount, unit = since[:-1], since[-1:]
    if amount.isdigit() and unit in _UNITS_S:
        return Beginning(since=datetime.now(UTC) - timedelta(seconds=int(amount) * _UNITS_S[unit]))
    raise CommandFailed(f"--since {since!r} is neither an age (90s, 5m, 1h, 2d) nor a sequence (42)")


async def _tail(data: Path | None, subject: str, beginning: Beginning, *, follow: bool, json: bool) -> None:
    async with connected_by(server_settings(data)) as client:
        js = client.jetstream(timeout=TIMEOUT_S)
        try:
            await js.stream_info(subjects.EVENTS_STREAM)
        except nats.js.errors.NotFoundError:
            raise CommandFailed("There is no event stream yet. Make it with: ./run provision") from None
        async for tailed in tail_stream(js, subject, beginning, idle_s=_IDLE_S, follow=follow):
            if tailed is not None:
                typer.echo(as_json(tailed) if json else as_line(tailed))


def as_json(tailed: TailedEvent) -> str:
    """One line: the CloudEvent in its structured form, with its place in the stream and its subject."""
    place = {"sequence": tailed.sequence, "subject": tailed.subject}
    if tailed.event is None:
        return json_module.dumps({**place, "unreadable": tailed.raw.decode(errors="replace")})
    event = tailed.event
    attributes = {"id": event.id, "type": event.type, "source": event.source, "time": event.time}
    return json_module.dumps({**place, **attributes, "data": json_module.loads(tailed.raw)})


def as_line(tailed: TailedEvent) -> str:
    """One line for people, in local time."""
    when = tailed.stored_at.astimezone().strftime("%H:%M:%S")
    if tailed.event is None:
        unreadable = typer.style("(unreadable)".ljust(_NAME_WIDTH), fg="red")
        return f"{when}  {unreadable}  {tailed.subject}"
    event = tailed.event.data
    name = typer.style(type(event).__name__.ljust(_NAME_WIDTH), fg=colour(event))
    return f"{when}  {name}  {subject_of(event)}  {typer.style(detail(event), dim=True)}"
