"""A gateway for a test: the real application under a real HTTP server on a free port, with a client that knows it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from pressroom.contracts.vocabulary import ImageState
from pressroom.gateway.app import build
from pressroom.gateway.settings import GatewaySettings
from pressroom.runtime.admission import Admission
from pressroom.runtime.http_heads import bounded_heads
from pressroom.state.documents import BatchDocument

from ..house import PICTURE, House

TOKEN = "a-token-for-tests-only"
JWT_SECRET = "a-secret-for-tests-only-of-32-bytes"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
BODY: dict[str, Any] = {"provider": "studio", "prompt": "a quiet harbour"}
PRINT = PICTURE
THUMBNAIL = b"RIFF what a small picture holds WEBP"
MAX_BODY_BYTES = 64 * 1024
STARTED_WITHIN_S = 20.0
# Wide enough for a list of more images than any batch may have.
EDGE_BODY_BYTES = 1024 * 1024


class _Server(uvicorn.Server):
    """Leaves the signals of the test's process alone."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@dataclass(frozen=True)
class Gateway:
    """A running gateway. `http` sends the token with every request."""

    house: House
    url: str
    http: httpx.AsyncClient

    async def batch(self, **fields: Any) -> dict[str, Any]:
        """A batch that was asked for by HTTP, as it was answered."""
        answer = await self.http.post("/v1/batches", json=BODY | fields)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def planned(self, **fields: Any) -> BatchDocument:
        """A batch whose images exist."""
        house = self.house
        batch = await house.request(**fields)
        planned = await Admission(house.database, house.outbox, house.settings).plan(batch)
        assert planned is not None
        return planned

    async def image(self, state: ImageState = ImageState.GENERATED, **fields: Any) -> str:
        """The id of an image in `state`, with its files unless it waits to be made."""
        batch = await self.planned(**fields)
        image_id = f"{batch.id}-0000"
        changes: dict[str, Any] = {"state": str(state)}
        if state is not ImageState.PLANNED:
            file = await self.house.blobs.put(PRINT, "image/png", width_px=64, height_px=64)
            thumbnail = await self.house.blobs.put(THUMBNAIL, "image/webp", width_px=64, height_px=64)
            changes |= {"file": file.model_dump(), "thumbnail": thumbnail.model_dump()}
        await self.house.database.images.change(image_id, changes)
        return image_id


@asynccontextmanager
async def serving(house: House, **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway in `house` from its start to its stop. `settings` are the gateway's own."""
    quick = {
        "live_heartbeat_s": 0.5,
        "lanes_cache_s": 0,
        "api_token": TOKEN,
        "jwt_secret": JWT_SECRET,
        "max_body_bytes": MAX_BODY_BYTES,
    }
    own = GatewaySettings(**{**house.values, **quick, **settings})
    http = bounded_heads(own.head_timeout_s)
    app = build(own)
    server = _Server(uvicorn.Config(app, http=http, log_config=None, access_log=False, timeout_graceful_shutdown=1))
    # Named as TCP, or asyncio does not know its connections for it, and each answer waits 40 ms (Nagle).
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        serve = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(STARTED_WITHIN_S):
                while not server.started:
                    assert not serve.done(), "the gateway did not start"
                    await asyncio.sleep(0.01)
            # Not verified, or each test would read the certificates of all authorities, for a server without TLS.
            async with httpx.AsyncClient(
                base_url=url, headers=WITH_TOKEN, trust_env=False, timeout=20, verify=False
            ) as http:
                yield Gateway(house, url, http)
        finally:
            server.should_exit = True
            await serve


@asynccontextmanager
async def unconnected(folder: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that was never started and has no server to talk to: what it refuses costs nothing."""
    nowhere = {"nats_url": "nats://127.0.0.1:9", "mongo_url": "mongodb://127.0.0.1:9/?directConnection=true"}
    own = {"api_token": TOKEN, "jwt_secret": JWT_SECRET, "blob_url": folder.as_uri(), "max_body_bytes": EDGE_BODY_BYTES}
    transport = httpx.ASGITransport(build(GatewaySettings(**{**nowhere, **own, **settings})))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://gateway", headers=WITH_TOKEN, verify=False
    ) as client:
        yield client


def problem_of(answer: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem that an answer is, once it is what RFC 9457 asks for and what was expected."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status), problem
    assert problem["type"] == f"urn:pressroom:problem:{name}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == answer.request.url.path
    return problem


def fields_named_in(problem: dict[str, Any]) -> Sequence[str]:
    return [error["field"] for error in problem["errors"]]
