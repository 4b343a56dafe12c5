"""`pressroom jobs`: the asynchronous jobs at the providers: list, look, wait, take results, end, delete, create."""

import json as json_module
from pathlib import Path
from typing import Annotated
from unicodedata import category

import typer
from pydantic import TypeAdapter

from pressroom.contracts.api import BatchWithJobs, Image, Page, ProviderJob, ProviderJobStatus, Text
from pressroom.contracts.texts import SHAPES
from pressroom.contracts.vocabulary import ProviderName, TextKind

from ..connection import Api
from ..errors import CommandFailed
from ..options import Data, Json
from ..request_files import read_request, uploaded

WAIT_S = 20
"""How long one request waits: shorter than the client's own patience."""

_PAGE = 100
_JOBS = TypeAdapter(Page[ProviderJob])
_JOB_LIST = TypeAdapter(list[ProviderJob])
_RESULTS = TypeAdapter(Page[Image | Text])
_RESULT_LIST = TypeAdapter(list[Image | Text])
_OVER = frozenset(
    {
        ProviderJobStatus.SUCCEEDED,
        ProviderJobStatus.FAILED,
        ProviderJobStatus.CANCELLED,
        ProviderJobStatus.EXPIRED,
    }
)
_COLOURS = {
    ProviderJobStatus.SUCCEEDED: "green",
    ProviderJobStatus.FAILED: "red",
    ProviderJobStatus.EXPIRED: "red",
    ProviderJobStatus.CANCELLED: "yellow",
}

JobId = Annotated[str, typer.Argument(help="The job, as `jobs list` names it.", metavar="ID")]
State = Annotated[ProviderJobStatus | None, typer.Option(help="Only those that stand so.")]
Provider = Annotated[ProviderName | None, typer.Option(help="Only this provider's.")]
OfBatch = Annotated[str | None, typer.Option("--batch", help="Only those of this batch.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]


def register(app: typer.Typer) -> None:
    jobs = typer.Typer(help="The asynchronous jobs at the providers.", invoke_without_command=True)
    jobs.callback()(list_them)
    jobs.command("list")(list_jobs)
    jobs.command("show")(show)
    jobs.command("wait")(wait)
    jobs.command("results")(results)
    jobs.command("cancel")(cancel)
    jobs.command("delete")(delete)
    jobs.command("create")(create)
    app.add_typer(jobs, name="jobs")


def list_them(context: typer.Context, *, json: Json = False, data: Data = None) -> None:
    """The asynchronous jobs at the providers, newest first."""
    if context.invoked_subcommand is None:
        list_jobs(json=json, data=data)


def list_jobs(
    *,
    state: State = None,
    provider: Provider = None,
    batch: OfBatch = None,
    limit: Limit = 20,
    json: Json = False,
    data: Data = None,
) -> None:
    """List jobs, newest first."""
    wanted = {"state": state, "provider": provider, "batch": batch}
    query = {name: str(value) for name, value in wanted.items() if value is not None}
    found: list[ProviderJob] = []
    with Api.of(data) as api:
        while True:
            query["limit"] = str(min(limit - len(found), _PAGE))
            page = _JOBS.validate_json(api.request("GET", "/v1/provider-jobs", query=query))
            found += page.items
            if page.next_cursor is None or len(found) >= limit:
                break
            query["cursor"] = page.next_cursor
    if json:
        typer.echo(_JOB_LIST.dump_json(found).decode())
        return
    for job in found:
        counts = f"{job.succeeded} made, {job.failed} failed of {job.requested}"
        made_at = job.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        typer.echo(f"{job.id}  {made_at}  {job.provider}  {_coloured(job)}  {counts}  ${job.cost_usd}")
    if not found:
        typer.echo('There are none. Ask for one with: ./run jobs create "a red fox" --count 10')


def show(job: JobId, *, json: Json = False, data: Data = None) -> None:
    """Show one job: how it stands, its files, its cost, what went wrong and what to do about it."""
    with Api.of(data) as api:
        _tell(_job(api, job), json=json)


def wait(job: JobId, *, json: Json = False, data: Data = None) -> None:
    """Stay until the job has ended; exit code 1 when it made less than was asked for."""
    with Api.of(data) as api:
        found = _job(api, job)
        while found.state not in _OVER:
            found = _job(api, job, wait_s=WAIT_S)
    _tell(found, json=json)
    if found.succeeded < found.requested:
        raise typer.Exit(1)


def results(
    job: JobId,
    *,
    out: Annotated[
        Path | None, typer.Option(help="A folder to put the files of those that are ready into.", file_okay=False)
    ] = None,
    json: Json = False,
    data: Data = None,
) -> None:
    """Show a job's images, or texts: what it made, what failed and why; with --out bring the files."""
    found: list[Image | Text] = []
    with Api.of(data) as api:
        query: dict[str, str] = {}
        while True:
            page = _RESULTS.validate_json(api.request("GET", f"/v1/provider-jobs/{job}/results", query=query))
            found += page.items
            if page.next_cursor is None:
                break
            query["cursor"] = page.next_cursor
        written = sum(_write(api, result, out) for result in found) if out is not None else 0
    if json:
        typer.echo(_RESULT_LIST.dump_json(found).decode())
        return
    for result in found:
        said = f"{result.error.kind}: {result.error.message}" if result.error else result.prompt
        typer.echo(f"{result.id}  {result.state}  {_harmless(said)}")
        if isinstance(result, Text) and result.text is not None:
            typer.echo(readable(result))
    if out is not None:
        typer.echo(f"{written} files in {out}", err=True)


def _write(api: Api, result: Image | Text, folder: Path) -> bool:
    """Bring one file, if it is ready."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(result, Text):
        if result.text is None:
            return False
        suffix = "json" if result.kind in SHAPES else "txt"
        (folder / f"{result.id}.{suffix}").write_text(result.text, encoding="utf-8")
        return True
    if result.file is None:
        return False
    (folder / f"{result.id}.png").write_bytes(api.request("GET", f"/v1/images/{result.id}/content"))
    return True


def readable(text: Text) -> str:
    """A text as a terminal shows it, indented."""
    shown = json_module.dumps(text.fields, ensure_ascii=False, indent=2) if text.fields is not None else text.text or ""
    return "\n".join(f"    {_harmless(line)}" for line in shown.splitlines())


def _harmless(line: str) -> str:
    """Without the control characters that a terminal obeys: a model wrote it, or somebody else."""
    return "".join(" " if category(character) == "Cc" else character for character in line)


def cancel(job: JobId, *, json: Json = False, data: Data = None) -> None:
    """Ask the provider to end this job alone; what it has made by then is delivered."""
    with Api.of(data) as api:
        asked = ProviderJob.model_validate_json(api.request("POST", f"/v1/provider-jobs/{job}/cancel"))
    typer.echo(
        asked.model_dump_json() if json else f"{asked.id} is asked to end; follow it with: ./run jobs wait {job}"
    )


def delete(job: JobId, *, json: Json = False, data: Data = None) -> None:
    """Delete an ended job at its provider; its images stay."""
    with Api.of(data) as api:
        asked = ProviderJob.model_validate_json(api.request("DELETE", f"/v1/provider-jobs/{job}"))
    said = f"{asked.id} is deleted" if asked.deleted_at else f"{asked.id} will be deleted at {asked.provider}"
    typer.echo(asked.model_dump_json() if json else said)


def create(
    prompt: Annotated[str | None, typer.Argument(help="What to picture, or to write.")] = None,
    *,
    provider: Annotated[ProviderName, typer.Option(help="Whose job.")] = ProviderName.GEMINI,
    text: Annotated[TextKind | None, typer.Option(help="Write texts of this kind instead of pictures.")] = None,
    instructions: Annotated[str | None, typer.Option(help="What holds for every text: language, tone, length.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many of the prompt.")] = 1,
    input_image: Annotated[
        list[Path] | None, typer.Option(help="A reference picture; repeat it for more.", exists=True, dir_okay=False)
    ] = None,
    model: Annotated[str | None, typer.Option(help="The provider's model.")] = None,
    profile: Annotated[str | None, typer.Option(help="The file to make of each image.")] = None,
    width: Annotated[int | None, typer.Option(help="Pixels of the picture that the provider makes.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels of the picture that the provider makes.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A JSON file with the whole request, instead of options.", exists=True, dir_okay=False),
    ] = None,
    json: Json = False,
    data: Data = None,
) -> None:
    """Ask for images, or texts, as a provider's job, at half the price."""
    if (prompt is None) == (file is None):
        raise CommandFailed('Say what to picture: ./run jobs create "a red fox"   or give a request with --file')
    options: dict[str, object] = {
        "provider": provider,
        "prompt": prompt,
        "text_kind": text,
        "instructions": instructions,
        "count": count,
        "model": model,
        "profile": profile,
        "width": width,
        "height": height,
    }
    body = read_request(file) if file else {name: value for name, value in options.items() if value is not None}
    with Api.of(data) as api:
        if input_image:
            body["input_images"] = [uploaded(api, picture) for picture in input_image]
        batch = BatchWithJobs.model_validate_json(api.request("POST", "/v1/provider-jobs", json=body))
    if json:
        typer.echo(batch.model_dump_json())
    elif batch.provider_jobs:
        typer.echo("\n".join(batch.provider_jobs))
    else:
        typer.echo(f"{batch.id} is {batch.state}; its jobs are not planned yet: ./run jobs list --batch {batch.id}")


def _job(api: Api, job: str, *, wait_s: int = 0) -> ProviderJob:
    headers = {"Prefer": f"wait={wait_s}"} if wait_s else None
    return ProviderJob.model_validate_json(api.request("GET", f"/v1/provider-jobs/{job}", headers=headers))


def _coloured(job: ProviderJob) -> str:
    return typer.style(str(job.state), fg=_COLOURS.get(job.state))


def _tell(job: ProviderJob, *, json: bool) -> None:
    if json:
        typer.echo(job.model_dump_json())
        return
    estimate = "not known" if job.estimated_cost_usd is None else f"${job.estimated_cost_usd}"
    said = f" ({job.vendor_state})" if job.vendor_state else ""
    lines = [
        f"{job.id}  {_coloured(job)}{said}",
        f"  at {job.provider}: {job.vendor_name or 'not there yet'}, model {job.model or 'its default'}",
        f"  {job.succeeded} made, {job.failed} failed of {job.requested}; cost ${job.cost_usd}, estimated {estimate}",
        f"  input {job.input_file or '-'}, output {job.output_file or '-'}",
    ]
    if job.deadline_at:
        lines.append(f"  must be done by {job.deadline_at.astimezone():%Y-%m-%d %H:%M}")
    if job.error:
        lines.append(f"  {job.error.kind}: {job.error.message}")
    if job.recommendation:
        lines.append(f"  {job.recommendation}")
    if job.deleted_at:
        lines.append(f"  deleted at {job.provider} on {job.deleted_at.astimezone():%Y-%m-%d %H:%M}")
    typer.echo("\n".join(lines))
