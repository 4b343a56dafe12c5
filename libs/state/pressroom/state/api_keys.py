"""API keys: what a program calls with. The secret is shown where the key is made; stored is its SHA-256.

A plain SHA-256 is enough, and a slow hash would only slow every call: a secret is 256 bits from the system's random
source, so there is nothing to guess that a faster or slower hash would change. Passwords, which people choose, are
another matter (`pressroom.runtime.passwords`). A key that is revoked or has expired stays, so that it can be seen.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection
from pydantic import Field
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError

from pressroom.contracts.identifiers import new_id
from pressroom.contracts.vocabulary import Scope

from .documents import Part

Raw = dict[str, Any]

SECRET_PREFIX = "pr_live_"  # noqa: S105 how secrets begin, so that scanners of source code find one that leaked
USE_NOTED_EVERY = timedelta(minutes=1)

INDEXES = [
    IndexModel([("secret_sha256", ASCENDING)], name="secret", unique=True),
    IndexModel([("owner", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="by_owner"),
]

_SECRET_BYTES = 32
_SHOWN_CHARACTERS = len(SECRET_PREFIX) + 4


class ApiKeyDocument(Part):
    """`begins_with`: what is kept of the secret in clear, for people to know the key by: 24 of its 256 bits."""

    id: str = Field(alias="_id")
    owner: str
    name: str
    begins_with: str
    secret_sha256: str = Field(repr=False)
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether a call may be made with it."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def new_key(
    owner: str, name: str, scopes: frozenset[Scope], expires_at: datetime | None, *, key_id: str | None = None
) -> tuple[ApiKeyDocument, str]:
    """A key, not stored yet, and its secret."""
    secret = SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    key = ApiKeyDocument(
        _id=key_id or new_id("key"),
        owner=owner,
        name=name,
        begins_with=secret[:_SHOWN_CHARACTERS],
        secret_sha256=digest(secret),
        scopes=tuple(scope for scope in Scope if scope in scopes),
        created_at=datetime.now(UTC),
        expires_at=expires_at,
    )
    return key, secret


def digest(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKeys:
    """All API keys of one deployment."""

    def __init__(self, raw: "AsyncIOMotorCollection[Raw]") -> None:
        self.raw = raw
        # Losing this write only means that the key seems to have been used a minute earlier than it was.
        self._unconfirmed: AsyncIOMotorCollection[Raw] = raw.with_options(write_concern=WriteConcern(w=1, j=False))

    async def add(self, key: ApiKeyDocument) -> bool:
        """Store a new key; False when there is one with its id."""
        try:
            await self.raw.insert_one(key.model_dump(by_alias=True))
        except DuplicateKeyError:
            return False
        return True

    async def by_digest(self, secret_sha256: str) -> ApiKeyDocument | None:
        """The key with this secret, whether it is live or not."""
        return _read(await self.raw.find_one({"secret_sha256": secret_sha256}))

    async def page(
        self, owner: str | None, *, before: tuple[datetime, str] | None = None, limit: int = 0
    ) -> list[ApiKeyDocument]:
        """An owner's keys, or everybody's when None, newest first, from after the one that `before` names."""
        query: Raw = {} if owner is None else {"owner": owner}
        if before is not None:
            moment, key_id = before
            query["$or"] = [{"created_at": {"$lt": moment}}, {"created_at": moment, "_id": {"$lt": key_id}}]
        rows = self.raw.find(query, limit=limit).sort([("created_at", -1), ("_id", -1)])
        return [ApiKeyDocument.model_validate(row) async for row in rows]

    async def revoke(self, key_id: str, owner: str | None = None) -> ApiKeyDocument | None:
        """End a key for good; None when there is none with this id, or it is not `owner`'s. Twice is once."""
        whose: Raw = {} if owner is None else {"owner": owner}
        now = datetime.now(UTC)
        await self.raw.update_one({"_id": key_id, **whose, "revoked_at": None}, {"$set": {"revoked_at": now}})
        return _read(await self.raw.find_one({"_id": key_id, **whose}))

    async def note_use(self, key: ApiKeyDocument, now: datetime) -> ApiKeyDocument | None:
        """Write down that the key is used, at most once a minute whoever sees it; None where that is known already."""
        before = now - USE_NOTED_EVERY
        if key.last_used_at is not None and key.last_used_at > before:
            return None
        long_ago: Raw = {"$or": [{"last_used_at": None}, {"last_used_at": {"$lte": before}}]}
        raw = await self._unconfirmed.find_one_and_update(
            {"_id": key.id, **long_ago}, {"$set": {"last_used_at": now}}, return_document=ReturnDocument.AFTER
        )
        return _read(raw) or key.model_copy(update={"last_used_at": now})


def _read(raw: Raw | None) -> ApiKeyDocument | None:
    return None if raw is None else ApiKeyDocument.model_validate(raw)
