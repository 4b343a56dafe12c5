"""The script that everything begins with."""

import re
import subprocess
from pathlib import Path

import pytest

from pressroom.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]


def test_run_without_words_lists_every_command_with_a_line_each() -> None:
    listed = subprocess.run([ROOT / "run"], capture_output=True, text=True, check=True).stdout
    commands = set(re.findall(r"^  ([\w-]+)\b.*  \S", listed, flags=re.MULTILINE))
    assert commands == {*COMMANDS, "check", "test", "bench", "chaos", "extra"}


@pytest.mark.parametrize("shell", ["sh", "dash"])
def test_run_is_posix_shell(shell: str) -> None:
    subprocess.run([shell, "-n", ROOT / "run"], check=True)
