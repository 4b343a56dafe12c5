"""Fetches what a client points at by URL, from this machine only. The sandbox reaches nowhere else, whatever it is
asked, and follows no redirects."""

from __future__ import annotations

import http.client
import ipaddress
from urllib.parse import urlsplit

LARGEST_BYTES = 100 * 1024 * 1024
TIMEOUT_S = 30


def fetch_local(url: str) -> bytes:
    """The bytes behind an `http://localhost` URL; `ValueError` with the reason when there are none to have."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    if parts.scheme != "http" or not _is_loopback(host):
        raise ValueError("the sandbox fetches from http://localhost only")
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        response = connection.getresponse()
        content = response.read(LARGEST_BYTES + 1)
    except (OSError, http.client.HTTPException) as wrong:
        raise ValueError(f"the connection failed: {wrong}") from wrong
    finally:
        connection.close()
    if response.status != 200:
        raise ValueError(f"the url answered {response.status}")
    if len(content) > LARGEST_BYTES:
        raise ValueError(f"there are more than {LARGEST_BYTES} bytes")
    return content


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
