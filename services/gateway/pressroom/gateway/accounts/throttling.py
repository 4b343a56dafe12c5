"""How often a password may be tried, under one name and from one address, counted in the database and so for all
gateways together, before the password is looked at."""

import ipaddress
import math
from http import HTTPStatus

from fastapi import Request

from pressroom.runtime import metrics
from pressroom.state.tries import Tries

from ..edge.problems import Refusal
from ..settings import GatewaySettings

_ONE_CUSTOMER_BITS = 64
"""Of an IPv6 address, what a provider gives away at once (RFC 6177): who has one of them has them all."""


async def count_try(tries: Tries, request: Request, name: str) -> None:
    """Raises a 429 `Refusal` when the name or the address has used up its tries."""
    settings: GatewaySettings = request.app.state.settings
    from_there = settings.login_tries_per_minute_from_one_address
    wait_s = await tries.take("login address", address_of(request), per_minute=from_there)
    if wait_s == 0:
        wait_s = await tries.take("login name", name.casefold(), per_minute=settings.login_tries_per_minute)
    if wait_s > 0:
        metrics.LOGINS.labels("throttled").inc()
        seconds = math.ceil(wait_s)
        detail = f"There were too many tries; try again in {seconds} s."
        headers = {"Retry-After": str(seconds)}
        raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too-many-tries", detail, headers=headers)


def address_of(request: Request) -> str:
    """Where the call comes from, as far as that tells callers apart."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), _ONE_CUSTOMER_BITS), strict=False))
