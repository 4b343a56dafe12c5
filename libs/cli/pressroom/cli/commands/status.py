"""`pressroom status`: what runs in a data folder, where it listens, what it holds, what waits."""

import asyncio
import contextlib
from collections import Counter

import nats.errors
import nats.js.errors
import typer
from pydantic import BaseModel, ConfigDict, TypeAdapter
from rich.console import Console
from rich.table import Table

from pressroom.contracts.api import Batch, Page

from ..connection import Api, instance
from ..data_folder import DataFolder, InstanceFacts, ProgramFacts
from ..errors import CommandFailed
from ..lanes import LaneBacklog, backlog
from ..memory import resident_bytes
from ..nats_connection import TIMEOUT_S, connected
from ..options import Data, Json

_MIB = 1024 * 1024
_NEWEST = 100  # batches that are counted: status is a glance, not a report
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
    console = Console(highlight=False)
    colours = {"ready": "green", "starting": "yellow", "waiting": "red"}
    table = Table("program", "state", "pid", "memory", "restarts", box=None, pad_edge=False, header_style="bold")
    table.add_column("at", no_wrap=True, overflow="ignore")
    for program in found.programs:
        table.add_row(
            program.name,
            f"[{colours[program.state]}]{program.state}[/]",
            str(program.pid or ""),
            f"{program.memory_bytes / _MIB:.0f} MB" if program.memory_bytes else "",
            str(program.restarts),
            program.url or "",
        )
    console.print(table, soft_wrap=True, crop=False)
    if found.lanes is not None:
        busy = [f"{lane.lane} {lane.waiting} waiting, {lane.taken} taken" for lane in found.lanes]
        console.print(f"\nlanes    {'; '.join(busy)}", soft_wrap=True)
    if found.batches is not None:
        counted = ", ".join(f"{count} {state}" for state, count in sorted(found.batches.items()))
        console.print(f"batches  {counted or 'none yet'}", soft_wrap=True)
    if found.stand_ins:
        console.print(f"sandbox  plays {', '.join(found.stand_ins)}", soft_wrap=True)
    console.print(f"data     {found.data}", soft_wrap=True)
