"""A house for a test: provisioned streams, a database of its own, a blob folder, and what to look at them with."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import nats
import pytest
import pyvips
from faststream.asgi import AsgiFastStream
from nats.aio.client import Client
from nats.js import JetStreamContext

from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.cloudevents import ReceivedEvent
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.subjects import ALL_EVENTS, DEAD_STREAM
from pressroom.contracts.vocabulary import BatchState, ProviderName
from pressroom.image_worker.app import build as build_worker
from pressroom.image_worker.providers import Generation, GenerationRequest, ImageProvider, Progress
from pressroom.image_worker.settings import ImageWorkerSettings
from pressroom.runtime.admission import Admission
from pressroom.runtime.audit import AuditReport, audit
from pressroom.runtime.blobs import BlobStore
from pressroom.runtime.lanes import Lanes
from pressroom.runtime.outbox import Outbox, OutboxRelay
from pressroom.runtime.settings import Settings
from pressroom.runtime.tail import EVERYTHING, tail
from pressroom.runtime.topology import provision
from pressroom.runtime.tracing import continued
from pressroom.state.database import Database
from pressroom.state.documents import BatchDocument, ImageDocument, LaneService

Found = TypeVar("Found")
WITHIN_S = 20.0

# What makes a test quick: short leases and sweeps. Everything else is as it is for users.
QUICK: dict[str, Any] = {
    "lease_s": 1.0,
    "sweep_interval_s": 0.2,
    "outbox_age_s": 0.5,
    "backoff_initial_s": 0.05,
    "backoff_max_s": 0.2,
}


async def eventually(look: Callable[[], Awaitable[Found | None]], within_s: float = WITHIN_S) -> Found:
    """What `look` finds, as soon as it finds it."""
    deadline = time.monotonic() + within_s
    while True:
        found = await look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within_s} s: {look}"
        await asyncio.sleep(0.02)


LAID_OUT = "laid_out"
"""The database that tests in a house share, one after another (`conftest.py`)."""


class House:
    """Real servers, one settings object, and a few looks."""

    database: Database
    client: Client
    js: JetStreamContext
    outbox: Outbox
    blobs: BlobStore

    def __init__(self, nats_url: str, mongo_url: str, mongo_database: str, folder: Path) -> None:
        self.values = {
            "nats_url": nats_url,
            "mongo_url": mongo_url,
            "mongo_database": mongo_database,
            "blob_url": (folder / "blobs").as_uri(),
            "log_format": "console",
            **QUICK,
        }
        self.settings = Settings(**self.values)

    async def open(self, *, is_laid_out: bool = False) -> None:
        """`is_laid_out`: streams, consumers and indexes are there."""
        if not is_laid_out:
            await provision(self.settings)
        self.database = Database(self.settings.mongo_url, self.settings.mongo_database)
        self.client = await nats.connect(self.settings.nats_url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
        self.js = self.client.jetstream()
        self.outbox = Outbox("test", self.client, self.js)
        self.blobs = BlobStore(self.settings.blob_url)
        await self.open_lane(ProviderName.STUDIO)

    async def open_lane(
        self, name: ProviderName, capabilities: Capabilities | None = None, model: str | None = None
    ) -> None:
        """As a worker leaves it that has served the lane once."""
        can = capabilities or Capabilities(prompt_max_characters=100_000)
        service = LaneService(capabilities=can, model=model, timeout_s=120, max_attempts=3)
        lanes = Lanes(self.database, self.client, self.outbox, GenerateImage)
        await lanes.announce(name, service, worker="test")

    async def close(self) -> None:
        await self.client.close()
        self.database.close()

    async def request(
        self, batch_id: str | None = None, traceparent: str | None = None, owner: str = "default", **fields: Any
    ) -> BatchDocument:
        """A stored request, announced to the services as the gateway does, in the trace that it came with."""
        usual = {"provider": "studio", "prompt": "a quiet harbour", "width": 64, "height": 64, "profile": "none"}
        fields = usual | fields
        admission = Admission(self.database, self.outbox, self.settings)
        identity = batch_id or new_id("batch")
        request = BatchRequest.model_validate(fields)
        with continued("request", {"traceparent": traceparent} if traceparent else None):
            admitted = await admission.store(identity, owner, request, announce=True)
        await self.outbox.publish(self.database.batches, admitted.batch)
        return admitted.batch

    async def batch_in(self, batch_id: str, *states: BatchState, within_s: float = WITHIN_S) -> BatchDocument:
        async def look() -> BatchDocument | None:
            batch = await self.database.batches.get(batch_id)
            return batch if batch and batch.state in states else None

        return await eventually(look, within_s)

    async def completed(self, batch_id: str, within_s: float = WITHIN_S) -> list[ImageDocument]:
        """The images of the batch once it is completed and all that was told of."""
        await self.batch_in(batch_id, BatchState.COMPLETED, within_s=within_s)

        async def told() -> list[ImageDocument] | None:
            batch = await self.database.batches.get(batch_id)
            images = await self.database.images.of_batch(batch_id)
            waiting = [*(batch.outbox if batch else ()), *(message for image in images for message in image.outbox)]
            return None if waiting else images

        return await eventually(told)

    async def image(self, image_id: str) -> ImageDocument:
        image = await self.database.images.get(image_id)
        assert image is not None
        return image

    async def events(self, subject: str = ALL_EVENTS) -> list[ReceivedEvent]:
        """Every event so far."""
        found = [told async for told in tail(self.js, subject, EVERYTHING, idle_s=0.3, follow=False)]
        return [told.event for told in found if told is not None and told.event is not None]

    async def dead(self) -> list[Any]:
        """Every dead letter so far."""
        state = (await self.js.stream_info(DEAD_STREAM)).state
        return [await self.js.get_msg(DEAD_STREAM, seq=number) for number in range(1, state.last_seq + 1)]

    async def audit(self) -> AuditReport:
        """The audit, after what a stopped service left in its outboxes went out, as another service would do it."""
        await OutboxRelay(self.database, self.outbox, age_s=0, interval_s=1).once()
        return await audit(self.settings)

    def worker(self, provider: ImageProvider, **settings: Any) -> AbstractAsyncContextManager[None]:
        """A whole image-worker in this process, whose studio lane is served by `provider`."""
        values = ImageWorkerSettings(**{**self.values, **settings})
        return running(build_worker(values, {ProviderName.STUDIO: provider}))


def running(app: AsgiFastStream) -> AbstractAsyncContextManager[None]:
    """A service from its start to its stop."""
    return app.start_lifespan_context()


class ReadyProvider:
    """A test's provider: the same small picture at once, or whatever `answer` does. Remembers what it was asked."""

    name = ProviderName.STUDIO
    model: str | None = "ready"
    capabilities = Capabilities(prompt_max_characters=100_000)

    def __init__(self, answer: Callable[[GenerationRequest], Awaitable[bytes | None]] | None = None) -> None:
        self.asked: list[GenerationRequest] = []
        self.generating = 0
        self.most_at_once = 0
        self._answer = answer

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        self.asked.append(request)
        self.generating += 1
        self.most_at_once = max(self.most_at_once, self.generating)
        try:
            data = await self._answer(request) if self._answer else None
        finally:
            self.generating -= 1
        return Generation(data or PICTURE, model="ready")

    async def aclose(self) -> None:
        return None

    def count(self, image_id: str) -> int:
        return sum(request.image_id == image_id for request in self.asked)


def _small_picture() -> bytes:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><circle r="40" fill="red"/></svg>'
    return bytes(pyvips.Image.svgload_buffer(svg).pngsave_buffer())


PICTURE = _small_picture()


@pytest.fixture
async def house(nats_url: str, mongo_url: str, mongo_database: str, tmp_path: Path) -> AsyncIterator[House]:
    """Opened, and closed at the end."""
    opened = House(nats_url, mongo_url, mongo_database, tmp_path)
    await opened.open(is_laid_out=mongo_database == LAID_OUT)
    yield opened
    await opened.close()
