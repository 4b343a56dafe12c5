"""`pressroom up --open`: an instance that asks nobody who they are, on this machine alone."""

import json
from pathlib import Path

import httpx

from .conftest import pressroom


def test_an_open_instance_lets_in_who_brings_nothing_and_says_so(tmp_path: Path) -> None:
    folder = ("--data", str(tmp_path / "data"))
    started = pressroom("up", "--open", "--detach", *folder)
    try:
        assert started.returncode == 0, started.stderr
        assert "OPEN" in started.stdout
        facts = json.loads((tmp_path / "data" / "instance.json").read_text())
        account = httpx.get(f"{facts['url']}/v1/account", trust_env=False, timeout=20).json()
        assert (account["sign_in"], account["role"]) == ("open", "admin")
    finally:
        pressroom("down", *folder)


def test_an_instance_that_others_hear_is_not_opened(tmp_path: Path) -> None:
    refused = pressroom("up", "--open", "--data", str(tmp_path), environment={"PRESSROOM_HOST": "0.0.0.0"})
    assert refused.returncode == 1
    assert "PRESSROOM_HOST=0.0.0.0" in refused.stderr
