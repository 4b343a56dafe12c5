"""`pressroom providers`: whose lanes are open, one image by way of trial, a closed lane opened again; its picture."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
import pyvips

from pressroom.cli.own_instance import without_settings
from pressroom.cli.terminal_picture import COLUMNS, drawn
from pressroom.contracts.vocabulary import ProviderName
from pressroom.imaging.finishing import measure

from .conftest import Instance

SMALL = ("--width", "256", "--height", "320")
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def shown(instance: Instance) -> dict[str, dict[str, object]]:
    """`providers --json`, by name."""
    listed = instance.run("providers", "--json")
    assert listed.returncode == 0, listed.stderr
    return {provider["name"]: provider for provider in json.loads(listed.stdout)}


def test_every_provider_is_listed_with_its_lane_its_price_and_its_limits(instance: Instance) -> None:
    providers = shown(instance)
    assert set(providers) == {str(name) for name in ProviderName}
    assert (providers["studio"]["state"], providers["studio"]["is_free"]) == ("open", True)
    flux = providers["flux"]
    assert (flux["state"], flux["model"], flux["in_flight"]) == ("open", "flux-2-pro", 24)
    assert float(flux["price"]["usd"]) == 0.03
    assert flux["price"]["source"]


def test_the_list_for_people_says_the_same_and_why_a_lane_is_closed(instance: Instance) -> None:
    listed = instance.run("providers")
    assert listed.returncode == 0, listed.stderr
    rows = {line.split()[0]: line for line in listed.stdout.splitlines() if not line.startswith(" ")}
    assert set(rows) == {"provider", *(str(name) for name in ProviderName)}
    assert "own machine" in rows["studio"]
    assert re.search(r"flux +open +flux-2-pro +0\.03", rows["flux"])
    assert "24 at once" in rows["flux"]
    closed = [provider for provider in shown(instance).values() if provider["state"] == "closed"]
    assert all(provider["reason"] for provider in closed)
    for provider in closed:
        assert f"    {provider['reason']}" in listed.stdout.splitlines()


def test_a_trial_writes_the_picture_and_tells_its_facts(instance: Instance, tmp_path: Path) -> None:
    out = tmp_path / "trial.png"
    done = instance.run("providers", "check", "studio", "--out", str(out), *SMALL)
    assert done.returncode == 0, done.stderr
    facts = measure(out.read_bytes())
    assert (facts.width_px, facts.height_px) == (256, 320)
    first, second, third, *checks = done.stdout.splitlines()
    assert first.startswith(f"{out}: 256x320, ")
    assert re.fullmatch(r"studio studio, seed \d+, \d+\.\d s", second)
    assert re.fullmatch(r"cost \$0(\.0+)?, estimated \$0(\.0+)?", third)
    assert checks
    assert "▀" not in done.stdout


def test_a_trial_without_a_place_for_the_picture_puts_it_where_one_is(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = instance.run("providers", "check", "studio", "--prompt", "a lighthouse", *SMALL)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["pressroom-studio.png"]


@pytest.mark.parametrize("name", ["flux", "runpod", "comfyui", "openai", "gemini"])
def test_a_trial_of_a_vendor_tells_what_it_cost(instance: Instance, tmp_path: Path, name: str) -> None:
    done = instance.run("providers", "check", name, "--out", str(tmp_path / "trial.png"), "--json")
    assert done.returncode == 0, done.stderr
    image = json.loads(done.stdout)
    assert (image["state"], image["provider"]) == ("generated", name)
    assert [attempt["outcome"] for attempt in image["tries"]] == ["made"]
    if name == "flux":
        assert float(image["cost_usd"]) == float(image["estimated_cost_usd"]) == 0.03
    assert measure((tmp_path / "trial.png").read_bytes()).width_px > 0


def test_a_trial_that_its_vendor_refuses_exits_1_with_the_reason(instance: Instance, tmp_path: Path) -> None:
    words = ("providers", "check", "flux", "--out", str(tmp_path / "x.png"), "--prompt", "a fox [sandbox:moderated]")
    refused = instance.run(*words)
    assert refused.returncode == 1
    assert "flux made no picture" in refused.stderr
    assert "Request Moderated" in refused.stderr
    told = instance.run(*words, "--json")
    assert told.returncode == 1
    assert json.loads(told.stdout)["error"]["kind"] == "moderation"
    assert not (tmp_path / "x.png").exists()


def test_a_trial_without_a_folder_for_its_picture_asks_nobody(instance: Instance, tmp_path: Path) -> None:
    before = shown(instance)["flux"]
    refused = instance.run("providers", "check", "flux", "--out", str(tmp_path / "nowhere" / "x.png"))
    assert refused.returncode == 1
    assert "nothing was asked for" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert shown(instance)["flux"]["waiting"] == before["waiting"]


def test_a_lane_that_its_vendor_closed_says_why_refuses_a_trial_and_is_opened(
    own_instance: Instance, tmp_path: Path
) -> None:
    out = ("--out", str(tmp_path / "x.png"))
    fault = {"vendor": "flux", "kind": "no_credit", "match": "POST /flux/v1/flux-2"}
    httpx.post(f"{own_instance.facts.sandbox_url}/_sandbox/faults", json=fault).raise_for_status()
    spent = own_instance.run("providers", "check", "flux", *out)
    assert spent.returncode == 1
    assert "no credits left" in spent.stderr
    flux = shown(own_instance)["flux"]
    assert flux["state"] == "closed"
    assert "no credits left" in str(flux["reason"])
    assert f"    {flux['reason']}" in own_instance.run("providers").stdout.splitlines()

    refused = own_instance.run("providers", "check", "flux", *out)
    assert refused.returncode == 1
    assert "no credits left" in refused.stderr
    assert "Traceback" not in refused.stderr

    opened = own_instance.run("providers", "open", "flux")
    assert (opened.returncode, opened.stdout.strip()) == (0, "flux is open")
    assert shown(own_instance)["flux"]["reason"] is None
    assert own_instance.run("providers", "check", "flux", *out).returncode == 0
    again = own_instance.run("providers", "open", "flux")
    assert (again.returncode, again.stdout.strip()) == (0, "flux is open")


def test_a_lane_that_nobody_serves_cannot_be_opened_nor_tried(instance: Instance) -> None:
    unserved = [name for name, provider in shown(instance).items() if provider["capabilities"] is None]
    for name in unserved:
        for words in (("open", name), ("check", name)):
            refused = instance.run("providers", *words)
            assert refused.returncode == 1, refused.stdout
            assert str(shown(instance)[name]["reason"]) in refused.stderr
            assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("check", "nobody"), "nobody"),
        (("open", "nobody"), "nobody"),
        (("open", "FLUX "), "FLUX"),
        (("check",), "'name'"),
        (("open",), "'name'"),
        (("nonsense",), "nonsense"),
        (("check", "studio", "--width", "wide"), "--width"),
    ],
)
def test_rubbish_is_refused_with_what_is_wrong(instance: Instance, words: Sequence[str], named: str) -> None:
    refused = instance.run("providers", *words)
    assert refused.returncode == 2
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_trial_of_a_size_that_nobody_makes_names_the_field_and_the_limit(instance: Instance) -> None:
    refused = instance.run("providers", "check", "studio", "--width", "5")
    assert refused.returncode == 1
    assert "width" in refused.stderr
    assert "64" in refused.stderr


def test_on_a_terminal_the_picture_is_shown(instance: Instance, tmp_path: Path) -> None:
    words = ("providers", "check", "studio", "--out", str(tmp_path / "x.png"), *SMALL, "--data", str(instance.path))
    said = on_a_terminal(*words)
    picture = [line for line in said.splitlines() if "▀" in line]
    assert len({len(_ESCAPE.sub("", line).strip()) for line in picture}) == 1
    assert len(_ESCAPE.sub("", picture[0]).strip()) == COLUMNS
    assert 30 <= len(picture) <= COLUMNS
    assert "256x320" in said


def on_a_terminal(*words: str) -> str:
    """What the command says on a terminal."""
    ours, theirs = pty.openpty()
    environment = without_settings(os.environ) | {"TERM": "xterm-256color"}
    command = [sys.executable, "-m", "pressroom.cli", *words]
    with subprocess.Popen(
        command, stdout=theirs, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment
    ) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # on Linux a terminal whose last user is gone fails with EIO
                break
            if not piece:
                break
            said += piece
    os.close(ours)
    assert process.returncode == 0, said.decode()
    return said.decode()


def png(pixels: bytes, width: int, height: int, bands: int, interpretation: str = "srgb") -> bytes:
    image = pyvips.Image.new_from_memory(pixels, width, height, bands, "uchar").copy(interpretation=interpretation)
    return bytes(image.pngsave_buffer())


RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def cell(upper: tuple[int, ...], lower: tuple[int, ...]) -> str:
    ink, paper = (";".join(map(str, colour)) for colour in (upper, lower))
    return f"\x1b[38;2;{ink}m\x1b[48;2;{paper}m▀"


def test_a_cell_is_two_pixels() -> None:
    data = png(bytes([*RED, *GREEN, *BLUE, *WHITE]), 2, 2, 3)
    assert drawn(data) == cell(RED, BLUE) + cell(GREEN, WHITE) + "\x1b[0m"


def test_the_last_line_of_an_odd_height_repeats_its_pixels() -> None:
    assert drawn(png(bytes([*RED, *GREEN, *BLUE]), 1, 3, 3)).splitlines() == [
        cell(RED, GREEN) + "\x1b[0m",
        cell(BLUE, BLUE) + "\x1b[0m",
    ]


def test_what_is_transparent_is_white() -> None:
    assert drawn(png(bytes([*RED, 0, *BLUE, 255]), 1, 2, 4)) == cell(WHITE, BLUE) + "\x1b[0m"


def test_grey_is_drawn_too() -> None:
    assert drawn(png(bytes([0, 255]), 1, 2, 1, "b-w")) == cell((0, 0, 0), WHITE) + "\x1b[0m"


@pytest.mark.parametrize(("width", "height"), [(1200, 300), (300, 1200), (1000, 1000), (59, 20)])
def test_a_picture_of_any_shape_fits(width: int, height: int) -> None:
    data = bytes(
        (pyvips.Image.black(width, height, bands=3) + 100).cast("uchar").copy(interpretation="srgb").pngsave_buffer()
    )
    lines = [_ESCAPE.sub("", line) for line in drawn(data).splitlines()]
    assert len({len(line) for line in lines}) == 1
    assert len(lines[0]) <= COLUMNS
    assert len(lines) <= COLUMNS
    assert abs(len(lines[0]) / (2 * len(lines)) - width / height) < 0.15 * width / height
