"""The HTTP connection behind a request, so that a fault can cut it. uvicorn copies a protocol's `app_state` into every
request's `scope["state"]`; the transport travels there."""

from __future__ import annotations

import asyncio

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

KEY = "sandbox.transport"


class CuttableProtocol(H11Protocol):
    """uvicorn's h11 protocol, with its transport in reach of the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] as in uvicorn
        self.app_state = {**self.app_state, KEY: transport}
        super().connection_made(transport)


def cut(scope: Scope, *, flush: bool = False) -> None:
    """Ends the connection without a word; with `flush`, what was already written still goes out."""
    transport = scope.get("state", {}).get(KEY)
    if not isinstance(transport, asyncio.Transport):
        raise RuntimeError("the server does not give its transport: run it with CuttableProtocol")
    if flush:
        transport.close()
    else:
        transport.abort()
