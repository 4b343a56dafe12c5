"""`pressroom notices`: what the callers of a batch were told, every try to tell them, and telling them again."""

from typing import Annotated

import typer
from pydantic import TypeAdapter

from pressroom.contracts.api import Notice
from pressroom.contracts.vocabulary import NoticeState

from ..connection import Api
from ..errors import CommandFailed
from ..options import Data, Json

REDELIVER = "redeliver"

_NOTICES = TypeAdapter(list[Notice])
_COLOURS = {NoticeState.DELIVERED: "green", NoticeState.FAILED: "red"}


def register(app: typer.Typer) -> None:
    app.command("notices")(notices)


def notices(
    words: Annotated[list[str], typer.Argument(metavar="BATCH | redeliver NOTICE", show_default=False)],
    *,
    json: Json = False,
    data: Data = None,
) -> None:
    """Show whom a batch's request asked to be told, and every try; or deliver one notice again."""
    match words:
        case [batch]:
            _show(batch, json=json, data=data)
        case ["redeliver", notice]:
            with Api.of(data) as api:
                again = Notice.model_validate_json(api.request("POST", f"/v1/notices/{notice}/redeliver"))
            typer.echo(again.model_dump_json() if json else f"{again.id} is {again.state}: {again.target}")
        case _:
            raise CommandFailed(f"Say which batch: ./run notices BATCH   or: ./run notices {REDELIVER} NOTICE")


def _show(batch: str, *, json: bool, data: Data) -> None:
    with Api.of(data) as api:
        found = _NOTICES.validate_json(api.request("GET", f"/v1/batches/{batch}/notices"))
    if json:
        typer.echo(_NOTICES.dump_json(found).decode())
        return
    for notice in found:
        state = typer.style(f"{notice.state:<9}", fg=_COLOURS.get(notice.state, "yellow"))
        typer.echo(f"{notice.id}  {state}  {notice.kind:<9}  {notice.target}")
        for attempt in notice.attempts:
            when = attempt.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
            status = "" if attempt.status is None else f"{attempt.status} "
            typer.echo(f"    {when}  {attempt.seconds:6.2f} s  {status}{attempt.error or 'taken'}")
        if notice.next_attempt_at is not None:
            typer.echo(f"    {notice.next_attempt_at.astimezone():%Y-%m-%d %H:%M:%S}  next try")
    if not found:
        typer.echo("Nobody was told of anything so far.")
