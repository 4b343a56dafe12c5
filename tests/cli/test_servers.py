"""The servers that everything else stands on: started, killed, started again, and never left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import nats
import pytest
from nats.js.api import StreamConfig
from pymongo import MongoClient, WriteConcern

from pressroom.cli.children import Child, ChildFailed
from pressroom.cli.ports import free_port
from pressroom.cli.servers import MongoServer, NatsServer

from .conftest import is_running, wait_until


async def test_what_nats_acknowledged_is_there_after_a_kill(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url)
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name="S", subjects=["s.>"]))
    acknowledged = await stream.publish("s.one", b"kept")
    nats_server.kill()
    nats_server.start()
    again = await nats.connect(nats_server.url)
    message = await again.jetstream().get_msg("S", acknowledged.seq)
    assert message.data == b"kept"
    await client.close()
    await again.close()


def test_what_mongo_acknowledged_is_there_after_a_kill(mongo_server: MongoServer) -> None:
    with MongoClient[dict[str, object]](mongo_server.url) as client:
        durable = WriteConcern(w="majority", j=True)
        client.get_database("d").get_collection("c", write_concern=durable).insert_one({"_id": "kept"})
    mongo_server.kill()
    mongo_server.start()
    with MongoClient[dict[str, object]](mongo_server.url) as client:
        assert client["d"]["c"].find_one({"_id": "kept"}) is not None


def test_a_mongod_folder_moves_to_another_port(mongo_server: MongoServer) -> None:
    mongo_server.stop()
    mongo_server.port = free_port()
    mongo_server.start()
    with MongoClient[dict[str, object]](mongo_server.url) as client:
        assert client.admin.command("hello")["isWritablePrimary"] is True


async def test_a_nats_server_with_a_token_refuses_who_does_not_know_it(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, token="s3cret")
    server.start()
    try:
        client = await nats.connect(server.url, token="s3cret")
        await client.close()
        with pytest.raises(Exception, match="Authorization Violation"):
            await nats.connect(server.url, token="wrong", allow_reconnect=False, error_cb=_ignore)
    finally:
        server.kill()


async def _ignore(_: Exception) -> None: ...


def test_a_taken_port_is_named(nats_server: NatsServer, tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match=f"port {nats_server.port}: something else does"):
        NatsServer(tmp_path / "second", nats_server.port).start()


def test_a_server_that_cannot_start_shows_its_last_lines(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    (tmp_path / "store").touch()  # where a folder has to be
    with pytest.raises(ChildFailed, match=r"(?s)nats-server ended with exit code 1.*not a directory"):
        server.start()


def test_a_missing_library_names_the_package(tmp_path: Path) -> None:
    said = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
    child = Child("mongod", ["sh", "-c", f"echo '{said}'; exit 127"], tmp_path / "log")
    wait_until(lambda: child.exit_code is not None)
    with pytest.raises(ChildFailed, match="apt-get install -y libcurl4"):
        child.check()


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
def test_a_killed_parent_leaves_no_server(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from pressroom.cli.servers import NatsServer\n"
        f"server = NatsServer(Path({str(tmp_path)!r})); server.start()\n"
        "print(server.child.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child_pid = int(parent.stdout.readline())
    assert is_running(child_pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not is_running(child_pid))
