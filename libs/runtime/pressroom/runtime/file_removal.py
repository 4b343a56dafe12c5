"""The files of deleted images go, where nothing else has them: a file is stored once, whoever has it.

A file that nobody has is set aside at once, so that nobody sees it, and removed for ever after a day; in that day it is
looked at again and again, after twice as long up to some minutes, and brought back where somebody has it by then. For
the same bytes may be made anew while one looks, and the document that names them comes after them. What is to be done
is in the deleted image's document until it is done, so a process that dies leaves it to the next look of any gateway.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pressroom.state.database import Database
from pressroom.state.documents import ImageDocument, Removal

from .blobs import BlobStore
from .errors import StoreUnavailable
from .logs import get_logger

KEPT = timedelta(days=1)
SOONEST = timedelta(seconds=5)
SELDOMEST = timedelta(minutes=5)
"""A file that is wanted again is away for so long at most."""

log = get_logger(__name__)


@dataclass(frozen=True)
class FileRemoval:
    """Removes files; `kept`: how long one that was set aside can still be brought back."""

    database: Database
    blobs: BlobStore
    kept: timedelta = KEPT

    async def run(self, interval_s: float) -> None:
        """Look at what is due, until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(interval_s)

    async def once(self) -> None:
        """Everything that is due. What the store does not do now is looked at again."""
        while image := await self.database.images.take_removal(datetime.now(UTC) + SOONEST):
            assert image.removal is not None, "only what has one is taken"
            try:
                await self._look(image, image.removal)
            except StoreUnavailable as error:
                log.warning("files.not_removed", image_id=image.id, error=str(error))
                return

    async def _look(self, image: ImageDocument, removal: Removal) -> None:
        age = datetime.now(UTC) - removal.since
        is_last = age >= self.kept
        for key in removal.keys:
            if await self._is_used(key):
                await self.blobs.bring_back(key, image.id)
            elif is_last:
                # What stands in its place by now was made since, and is somebody else's.
                await self.blobs.purge(key, image.id)
            else:
                await self.blobs.set_aside(key, image.id)
        if is_last:
            await self.database.images.change(image.id, {"removal": None})
            log.info("files.removed", image_id=image.id, files=len(removal.keys))
        else:
            due_at = min(datetime.now(UTC) + min(max(age, SOONEST), SELDOMEST), removal.since + self.kept)
            await self.database.images.change(image.id, {"removal.due_at": due_at})

    async def _is_used(self, key: str) -> bool:
        # In the order in which one is made of another: what is made in between is seen as what it became.
        name = key.rpartition("/")[2]
        return (
            await self.database.uploads.has(name)
            or await self.database.subjects.have_file(name)
            or await self.database.batches.will_use(name)
            or await self.database.images.has_file(key)
        )
