"""The demonstration is the whole line: if it ends well, prompts become products."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pressroom.cli.own_instance import without_settings

from .conftest import processes_of


@pytest.mark.timeout(400)
def test_the_demonstration_brings_eight_pictures_to_two_shops(tmp_path: Path) -> None:
    environment = {**without_settings(os.environ), "TMPDIR": str(tmp_path)}
    demo = subprocess.run(
        [sys.executable, "-m", "pressroom.cli", "demo", "--json", "--keep"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stderr
    result = json.loads(demo.stdout.splitlines()[-1])
    seconds = result.pop("seconds")
    assert result == {
        "batches": 2,
        "images": {"requested": 8, "generated": 8, "failed": 0, "approved": 8, "published": 8},
        "products": {"printify": 4, "shopify": 4},
        "provider_jobs": 1,
        "audit": {"drift": 0},
    }
    assert seconds > 0
    (folder,) = tmp_path.glob("pressroom-demo-*")
    assert (folder / "contact-sheet.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((folder / "pictures").iterdir())) == 8
    assert processes_of(folder) == []
    shutil.rmtree(folder)


@pytest.mark.timeout(400)
def test_a_provider_job_of_twenty_outlives_its_poller_and_two_rows_that_fail(tmp_path: Path) -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "pressroom.cli", "demo", "gemini", "--json"],
        env={**without_settings(os.environ), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stderr
    said = '{"images":18,"failed":2,"provider_jobs":1,"restarts":1,"audit":{"drift":0}}'
    assert demo.stdout.splitlines()[-1] == said
    assert demo.stderr.count("ImageFailed") == 2
    assert "moderation: Gemini refused the prompt" in demo.stderr
    assert "is killed with SIGKILL" in demo.stderr
    assert list(tmp_path.glob("pressroom-demo-*")) == []
