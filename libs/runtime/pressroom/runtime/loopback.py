"""Which names mean this machine and nothing beyond it."""

import ipaddress

LOOPBACK = "127.0.0.1"


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without a port, is heard on this machine alone (RFC 6761, section 6.3)."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
