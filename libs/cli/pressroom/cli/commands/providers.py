"""`pressroom providers`: whose lanes are open, what they cost, what waits; make one image by way of trial; open a lane.

A trial is a batch like any other: it goes through the lane, its limits and its accounts, and shows what a user gets.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from pressroom.contracts.api import Batch, Image, Page, Provider
from pressroom.contracts.finishing import NO_PROFILE, Verdict
from pressroom.contracts.vocabulary import BatchState, ImageState, LaneState, ProviderName

from ..connection import Api
from ..errors import CommandFailed
from ..options import Data, Json
from ..terminal_picture import drawn
from ..waiting import wait_for

TRIAL_PROMPT = "a red fox on a hill at sunrise, screen print"
TRIAL_SIDE_PX = 1024

_PROVIDERS = TypeAdapter(list[Provider])
_IMAGES = TypeAdapter(Page[Image])
_COLOURS = {LaneState.OPEN: "green", LaneState.PAUSED: "yellow", LaneState.CLOSED: "red"}
_MARKS = {Verdict.PASS: ("ok", "green"), Verdict.WARN: ("look", "yellow"), Verdict.FAIL: ("bad", "red")}

Name = Annotated[ProviderName, typer.Argument(help="The provider.")]


def register(app: typer.Typer) -> None:
    providers = typer.Typer(help="Show whose lanes are open; try one; open one.", invoke_without_command=True)
    providers.callback()(show)
    providers.command("check")(check)
    providers.command("open")(reopen)
    app.add_typer(providers, name="providers")


def show(context: typer.Context, *, json: Json = False, data: Data = None) -> None:
    """Every provider's lane: open or closed and why, model, price, limits, backlog."""
    if context.invoked_subcommand is not None:
        return
    with Api.of(data) as api:
        found = _PROVIDERS.validate_json(api.request("GET", "/v1/providers"))
    if json:
        typer.echo(_PROVIDERS.dump_json(found).decode())
        return
    rows = [("provider", "lane", "model", "$ an image", "limits", "waiting", "taken")]
    rows += [
        (
            str(one.name),
            str(one.state),
            one.model or "",
            _price(one),
            _limits(one),
            str(one.waiting or ""),
            str(one.taken or ""),
        )
        for one in found
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if number:
            cells[1] = typer.style(cells[1], fg=_COLOURS[found[number - 1].state])
        typer.echo(typer.style("  ".join(cells).rstrip(), bold=number == 0))
        if number and found[number - 1].reason:
            typer.echo(f"    {found[number - 1].reason}")


def _price(provider: Provider) -> str:
    if provider.price is not None:
        return f"{provider.price.usd}"
    return "own machine" if provider.is_free else "not known"


def _limits(provider: Provider) -> str:
    said: list[str] = []
    if provider.requests_per_minute:
        said.append(f"{provider.requests_per_minute:g}/min")
    if provider.in_flight:
        said.append(f"{provider.in_flight} at once")
    if provider.timeout_s:
        said.append(f"{provider.timeout_s:g} s")
    if provider.max_attempts:
        said.append(f"{provider.max_attempts} tries")
    return ", ".join(said)


def check(
    name: Name,
    *,
    prompt: Annotated[str, typer.Option(help="What to picture.")] = TRIAL_PROMPT,
    width: Annotated[int, typer.Option(help="Pixels.")] = TRIAL_SIDE_PX,
    height: Annotated[int, typer.Option(help="Pixels.")] = TRIAL_SIDE_PX,
    profile: Annotated[str, typer.Option(help="The file to make of it.")] = NO_PROFILE,
    out: Annotated[Path | None, typer.Option(help="Where to put the picture; pressroom-NAME.png when absent.")] = None,
    json: Json = False,
    data: Data = None,
) -> None:
    """Make one image with a provider and show it. A provider that bills, bills for it."""
    path = out or Path(f"pressroom-{name}.png")
    if not path.parent.is_dir():
        raise CommandFailed(f"--out {path}: there is no folder {path.parent}; nothing was asked for")
    request = {"provider": name, "prompt": prompt, "width": width, "height": height, "profile": profile}
    with Api.of(data) as api:
        asked = Batch.model_validate_json(api.request("POST", "/v1/batches", json={**request, "priority": "urgent"}))
        _tell_of_a_pause(api, name)
        done = wait_for(api, asked.id, quiet=json)
        if done.state is not BatchState.COMPLETED:
            reasons = "; ".join(f"{reason.field}: {reason.message}" for reason in done.reasons)
            raise CommandFailed(f"{name} made no picture: the batch is {done.state}. {reasons}".rstrip())
        (image,) = _IMAGES.validate_json(api.request("GET", f"/v1/batches/{asked.id}/images")).items
        is_made = image.state is ImageState.GENERATED
        if is_made:
            path.write_bytes(api.request("GET", f"/v1/images/{image.id}/content"))
    if json:
        typer.echo(image.model_dump_json())
    else:
        _describe(image, path if is_made else None)
    if not is_made:
        raise typer.Exit(1)


def _tell_of_a_pause(api: Api, name: ProviderName) -> None:
    """Whoever waits should know for what."""
    found = _PROVIDERS.validate_json(api.request("GET", "/v1/providers"))
    lane = next(one for one in found if one.name is name)
    if lane.state is LaneState.PAUSED:
        until = f" until {lane.paused_until:%H:%M:%S} UTC" if lane.paused_until else ""
        typer.echo(f"The lane is paused{until}: {lane.reason}", err=True)


def _describe(image: Image, path: Path | None) -> None:
    if path is None or image.file is None:
        why = image.error.message if image.error else f"the image is {image.state}"
        raise CommandFailed(f"{image.provider} made no picture: {why}")
    if sys.stdout.isatty():
        typer.echo(drawn(path.read_bytes()))
    typer.echo(f"{path}: {image.file.width_px}x{image.file.height_px}, {image.file.size_bytes / 1e6:.1f} MB")
    seconds = sum(attempt.seconds for attempt in image.tries)
    seed = "no seed" if image.tries and image.tries[-1].seed is None else f"seed {image.seed}"
    typer.echo(f"{image.provider} {image.model}, {seed}, {seconds:.1f} s")
    estimate = "not known" if image.estimated_cost_usd is None else f"${image.estimated_cost_usd}"
    typer.echo(f"cost ${image.cost_usd}, estimated {estimate}")
    for found in image.checks:
        mark, colour = _MARKS[found.verdict]
        typer.echo(f"{typer.style(mark.ljust(4), fg=colour)} {found.name}: {found.reason}")


def reopen(name: Name, *, data: Data = None) -> None:
    """Open a lane that was closed or paused, when what its reason names is mended."""
    with Api.of(data) as api:
        opened = Provider.model_validate_json(api.request("POST", f"/v1/providers/{name}/open"))
    typer.echo(f"{opened.name} is {opened.state}")
