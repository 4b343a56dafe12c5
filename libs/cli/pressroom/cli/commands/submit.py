"""`pressroom submit`: ask for a batch over HTTP, and with `--wait` stay until it is done."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pressroom.contracts.api import Batch
from pressroom.contracts.vocabulary import (
    BatchState,
    Category,
    Fallback,
    Mode,
    PlatformName,
    Priority,
    ProductType,
    ProviderName,
)

from ..connection import Api
from ..errors import CommandFailed
from ..options import Data, Json
from ..request_files import read_request, uploaded
from ..waiting import wait_for

_MICRO = 1_000_000
_MOMENTS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%z"]


def register(app: typer.Typer) -> None:
    app.command("submit")(submit)


def submit(
    prompt: Annotated[str | None, typer.Argument(help="What to picture.")] = None,
    *,
    provider: Annotated[
        list[ProviderName] | None,
        typer.Option(help="What makes the pixels, studio when absent; repeat it for who takes over what one gave up."),
    ] = None,
    fallback: Annotated[
        Fallback | None, typer.Option(help="What an image gets that nobody made; it is never published.")
    ] = None,
    mode: Annotated[
        Mode, typer.Option(help="One at a time, the provider's half-price batch, or whichever fits.")
    ] = Mode.REALTIME,
    deadline: Annotated[datetime | None, typer.Option(help="When it must be done, in UTC.", formats=_MOMENTS)] = None,
    schedule: Annotated[datetime | None, typer.Option(help="Begin then, in UTC.", formats=_MOMENTS)] = None,
    off_peak: Annotated[bool | None, typer.Option("--off-peak", help="Begin in the off-peak hours.")] = None,
    count: Annotated[int | None, typer.Option(help="How many images of the prompt.")] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What to leave out.")] = None,
    style: Annotated[str | None, typer.Option(help="Added to the prompt, e.g. 'digital art'.")] = None,
    genre: Annotated[str | None, typer.Option(help="Added to the prompt, e.g. futuristic.")] = None,
    quality_words: Annotated[str | None, typer.Option(help="Added at the prompt's end.")] = None,
    transparent: Annotated[bool | None, typer.Option("--transparent", help="A transparent background.")] = None,
    input_image: Annotated[
        list[Path] | None, typer.Option(help="A reference picture; repeat it for more.", exists=True, dir_okay=False)
    ] = None,
    workflow: Annotated[str | None, typer.Option(help="A workflow of a ComfyUI or RunPod lane.")] = None,
    model: Annotated[str | None, typer.Option(help="The provider's model.")] = None,
    width: Annotated[int | None, typer.Option(help="Pixels of the picture that the provider makes.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels of the picture that the provider makes.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of a diffusion model.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale of a diffusion model.")] = None,
    seed: Annotated[int | None, typer.Option(help="The first image's seed.")] = None,
    profile: Annotated[str | None, typer.Option(help="The file to make of it.")] = None,
    priority: Annotated[Priority | None, typer.Option(help="Its place in the lane.")] = None,
    max_concurrent: Annotated[int | None, typer.Option(help="Images of it in the lane at once.")] = None,
    category: Annotated[Category | None, typer.Option(help="What it is made for: its price in credits.")] = None,
    max_cost: Annotated[
        str | None, typer.Option(help="US dollars that providers may take for all of it; what is beyond is not made.")
    ] = None,
    publish: Annotated[
        list[str] | None, typer.Option(help="Make this product of every approved image, e.g. printify:t-shirt.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Its title.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; repeat it for more.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="A JSON file with the whole request, instead of options.", dir_okay=False)
    ] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="Asking twice with one key gives one batch.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until it is done; exit code 1 if images failed.")] = False,
    json: Json = False,
    data: Data = None,
) -> None:
    """Ask for a batch of images."""
    if (prompt is None) == (file is None):
        raise CommandFailed('Say what to picture: ./run submit "a red fox"   or give a request with --file')
    names = provider or [ProviderName.STUDIO]
    options: dict[str, object | None] = {
        "provider": str(names[0]) if len(names) == 1 else None,
        "providers": [str(name) for name in names] if len(names) > 1 else None,
        "fallback": fallback,
        "deadline_at": _moment(deadline),
        "schedule_at": _moment(schedule),
        "off_peak": off_peak,
        "style": style,
        "genre": genre,
        "quality_words": quality_words,
        "transparent": transparent,
        "workflow": workflow,
        "mode": mode,
        "prompt": prompt,
        "count": count,
        "negative_prompt": negative_prompt,
        "model": model,
        "width": width,
        "height": height,
        "steps": steps,
        "guidance": guidance,
        "seed": seed,
        "profile": profile,
        "priority": priority,
        "max_concurrent": max_concurrent,
        "category": category,
        "max_cost": max_cost,
        "auto_publish": [_target(target) for target in publish] if publish else None,
        "title": title,
        "tags": tag,
    }
    body = read_request(file) if file else {name: value for name, value in options.items() if value is not None}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
    with Api.of(data) as api:
        if input_image:
            body["input_images"] = [uploaded(api, picture) for picture in input_image]
        batch = Batch.model_validate_json(api.request("POST", "/v1/batches", json=body, headers=headers))
        if not json:
            typer.echo(f"{batch.id} {_way(batch)}", err=wait)
        if wait:
            batch = wait_for(api, batch.id, quiet=json)
    if json:
        typer.echo(batch.model_dump_json())
    elif wait:
        typer.echo(_outcome(batch))
    if wait and (batch.state is not BatchState.COMPLETED or batch.progress.failed):
        raise typer.Exit(1)


def _moment(given: datetime | None) -> str | None:
    return None if given is None else given.replace(tzinfo=given.tzinfo or UTC).isoformat()


def _way(batch: Batch) -> str:
    """How it stands, and what was decided about it."""
    said = f"{batch.state}"
    if batch.starts_at is not None and batch.state is BatchState.SCHEDULED:
        said += f" for {batch.starts_at:%Y-%m-%d %H:%M:%S} UTC"
    choice = batch.mode_choice
    if choice is None:
        return said
    saves = f", saves ${choice.saves_microusd / _MICRO:g}" if choice.saves_microusd else ""
    return f"{said}, mode {choice.mode}: {choice.reason}{saves}"


def _target(text: str) -> dict[str, str]:
    platform, _, product = text.partition(":")
    if platform not in list(PlatformName) or product not in list(ProductType):
        platforms, products = ", ".join(PlatformName), ", ".join(ProductType)
        raise CommandFailed(f"--publish {text!r}: PLATFORM:PRODUCT, of {platforms} and of {products}")
    return {"platform": platform, "product_type": product}


def _outcome(batch: Batch) -> str:
    counts = batch.progress
    lines = [f"{batch.state}: {counts.ready} made, {counts.failed} failed, {counts.cancelled} cancelled"]
    lines += [f"  {reason.field}: {reason.message}" for reason in batch.reasons]
    return "\n".join(lines)
