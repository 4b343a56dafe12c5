"""`pressroom demo`: the whole line from prompt to product on this machine, in a data folder of its own.

The folder is removed at the end, also after a failure or a Ctrl-C, unless `--keep`.
"""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
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
from ..options import Json
from ..own_instance import OwnInstance, without_settings
from .audit import describe

_QUIET_WITHIN_S = 15.0  # an event is published after the write that it tells of, so a look in between sees a drift
_STEPS = 3  # an image is made, approved, published
_COLUMNS = 4
_IMAGES = TypeAdapter(Page[Image])
_NAME_WIDTH = 20


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


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder and say where the pictures are.")] = False,
    json: Json = False,
) -> None:
    """Two batches from prompt to product: one over HTTP, one by event, both published, then an audit."""
    console = Console(stderr=json, highlight=False)
    began = time.monotonic()
    path = Path(tempfile.mkdtemp(prefix="pressroom-demo-"))
    try:
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
            line = Text.assemble(
                f"{time.monotonic() - began:6.1f} s  ",
                (type(event).__name__.ljust(_NAME_WIDTH), colour(event)),
                f"  {subject_of(event)}  ",
                (detail(event), "dim"),
            )
            console.print(line, soft_wrap=True)

        demonstration = Demonstration(facts, show)
        asyncio.run(demonstration.run())
    return demonstration.batches


def _audit(facts: InstanceFacts) -> AuditReport:
    """The audit once everything is told; its last word when that does not come."""
    deadline = time.monotonic() + _QUIET_WITHIN_S
    while True:
        report = asyncio.run(audit(settings_of(facts)))
        if not report.drifts or time.monotonic() > deadline:
            return report


def _keep_pictures(facts: InstanceFacts, story: dict[str, BatchTally], path: Path, console: Console) -> None:
    pictures = path / "pictures"
    pictures.mkdir()
    thumbnails: list[bytes] = []
    with Api(facts.url, facts.token) as api:
        for batch_id in story:
            page = _IMAGES.validate_json(api.request("GET", f"/v1/batches/{batch_id}/images"))
            for image in page.items:
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
