"""`pressroom case-images`: pictures of a case's suspects and its scene, by the older scripts' files and options.

The progress file is saved at every look and the error report at the end, both under the batch's name. A command that is
stopped stops nothing: the batch goes on, and `resume` follows it, making again what failed. What asks for images does
so under an idempotency key, drawn and told where none is given: given again with it, a command asks for nothing twice.
"""

import json as json_format
import time
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..connection import Api
from ..errors import CommandFailed, NotAnswered
from ..idempotency import Key, told_key
from ..options import Data
from ..request_files import read_request

_PATH = "/api/case-images"
_POLL_S = 0.5

CaseId = Annotated[str | None, typer.Option("--case-id", help="The case, as `PUT /v1/subjects/{name}` named it.")]
Out = Annotated[Path, typer.Option(help="Where progress and report are written.", file_okay=False)]
_DAY = ["%Y-%m-%d"]


class What(StrEnum):
    """Of a case."""

    ALL = "all"
    SUSPECTS = "suspects"
    SCENE = "scene"


def register(app: typer.Typer) -> None:
    cases = typer.Typer(help="Pictures of cases: make, resume, missing, stats.", no_args_is_help=True)
    cases.command("make")(make)
    cases.command("resume")(resume)
    cases.command("missing")(missing)
    cases.command("stats")(stats)
    app.add_typer(cases, name="case-images")


def make(
    batch_file: Annotated[Path | None, typer.Argument(help="A batch file, instead of a case.", dir_okay=False)] = None,
    *,
    case_id: CaseId = None,
    what: Annotated[What, typer.Option("--type", help="What of the case.")] = What.ALL,
    delay: Annotated[int | None, typer.Option(min=0, help="Milliseconds between two images.")] = None,
    max_cost: Annotated[float | None, typer.Option(help="US dollars; refused where it would cost more.")] = None,
    estimate_only: Annotated[
        bool, typer.Option("--estimate-only", help="Say what it would cost; make nothing.")
    ] = False,
    idempotency_key: Key = None,
    out: Out = Path(),
    data: Data = None,
) -> None:
    """Make the images of a case, or of a batch file, one after another."""
    if (batch_file is None) == (case_id is None):
        raise CommandFailed("Say which: ./run case-images make --case-id CASE   or give a batch file")
    body: dict[str, Any] = {"caseId": case_id, "type": str(what)} if batch_file is None else read_request(batch_file)
    if delay is not None:
        body["options"] = {**body.get("options", {}), "delay": delay}
    if max_cost is not None:
        body["maxCost"] = max_cost
    with Api.of(data) as api:
        if estimate_only:
            typer.echo(_asked(api, "POST", "/estimate", body))
            return
        _follow(api, _bought(api, "/batches", idempotency_key, body=body), out)


def resume(
    batch: Annotated[str, typer.Argument(help="The batch.", metavar="BATCH")], *, out: Out = Path(), data: Data = None
) -> None:
    """Make again what failed of a batch, and follow it to its end."""
    with Api.of(data) as api:
        _follow(api, _progress(api, "POST", f"/batches/{batch}/resume"), out)


def missing(
    *,
    case_id: CaseId = None,
    fix: Annotated[bool, typer.Option("--fix", help="Make what is missing.")] = False,
    export: Annotated[Path | None, typer.Option(help="Write what is missing into this file.", dir_okay=False)] = None,
    idempotency_key: Key = None,
    out: Out = Path(),
    data: Data = None,
) -> None:
    """Which suspects and scenes have no image, of one case or of all."""
    query = {"caseId": case_id} if case_id is not None else {}
    with Api.of(data) as api:
        found = json_format.loads(api.request("GET", f"{_PATH}/missing", query=query))
        if export is not None:
            _write(export, found)
        for case in found:
            names = [one.get("suspectId", one["type"]) for one in case["missing"]]
            typer.echo(f"{case['caseId']}: {', '.join(names)}")
        if not found:
            typer.echo("Nothing is missing.")
        # Under a key that was given, what it made before is followed, also where nothing is missing since.
        if fix and (found or idempotency_key is not None):
            _follow(api, _bought(api, "/missing", idempotency_key, query=query), out)


def stats(
    *,
    begin: Annotated[datetime | None, typer.Option("--from", help="The first day, in UTC.", formats=_DAY)] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="The last day, in UTC.", formats=_DAY)] = None,
    export: Annotated[Path | None, typer.Option(help="Write the CSV into this file.", dir_okay=False)] = None,
    data: Data = None,
) -> None:
    """A line of CSV for each batch of cases."""
    days = {name: day.date().isoformat() for name, day in (("from", begin), ("to", end)) if day is not None}
    with Api.of(data) as api:
        text = api.request("GET", f"{_PATH}/statistics", query=days).decode()
    if export is None:
        typer.echo(text, nl=False)
    else:
        _write(export, text)


def _follow(api: Api, progress: dict[str, Any], out: Path) -> None:
    """Until nothing waits, and then the report. Exit code 1 when something failed."""
    batch = progress["batchId"]
    try:
        _followed(api, progress, out)
        report = json_format.loads(api.request("GET", f"{_PATH}/batches/{batch}/report"))
    except NotAnswered as error:
        raise CommandFailed(f"{error}\nThe batch goes on. To follow it: ./run case-images resume {batch}") from error
    _write(out / f"{batch}-report.json", report)
    summary = report["summary"]
    typer.echo(f"COMPLETE: {summary['successful']}/{summary['total']} successful")
    for advice in report["recommendations"]:
        typer.echo(f"  {advice}")
    if summary["failed"]:
        raise typer.Exit(1)


def _followed(api: Api, progress: dict[str, Any], out: Path) -> None:
    """Until nothing waits: each step told, the progress file kept."""
    batch = progress["batchId"]
    told: tuple[object, ...] | None = None
    while True:
        _write(out / f"{batch}-progress.json", progress)
        how_far = progress["progress"]
        step = (how_far["current"], how_far.get("currentImage"))
        if step != told:
            _tell(how_far)
            told = step
        if not progress["pending"]:
            break
        time.sleep(_POLL_S)
        progress = _progress(api, "GET", f"/batches/{batch}")
        _refuse_what_ended(api, progress)


def _bought(
    api: Api, path: str, key: str | None, *, body: object = None, query: dict[str, str] | None = None
) -> dict[str, Any]:
    """The progress of a batch that is asked for under a key."""
    key = told_key(key)
    try:
        found = api.request("POST", _PATH + path, json=body, query=query, headers={"Idempotency-Key": key})
    except NotAnswered as error:
        advice = f"To go on and pay for nothing twice, give the same command again with: --idempotency-key {key}"
        raise CommandFailed(f"{error}\n{advice}") from error
    progress: dict[str, Any] = json_format.loads(found)
    return progress


def _refuse_what_ended(api: Api, progress: dict[str, Any]) -> None:
    """A batch that was refused, cancelled, or stopped on an error has images that wait for ever."""
    if not progress["pending"]:
        return
    batch = json_format.loads(api.request("GET", f"/v1/batches/{progress['batchId']}"))
    if batch["state"] in ("rejected", "cancelled"):
        reasons = "; ".join(reason["message"] for reason in batch["reasons"])
        raise CommandFailed(f"The batch {batch['id']} is {batch['state']}. {reasons}".rstrip())
    if batch["paused_at"] is not None:
        raise CommandFailed(f"{batch['pause_reason']}. To go on: ./run case-images resume {batch['id']}")


def _tell(how_far: dict[str, Any]) -> None:
    typer.echo(f"[{how_far['current']}/{how_far['total']}] {how_far['percentage']}%")
    if how_far.get("currentImage"):
        typer.echo(f"Generating: {how_far['currentImage']}")
    typer.echo(f"Elapsed: {_clock(how_far['elapsed'])}")
    if how_far.get("estimated") is not None:
        typer.echo(f"Estimated remaining: {_clock(how_far['estimated'])}")


def _clock(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


def _progress(api: Api, method: str, path: str, body: object = None) -> dict[str, Any]:
    found: dict[str, Any] = json_format.loads(_asked(api, method, path, body))
    return found


def _asked(api: Api, method: str, path: str, body: object = None) -> str:
    return api.request(method, f"{_PATH}{path}", json=body).decode()


def _write(path: Path, content: object) -> None:
    """Whole or not at all."""
    text = content if isinstance(content, str) else json_format.dumps(content, indent=2, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.part")
        beside.write_text(text)
        beside.replace(path)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error}") from error
