"""How often something may be tried in a minute, whichever process is asked: a login under a name, or from an address.

One document a subject, changed by one atomic update on the database's clock: two gateways never both allow the last
try. As many tries as a minute has are allowed at once, and then one after the other as the minute goes by. A process
that dies has counted its try. Subjects are stored as hashes, since people type passwords where their name belongs.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ASCENDING, IndexModel, ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError

Raw = dict[str, Any]

MINUTE_MS = 60_000

INDEXES = [IndexModel([("free_at", ASCENDING)], name="forgotten", expireAfterSeconds=0)]
"""A document whose last try counts no more says nothing, and is removed."""

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Tries:
    """What was tried of late."""

    def __init__(self, raw: "AsyncIOMotorCollection[Raw]") -> None:
        self.raw = raw
        # A server that fails over may forget the tries of its last moment; that is no reason to wait for its disk.
        self._unconfirmed: AsyncIOMotorCollection[Raw] = raw.with_options(write_concern=WriteConcern(w=1, j=False))

    async def take(self, kind: str, subject: str, *, per_minute: int) -> float:
        """Count one try: 0 when it is allowed, else in how many seconds the next one is. What is refused counts not."""
        interval_ms = MINUTE_MS // per_minute
        # `free_at` is when all tries so far are used up: a full minute ahead, nothing is left.
        update: list[Raw] = [
            {"$set": {"free_at": {"$max": [{"$ifNull": ["$free_at", _LONG_AGO]}, "$$NOW"]}}},
            {"$set": {"next_at": {"$add": ["$free_at", interval_ms - MINUTE_MS]}, "asked_at": "$$NOW"}},
            {"$set": {"is_allowed": {"$lte": ["$next_at", "$$NOW"]}}},
            {"$set": {"free_at": {"$cond": ["$is_allowed", {"$add": ["$free_at", interval_ms]}, "$free_at"]}}},
        ]
        name = f"{kind}:{hashlib.sha256(subject.encode()).hexdigest()}"
        while True:
            try:
                tried = await self._unconfirmed.find_one_and_update(
                    {"_id": name}, update, upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                continue  # Two first tries in the same moment; the second finds the document.
            wait_s: float = (tried["next_at"] - tried["asked_at"]).total_seconds()
            return 0.0 if tried["is_allowed"] else max(wait_s, 0.001)
