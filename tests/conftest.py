"""Real servers for every test that asks for them, on random ports, in folders that are removed afterwards.

A mongod is started once in a test process and gives each test a database of its own. A nats-server is started for
each test that asks, because the streams have fixed names: that takes less time than deleting them. The servers in
`PRESSROOM_NATS_URL` and `PRESSROOM_MONGO_URL` are used instead where they are set.

A nats-server's folder is in memory where there is some, and gone with its test: it has two hundred small files, and
every write is synced.

Laying out streams, consumers and indexes takes longer than most tests, so it is done once in a process for all that
work in a `house`: such a test's nats-server begins with a copy of the laid-out folder, and its database is the one that
all of them use, emptied before.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import nats
import pytest
from pymongo import MongoClient

from pressroom.cli.servers import MongoServer, NatsServer
from pressroom.runtime.importing import importing
from pressroom.runtime.settings import Settings
from pressroom.runtime.topology import provision_streams
from pressroom.state.database import Database

from .house import LAID_OUT, QUICK
from .tls import self_signed

_MEMORY = Path("/dev/shm")
_MEMORY_NEEDED_BYTES = 2**30


@pytest.fixture(autouse=True, scope="session")
def _own_data_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] pytest calls it
    """No test touches the data of the person who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data-home")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _own_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] pytest calls it
    """Nobody's certificate is believed, as no test calls outside this machine; so a client need not read those of
    all authorities first, which takes 20 ms each time."""
    certificate, _ = self_signed("nobody.invalid")
    pem = tmp_path_factory.mktemp("authorities") / "nobody.pem"
    pem.write_bytes(certificate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(pem))
        yield


@pytest.fixture(scope="session")
def laid_out_streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a nats-server with all streams and consumers and nothing in them."""
    folder = tmp_path_factory.mktemp("laid-out") / "nats"
    server = NatsServer(folder)
    server.start()
    asyncio.run(_lay_out_streams(server.url))
    server.stop()
    return folder


@pytest.fixture(scope="session")
def laid_out_database(mongo_url: str) -> str:
    """The name of a database with all indexes."""
    asyncio.run(_lay_out_database(mongo_url, LAID_OUT))
    return LAID_OUT


@pytest.fixture
def nats_server(request: pytest.FixtureRequest) -> Iterator[NatsServer]:
    """A nats-server of the test's own, with `kill`, `start` and `restart`."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _has_memory() else None) as folder:
        if _is_in_a_house(request):
            laid_out: Path = request.getfixturevalue("laid_out_streams")
            shutil.copytree(laid_out, folder, copy_function=shutil.copyfile, dirs_exist_ok=True)
        server = NatsServer(Path(folder))
        server.start()
        yield server
        server.kill()


@pytest.fixture
def nats_url(request: pytest.FixtureRequest) -> str:
    """Where an empty nats-server listens."""
    given = os.environ.get("PRESSROOM_NATS_URL")
    if given is None:
        server: NatsServer = request.getfixturevalue("nats_server")
        return server.url
    asyncio.run(_delete_streams(given))
    return given


@pytest.fixture(scope="session")
def mongo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a mongod listens, shared by the tests of one process."""
    given = os.environ.get("PRESSROOM_MONGO_URL")
    if given is not None:
        yield given
        return
    server = MongoServer(tmp_path_factory.mktemp("mongo"))
    server.start()
    yield server.url
    server.kill()


@pytest.fixture
def mongo_server(tmp_path: Path) -> Iterator[MongoServer]:
    """A mongod of the test's own, for tests that kill it."""
    server = MongoServer(tmp_path / "mongo")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def mongo_database(request: pytest.FixtureRequest, mongo_url: str) -> Iterator[str]:
    """The name of an empty database that no other test uses at the same time."""
    with MongoClient[dict[str, object]](mongo_url) as client:
        if _is_in_a_house(request):
            laid_out: str = request.getfixturevalue("laid_out_database")
            # A test that watched its queries leaves the server's own collection of them.
            client[laid_out].drop_collection("system.profile")
            for name in client[laid_out].list_collection_names():
                client[laid_out][name].delete_many({})
            yield laid_out
        else:
            own = f"test_{secrets.token_hex(6)}"
            yield own
            client.drop_database(own)


def _has_memory() -> bool:
    return _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _MEMORY_NEEDED_BYTES


def _is_in_a_house(request: pytest.FixtureRequest) -> bool:
    given = {"PRESSROOM_NATS_URL", "PRESSROOM_MONGO_URL"} & os.environ.keys()
    return not given and "house" in request.fixturenames


async def _lay_out_streams(url: str) -> None:
    client = await nats.connect(url)
    await provision_streams(client.jetstream(), Settings(**QUICK))
    await client.close()


async def _lay_out_database(url: str, name: str) -> None:
    database = Database(url, name)
    await database.make_indexes()
    database.close()


async def _delete_streams(url: str) -> None:
    client = await nats.connect(url, token=os.environ.get("PRESSROOM_NATS_TOKEN"))
    stream_context = client.jetstream()
    for stream in await stream_context.streams_info():
        if stream.config.name in ("EVENTS", "JOBS", "DEAD"):
            await stream_context.delete_stream(stream.config.name)
    await client.close()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules of tests are imported as those of programs are."""
    with importing():
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells of what was skipped because an extra is missing, which a row of dots does not."""
    missing = "torch is not installed; ./run extra diffusers"
    if any(missing in str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())):
        terminalreporter.write_line(f"diffusers tests did not run: {missing}")
