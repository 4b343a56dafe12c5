"""`pressroom status`: what runs in a data folder, where it listens, what it holds, what waits."""

import asyncio
import contextlib
from collections import Counter

import nats.errors
import nats.js.errors
import typer
from pydantic import BaseModel, ConfigDict, TypeAdapter

from pressroom.contracts.api import Batch, Page
from pressroom.runtime.backlog import LaneBacklog, backlog

from ..connection import Api, instance
from ..data_folder import DataFolder, InstanceFacts, ProgramFacts
from ..errors import CommandFailed
from ..memory import resident_bytes
from ..nats_connection import TIMEOUT_S, connected
from ..options import Data, Json

_MIB = 1024 * 1024
_NEWEST = 100  # batches that are counted: status is a glance, not a report
_STATE = 1  # the column
_COLOURS = {"ready": "green", "starting": "yellow", "waiting": "red"}
_BATCHES = TypeAdapter(Page[Batch])


class ProgramStatus(ProgramFacts):
    memory_bytes: int | None = None


class Status(BaseModel):
    """`batches` counts the newest 100 by state; `lanes` and `batches` are None when nobody answers."""

    model_config = ConfigDict(frozen=True)

    running: bool
    ready: bool
    data: str
    url: str
    launcher_pid: int
    stand_ins: tuple[str, ...]
    programs: tuple[ProgramStatus, ...]
    lanes: list[LaneBacklog] | None
    batches: dict[str, int] | None


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(*, data: Data = None, json: Json = False) -> None:
    """Show an instance: its programs, their memory and restarts, the lanes' backlog, the newest batches by state."""
    facts = instance(data)
    found = look(facts, DataFolder(data))
    if json:
        typer.echo(found.model_dump_json())
    else:
        _show(found)


def look(facts: InstanceFacts, folder: DataFolder) -> Status:
    """Ask everything once; what does not answer is left out."""
    programs = tuple(
        ProgramStatus(**program.model_dump(), memory_bytes=resident_bytes(program.pid) if program.pid else None)
        for program in facts.programs
    )
    return Status(
        running=True,
        ready=all(program.state == "ready" for program in programs),
        data=str(folder.path),
        url=facts.url,
        launcher_pid=facts.launcher_pid,
        stand_ins=facts.stand_ins,
        programs=programs,
        lanes=asyncio.run(_lanes(facts)),
        batches=_batches(facts),
    )


async def _lanes(facts: InstanceFacts) -> list[LaneBacklog] | None:
    with contextlib.suppress(CommandFailed, nats.errors.Error, nats.js.errors.Error):
        async with connected(facts.nats_url, facts.nats_token) as client:
            return await backlog(client.jetstream(timeout=TIMEOUT_S))
    return None


def _batches(facts: InstanceFacts) -> dict[str, int] | None:
    with contextlib.suppress(CommandFailed), Api(facts.url, facts.token) as api:
        page = _BATCHES.validate_json(api.request("GET", "/v1/batches", query={"limit": str(_NEWEST)}))
        return dict(Counter(str(batch.state) for batch in page.items))
    return None


def _show(found: Status) -> None:
    rows = [("program", "state", "pid", "memory", "restarts", "at")]
    for program in found.programs:
        memory = f"{program.memory_bytes / _MIB:.0f} MB" if program.memory_bytes else ""
        pid, restarts = str(program.pid or ""), str(program.restarts)
        rows.append((program.name, program.state, pid, memory, restarts, program.url or ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[_STATE] = typer.style(cells[_STATE], fg=_COLOURS.get(row[_STATE]))
        typer.echo(typer.style("  ".join(cells).rstrip(), bold=number == 0))
    if found.lanes is not None:
        busy = [lane for lane in found.lanes if lane.waiting or lane.taken]
        told = [f"{lane.lane} {lane.waiting} waiting, {lane.taken} taken" for lane in busy]
        typer.echo(f"\nlanes    {'; '.join(told) or f'all {len(found.lanes)} idle'}")
    if found.batches is not None:
        counted = ", ".join(f"{count} {state}" for state, count in sorted(found.batches.items()))
        typer.echo(f"batches  {counted or 'none yet'}")
    if found.stand_ins:
        typer.echo(f"sandbox  plays {', '.join(found.stand_ins)}")
    typer.echo(f"data     {found.data}")
