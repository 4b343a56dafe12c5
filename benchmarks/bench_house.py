"""Real servers in a folder of their own, and the line with a provider that has its bytes ready."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
import pyvips
from nats.aio.client import Client
from nats.js import JetStreamContext

from pressroom.cli.servers import MongoServer, NatsServer
from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.finishing import NO_PROFILE
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import ProviderName
from pressroom.image_worker.app import build
from pressroom.image_worker.providers import Generation, GenerationRequest, Progress
from pressroom.image_worker.settings import ImageWorkerSettings
from pressroom.runtime import logs
from pressroom.runtime.admission import Admission
from pressroom.runtime.outbox import Outbox
from pressroom.runtime.topology import provision
from pressroom.state.database import Database

MAX_IMAGES = 1000
SIDE_PX = 64


class ReadyProvider:
    """Returns the same small picture at once, and notes when it was asked for which image."""

    name = ProviderName.STUDIO
    model: str | None = "ready"
    capabilities = Capabilities(prompt_max_characters=1000)

    def __init__(self, on_taken: Callable[[str], None] = lambda _image_id: None) -> None:
        self.data = bytes(pyvips.Image.black(SIDE_PX, SIDE_PX, bands=3).pngsave_buffer())
        self._on_taken = on_taken

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        self._on_taken(request.image_id)
        return Generation(self.data, model="ready")

    async def aclose(self) -> None:
        return None


@dataclass
class BenchHouse:
    settings: ImageWorkerSettings
    database: Database
    client: Client
    js: JetStreamContext
    outbox: Outbox

    async def request(self, count: int, *, sides_px: tuple[int, int] = (SIDE_PX, SIDE_PX)) -> str:
        """Ask for a batch as the gateway does; its id."""
        width_px, height_px = sides_px
        request = BatchRequest(
            provider=ProviderName.STUDIO,
            prompt="ready",
            count=count,
            width=width_px,
            height=height_px,
            profile=NO_PROFILE,
        )
        admission = Admission(self.database, self.outbox, self.settings)
        admitted = await admission.store(new_id("batch"), "bench", request, announce=True)
        await self.outbox.publish(self.database.batches, admitted.batch)
        return admitted.batch.id

    async def until_completed(self, batches: int) -> None:
        while await self.database.batches.raw.count_documents({"state": "completed"}) < batches:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def bench_house() -> AsyncIterator[BenchHouse]:
    """Started, provisioned, and gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pressroom-bench-") as folder:
        nats_server, mongo_server = NatsServer(Path(folder) / "nats"), MongoServer(Path(folder) / "mongo")
        nats_server.start()
        mongo_server.start()
        settings = ImageWorkerSettings(
            nats_url=nats_server.url,
            mongo_url=mongo_server.url,
            blob_url=(Path(folder) / "blobs").as_uri(),
            max_images_per_batch=MAX_IMAGES,
            log_level="warning",
        )
        logs.configure(settings, "bench")
        await provision(settings)
        database = Database(settings.mongo_url, settings.mongo_database)
        client = await nats.connect(settings.nats_url)
        js = client.jetstream(timeout=5)
        try:
            yield BenchHouse(settings, database, client, js, Outbox("bench", client, js))
        finally:
            await client.close()
            database.close()
            mongo_server.kill()
            nats_server.kill()


@asynccontextmanager
async def worker(house: BenchHouse, provider: ReadyProvider) -> AsyncIterator[None]:
    """The whole image-worker, in this process."""
    async with build(house.settings, {ProviderName.STUDIO: provider}).start_lifespan_context():
        while not (await house.js.consumer_info("EVENTS", "image-worker-batch-requested")).num_waiting:
            await asyncio.sleep(0.01)
        yield


def seconds_since(began: float) -> float:
    return time.perf_counter() - began
