"""Reference pictures that were uploaded, by name: each is kept, also while no batch has it.

An upload is noted once its bytes are stored and before it is answered. A process that dies in between leaves bytes that
nobody was told of; the same upload again is the same file.
"""

from datetime import UTC, datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import DuplicateKeyError

Raw = dict[str, Any]


class Uploads:
    """All uploads of one deployment, whoever made them: a file is stored once."""

    def __init__(self, raw: "AsyncIOMotorCollection[Raw]") -> None:
        self.raw = raw

    async def note(self, name: str) -> None:
        """Keep the stored file of this name."""
        try:
            await self.raw.update_one({"_id": name}, {"$setOnInsert": {"created_at": datetime.now(UTC)}}, upsert=True)
        except DuplicateKeyError:
            return  # The same upload twice in one moment.

    async def has(self, name: str) -> bool:
        """Whether the stored file of this name was uploaded."""
        return await self.raw.find_one({"_id": name}, projection=["_id"]) is not None
