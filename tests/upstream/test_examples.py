"""The programs in `examples/`, as a stranger would run them, against real servers and a real image-worker."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pressroom.batch_poller.app import build as build_poller
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.image_worker.providers import GenerationRequest
from pressroom.runtime.errors import InvalidRequest

from ..house import House, ReadyProvider, running

ROOT = Path(__file__).resolve().parents[2]
ENDS_WITHIN_S = 60.0
INSTALLS_WITHIN_S = 120.0
OLDEST_NODE = 18
BATCH_ID = "from-an-example"

# A prompt that both programs are given, with characters that a wrong encoding would spoil.
PROMPT = "Ein Fuchs im Nebel - 夜"


@dataclass(frozen=True)
class Ended:
    code: int
    lines: list[str]


@pytest.fixture
def python_example() -> list[str]:
    return [sys.executable, str(ROOT / "examples/upstream_python/ask_for_images.py")]


@pytest.fixture(scope="session")
def javascript_example(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The example with its packages, beside the schemas that it reads, in a folder of its own."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed; the JavaScript example is not tried")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"node is {version}; the JavaScript example needs {OLDEST_NODE} or later")
    copy = tmp_path_factory.mktemp("javascript")
    folder = copy / "examples" / "upstream_javascript"
    shutil.copytree(ROOT / "examples/upstream_javascript", folder, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(ROOT / "docs/schemas", copy / "docs" / "schemas")
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    # Its packages come from where npm looks for them, whose certificate is believed.
    subprocess.run(
        install,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"},
        check=True,
        timeout=INSTALLS_WITHIN_S,
        capture_output=True,
    )
    return [node, str(folder / "ask-for-images.mjs")]


@pytest.fixture(params=["python_example", "javascript_example"])
def example(request: pytest.FixtureRequest) -> list[str]:
    """Each example's command line."""
    command: list[str] = request.getfixturevalue(request.param)
    return command


async def run(command: list[str], house: House, *words: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *command,
        *words,
        env={**os.environ, "PRESSROOM_NATS_URL": house.settings.nats_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return Ended(process.returncode, said.decode().splitlines())


async def test_it_asks_follows_and_ends_when_the_batch_is_completed(example: list[str], studio_house: House) -> None:
    ended = await run(example, studio_house, PROMPT, "--count", "1", "--batch-id", BATCH_ID)
    assert ended.code == 0, ended.lines
    kept, asked, accepted, ready, completed = ended.lines
    assert kept == f"batch {BATCH_ID}: kept as event 1 of EVENTS"
    assert (asked, accepted) == ("asked for 1 images by studio", "accepted: 1 images are planned")
    assert re.fullmatch(r"image 0 is ready: 4500 x 5400 px, \d+ bytes, seed \d+", ready)
    assert completed == "completed: 1 of 1 images"
    (image,) = await studio_house.completed(BATCH_ID)
    assert image.prompt == PROMPT
    assert (await studio_house.audit()).drifts == ()


async def test_asked_again_for_the_same_it_follows_the_same_batch(example: list[str], open_house: House) -> None:
    words = (PROMPT, "--count", "1", "--batch-id", BATCH_ID)
    first = await run(example, open_house, *words)
    again = await run(example, open_house, *words)
    assert (first.code, again.code) == (0, 0)
    assert again.lines[1:] == first.lines[1:]
    assert len(await open_house.database.images.of_batch(BATCH_ID)) == 1


async def test_it_asks_again_by_event_for_what_failed(python_example: list[str], house: House) -> None:
    async def fail_at_first(asked: GenerationRequest) -> None:
        if provider.count(asked.image_id) == 1:
            raise InvalidRequest("not this time")

    provider = ReadyProvider(fail_at_first)
    words = (PROMPT, "--count", "1", "--batch-id", BATCH_ID, "--retry", "realtime")
    async with house.worker(provider), running(build_poller(BatchPollerSettings(**house.values))):
        ended = await run(python_example, house, *words)
        again = await run(python_example, house, *words)
    assert (ended.code, again.code) == (0, 0), ended.lines
    assert ended.lines[-3:] == ["accepted: 1 images are planned", again.lines[-2], "completed: 1 of 1 images"]
    assert provider.count(f"{BATCH_ID}-0000") == 2
    # The job that failed, and no wish.
    assert [letter.subject for letter in await house.dead()] == ["pressroom.dead.JOBS.image-studio-normal"]
    assert (await house.audit()).drifts == ()


async def test_a_refused_request_ends_it_with_the_reasons(example: list[str], open_house: House) -> None:
    ended = await run(example, open_house, PROMPT, "--count", "26")
    assert ended.code == 1
    assert "at most 25 a batch" in ended.lines[-1]


async def test_the_javascript_example_names_what_the_schema_forbids(
    javascript_example: list[str], open_house: House
) -> None:
    ended = await run(javascript_example, open_house, PROMPT, "--count", "0")
    assert ended.code == 1
    assert ended.lines == ["pressroom.batch.requested.v1/request/count must be >= 1"]
    assert await open_house.events() == []
