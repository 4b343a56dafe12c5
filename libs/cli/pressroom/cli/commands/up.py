"""`pressroom up`: start everything on this machine; `--detach` leaves it in the background."""

import subprocess
import sys
import time
from typing import Annotated

import typer

from ..children import last_lines
from ..data_folder import DataFolder, InstanceFacts
from ..errors import CommandFailed
from ..launcher import READY_WITHIN_S, Launcher, launcher_log
from ..options import Data, Json

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_green")
_NAME_WIDTH = 14
_POLL_S = 0.05


def register(app: typer.Typer) -> None:
    app.command("up")(up)


def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Return when everything is ready, and let it run.")] = False,
    data: Data = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many image workers.")] = 1,
    json: Json = False,
) -> None:
    """Start the servers, the stand-ins for vendors without a key, and the services; restart what dies."""
    folder = DataFolder(data)
    began = time.monotonic()
    if detach:
        facts = _start_in_background(folder, workers)
        _announce(facts, folder, time.monotonic() - began, json=json, ending=f"./run down{folder.option}")
        return
    screen = _Screen(to_stderr=json)
    Launcher(folder, screen.tell, screen.show).run(
        workers=workers,
        when_ready=lambda facts: _announce(facts, folder, time.monotonic() - began, json=json, ending="Ctrl-C"),
    )


class _Screen:
    """The launcher's words and the programs' lines, in colours on a terminal."""

    def __init__(self, *, to_stderr: bool) -> None:
        self._to_stderr = to_stderr
        self._colours: dict[str, str] = {}

    def tell(self, text: str) -> None:
        self._say(typer.style(text, bold=True))

    def show(self, name: str, line: str) -> None:
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        self._say(f"{typer.style(f'{name:<{_NAME_WIDTH}}', fg=colour)} {line}")

    def _say(self, text: str) -> None:
        try:
            typer.echo(text, err=self._to_stderr)
        except OSError:
            return  # the terminal is gone; the programs' files have their lines, and the hang-up signal ends us


def _start_in_background(folder: DataFolder, workers: int) -> InstanceFacts:
    """A launcher in a session of its own; raises `CommandFailed` with its last lines when it does not get ready."""
    if folder.is_locked():
        raise folder.taken()
    log = launcher_log(folder)
    log.parent.mkdir(parents=True, exist_ok=True)
    words = ["up", "--data", str(folder.path), "--workers", str(workers)]
    with log.open("ab") as output:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "pressroom.cli", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + READY_WITHIN_S * 2
    while time.monotonic() < deadline:
        if launcher.poll() is not None:
            raise CommandFailed(f"Pressroom did not start. The launcher said ({log}):\n{last_lines(log)}")
        facts = folder.running()
        if facts is not None and facts.ready and facts.launcher_pid == launcher.pid:
            return facts
        time.sleep(_POLL_S)
    launcher.terminate()
    raise CommandFailed(f"Pressroom was not ready in time. The launcher said ({log}):\n{last_lines(log)}")


def _announce(facts: InstanceFacts, folder: DataFolder, seconds: float, *, json: bool, ending: str) -> None:
    if json:
        typer.echo(facts.model_dump_json())
        return
    lines = [
        "",
        typer.style(f"Pressroom is ready after {seconds:.1f} s.", fg="green", bold=True),
        f"  API       {facts.url}",
        f"  token     {facts.token}",
        f"  events    {facts.nats_url}",
        f"  database  {facts.mongo_url}",
        f"  data      {folder.path}",
    ]
    if facts.sandbox_url:
        lines.append(f"  sandbox   {facts.sandbox_url}/_sandbox/")
    if facts.stand_ins:
        lines += ["", *stand_in_warning(facts.stand_ins)]
    lines += ["", f'  Try:  ./run submit "a red fox in a snowy forest" --count 4 --wait{folder.option}']
    lines += [f"  End:  {ending}"]
    typer.echo("\n".join([*lines, ""]))


def stand_in_warning(names: tuple[str, ...]) -> list[str]:
    """Says that nothing real happens, so loudly that nobody takes a stand-in for the vendor."""
    loudly = f"  STAND-INS, played by the sandbox: {', '.join(names)}."
    return [
        typer.style(loudly, fg="yellow", bold=True),
        "  Nothing is bought and nothing appears in a shop. A vendor whose key is set is the real one:",
        "  PRESSROOM_GEMINI_API_KEY, PRESSROOM_PRINTIFY_TOKEN, PRESSROOM_SHOPIFY_TOKEN.",
    ]
