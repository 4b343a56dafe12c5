"""Ports of this machine that nothing uses. A port is free when it is asked for; whoever binds it next has it."""

import random
import socket

# Below the range that Linux and macOS give to outgoing connections (32768 and up), so that no connection of a
# neighbour takes a port between the look and the bind; above what well-known services use.
_LOWEST = 20_000
_HIGHEST = 32_000
_TRIES = 200
_RANDOM = random.SystemRandom()


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server listens there now."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free now."""
    for _ in range(_TRIES):
        port = _RANDOM.randint(_LOWEST, _HIGHEST)
        if is_free(port, host):
            return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on {host}")
