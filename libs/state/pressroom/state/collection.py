"""One way to write: a conditional update of one document, guarded by the states that it may come from.

The change of state, the fields that go with it and the messages that it causes are one atomic write, so a process
killed at any instruction has done all of it or nothing. A taker's writes also filter on its lease's token: a taker
that lost its lease writes nothing. Leases live by the database's clock (`$$NOW`), not by that of any worker.
"""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorCollection
from pymongo import ReturnDocument, WriteConcern
from pymongo.errors import BulkWriteError, DuplicateKeyError

from .documents import Document, OutboxMessage
from .machines import Machine, sources
from .reachability import Reachability

Doc = TypeVar("Doc", bound=Document)
Raw = dict[str, Any]

_DUPLICATE_KEY = 11000
_EVERY_MESSAGE = 200


@dataclass(frozen=True)
class Claim(Generic[Doc]):
    """A document that this process alone may write until the lease runs out."""

    document: Doc
    token: str

    @property
    def id(self) -> str:
        return self.document.id


class Collection(Generic[Doc]):
    """The documents of one kind, with their state machine."""

    def __init__(
        self, raw: "AsyncIOMotorCollection[Raw]", model: type[Doc], machine: Machine, reachability: Reachability
    ) -> None:
        self.raw = raw
        self.model = model
        self.machine = machine
        self._reachability = reachability
        # Losing this write only means that a message is published again under the same id.
        self._unconfirmed: AsyncIOMotorCollection[Raw] = raw.with_options(write_concern=WriteConcern(w=1, j=False))

    @property
    def name(self) -> str:
        return self.raw.name

    async def get(self, document_id: str) -> Doc | None:
        return self.read(await self.raw.find_one({"_id": document_id}))

    async def owned(self, document_id: str, owner: str) -> Doc | None:
        """The document, where it is this owner's; somebody else's is as none."""
        return self.read(await self.raw.find_one({"_id": document_id, "owner": owner}))

    async def find(self, query: Raw, *, sort: Sequence[tuple[str, int]] = (), limit: int = 0) -> list[Doc]:
        return [document async for document in self.stream(query, sort=sort, limit=limit)]

    async def stream(self, query: Raw, *, sort: Sequence[tuple[str, int]] = (), limit: int = 0) -> AsyncIterator[Doc]:
        cursor = self.raw.find(query, limit=limit)
        if sort:
            cursor = cursor.sort(list(sort))
        async for raw in cursor:
            yield self.model.model_validate(raw)

    async def newest(self, query: Raw, *, before: tuple[datetime, str] | None, limit: int) -> list[Doc]:
        """Newest first, from after the one that `before` (its time and id) names."""
        if before is not None:
            moment, document_id = before
            older = [{"created_at": {"$lt": moment}}, {"created_at": moment, "_id": {"$lt": document_id}}]
            query = {"$and": [query, {"$or": older}]}
        return await self.find(query, sort=[("created_at", -1), ("_id", -1)], limit=limit)

    async def insert(self, document: Doc, *, session: AsyncIOMotorClientSession | None = None) -> bool:
        """Store a new document; False when one of its unique keys is taken, with nothing written, and with the
        transaction of `session` at its end."""
        try:
            await self.raw.insert_one(_stored(document), session=session)
        except DuplicateKeyError:
            return False
        return True

    async def insert_missing(self, documents: Sequence[Doc]) -> None:
        """Store those that do not exist yet; those that do stay as they are."""
        if not documents:
            return
        try:
            await self.raw.insert_many([_stored(document) for document in documents], ordered=False)
        except BulkWriteError as error:
            details = error.details or {}
            failures = details.get("writeErrors", [])
            # Written, but not yet by a majority: what a new primary may not know of is not stored.
            is_unsure = bool(details.get("writeConcernErrors"))
            if is_unsure or any(failure["code"] != _DUPLICATE_KEY for failure in failures):
                raise

    async def transition(
        self,
        document_id: str,
        target: StrEnum,
        *,
        changes: Mapping[str, Any] | None = None,
        increments: Mapping[str, int] | None = None,
        messages: Sequence[OutboxMessage] = (),
        guard: Raw | None = None,
        token: str | None = None,
        release: bool = True,
        session: AsyncIOMotorClientSession | None = None,
    ) -> Doc | None:
        """Move a document to `target`, or return None with nothing written.

        The machine, `guard` and the fence (`token`, of a taker) decide. `release` ends the lease with the write, and
        `increments` are added to what the document has. It is a part of the transaction of `session`, if there is one.
        """
        query: Raw = {"_id": document_id, "state": {"$in": [str(state) for state in sources(self.machine, target)]}}
        query.update(guard or {})
        fields: Raw = {**(changes or {}), "state": str(target)}
        return await self._update(
            query, fields, messages, token=token, release=release, increments=increments, session=session
        )

    async def change(
        self,
        document_id: str,
        changes: Mapping[str, Any],
        *,
        increments: Mapping[str, int] | None = None,
        guard: Raw | None = None,
        messages: Sequence[OutboxMessage] = (),
        token: str | None = None,
        release: bool = False,
    ) -> Doc | None:
        """Write fields without a change of state, under the same guard and fence."""
        query: Raw = {"_id": document_id, **(guard or {})}
        return await self._update(query, dict(changes), messages, token=token, release=release, increments=increments)

    async def _update(
        self,
        query: Raw,
        fields: Raw,
        messages: Sequence[OutboxMessage],
        *,
        token: str | None,
        release: bool,
        increments: Mapping[str, int] | None = None,
        session: AsyncIOMotorClientSession | None = None,
    ) -> Doc | None:
        if token is not None:
            query["lease.token"] = token
        fields["updated_at"] = datetime.now(UTC)
        if release:
            fields["lease"] = None
        update: Raw = {"$set": fields}
        if increments:
            update["$inc"] = dict(increments)
        if messages:
            update["$push"] = {"outbox": {"$each": [message.model_dump() for message in messages]}}
        raw = await self.raw.find_one_and_update(query, update, return_document=ReturnDocument.AFTER, session=session)
        return self.read(raw)

    async def claim(
        self,
        document_id: str,
        becomes: Mapping[StrEnum, StrEnum],
        *,
        worker: str,
        lease_s: float,
        guard: Raw | None = None,
    ) -> Claim[Doc] | None:
        """Take a document for this process: from each state of `becomes` to the state it names.

        None when the document is in another state, when `guard` does not fit it, when another taker's lease still
        lives, or when it ran out while the database was away and its taker has had no time to extend it. A lease that
        ran out without being released counts as a crash.
        """
        return await self._claim({"_id": document_id, **(guard or {})}, becomes, worker=worker, lease_s=lease_s)

    async def claim_due(
        self, field: str, becomes: Mapping[StrEnum, StrEnum], *, worker: str, lease_s: float
    ) -> Claim[Doc] | None:
        """Take any document whose date in `field` has come, the longest waiting first."""
        # The type, so that an index of those alone that have a date will do.
        due: Raw = {field: {"$lte": datetime.now(UTC), "$type": "date"}}
        return await self._claim(due, becomes, worker=worker, lease_s=lease_s, sort=[(field, 1)])

    async def _claim(
        self,
        query: Raw,
        becomes: Mapping[StrEnum, StrEnum],
        *,
        worker: str,
        lease_s: float,
        sort: list[tuple[str, int]] | None = None,
    ) -> Claim[Doc] | None:
        claim = await self._take({**query, "lease": None}, becomes, worker=worker, lease_s=lease_s, sort=sort)
        # Asked after the database has answered: a question from before an outage would be answered after it.
        if claim is not None or self._reachability.is_new(lease_s):
            return claim
        ran_out: Raw = {"$expr": {"$lte": ["$lease.expires_at", "$$NOW"]}, "lease": {"$ne": None}}
        return await self._take({**query, **ran_out}, becomes, worker=worker, lease_s=lease_s, sort=sort)

    async def _take(
        self,
        query: Raw,
        becomes: Mapping[StrEnum, StrEnum],
        *,
        worker: str,
        lease_s: float,
        sort: list[tuple[str, int]] | None,
    ) -> Claim[Doc] | None:
        token = secrets.token_hex(8)
        query = {**query, "state": {"$in": [str(state) for state in becomes]}}
        branches: list[Raw] = [
            {"case": {"$eq": ["$state", str(before)]}, "then": str(after)} for before, after in becomes.items()
        ]
        abandoned: Raw = {"$cond": [{"$ifNull": ["$lease.token", False]}, 1, 0]}
        update: list[Raw] = [
            {
                "$set": {
                    "state": {"$switch": {"branches": branches, "default": "$state"}},
                    "attempt": {"$add": [{"$ifNull": ["$attempt", 0]}, 1]},
                    "crashes": {"$add": [{"$ifNull": ["$crashes", 0]}, abandoned]},
                    "lease": _lease(token, worker, lease_s),
                    "updated_at": "$$NOW",
                }
            }
        ]
        raw = await self.raw.find_one_and_update(query, update, sort=sort, return_document=ReturnDocument.AFTER)
        document = self.read(raw)
        return Claim(document, token) if document else None

    async def extend(
        self, claim: Claim[Doc], *, worker: str, lease_s: float, changes: Mapping[str, Any] | None = None
    ) -> Doc | None:
        """Beat: push the end of the lease out, and write what shows of the work. None when the lease is lost."""
        seen = {name: {"$literal": value} for name, value in (changes or {}).items()}
        raw = await self.raw.find_one_and_update(
            {"_id": claim.id, "lease.token": claim.token},
            [{"$set": {"lease": _lease(claim.token, worker, lease_s), **seen}}],
            return_document=ReturnDocument.AFTER,
        )
        return self.read(raw)

    async def confirm(self, document_id: str, message_ids: Sequence[str]) -> None:
        """Forget messages that the stream has confirmed."""
        await self._unconfirmed.update_one(
            {"_id": document_id}, {"$pull": {"outbox": {"id": {"$in": list(message_ids)}}}}
        )

    async def unconfirmed_since(self, moment: datetime) -> list[Doc]:
        """Documents with a message older than `moment`, oldest first."""
        return await self.find({"outbox.at": {"$lt": moment}}, sort=[("outbox.at", 1)], limit=_EVERY_MESSAGE)

    async def count_by_state(self, query: Raw) -> dict[str, int]:
        rows = self.raw.aggregate([{"$match": query}, {"$group": {"_id": "$state", "count": {"$sum": 1}}}])
        return {row["_id"]: row["count"] async for row in rows}

    def read(self, raw: Raw | None) -> Doc | None:
        """A document as it came from the database."""
        return None if raw is None else self.model.model_validate(raw)


def _lease(token: str, worker: str, lease_s: float) -> Raw:
    return {"token": token, "worker": worker, "expires_at": {"$add": ["$$NOW", round(lease_s * 1000)]}}


def _stored(document: Document) -> Raw:
    return document.model_dump(by_alias=True, mode="python", exclude_none=False)
