"""What an owner keeps under a name of their own and replaces as a whole: subjects, recipes.

Each edit is one conditional write and counts a version; one that says which version it was made of is refused where
there is another, so that two people do not undo each other.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from motor.motor_asyncio import AsyncIOMotorCollection
from pydantic import Field
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from .documents import Part

Raw = dict[str, Any]

INDEXES = [IndexModel([("owner", ASCENDING), ("name", ASCENDING)], name="by_owner", unique=True)]


class NamedDocument(Part):
    """The id follows from owner and name, so there is never a second one."""

    id: str = Field(alias="_id")
    owner: str
    name: str
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def edition(self) -> str:
        """Its version and when the first was kept: one that is kept anew after it was forgotten counts from 1 again,
        and must not be taken for the one before."""
        return f"{self.version}-{round(self.created_at.timestamp() * 1000)}"


Doc = TypeVar("Doc", bound=NamedDocument)


class Named(Generic[Doc]):
    """The documents of one kind of all owners."""

    def __init__(self, raw: "AsyncIOMotorCollection[Raw]", model: type[Doc]) -> None:
        self.raw = raw
        self._model = model

    async def get(self, owner: str, name: str) -> Doc | None:
        return self._read(await self.raw.find_one({"_id": _id(owner, name)}))

    async def put(self, owner: str, name: str, content: Mapping[str, Any], *, seen: Doc | None = None) -> Doc | None:
        """Keep `content` under the name, in place of what there is; `seen`: only where that is as it was seen. None
        when it is not."""
        now = datetime.now(UTC)
        update: Raw = {"$set": {**content, "updated_at": now}, "$inc": {"version": 1}}
        query: Raw = {"_id": _id(owner, name)} if seen is None else _as_seen(seen)
        if seen is None:
            update["$setOnInsert"] = {"owner": owner, "name": name, "created_at": now}
        while True:
            try:
                raw = await self.raw.find_one_and_update(
                    query, update, upsert=seen is None, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                continue  # Its first two writes in the same moment; the second finds it.
            return self._read(raw)

    async def remove(self, seen: Doc) -> bool:
        """Forget it, where it is as it was seen."""
        return (await self.raw.delete_one(_as_seen(seen))).deleted_count == 1

    async def page(self, owner: str, *, kind: str | None = None, after: str | None = None, limit: int) -> list[Doc]:
        """An owner's, by name, from after the name `after`."""
        query: Raw = {"owner": owner}
        if kind is not None:
            query["kind"] = kind
        if after is not None:
            query["name"] = {"$gt": after}
        rows = self.raw.find(query, limit=limit).sort([("name", 1)])
        return [self._model.model_validate(row) async for row in rows]

    def _read(self, raw: Raw | None) -> Doc | None:
        return None if raw is None else self._model.model_validate(raw)


def _as_seen(document: NamedDocument) -> Raw:
    return {"_id": document.id, "version": document.version, "created_at": document.created_at}


def _id(owner: str, name: str) -> str:
    """Neither has a space."""
    return f"{owner} {name}"
