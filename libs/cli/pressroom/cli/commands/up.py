"""`pressroom up`: start everything on this machine; `--detach` leaves it in the background."""

import os
import sys
import time
from textwrap import wrap
from typing import Annotated

import typer

from pressroom.runtime.loopback import LOOPBACK, is_loopback

from ..data_folder import DataFolder, InstanceFacts
from ..errors import CommandFailed
from ..launcher import Launcher
from ..options import Data, Json
from ..own_instance import OwnInstance
from ..vendors import VENDORS

OPEN_SETTING = "PRESSROOM_AUTH_OPEN"

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_green")
_NAME_WIDTH = 14
_TEXT_COLUMNS = 100


def register(app: typer.Typer) -> None:
    app.command("up")(up)


def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Return when everything is ready, and let it run.")] = False,
    data: Data = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many image workers.")] = 1,
    open_to_all: Annotated[
        bool, typer.Option("--open", help="Ask nobody for a token; only on a loopback address.")
    ] = False,
    json: Json = False,
) -> None:
    """Start the servers, the stand-ins for vendors without a key, and the services; restart what dies."""
    folder = DataFolder(data)
    began = time.monotonic()
    if open_to_all:
        # Heard by the gateway, here or in the background.
        os.environ[OPEN_SETTING] = "true"
        _refuse_to_be_open_to_others()
    if detach:
        facts = OwnInstance(folder, workers=workers, dies_with_parent=False).start()
        _announce(facts, folder, time.monotonic() - began, json=json, ending=f"./run down{folder.option}")
        return
    screen = _Screen(to_stderr=json)
    if sys.stdout.isatty():
        os.environ.setdefault("PRESSROOM_LOG_FORMAT", "console")
    Launcher(folder, screen.tell, screen.show).run(
        workers=workers,
        when_ready=lambda facts: _announce(facts, folder, time.monotonic() - began, json=json, ending="Ctrl-C"),
    )


def _refuse_to_be_open_to_others() -> None:
    host = os.environ.get("PRESSROOM_HOST", LOOPBACK)
    if not is_loopback(host):
        raise CommandFailed(
            f"--open asks nobody who they are, and PRESSROOM_HOST={host} is heard beyond this machine.\n"
            f"Leave out one of the two, or set PRESSROOM_HOST={LOOPBACK}."
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
    if facts.is_open:
        said = "OPEN: whoever sits at this machine may do everything, without a token."
        lines.insert(2, typer.style(f"  {said}", fg="yellow", bold=True))
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
    keys = [vendor.key_settings[0] for vendor in VENDORS if vendor.name in names]
    return [
        typer.style(loudly, fg="yellow", bold=True),
        "  Nothing is bought and nothing appears in a shop. A vendor whose key is set is the real one:",
        *(f"  {line}" for line in wrap(f"{', '.join(keys)}.", _TEXT_COLUMNS)),
    ]
