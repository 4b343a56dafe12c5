"""Starts the sandbox: `python -m pressroom.sandbox`. The first line it prints is the URL that it listens on; the socket
is bound before that line, so whoever reads it may connect at once."""

from __future__ import annotations

import os
import socket
import sys

import uvicorn
from pydantic import ValidationError

from pressroom.sandbox.app import build
from pressroom.sandbox.core.allocator import return_large_blocks
from pressroom.sandbox.core.connection import CuttableProtocol
from pressroom.sandbox.core.settings import Settings, read_settings


def listen(settings: Settings) -> socket.socket:
    """A listening socket on the wanted address; port 0 has become a real one."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((settings.host, settings.port))
    listening.listen(512)
    return listening


def announce(settings: Settings, port: int) -> None:
    """Says where the sandbox is and that it is not the real thing."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    sys.stdout.write(
        f"http://{host}:{port}\n"
        "This is a SANDBOX: it stands in for outside vendors. Nothing it makes is real or billed.\n"
        f"Look inside: http://{host}:{port}/_sandbox/   Kept in: {settings.data}\n"
    )
    sys.stdout.flush()


def main() -> None:
    """Runs until it is told to stop; status 2 for settings that cannot be."""
    try:
        settings = read_settings(sys.argv[1:], os.environ)
    except ValidationError as wrong:
        sys.stderr.write(f"{wrong}\n")
        raise SystemExit(2) from wrong
    return_large_blocks()
    app = build(settings)
    try:
        listening = listen(settings)
    except OSError as wrong:
        sys.stderr.write(f"cannot listen on {settings.host}:{settings.port}: {wrong}; set PRESSROOM_SANDBOX_PORT\n")
        raise SystemExit(2) from wrong
    with listening:
        announce(settings, listening.getsockname()[1])
        config = uvicorn.Config(
            app, http=CuttableProtocol, ws="websockets-sansio", lifespan="on", log_level="warning", access_log=False,
            timeout_graceful_shutdown=2, server_header=False,
        )  # fmt: skip
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
