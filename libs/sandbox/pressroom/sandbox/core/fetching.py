"""Fetches what a client points at by URL, and posts to it, on this machine only. The sandbox reaches nowhere else,
whatever it is asked, and follows no redirects."""

from __future__ import annotations

import http.client
import ipaddress
from urllib.parse import urlsplit

LARGEST_BYTES = 100 * 1024 * 1024
TIMEOUT_S = 30


def fetch_local(url: str) -> bytes:
    """The bytes behind an `http://localhost` URL; `ValueError` with the reason when there are none to have."""
    status, content = _ask(url, "GET", None, {})
    if status != 200:
        raise ValueError(f"the url answered {status}")
    if len(content) > LARGEST_BYTES:
        raise ValueError(f"there are more than {LARGEST_BYTES} bytes")
    return content


def post_local(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status with which an `http://localhost` URL answers a POST; `ValueError` when nobody does."""
    return _ask(url, "POST", body, headers)[0]


def is_local(url: str) -> bool:
    """Whether the sandbox would talk to this URL at all."""
    try:
        _parts(url)
    except ValueError:
        return False
    return True


def _parts(url: str) -> tuple[str, int, str]:
    """Host, port and the rest; `ValueError` for another machine's or another scheme's."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    if parts.scheme != "http" or not _is_loopback(host):
        raise ValueError("the sandbox fetches from http://localhost only")
    return host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _ask(url: str, method: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
    host, port, path = _parts(url)
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read(LARGEST_BYTES + 1)
    except (OSError, http.client.HTTPException) as wrong:
        raise ValueError(f"the connection failed: {wrong}") from wrong
    finally:
        connection.close()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
