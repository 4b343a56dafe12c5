"""Bodies that are too long, too slow or of two lengths, and heads that are no heads, sent as no client sends them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from pressroom.contracts.vocabulary import Role, Scope
from pressroom.gateway.accounts.login import BODY_MAX_BYTES

from ..house import House
from .people import a_key, a_user, bearer, token_of
from .serving import MAX_BODY_BYTES, TOKEN, Gateway, problem_of, serving
from .test_who_may_call import GUARDED, ROUTES, filled, needs

TIMEOUT_S = 0.3
ANSWERED_WITHIN_S = 20.0
HEAD = f"Host: gateway\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
WITH_A_BODY = [route for route in GUARDED if "requestBody" in ROUTES[route]]


@pytest.fixture
async def impatient(house: House) -> AsyncIterator[Gateway]:
    async with serving(house, body_timeout_s=TIMEOUT_S) as running:
        yield running


class Answer:
    """What a connection said before it was closed, or before its first answer was over."""

    def __init__(self, said: bytes) -> None:
        head, _, body = said.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        self.problem = json.loads(body) if self.headers["content-type"] == "application/problem+json" else {}


@asynccontextmanager
async def connected(gateway: Gateway) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def to_the_end(reader: asyncio.StreamReader) -> Answer:
    """The answer, once the gateway has closed the connection. Who was still sending may see it reset after that."""
    said = b""
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        with contextlib.suppress(ConnectionResetError):
            while piece := await reader.read(2**16):
                said += piece
    return Answer(said)


@pytest.mark.parametrize("path", ["/v1/batches", "/v1/files", "/api/generate", "/auth/login"])
async def test_a_body_that_does_not_come_is_not_waited_for(impatient: Gateway, path: str) -> None:
    async with connected(impatient) as (reader, writer):
        writer.write(f'POST {path} HTTP/1.1\r\n{HEAD}Content-Length: 100\r\n\r\n{{"prompt":'.encode())
        answer = await to_the_end(reader)
    assert (answer.status, answer.problem["type"]) == (408, "urn:pressroom:problem:request-timeout")
    assert "PRESSROOM_BODY_TIMEOUT_S" in answer.problem["detail"]
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("framing", ["Content-Length: 60000", "Transfer-Encoding: chunked"])
async def test_drops_do_not_keep_it_waiting(impatient: Gateway, framing: str) -> None:
    async with connected(impatient) as (reader, writer):
        writer.write(f"POST /v1/batches HTTP/1.1\r\n{HEAD}{framing}\r\n\r\n".encode())
        drop = b" " if "Length" in framing else b"1\r\n \r\n"

        async def drip() -> None:
            while True:
                writer.write(drop)
                await asyncio.sleep(TIMEOUT_S / 10)

        dripping = asyncio.create_task(drip())
        answer = await to_the_end(reader)
        dripping.cancel()
    assert answer.status == 408
    assert (await impatient.http.get("/v1/account")).status_code == 200


async def test_a_body_that_takes_its_time_and_comes_is_read(impatient: Gateway) -> None:
    async with connected(impatient) as (reader, writer):
        body = b'{"provider": "studio", "prompt": "a fox"}'
        writer.write(
            f"POST /v1/batches HTTP/1.1\r\n{HEAD}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        writer.write(body[:10])
        await writer.drain()
        writer.write(body[10:])
        assert (await to_the_end(reader)).status == 202


async def test_who_reads_for_longer_than_bodies_may_take_is_not_cut_off(house: House) -> None:
    async with (
        serving(house, body_timeout_s=0.1, live_heartbeat_s=0.5) as gateway,
        gateway.http.stream("GET", "/v1/events") as answer,
    ):
        lines = answer.aiter_lines()
        said = [await anext(lines) for _ in range(3)]
    assert said == [": connected", "", ": alive"]


async def test_a_body_without_a_length_is_cut_off_at_the_limit(gateway: Gateway) -> None:
    async with connected(gateway) as (reader, writer):
        writer.write(f"POST /v1/batches HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        writer.write(chunk * (MAX_BODY_BYTES // 0x8000 + 1))
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_is_announced_as_too_long_is_not_asked_for(gateway: Gateway) -> None:
    async with connected(gateway) as (reader, writer):
        writer.write(
            f"POST /v1/batches HTTP/1.1\r\n{HEAD}Expect: 100-continue\r\nContent-Length: 9999999999\r\n\r\n".encode()
        )
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -1",
        "Content-Length: 0x10",
        "Content-Length: 5, 6",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding : chunked",
        "X-Bad: a\rb",
        "X Bad: a",
    ],
)
async def test_a_head_that_two_readers_would_read_differently_ends_the_connection(
    gateway: Gateway, framing: str
) -> None:
    smuggled = "0\r\n\r\nGET /v1/account HTTP/1.1\r\nHost: gateway\r\n\r\n"
    async with connected(gateway) as (reader, writer):
        writer.write(f"POST /v1/batches HTTP/1.1\r\n{HEAD}{framing}\r\n\r\n{smuggled}".encode())
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            said = await reader.read()
    assert said.count(b"HTTP/1.1 ") == 1
    assert Answer(said).status in (400, 501)
    assert (await gateway.http.get("/v1/account")).status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        f"X-Long: {'a' * 200_000}\r\n",
        "".join(f"X-Many-{number}: a\r\n" for number in range(20_000)),
        f"Authorization: Bearer {'a.' * 100_000}\r\n",
    ],
    ids=["one that is long", "many", "a token without end"],
)
async def test_a_head_without_end_is_not_read_to_its_end(gateway: Gateway, head: str) -> None:
    async with connected(gateway) as (reader, writer):
        writer.write(f"GET /v1/account HTTP/1.1\r\nHost: gateway\r\n{head}\r\n".encode())
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            status_line = await reader.readline()
    assert status_line.startswith(b"HTTP/1.1 431 ")
    assert (await gateway.http.get("/v1/account")).status_code == 200


@pytest.mark.parametrize("begun", ["", "GET", "GET /v1/account HTTP/1.1\r\nHost: gate"], ids=["no", "a", "half a"])
async def test_a_head_that_does_not_come_is_not_waited_for(house: House, begun: str) -> None:
    async with serving(house, head_timeout_s=TIMEOUT_S) as gateway, connected(gateway) as (reader, writer):
        writer.write(begun.encode())
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            said = await reader.read()
    assert said.startswith(b"HTTP/1.1 408 ") if begun else said == b""


async def test_a_second_head_that_comes_in_drops_is_not_waited_for(house: House) -> None:
    async with serving(house, head_timeout_s=TIMEOUT_S) as gateway, connected(gateway) as (reader, writer):
        writer.write(f"GET /healthz HTTP/1.1\r\n{HEAD}\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.write(b"GET /healthz HTTP/1.1\r\nX-Long: ")

        async def drip() -> None:
            while True:
                writer.write(b"a")
                await asyncio.sleep(TIMEOUT_S / 10)

        dripping = asyncio.create_task(drip())
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            said = await reader.read()
        dripping.cancel()
    assert b"HTTP/1.1 408 " in said


async def test_a_head_without_end_is_not_read_on_while_another_is_answered(gateway: Gateway) -> None:
    async with connected(gateway) as (reader, writer):
        writer.write(f"GET /v1/events HTTP/1.1\r\n{HEAD}\r\nGET / HTTP/1.1\r\nX-Long: ".encode())
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            while not reader.at_eof():
                writer.write(b"a" * 10_000)
                await reader.read(10_000)
    assert (await gateway.http.get("/v1/account")).status_code == 200


async def test_requests_that_come_together_are_answered_in_their_order(gateway: Gateway) -> None:
    async with connected(gateway) as (reader, writer):
        last = HEAD + "Connection: close\r\n"
        writer.write(f"GET /healthz HTTP/1.1\r\n{HEAD}\r\nGET /v1/nowhere HTTP/1.1\r\n{last}\r\n".encode())
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            said = await reader.read()
    assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404"]


@pytest.mark.parametrize("length", [100, 9_999_999_999])
@pytest.mark.parametrize("token", ["", "Authorization: Bearer a-token-that-is-not-right\r\n"], ids=["none", "wrong"])
async def test_of_who_is_not_known_no_body_is_waited_for(gateway: Gateway, token: str, length: int) -> None:
    assert len(WITH_A_BODY) > 30
    for method, path in WITH_A_BODY:
        async with connected(gateway) as (reader, writer):
            head = f"Host: gateway\r\n{token}Content-Type: application/json\r\nExpect: 100-continue\r\n"
            writer.write(f"{method} {filled(path)} HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n".encode())
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                status_line = await reader.readline()
        # Not 100, which would ask for the body.
        assert status_line.startswith(b"HTTP/1.1 401 "), (method, path, status_line)


@pytest.mark.parametrize("vendor", ["gemini", "openai", "printify", "shopify"])
async def test_of_a_vendor_that_nobody_set_up_no_body_is_waited_for(gateway: Gateway, vendor: str) -> None:
    async with connected(gateway) as (reader, writer):
        head = "Host: gateway\r\nExpect: 100-continue\r\nContent-Length: 100\r\n"
        writer.write(f"POST /webhooks/{vendor} HTTP/1.1\r\n{head}\r\n".encode())
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            status_line = await reader.readline()
    assert status_line.startswith(b"HTTP/1.1 404 ")


async def test_nobody_has_more_parsed_than_a_login(gateway: Gateway) -> None:
    body = {"email": "ann@example.com", "password": "x", "more": "x" * BODY_MAX_BYTES}
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as http:
        problem = problem_of(await http.post("/auth/login", json=body), 413, "content-too-large")
        assert str(BODY_MAX_BYTES) in problem["detail"]
        problem_of(await http.post("/auth/login", json=body | {"more": ""}), 401, "wrong-login")


async def test_who_may_not_do_it_hears_that_whatever_they_send(gateway: Gateway) -> None:
    _, secret = await a_key(gateway.house, (await a_user(gateway.house, Role.ADMIN)).id, Scope.READ)
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, headers={"X-API-Key": secret}) as http:
        for route in WITH_A_BODY:
            if needs(route) == {Scope.READ}:
                continue
            headers = {"Content-Type": "application/json"}
            answer = await http.request(route[0], filled(route[1]), content=b"{", headers=headers)
            problem_of(answer, 403, "insufficient-scope" if needs(route) else "sign-in-needed")


async def test_what_cannot_be_parsed_is_a_call_like_every_other(house: House) -> None:
    async with serving(house, requests_per_minute=2) as gateway:
        headers = bearer(token_of(await a_user(house))) | {"Content-Type": "application/json"}
        calls = [await gateway.http.post("/v1/batches", content=b"{", headers=headers) for _ in range(3)]
        assert [answer.status_code for answer in calls] == [422, 422, 429]
        assert calls[0].headers["ratelimit"].startswith('"minute";r=1;')
