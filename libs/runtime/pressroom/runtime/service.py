"""A running service: its connections, its background loops, its health, its way to start and to stop.

Everything that a service starts is started here and ended here, in order. A loop that fails is logged and begun
again; a service whose servers are away stays alive and says on `/readyz` that it is not ready.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

import uvicorn
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp

from pressroom.contracts.subjects import DEAD_STREAM, EVENTS_STREAM, JOBS_STREAM, SCHEDULES_STREAM
from pressroom.state.database import Database, DatabaseError

from . import logs, tracing
from .blobs import BlobStore
from .broker import BrokerError, client_of, jetstream_of, make_broker
from .http_heads import bounded_heads
from .listening import ListensAtOnce
from .memory import use_few_arenas
from .outbox import Outbox, OutboxRelay
from .settings import Settings, SettingsType, WrongSetting, load
from .tasks import end

RESTART_WAIT_S = 1.0
PING_TIMEOUT_S = 2.0
PROVISION_WAIT_S = 1.0

log = logs.get_logger(__name__)

Loop = Callable[[], Awaitable[None]]
ServiceType = TypeVar("ServiceType", bound="Service")


class Service:
    """What one process of one service holds. `client`, `js` and `outbox` are there from `open` on."""

    client: Client
    js: JetStreamContext
    outbox: Outbox

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.worker = f"{name}@{socket.gethostname()}:{os.getpid()}"
        self.core_settings = settings
        self.database = Database(settings.mongo_url, settings.mongo_database)
        self.blobs = BlobStore(settings.blob_url)
        self.broker = make_broker(settings, name)
        self._loops: list[asyncio.Task[None]] = []
        self._closers: list[Callable[[], Awaitable[None]]] = []

    async def open(self) -> None:
        """Connect, wait until the streams are provisioned, start the loops that every service runs."""
        await self.broker.connect()
        self.client = client_of(self.broker)
        self.js = jetstream_of(self.broker)
        self.outbox = Outbox(self.name, self.client, self.js)
        await self._wait_for_streams()
        relay = OutboxRelay(
            self.database,
            self.outbox,
            age_s=self.core_settings.outbox_age_s,
            interval_s=self.core_settings.sweep_interval_s,
        )
        self.background("outbox relay", relay.run)
        log.info("service.started", worker=self.worker)

    async def close(self) -> None:
        """End the loops, handing back what they hold, then the connections."""
        await end(self._loops)
        for close in self._closers:
            await close()
        await self.broker.stop()
        self.database.close()
        log.info("service.stopped")

    def background(self, name: str, loop: Loop) -> None:
        """Run `loop` until the service ends; begin it again when it fails."""
        self._loops.append(asyncio.create_task(_supervised(name, loop), name=name))

    def at_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Call `close` when the loops have ended: a client of the outside that the service brought."""
        self._closers.append(close)

    async def unreadiness(self) -> list[str]:
        """What is missing to do work; empty when ready."""
        missing: list[str] = []
        try:
            connected = self.client.is_connected
        except AttributeError:
            connected = False
        if not connected:
            missing.append("nats")
        try:
            async with asyncio.timeout(PING_TIMEOUT_S):
                await self.database.ping()
        except (DatabaseError, TimeoutError):
            missing.append("mongodb")
        return missing

    async def _wait_for_streams(self) -> None:
        while True:
            try:
                for stream in (EVENTS_STREAM, JOBS_STREAM, DEAD_STREAM, SCHEDULES_STREAM):
                    await self.js.stream_info(stream)
            except NotFoundError:
                log.warning("service.waiting", reason="the streams are not there yet; run `pressroom provision`")
            except BrokerError as error:
                log.warning("service.waiting", reason=str(error) or type(error).__name__)
            else:
                return
            await asyncio.sleep(PROVISION_WAIT_S)


async def _supervised(name: str, loop: Loop) -> None:
    while True:
        try:
            await loop()
        except (DatabaseError, *BrokerError) as error:
            log.warning("loop.waiting", loop=name, reason=str(error) or type(error).__name__)
        except Exception:
            log.exception("loop.failed", loop=name)
        else:
            return
        await asyncio.sleep(RESTART_WAIT_S)


def application(service: Service, on_open: Callable[[], Awaitable[None]]) -> AsgiFastStream:
    """A service's ASGI application: `/healthz`, `/readyz`, `/metrics`, and the broker's subscribers."""

    @get
    async def healthz(_scope: object) -> AsgiResponse:
        return AsgiResponse(b'{"alive":true}', 200, {"content-type": "application/json"})

    @get
    async def readyz(_scope: object) -> AsgiResponse:
        missing = await service.unreadiness()
        body = b'{"ready":true}' if not missing else f'{{"ready":false,"missing":"{", ".join(missing)}"}}'.encode()
        return AsgiResponse(body, 503 if missing else 200, {"content-type": "application/json"})

    @get
    async def metrics(_scope: object) -> AsgiResponse:
        return AsgiResponse(generate_latest(), 200, {"content-type": CONTENT_TYPE_LATEST})

    async def start() -> None:
        await service.open()
        await on_open()

    return AsgiFastStream(
        service.broker,
        asgi_routes=[("/healthz", healthz), ("/readyz", readyz), ("/metrics", metrics)],
        on_startup=[start],
        on_shutdown=[service.close],
        logger=None,
    )


def run(
    name: str,
    settings_type: type[SettingsType],
    port_of: Callable[[SettingsType], int],
    build: Callable[[SettingsType], AsgiFastStream],
) -> None:
    """The `main` of a service: settings, logs, traces, then serve until SIGTERM."""
    use_few_arenas()
    settings = load(settings_type)
    logs.configure(settings, name)
    tracing.configure(settings, name)
    try:
        app = build(settings)
    except WrongSetting as error:
        log.error("service.not_started", reason=str(error))
        raise SystemExit(2) from None
    serve(app, settings, port_of(settings))


def serve(app: ASGIApp, settings: Settings, port: int) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT."""
    listening = ListensAtOnce(app)
    config = uvicorn.Config(
        listening,
        host=settings.host,
        port=port,
        http=bounded_heads(settings.head_timeout_s),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    # After its shutdown uvicorn raises the signal again, which would make a good end look like a violent one.
    signal.signal(signal.SIGTERM, _told_already)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    logging.shutdown()
    # A thread that still computes a picture must not keep a stopped service alive; its job was handed back.
    os._exit(0 if server.started and not listening.failed else 1)


def _told_already(_signal: int, _frame: object) -> None:
    return None
