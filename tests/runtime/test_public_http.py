"""Fetching URLs that a vendor named: from the public internet only, whatever the name resolves to and when."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pressroom.runtime.errors import ApiFailed, NetworkFailed, RateLimited, TimedOut
from pressroom.runtime.public_http import PublicHttp, UrlGone, is_public

from ..tls import self_signed

PICTURE = b"\x89PNG\r\n\x1a\n and so on"
LOCAL = "127.0.0.1"


@dataclass
class Host:
    """An HTTP server on this machine that tells what it was asked."""

    port: int
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


class Pictures(BaseHTTPRequestHandler):
    """Each path is a way to answer."""

    host: Host

    def do_GET(self) -> None:
        self.host.asked.append({name.lower(): value for name, value in self.headers.items()})
        what = self.path.strip("/").partition("?")[0]
        if what.isdecimal():
            self.send_response(int(what))
            self.send_header("Location", f"http://{LOCAL}:{self.host.port}/picture")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Set-Cookie", "who=you")
        self.send_header("Content-Length", str(len(PICTURE) + (100 if what == "cut" else 0)))
        self.end_headers()
        if what == "slow":
            threading.Event().wait(2)
        self.wfile.write(PICTURE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class calls it so
        """Quiet."""


def serve(wrap: Callable[[socket.socket], socket.socket] | None = None) -> tuple[ThreadingHTTPServer, Host]:
    handler = type("Handler", (Pictures,), {})
    server = ThreadingHTTPServer((LOCAL, 0), handler)
    server.daemon_threads = True
    if wrap:
        server.socket = wrap(server.socket)
    handler.host = Host(server.server_address[1])
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server, handler.host


@pytest.fixture
def pictures() -> Iterator[Host]:
    server, host = serve()
    yield host
    server.shutdown()
    server.server_close()


@dataclass
class SecureHost:
    """One whose certificate is for `pictures.example`."""

    port: int
    context: ssl.SSLContext


@pytest.fixture
def secure_pictures(tmp_path: Path) -> Iterator[SecureHost]:
    certificate, key = self_signed("pictures.example")
    pem = tmp_path / "server.pem"
    pem.write_bytes(key + certificate)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    server, host = serve(lambda plain: serving.wrap_socket(plain, server_side=True, do_handshake_on_connect=False))
    asking = ssl.create_default_context(cadata=certificate.decode())
    yield SecureHost(host.port, asking)
    server.shutdown()
    server.server_close()


def resolve(patch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Every name is at these addresses; the names that were asked for."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    patch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked


def a_client(*trusted: str, **more: object) -> PublicHttp:
    return PublicHttp("flux", timeout_s=1, trusted_hosts=trusted, **more)  # pyright: ignore[reportArgumentType]


async def test_a_trusted_host_may_be_private_and_speak_http(pictures: Host) -> None:
    client = a_client(LOCAL)

    assert await client.fetch(f"http://{LOCAL}:{pictures.port}/picture?signature=1") == PICTURE

    await client.aclose()


async def test_nothing_of_ours_is_sent_and_no_cookie_is_kept(pictures: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:9")
    client = a_client(LOCAL)

    await client.fetch(f"http://name:word@{LOCAL}:{pictures.port}/picture")
    await client.fetch(f"http://{LOCAL}:{pictures.port}/picture")

    assert [sorted(asked) for asked in pictures.asked] == [["accept", "accept-encoding", "host", "user-agent"]] * 2
    await client.aclose()


@pytest.mark.parametrize(
    "host",
    [LOCAL, "localhost", "2130706433", "0x7f.1", "127.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "localhost."],
)
async def test_this_machine_is_refused_however_it_is_written(pictures: Host, host: str) -> None:
    client = a_client()

    with pytest.raises((ApiFailed, NetworkFailed)) as caught:
        await client.fetch(f"https://{host}:{pictures.port}/picture")

    # Some resolvers do not know the odd spellings at all, which is as good.
    assert isinstance(caught.value, NetworkFailed) or "is not public" in str(caught.value)
    assert pictures.asked == []
    await client.aclose()


async def test_the_metadata_service_of_a_cloud_is_refused_with_its_address() -> None:
    client = a_client()

    with pytest.raises(ApiFailed, match=r"flux gave a URL on 169\.254\.169\.254, which is not public.*TRUSTED"):
        await client.fetch("https://169.254.169.254/latest/meta-data")

    await client.aclose()


async def test_http_is_refused_except_from_a_trusted_host(pictures: Host) -> None:
    client = a_client("pictures.example")

    with pytest.raises(ApiFailed, match="not https"):
        await client.fetch(f"http://{LOCAL}:{pictures.port}/picture")

    assert pictures.asked == []
    await client.aclose()


@pytest.mark.parametrize(
    "url", ["", "picture.png", "file:///etc/passwd", "https:///x", "https://host:port/x", "ftp://pictures.example/x"]
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    client = a_client("pictures.example")

    with pytest.raises(ApiFailed, match="flux gave a URL"):
        await client.fetch(url)

    await client.aclose()


async def test_a_name_that_also_has_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, "93.184.215.14", "10.0.0.7")
    client = a_client()

    with pytest.raises(ApiFailed, match=r"pictures\.example \(10\.0\.0\.7\), which is not public"):
        await client.fetch("https://pictures.example/picture")

    await client.aclose()


async def test_a_name_is_resolved_once_and_that_address_is_connected_to(
    secure_pictures: SecureHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolve(monkeypatch, LOCAL)
    client = a_client("pictures.example", ssl_context=secure_pictures.context)

    assert await client.fetch(f"https://pictures.example:{secure_pictures.port}/picture") == PICTURE
    assert asked == ["pictures.example"]

    await client.aclose()


async def test_the_certificate_is_checked_against_the_name(
    secure_pictures: SecureHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(monkeypatch, LOCAL)
    client = a_client("other.example", ssl_context=secure_pictures.context)

    with pytest.raises(NetworkFailed, match="certificate"):
        await client.fetch(f"https://other.example:{secure_pictures.port}/picture")

    await client.aclose()


async def test_only_the_vendor_s_own_hosts_are_asked_where_they_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolve(monkeypatch, "10.0.0.7")
    client = a_client(hosts=("bfl.ai",))

    for host in ("example.com", "notbfl.ai", "bfl.ai.example.com", "bfl.ai@example.com"):
        with pytest.raises(ApiFailed, match="not one of its hosts"):
            await client.fetch(f"https://{host}/picture")
    assert asked == []
    with pytest.raises(ApiFailed, match="not public"):
        await client.fetch("https://Delivery-EU.bfl.ai/picture")
    assert asked == ["delivery-eu.bfl.ai"]

    await client.aclose()


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("302", ApiFailed),
        ("403", UrlGone),
        ("404", UrlGone),
        ("410", UrlGone),
        ("429", RateLimited),
        ("500", ApiFailed),
        ("204", ApiFailed),
        ("cut", NetworkFailed),
        ("slow", TimedOut),
    ],
)
async def test_every_way_to_fail_has_its_kind(pictures: Host, path: str, error: type[Exception]) -> None:
    client = a_client(LOCAL)

    with pytest.raises(error, match="flux"):
        await client.fetch(f"http://{LOCAL}:{pictures.port}/{path}")

    assert len(pictures.asked) == 1, "a redirect was followed"
    assert await client.fetch(f"http://{LOCAL}:{pictures.port}/picture") == PICTURE
    await client.aclose()


async def test_more_bytes_than_a_picture_has_are_not_read(pictures: Host) -> None:
    client = a_client(LOCAL, max_bytes=5)

    with pytest.raises(ApiFailed, match="more than 5 bytes"):
        await client.fetch(f"http://{LOCAL}:{pictures.port}/picture")

    await client.aclose()


async def test_a_name_that_nobody_knows_is_a_network_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    client = a_client()

    with pytest.raises(NetworkFailed, match="cannot be resolved"):
        await client.fetch("https://pictures.example/picture")

    await client.aclose()


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%1",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "64:ff9b::a00:1",
        "2001:db8::1",
    ],
)
def test_these_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_these_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
