"""A client that a generator makes of the API's document, at work against a real line."""

import asyncio
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pressroom.contracts.vocabulary import ProviderName
from pressroom.image_worker.app import build
from pressroom.image_worker.settings import ImageWorkerSettings

from ..house import running
from .serving import TOKEN, Gateway

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "generated_client"
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the package `pressroom_client`, generated from what `pressroom openapi` prints."""
    folder = tmp_path_factory.mktemp("generated")
    document = subprocess.run(
        [sys.executable, "-m", "pressroom.cli", "openapi"], capture_output=True, check=True, timeout=WITHIN_S
    )
    (folder / "openapi.yaml").write_bytes(document.stdout)
    tools = Path(sys.executable).parent
    said = subprocess.run(
        [
            *(tools / "openapi-python-client", "generate", "--path", "openapi.yaml", "--meta", "none"),
            *("--config", EXAMPLE / "openapi-python-client.yaml", "--output-path", "pressroom_client"),
        ],
        cwd=folder,
        # It tidies up with the linter that it finds.
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "WARNING" not in said.stdout + said.stderr, said.stdout + said.stderr
    return folder


async def test_it_asks_for_a_batch_and_downloads_its_picture(gateway: Gateway, generated: Path, tmp_path: Path) -> None:
    house = gateway.house
    worker = build(ImageWorkerSettings(**house.values, image_worker_lanes=(ProviderName.STUDIO,)))
    environment = {"PYTHONPATH": str(generated), "PRESSROOM_URL": gateway.url, "PRESSROOM_API_TOKEN": TOKEN}
    async with running(worker):
        images = [await _run(environment, tmp_path / name) for name in ("fox.png", "again.png")]
    assert images[0] == images[1], "the same key is the same batch"
    stored = await house.image(images[0])
    assert stored.file is not None
    assert hashlib.sha256((tmp_path / "fox.png").read_bytes()).hexdigest() == stored.file.sha256
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "fox.png").read_bytes()


async def _run(environment: dict[str, str], path: Path) -> str:
    """The id of the image that the example downloaded to `path`."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, EXAMPLE / "download_a_picture.py", path),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(WITHIN_S):
        told, wrong = await program.communicate()
    assert program.returncode == 0, wrong.decode()
    return told.decode().strip()
