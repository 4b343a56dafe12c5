"""What one instance is made of: each program, its command line, environment, port, and how to see that it is ready.

Everything is worked out before anything starts, from the folder and the environment alone, so two starts in the same
folder are the same start.
"""

import http.client
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from .data_folder import DataFolder
from .servers import LocalServer, MongoServer, NatsServer
from .vendors import stand_ins, with_stand_ins

GATEWAY = "gateway"
SANDBOX = "sandbox"
_SERVICE_GRACE_S = 15.0  # longer than a service takes to let go of a job in good order
_SANDBOX_GRACE_S = 5.0
_SERVER_GRACE_S = 15.0
_PROBE_TIMEOUT_S = 1.0
_MONGO_DATABASE = "pressroom"


@dataclass(frozen=True)
class Program:
    """`shown`: whether its log is followed on the terminal; the servers' own logs say nothing that people need."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    is_ready: Callable[[], bool]
    grace_s: float
    url: str
    shown: bool = True


@dataclass(frozen=True)
class House:
    """Everything of one instance, in the groups that start one after the other and end in the opposite order."""

    servers: tuple[Program, ...]
    provisioning: tuple[str, ...]
    sandbox: tuple[Program, ...]
    services: tuple[Program, ...]
    environment: Mapping[str, str]
    stand_ins: tuple[str, ...]

    @property
    def url(self) -> str:
        """The API."""
        return next(service.url for service in self.services if service.name == GATEWAY)

    @property
    def sandbox_url(self) -> str | None:
        return next((program.url for program in self.sandbox), None)


def answers_ok(url: str) -> bool:
    """Whether a GET answers 200 now. `url` is http, on this machine."""
    address, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(address, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", f"/{path}")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def worker_names(workers: int) -> list[str]:
    """`image-worker`, or numbered ones when there are several."""
    return ["image-worker"] if workers == 1 else [f"image-worker-{number}" for number in range(1, workers + 1)]


def plan_house(folder: DataFolder, environment: Mapping[str, str], *, workers: int) -> House:
    """Work out what to start in `folder`; chooses ports and makes the token, and starts nothing."""
    service_modules = {
        GATEWAY: ("pressroom.gateway", "PRESSROOM_GATEWAY_PORT"),
        **dict.fromkeys(worker_names(workers), ("pressroom.image_worker", "PRESSROOM_IMAGE_WORKER_PORT")),
        "batch-poller": ("pressroom.batch_poller", "PRESSROOM_BATCH_POLLER_PORT"),
        "publisher": ("pressroom.publisher", "PRESSROOM_PUBLISHER_PORT"),
    }
    played = stand_ins(environment)
    ports = folder.ports(["nats-server", "mongod", SANDBOX, *service_modules])
    servers: list[LocalServer] = []
    shared = {"PYTHONUNBUFFERED": "1", "PRESSROOM_MONGO_DATABASE": _MONGO_DATABASE}
    shared |= {"PRESSROOM_BLOB_URL": (folder.path / "blobs").as_uri(), "PRESSROOM_API_TOKEN": folder.token()}
    shared |= {"PRESSROOM_JWT_SECRET": folder.jwt_secret()}
    shared |= environment
    if "PRESSROOM_NATS_URL" not in environment:
        nats = NatsServer(folder.path / "nats", ports["nats-server"])
        shared["PRESSROOM_NATS_URL"] = nats.url
        servers.append(nats)
    if "PRESSROOM_MONGO_URL" not in environment:
        mongo = MongoServer(folder.path / "mongo", ports["mongod"])
        shared["PRESSROOM_MONGO_URL"] = mongo.url
        servers.append(mongo)
    sandbox = _sandbox(folder, shared, ports[SANDBOX])
    if played:
        shared = with_stand_ins(shared, sandbox.url, f"http://127.0.0.1:{ports[GATEWAY]}")
    services = [
        Program(
            name=name,
            argv=(sys.executable, "-m", module),
            environment={**shared, port_setting: str(ports[name])},
            log=folder.logs / f"{name}.log",
            is_ready=_ready_at(f"http://127.0.0.1:{ports[name]}/readyz"),
            grace_s=_SERVICE_GRACE_S,
            url=f"http://127.0.0.1:{ports[name]}",
        )
        for name, (module, port_setting) in service_modules.items()
    ]
    return House(
        servers=tuple(_server_program(server, environment) for server in servers),
        provisioning=(sys.executable, "-m", "pressroom.cli", "provision"),
        sandbox=(sandbox,) if played else (),
        services=tuple(services),
        environment=shared,
        stand_ins=tuple(vendor.name for vendor in played),
    )


def _server_program(server: LocalServer, environment: Mapping[str, str]) -> Program:
    return Program(
        name=server.name,
        argv=tuple(server.prepare()),
        environment=environment,
        log=server.log,
        is_ready=server.is_ready,
        grace_s=_SERVER_GRACE_S,
        url=server.url,
        shown=False,
    )


def _sandbox(folder: DataFolder, environment: Mapping[str, str], port: int) -> Program:
    own = {"PRESSROOM_SANDBOX_HOST": "127.0.0.1", "PRESSROOM_SANDBOX_PORT": str(port)}
    url = f"http://127.0.0.1:{port}"
    return Program(
        name=SANDBOX,
        argv=(sys.executable, "-m", "pressroom.sandbox"),
        environment={**environment, **own, "PRESSROOM_SANDBOX_DATA": str(folder.path / SANDBOX)},
        log=folder.logs / f"{SANDBOX}.log",
        is_ready=_ready_at(f"{url}/healthz"),
        grace_s=_SANDBOX_GRACE_S,
        url=url,
    )


def _ready_at(url: str) -> Callable[[], bool]:
    return lambda: answers_ok(url)
