"""Fetching what a vendor's answer points at, trusting nothing about the URL.

The answer may be forged, or the vendor broken into: a URL in it must never make this machine ask its own network. So
only https is spoken, no redirect is followed, nothing of ours (keys, cookies, proxies of the environment) is sent, and
the addresses of a host are looked at when the connection is made, on the very address that is connected to: a name that
resolves otherwise a moment later gains nothing, while TLS still checks the certificate against the name. Hosts that the
operator trusts (an own S3 in the private network, a stand-in for tests) are exempt. Nothing is stored here.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from http import HTTPStatus

import httpcore
import httpx
from httpcore import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream

from .errors import ApiFailed, NetworkFailed, RateLimited, TimedOut, WorkError
from .vendor_http import USER_AGENT

PICTURE_MAX_BYTES = 64 * 2**20
"""More than any picture that a vendor hands out by URL: 16 megapixels of noise in RGBA, which no PNG makes larger. What
has more is a mistake or an attack."""

TRUST_SETTING = "PRESSROOM_TRUSTED_PRIVATE_HOSTS"
CONNECT_TIMEOUT_S = 10.0

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""

_GONE = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""Signed URLs that have expired answer 403 (S3, Azure), deleted files 404 or 410."""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class UrlGone(ApiFailed):
    """There is nothing behind the URL any more: it has expired, or what it named was deleted."""


class PublicHttp:
    """A client for the URLs that one vendor's answers name.

    `hosts`: the hosts, and hosts below them, that the vendor is known to use; any when None. `trusted_hosts` may be
    private, may speak http, and need not be in `hosts`. `timeout_s` is for each step (connecting, a piece of the body);
    the whole is limited by whoever calls.
    """

    def __init__(
        self,
        vendor: str,
        *,
        timeout_s: float,
        trusted_hosts: Iterable[str] = (),
        hosts: tuple[str, ...] | None = None,
        max_bytes: int = PICTURE_MAX_BYTES,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._vendor = vendor
        self._trusted = frozenset(_plain(host) for host in trusted_hosts)
        self._hosts = tuple(_plain(host) for host in hosts) if hosts is not None else None
        self._max_bytes = max_bytes
        self._timeouts = {"connect": CONNECT_TIMEOUT_S, "read": timeout_s, "write": timeout_s, "pool": timeout_s}
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or httpx.create_ssl_context(),
            network_backend=CheckedBackend(vendor, self._trusted),
        )

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def fetch(self, url: str) -> bytes:
        """The bytes behind `url`, at most `max_bytes` of them.

        Raises `UrlGone` when there is nothing (any more), `ApiFailed` when the URL or its answer is not to be trusted,
        `NetworkFailed`, `TimedOut` or `RateLimited` when another try may fetch it.
        """
        request = self._request(url)
        host = request.url.host.decode("ascii")
        try:
            response = await self._pool.handle_async_request(request)
            try:
                self._check(response, host)
                return await self._read(response, host)
            finally:
                await response.aclose()
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise self._network_error(error, host) from error

    def _request(self, url: str) -> httpcore.Request:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ApiFailed(f"{self._vendor} gave a URL that is none: {_shown(url)}") from error
        host = _plain(parsed.raw_host.decode("ascii"))
        if not host:
            raise ApiFailed(f"{self._vendor} gave a URL without a host: {_shown(url)}")
        if host not in self._trusted:
            if parsed.scheme != "https":
                raise ApiFailed(
                    f"{self._vendor} gave a URL that is not https, but {parsed.scheme or 'none'}: {_shown(url)}"
                )
            if self._hosts is not None and not any(
                host == known or host.endswith(f".{known}") for known in self._hosts
            ):
                raise ApiFailed(
                    f"{self._vendor} gave a URL on {host}, which is not one of its hosts ({', '.join(self._hosts)})"
                )
        elif parsed.scheme not in ("http", "https"):
            raise ApiFailed(f"{self._vendor} gave a URL that is neither https nor http: {_shown(url)}")
        # Only these parts are taken over: a user and password in the URL are not.
        target = httpcore.URL(scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path)
        headers = [
            ("Host", parsed.netloc.decode("ascii")),
            ("User-Agent", USER_AGENT),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
        ]
        return httpcore.Request("GET", target, headers=headers, extensions={"timeout": self._timeouts})

    def _check(self, response: httpcore.Response, host: str) -> None:
        status = response.status
        if status == HTTPStatus.OK:
            return
        said = f"{self._vendor}'s picture: {host} answered {status}"
        if status in _GONE:
            raise UrlGone(f"{said}; its URL has expired, or what it named was deleted")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimited(said)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise ApiFailed(f"{said}; redirects are not followed")
        raise ApiFailed(said)

    async def _read(self, response: httpcore.Response, host: str) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > self._max_bytes:
                raise ApiFailed(f"{self._vendor} gave a URL on {host} with more than {self._max_bytes} bytes behind it")
        return bytes(body)

    def _network_error(self, error: Exception, host: str) -> WorkError:
        said = f"{self._vendor}'s picture on {host}: {type(error).__name__} {error}".strip()
        if isinstance(error, httpcore.TimeoutException) and not isinstance(error, httpcore.ConnectTimeout):
            return TimedOut(f"{said}; no answer in time")
        return NetworkFailed(said)


class CheckedBackend(AsyncNetworkBackend):
    """Resolves a host itself, refuses it when any of its addresses is not public, and connects to one that was seen."""

    def __init__(self, vendor: str, trusted: frozenset[str]) -> None:
        self._vendor = vendor
        self._trusted = trusted
        self._sockets = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        addresses = await self._addresses(host, port, timeout)
        if _plain(host) not in self._trusted:
            for address in addresses:
                if not is_public(address):
                    raise ApiFailed(
                        f"{self._vendor} gave a URL on {_named(host, address)}, which is not public; if it is yours, "
                        f"name the host in {TRUST_SETTING}"
                    )
        failed: Exception | None = None
        for address in addresses:
            try:
                return await self._sockets.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore.ConnectError(f"{host} has no address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int, timeout: float | None) -> list[IpAddress]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            if isinstance(error, TimeoutError):
                raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
        return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


def is_public(address: IpAddress) -> bool:
    """Whether an address belongs to the public internet, and so does an IPv4 address inside of it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a mapped, a 6to4, a Teredo or a NAT64 address leads to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


def _named(host: str, address: IpAddress) -> str:
    return host if host == str(address) else f"{host} ({address})"


def _shown(url: str) -> str:
    """A URL without its query, which may be a signature."""
    return repr(url.partition("?")[0][:200])
