"""Users: who may call, under which role, and the hash of their password.

A user is never deleted, as things are owned by its id; one that is disabled is refused. Users of a single sign-on are
known by an id that follows from its name for them, so that a first call that is made twice at once makes one user.
An address of mail is a login's name only where there is a password: a single sign-on's word for it opens no account.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection
from pydantic import Field
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from pressroom.contracts.costs import as_dollars
from pressroom.contracts.facts import MicroDollars
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.vocabulary import Role

from .documents import Part

Raw = dict[str, Any]

HAS_PASSWORD: Raw = {"password_hash": {"$type": "string"}}

INDEXES = [
    IndexModel([("email", ASCENDING)], name="login", unique=True, partialFilterExpression=HAS_PASSWORD),
    IndexModel([("email", ASCENDING), ("created_at", DESCENDING)], name="by_email"),
    IndexModel([("created_at", DESCENDING), ("_id", DESCENDING)], name="newest"),
]


class UserDocument(Part):
    """`email` is in small letters. `issuer`: whose single sign-on it is; None for who has a password here.
    `token_generation`: logins of an earlier generation are over. `max_cost_microusd`: what providers may take for all
    that they ever make, and of a calendar month; None: as much as they take."""

    id: str = Field(alias="_id")
    email: str | None
    password_hash: str | None = Field(default=None, repr=False)
    issuer: str | None = None
    role: Role
    token_generation: int = 0
    disabled_at: datetime | None = None
    max_cost_microusd: MicroDollars | None = None
    max_cost_per_month_microusd: MicroDollars | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def max_cost(self) -> Decimal | None:
        """In dollars."""
        return None if self.max_cost_microusd is None else as_dollars(self.max_cost_microusd)

    @property
    def max_cost_per_month(self) -> Decimal | None:
        """In dollars."""
        return None if self.max_cost_per_month_microusd is None else as_dollars(self.max_cost_per_month_microusd)


def new_user(email: str, password_hash: str, role: Role) -> UserDocument:
    """Somebody who logs in with a password; not stored yet."""
    now = datetime.now(UTC)
    folded = email.casefold()
    return UserDocument(
        _id=new_id("user"), email=folded, password_hash=password_hash, role=role, created_at=now, updated_at=now
    )


def signed_on_id(issuer: str, subject: str) -> str:
    """The id of who `issuer` calls `subject`."""
    return "user_" + hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:32]


class Users:
    """All users of one deployment."""

    def __init__(self, raw: "AsyncIOMotorCollection[Raw]") -> None:
        self.raw = raw

    async def get(self, user_id: str) -> UserDocument | None:
        return _read(await self.raw.find_one({"_id": user_id}))

    async def by_login(self, email: str) -> UserDocument | None:
        """Who logs in under this address, whatever its capitals."""
        return _read(await self.raw.find_one({"email": email.casefold(), **HAS_PASSWORD}))

    async def add(self, user: UserDocument) -> bool:
        """Store a new user; False when somebody logs in under the address already."""
        try:
            await self.raw.insert_one(user.model_dump(by_alias=True))
        except DuplicateKeyError:
            return False
        return True

    async def change(self, user_id: str, changes: Mapping[str, Any]) -> UserDocument | None:
        """Write `changes`; None when there is no such user. A new password ends the logins of before."""
        update: Raw = {"$set": {**changes, "updated_at": datetime.now(UTC)}}
        if "password_hash" in changes:
            update["$inc"] = {"token_generation": 1}
        return await self._update({"_id": user_id}, update)

    async def rehash(self, user_id: str, *, before: str, after: str) -> None:
        """The same password under a hash of today's cost, unless it was changed in between. Logins go on."""
        await self._update({"_id": user_id, "password_hash": before}, {"$set": {"password_hash": after}})

    async def signed_on(self, issuer: str, subject: str, email: str | None, role: Role) -> UserDocument:
        """The user that a single sign-on vouches for: made when new, brought up to date where its word has changed."""
        user_id = signed_on_id(issuer, subject)
        known = await self.get(user_id)
        said: Raw = {"email": email, "role": str(role)}
        if known is not None and (known.email, known.role) == (email, role):
            return known
        now = datetime.now(UTC)
        first: Raw = {"issuer": issuer, "password_hash": None, "token_generation": 0, "disabled_at": None}
        update: Raw = {"$set": {**said, "updated_at": now}, "$setOnInsert": {**first, "created_at": now}}
        while True:
            try:
                stored = await self._update({"_id": user_id}, update, upsert=True)
            except DuplicateKeyError:
                continue  # The same user's first two calls in the same moment; the second finds it.
            assert stored is not None
            return stored

    async def page(
        self, *, email: str | None = None, before: tuple[datetime, str] | None, limit: int
    ) -> list[UserDocument]:
        """Users, newest first, from after the one that `before` (its time and id) names; `email`: with that address."""
        query: Raw = {} if email is None else {"email": email.casefold()}
        if before is not None:
            moment, user_id = before
            query["$or"] = [{"created_at": {"$lt": moment}}, {"created_at": moment, "_id": {"$lt": user_id}}]
        rows = self.raw.find(query, limit=limit).sort([("created_at", -1), ("_id", -1)])
        return [UserDocument.model_validate(row) async for row in rows]

    async def _update(self, query: Raw, update: Raw, *, upsert: bool = False) -> UserDocument | None:
        return _read(
            await self.raw.find_one_and_update(query, update, upsert=upsert, return_document=ReturnDocument.AFTER)
        )


def _read(raw: Raw | None) -> UserDocument | None:
    return None if raw is None else UserDocument.model_validate(raw)
