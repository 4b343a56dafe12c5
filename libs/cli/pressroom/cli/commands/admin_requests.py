"""`pressroom admin-requests`: images and blog posts of files, one request after another, as the older scripts did it.

Results are saved after each request, so what a command that is stopped had made is in its file. Under the same
`--idempotency-key`, which is drawn and told where none is given, the same files again go on where they were, and make
nothing twice.
"""

import json as json_format
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from pydantic import Field, TypeAdapter, ValidationError

from ..connection import Api
from ..errors import CommandFailed
from ..idempotency import Key, told_key
from ..options import Data
from ..request_files import read_request

HELD_S = 4000.0
"""Longer than the gateway keeps a request waiting at the most (`PRESSROOM_GENERATE_WAIT_S`)."""

DELAY_MAX_MS = 60_000

_REQUESTS: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(Annotated[list[dict[str, Any]], Field(min_length=1)])
_WORDS: TypeAdapter[list[object]] = TypeAdapter(list[object])


class Worked(NamedTuple):
    """The results, as they are saved too; `stopped`: why not all of the file was asked for."""

    results: dict[str, Any]
    stopped: CommandFailed | None = None


class Kind(NamedTuple):
    """What is different between the two: `shown` are the fields that are told of a request, with their names."""

    path: str
    file: str
    results: str
    begins: str
    shown: tuple[tuple[str, str], ...]
    delay_ms: int

    @property
    def word(self) -> str:
        """What it is called in the results of both."""
        return self.results.split("-")[1]


IMAGES = Kind(
    "/api/admin/images/batch",
    "image-requests.json",
    "batch-image-results",
    "🖼️ Generating image",
    (("Prompt", "prompt"), ("Provider", "providers"), ("Model", "model"), ("Size", "size"), ("Guidance", "guidance")),
    3000,
)
BLOGS = Kind(
    "/api/admin/blogs/batch",
    "blog-requests.json",
    "batch-blog-results",
    "📝 Creating blog post",
    (("Title", "title"), ("Published", "isPublished"), ("Featured", "isFeatured")),
    1000,
)

Delay = Annotated[
    int | None,
    typer.Option(
        min=0, max=DELAY_MAX_MS, help="Milliseconds between two requests; 3000 for images, 1000 for posts when absent."
    ),
]
Out = Annotated[Path, typer.Option(help="Where the results are written.", file_okay=False)]


def register(app: typer.Typer) -> None:
    requests = typer.Typer(
        help="Images and blog posts of files, one after another: images, blogs, or both.", invoke_without_command=True
    )
    requests.callback()(both)
    requests.command("images")(images)
    requests.command("blogs")(blogs)
    app.add_typer(requests, name="admin-requests")


def both(
    context: typer.Context,
    *,
    delay: Delay = None,
    out: Out = Path(),
    idempotency_key: Key = None,
    data: Data = None,
) -> None:
    """The images of image-requests.json, then the posts of blog-requests.json."""
    if context.invoked_subcommand is not None:
        return
    key = told_key(idempotency_key)
    done: dict[str, dict[str, Any]] = {}
    stopped = None
    for kind in (IMAGES, BLOGS):
        if stopped is None:
            done[kind.word], stopped = _worked_off(kind, Path(kind.file), delay, out, key, data)
    counts = [results["summary"] for results in done.values()]
    successful, failed = (sum(summary[name] for summary in counts) for name in ("successful", "failed"))
    rate = _rate(successful, successful + failed)
    overall = {"successful": successful, "failed": failed, "successRate": rate}
    _write(out / f"combined-batch-results-{_stamp()}.json", {"timestamp": _now(), "summary": overall, **done})
    typer.echo("🎉 Batch processing completed!" if stopped is None else "🛑 Batch processing stopped.")
    typer.echo("📊 Overall Statistics:")
    typer.echo(f"   ✅ Total successful: {successful}")
    typer.echo(f"   ❌ Total failed: {failed}")
    typer.echo(f"   📊 Overall success rate: {rate:.1f}%")
    _end(failed, stopped)


def images(
    file: Annotated[Path, typer.Argument(help="A JSON list of requests.")] = Path(IMAGES.file),
    *,
    delay: Delay = None,
    out: Out = Path(),
    idempotency_key: Key = None,
    data: Data = None,
) -> None:
    """Make the images of a file."""
    results, stopped = _worked_off(IMAGES, file, delay, out, told_key(idempotency_key), data)
    _end(results["summary"]["failed"], stopped)


def blogs(
    file: Annotated[Path, typer.Argument(help="A JSON list of requests.")] = Path(BLOGS.file),
    *,
    delay: Delay = None,
    out: Out = Path(),
    idempotency_key: Key = None,
    data: Data = None,
) -> None:
    """Write the posts of a file; they are published in Pressroom's own store."""
    results, stopped = _worked_off(BLOGS, file, delay, out, told_key(idempotency_key), data)
    _end(results["summary"]["failed"], stopped)


def _end(failed: int, stopped: CommandFailed | None) -> None:
    """Exit code 1 when something failed."""
    if stopped is not None:
        raise stopped
    if failed:
        raise typer.Exit(1)


def _worked_off(kind: Kind, file: Path, delay: int | None, out: Path, key: str, data: Path | None) -> Worked:
    """Ask for one after another, until one is not answered."""
    try:
        wishes = _REQUESTS.validate_python(read_request(file))
    except ValidationError as error:
        raise CommandFailed(f"{file} is no list of requests: [{{…}}, {{…}}]") from error
    pause_ms = kind.delay_ms if delay is None else delay
    saved = out / f"{kind.results}-{_stamp()}.json"
    made: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    stopped = None
    began = time.monotonic()
    results = _results(made, failed, began)
    _write(saved, results)
    with Api.of(data) as api:
        for index, wish in enumerate(wishes, 1):
            _tell_of(kind, wish, index, len(wishes))
            try:
                item = _asked(api, kind.path, wish, index, key)
            except CommandFailed as error:
                stopped = _go_on(error, index - 1, len(wishes), key)
                break
            (made if item["success"] else failed).append(item)
            results = _results(made, failed, began)
            _write(saved, results)
            if index < len(wishes):
                typer.echo(f"   ⏳ Waiting {pause_ms}ms before next request...")
                time.sleep(pause_ms / 1000)
    _tell_summary(results)
    typer.echo(f"Saved: {saved}")
    return Worked(results, stopped)


def _go_on(error: CommandFailed, done: int, count: int, key: str) -> CommandFailed:
    said = f"{error}\n{done} of {count} requests were answered; the one after them may be made or not."
    advice = f"To go on and pay for nothing twice, give the same command again with: --idempotency-key {key}"
    stopped = CommandFailed(f"{said}\n{advice}")
    stopped.__cause__ = error
    return stopped


def _asked(api: Api, path: str, wish: dict[str, Any], index: int, key: str) -> dict[str, Any]:
    """What became of one request: an item of the results or of the errors."""
    headers = {"Idempotency-Key": f"{key}-{index}"}
    answer = json_format.loads(api.request("POST", path, json=[wish], headers=headers, timeout_s=HELD_S))
    item: dict[str, Any] = {**(answer["results"] or answer["errors"])[0], "index": index}
    if item["success"]:
        typer.echo(f"   ✅ Success - ID: {item['id']}")
        typer.echo(f"   📊 Duration: {item['duration']}ms")
    else:
        typer.echo(f"   ❌ Failed - {item['statusCode']}: {item['error']}")
    return item


def _tell_of(kind: Kind, wish: dict[str, Any], index: int, count: int) -> None:
    typer.echo(f"{kind.begins} {index}/{count}:")
    for label, name in kind.shown:
        if name in wish:
            value = wish[name]
            words = _WORDS.validate_python(value) if isinstance(value, list) else [value]
            typer.echo(f"   {label}: {', '.join(map(str, words))}")


def _results(made: list[dict[str, Any]], failed: list[dict[str, Any]], began: float) -> dict[str, Any]:
    count = len(made) + len(failed)
    total_ms = round((time.monotonic() - began) * 1000)
    return {
        "timestamp": _now(),
        "summary": {
            "totalRequests": count,
            "successful": len(made),
            "failed": len(failed),
            "successRate": _rate(len(made), count),
            "totalTime": total_ms,
            "averageTime": round(total_ms / max(count, 1)),
        },
        "results": made,
        "errors": failed,
    }


def _rate(successful: int, count: int) -> float:
    """Of a hundred; 0 of none."""
    return round(100 * successful / max(count, 1), 1)


def _tell_summary(results: dict[str, Any]) -> None:
    summary = results["summary"]
    count = summary["totalRequests"]
    typer.echo("")
    typer.echo("📊 Batch Processing Summary")
    typer.echo("==========================")
    typer.echo(f"✅ Successful: {summary['successful']}/{count} ({summary['successRate']:.1f}%)")
    typer.echo(f"❌ Failed: {summary['failed']}/{count}")
    typer.echo(f"⏱️ Total time: {summary['totalTime'] / 1000:.1f}s")
    typer.echo(f"⚡ Average time per request: {summary['averageTime'] / 1000:.1f}s")
    if results["results"]:
        durations = [item["duration"] for item in results["results"]]
        typer.echo(f"📈 Average generation time: {round(sum(durations) / len(durations))}ms")


def _write(path: Path, results: dict[str, Any]) -> None:
    """Whole or not at all, so that a command that is killed leaves what it had."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part")
        beside.write_text(json_format.dumps(results, indent=4, ensure_ascii=False) + "\n")
        beside.replace(path)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _stamp() -> str:
    """A moment as it may stand in a file's name."""
    return _now().replace(":", "-").replace(".", "-")
