"""Whose certificates are believed when an outside address is called: those that httpx believes by default."""

from functools import cache
from ssl import SSLContext

import httpx


@cache
def authorities() -> SSLContext:
    """Read once in a process: each reading takes 20 ms, in which an event loop does nothing else."""
    return httpx.create_ssl_context()
