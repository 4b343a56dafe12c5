"""The other side: what one image costs when nats-py and motor are called directly, with the same durable writes.

Per image the line makes five acknowledged, journalled MongoDB updates (released, queued, taken, made, finished), two
unconfirmed ones (messages forgotten), two JetStream publishes (the job, the event), one fetch and one ack. The bare
loop makes exactly these, in order, and nothing else: no state machine, no lease, no files, no picture. With `pictures`
it also does what the line does with a provider's bytes, so that what is left is the line's own.
"""

import asyncio
from typing import Any

from nats.js import JetStreamContext
from pymongo import WriteConcern

from pressroom.contracts.subjects import EVENTS_STREAM, JOBS_STREAM
from pressroom.imaging.finishing import Rendering, finish, measure
from pressroom.runtime.blobs import BlobStore
from pressroom.state.database import Database

SUBJECT = "pressroom.job.image.studio.normal"
EVENT_SUBJECT = "pressroom.event.image.generated.bare"
BODY = b"x" * 600
"""About what a job and an event weigh."""


class BareLine:
    """One image after the other, by hand."""

    def __init__(self, database: Database, js: JetStreamContext, pictures: "BarePictures | None" = None) -> None:
        self._pictures = pictures
        self._images = database.images.raw
        self._unconfirmed: Any = self._images.with_options(write_concern=WriteConcern(w=1, j=False))
        self._js = js

    async def open(self) -> None:
        self._taking = await self._js.pull_subscribe_bind(consumer="image-studio-normal", stream=JOBS_STREAM)

    async def insert(self, names: list[str]) -> None:
        rows = [
            {"_id": name, "batch_id": f"bare-{name}", "index": 0, "state": "planned", "prompt": "ready" * 40}
            for name in names
        ]
        await self._images.insert_many(rows)

    async def queue(self, name: str) -> None:
        """Released, queued, its job in the stream."""
        await self._write(name, "planned", {"mark": 1})
        await self._write(name, "planned", {"state": "queued", "message": BODY})
        await self._js.publish(f"{SUBJECT}.{name}", BODY, stream=JOBS_STREAM)
        await self._unconfirmed.update_one({"_id": name}, {"$unset": {"message": 1}})

    async def take(self) -> tuple[str, Any]:
        """The next job, claimed. What the line's worker left unacknowledged when it ended is passed over."""
        while True:
            (message,) = await self._taking.fetch(1, timeout=5)
            name = message.subject.rsplit(".", 1)[-1]
            if name.startswith("bare"):
                break
            await message.ack()
        await self._write(name, "queued", {"state": "generating", "lease": "token"})
        return name, message

    async def finish(self, name: str, message: Any) -> None:
        key = "key" if self._pictures is None else await self._pictures.kept()
        await self._write(name, "generating", {"state": "finishing", "raw": key})
        if self._pictures is not None:
            await self._pictures.finished(key)
        await self._write(name, "finishing", {"state": "generated", "message": BODY})
        await self._js.publish(EVENT_SUBJECT, BODY, stream=EVENTS_STREAM)
        await self._unconfirmed.update_one({"_id": name}, {"$unset": {"message": 1}})
        await message.ack()

    async def _write(self, name: str, state: str, changes: dict[str, Any]) -> None:
        found = await self._images.find_one_and_update({"_id": name, "state": state}, {"$set": changes})
        assert found is not None


class BarePictures:
    """What the line does with a provider's bytes: looked at and stored, read again, finished, two files stored."""

    def __init__(self, data: bytes, side_px: int, blobs: BlobStore) -> None:
        self._data = data
        self._side_px = side_px
        self._blobs = blobs

    async def kept(self) -> str:
        return await self._stored(await asyncio.to_thread(measure, self._data))

    async def finished(self, key: str) -> None:
        data, side = await self._blobs.get(key), self._side_px
        done = await asyncio.to_thread(finish, data, None, width_px=side, height_px=side)
        await asyncio.gather(self._stored(done.file), self._stored(done.thumbnail))

    async def _stored(self, made: Rendering) -> str:
        facts = await self._blobs.put(made.data, made.media_type, width_px=made.width_px, height_px=made.height_px)
        return facts.key
