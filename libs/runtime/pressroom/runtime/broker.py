"""The connection to NATS: FastStream's broker, made one way for every service.

It reconnects for ever: a service whose pull loop outlives its connection would spin and never end.
"""

import nats.errors
import nats.js.errors
from faststream.exceptions import IncorrectState
from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.js import JetStreamContext

from .logs import get_logger
from .settings import Settings

PUBLISH_TIMEOUT_S = 5.0
"""nats-py's default of half a second is shorter than a busy disk's fsync."""

RECONNECT_WAIT_S = 1
DRAIN_TIMEOUT_S = 5

BrokerError = (nats.errors.Error, nats.js.errors.Error, OSError)
"""What any call may raise while the server is away."""

log = get_logger(__name__)


async def _reconnected() -> None:
    log.info("nats.reconnected")


async def _said(error: Exception) -> None:
    log.warning("nats.error", error=str(error) or type(error).__name__)


def make_broker(settings: Settings, service: str) -> NatsBroker:
    """A broker that is not connected yet."""

    async def disconnected() -> None:
        if not ending():
            log.warning("nats.disconnected", next="reconnecting every second until it is back")

    def ending() -> bool:
        try:
            return broker.connection.is_closed or broker.connection.is_draining
        except IncorrectState:
            return True

    broker = NatsBroker(
        settings.nats_url,
        token=settings.nats_token.get_secret_value() if settings.nats_token else None,
        name=f"pressroom-{service}",
        max_reconnect_attempts=-1,
        reconnect_time_wait=RECONNECT_WAIT_S,
        drain_timeout=DRAIN_TIMEOUT_S,
        disconnected_cb=disconnected,
        reconnected_cb=_reconnected,
        error_cb=_said,
        graceful_timeout=DRAIN_TIMEOUT_S,
        logger=None,
    )
    return broker


def client_of(broker: NatsBroker) -> Client:
    """The nats-py client of a connected broker."""
    return broker.connection


def jetstream_of(broker: NatsBroker) -> JetStreamContext:
    """JetStream through that client, with a timeout that a busy disk can meet."""
    return broker.connection.jetstream(timeout=PUBLISH_TIMEOUT_S)
