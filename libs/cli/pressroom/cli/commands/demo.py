"""`pressroom demo`: the whole line from prompt to product on this machine, in a data folder of its own.

The folder is removed at the end, also after a failure or a Ctrl-C, unless `--keep`.
"""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, TypeAdapter
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from pressroom.contracts.api import Image, Page
from pressroom.contracts.events import Event
from pressroom.runtime.audit import AuditReport, audit

from ..connection import Api, settings_of
from ..contact_sheet import contact_sheet
from ..data_folder import DataFolder, InstanceFacts
from ..demonstration import BatchTally, Demonstration, Shops, look_into_shops
from ..errors import CommandFailed
from ..event_lines import colour, detail, subject_of
from ..gemini_demonstration import POLLER, GeminiDemonstration
from ..options import Json
from ..own_instance import OwnInstance, without_settings
from .audit import describe

_QUIET_WITHIN_S = 15.0  # an event is published after the write that it tells of, so a look in between sees a drift
_STEPS = 3  # an image is made, approved, published
_COLUMNS = 4
_IMAGES = TypeAdapter(Page[Image])
_NAME_WIDTH = 20


class Story(StrEnum):
    """What else can be shown."""

    GEMINI = "gemini"


class DemoImages(BaseModel):
    """What became of the pictures; `published` counts products that Pressroom says are in a shop."""

    requested: int
    generated: int
    failed: int
    approved: int
    published: int


class DemoResult(BaseModel):
    """The last line of `--json`. `products` and `provider_jobs` are counted by the vendors' side."""

    batches: int
    images: DemoImages
    products: dict[str, int]
    provider_jobs: int
    audit: dict[str, int]
    seconds: float


class GeminiResult(BaseModel):
    """The last line of `demo gemini --json`. `provider_jobs` is counted by the vendor's side."""

    images: int
    failed: int
    provider_jobs: int
    restarts: int
    audit: dict[str, int]


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    story: Annotated[
        Story | None, typer.Argument(help="A provider job of twenty, two refused rows, its poller killed in between.")
    ] = None,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder and say where the pictures are.")] = False,
    json: Json = False,
) -> None:
    """Two batches from prompt to product: one over HTTP, one by event, both published, then an audit. `demo gemini`: a
    provider job of twenty images, two of which fail there, with its poller killed in the middle, then an audit."""
    console = Console(stderr=json, highlight=False)
    with _own_folder(console, keep=keep) as path:
        if story is Story.GEMINI:
            _show_gemini(path, console, json=json, keep=keep)
        else:
            _show_products(path, console, json=json, keep=keep)


def _show_products(path: Path, console: Console, *, json: bool, keep: bool) -> None:
    began = time.monotonic()
    with _running(path, console) as facts:
        story = _tell(facts, console)
        shops = look_into_shops(facts)
        report = _audit(facts)
        if keep:
            _keep_pictures(facts, story, path, console)
    result = _result(list(story.values()), shops, report, time.monotonic() - began)
    console.print(f"\n{describe(report)}")
    typer.echo(result.model_dump_json() if json else _summary(result, keep=keep))
    if report.drifts or any(not tally.done or tally.published != tally.requested for tally in story.values()):
        raise CommandFailed("Not every picture became a product.")


def _show_gemini(path: Path, console: Console, *, json: bool, keep: bool) -> None:
    with _running(path, console) as facts:
        story, images = _tell_gemini(path, facts, console)
        shops = look_into_shops(facts)
        report = _audit(facts)
        if keep:
            _keep_pictures(facts, sorted({image.batch_id for image in images}), path, console)
    result = GeminiResult(
        images=story.generated,
        failed=story.failed,
        provider_jobs=shops.provider_jobs,
        restarts=story.restarts,
        audit={"drift": len(report.drifts)},
    )
    console.print("")
    for image in images:
        if image.error is not None:
            console.print(f"{image.id}  {image.state}  {image.error.kind}: {image.error.message}", soft_wrap=True)
    console.print(describe(report))
    told = f"{result.images} pictures made, {result.failed} refused with a reason; "
    told += f"provider jobs: {result.provider_jobs}, restarts of the poller: {result.restarts}."
    typer.echo(result.model_dump_json() if json else told)
    if report.drifts or result.images + result.failed != story.requested or result.provider_jobs != 1:
        raise CommandFailed("Not every picture was accounted for, or one job was not enough.")


@contextmanager
def _own_folder(console: Console, *, keep: bool) -> Generator[Path]:
    path = Path(tempfile.mkdtemp(prefix="pressroom-demo-"))
    try:
        yield path
    finally:
        if keep:
            console.print(f"The data folder is kept: {path}", soft_wrap=True)
        else:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _running(path: Path, console: Console) -> Generator[InstanceFacts]:
    instance = OwnInstance(DataFolder(path), environment=without_settings(os.environ))
    began = time.monotonic()
    try:
        with console.status("Starting nats-server, mongod, the sandbox and four services"):
            facts = instance.start()
        console.print(f"Everything is ready after {time.monotonic() - began:.1f} s; the vendors are stand-ins.\n")
        yield facts
    finally:
        instance.stop()


def _tell(facts: InstanceFacts, console: Console) -> dict[str, BatchTally]:
    columns = (
        TextColumn("{task.description:<26}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
    )
    began = time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def show(event: Event, story: Demonstration) -> None:
            for batch_id, tally in story.batches.items():
                if batch_id not in tasks:
                    tasks[batch_id] = progress.add_task(tally.label, total=_STEPS * tally.requested, counts="")
                counts = f"made {tally.generated}  approved {tally.approved}  published {tally.published}"
                done = tally.generated + tally.approved + tally.published
                progress.update(tasks[batch_id], completed=done, counts=f"{counts}  of {tally.requested}")
            console.print(_line(event, time.monotonic() - began), soft_wrap=True)

        demonstration = Demonstration(facts, show)
        asyncio.run(demonstration.run())
    return demonstration.batches


def _tell_gemini(path: Path, facts: InstanceFacts, console: Console) -> tuple[GeminiDemonstration, list[Image]]:
    began = time.monotonic()

    columns = (TextColumn("{task.description:<26}"), BarColumn(bar_width=30), TextColumn("{task.fields[counts]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Gemini, one provider job", total=None, counts="")

        def show(event: Event, story: GeminiDemonstration) -> None:
            counts = f"made {story.generated}  failed {story.failed}  of {story.requested}"
            progress.update(task, total=story.requested, completed=story.generated + story.failed, counts=counts)
            console.print(_line(event, time.monotonic() - began), soft_wrap=True)

        def killed(pid: int) -> None:
            console.print(f"{time.monotonic() - began:6.1f} s  {POLLER} (process {pid}) is killed with SIGKILL")

        story = GeminiDemonstration(DataFolder(path), facts, show, killed)
        images = asyncio.run(story.run())
    return story, images


def _line(event: Event, after_s: float) -> Text:
    return Text.assemble(
        f"{after_s:6.1f} s  ",
        (type(event).__name__.ljust(_NAME_WIDTH), colour(event)),
        f"  {subject_of(event)}  ",
        (detail(event), "dim"),
    )


def _audit(facts: InstanceFacts) -> AuditReport:
    """The audit once everything is told; its last word when that does not come."""
    deadline = time.monotonic() + _QUIET_WITHIN_S
    while True:
        report = asyncio.run(audit(settings_of(facts)))
        if not report.drifts or time.monotonic() > deadline:
            return report


def _keep_pictures(facts: InstanceFacts, batches: Iterable[str], path: Path, console: Console) -> None:
    pictures = path / "pictures"
    pictures.mkdir()
    thumbnails: list[bytes] = []
    with Api(facts.url, facts.token) as api:
        for batch_id in batches:
            page = _IMAGES.validate_json(api.request("GET", f"/v1/batches/{batch_id}/images"))
            for image in page.items:
                if image.file is None:
                    continue
                thumbnails.append(api.request("GET", f"/v1/images/{image.id}/thumbnail"))
                (pictures / f"{image.id}.png").write_bytes(api.request("GET", f"/v1/images/{image.id}/content"))
    sheet = path / "contact-sheet.png"
    sheet.write_bytes(contact_sheet(thumbnails, columns=_COLUMNS))
    console.print(f"\nContact sheet: {sheet}\nPrint files:   {pictures}", soft_wrap=True)


def _result(tallies: list[BatchTally], shops: Shops, report: AuditReport, seconds: float) -> DemoResult:
    return DemoResult(
        batches=len(tallies),
        images=DemoImages(
            requested=sum(tally.requested for tally in tallies),
            generated=sum(tally.generated for tally in tallies),
            failed=sum(tally.failed for tally in tallies),
            approved=sum(tally.approved for tally in tallies),
            published=sum(tally.published for tally in tallies),
        ),
        products={"printify": shops.printify, "shopify": shops.shopify},
        provider_jobs=shops.provider_jobs,
        audit={"drift": len(report.drifts)},
        seconds=round(seconds, 1),
    )


def _summary(result: DemoResult, *, keep: bool) -> str:
    images, products = result.images, result.products
    lines = [
        f"{images.requested} pictures asked for, {images.generated} made, {images.published} published: "
        f"{products['printify']} products at Printify, {products['shopify']} at Shopify, in {result.seconds:.0f} s.",
    ]
    if not keep:
        lines.append("See the pictures with: ./run demo --keep")
    return "\n".join(lines)
