"""What caps in money leave: for each that is in force, what was spent under it and what is put aside for calls.

A budget is a sum of what the images say: `spent` of their tries that name it (`counted_in`), `reserved` of what is put
aside for their calls (`reservation`), both written in one transaction with the image (`images_under_caps`). So a
process killed at any instruction leaves image and budget that agree, and what is put aside is spent or free again with
the write that tells what became of the call. `before` are the tries that do not name it: from before the cap was set,
and of calls that began before everybody had heard of it. It is counted when the budget is made, and again whenever its
age has doubled. All amounts are in millionths of a US dollar.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from motor.motor_asyncio import AsyncIOMotorDatabase
from pydantic import Field
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from pressroom.contracts.facts import MicroDollars

from .documents import Part, Reservation
from .transactions import Session

Raw = dict[str, Any]

INDEXES = [IndexModel([("recount_at", ASCENDING)], name="recount")]

FIRST_RECOUNT = timedelta(minutes=1)
"""Longer than anybody goes on without having heard of a new cap."""


@dataclass(frozen=True)
class Scope:
    """What a cap is about: one batch, all that an owner ever made, or a calendar month (UTC, `2026-11`) of one owner's
    or of everybody's."""

    batch_id: str | None = None
    owner: str | None = None
    month: str | None = None

    @classmethod
    def of(cls, budget_id: str) -> Self:
        """From the id of its budget."""
        kind, name, *owner = budget_id.split("/")
        match kind:
            case "batch":
                return cls(batch_id=name)
            case "owner":
                return cls(owner=name)
            case _:
                return cls(month=name, owner=owner[0] if owner else None)

    @property
    def id(self) -> str:
        """Of its budget. No name of a batch or of an owner has a slash."""
        if self.batch_id is not None:
            return f"batch/{self.batch_id}"
        if self.month is None:
            return f"owner/{self.owner}"
        return f"month/{self.month}" + (f"/{self.owner}" if self.owner is not None else "")

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """From when to before when, of a month."""
        if self.month is None:
            return None
        first = datetime.strptime(self.month, "%Y-%m").replace(tzinfo=UTC)
        return first, (first + timedelta(days=32)).replace(day=1)

    @property
    def of_any_month(self) -> str:
        """An expression for the ids of the budgets of this month's owner, or of everybody's, in every month."""
        return r"^month/\d{4}-\d{2}" + ("" if self.owner is None else re.escape(f"/{self.owner}")) + "$"

    @property
    def images(self) -> Raw:
        """Whose images it is about."""
        if self.batch_id is not None:
            return {"batch_id": self.batch_id}
        return {} if self.owner is None else {"owner": self.owner}


def month_of(moment: datetime) -> str:
    """Its calendar month, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m}"


@dataclass(frozen=True)
class Cap:
    """The most that may be spent of something."""

    scope: Scope
    limit: MicroDollars


class BudgetDocument(Part):
    """`id` follows from the scope. `recount_at`: when `before` is counted again."""

    id: str = Field(alias="_id")
    before: MicroDollars = 0
    spent: MicroDollars = 0
    reserved: MicroDollars = 0
    created_at: datetime
    updated_at: datetime
    recount_at: datetime

    @property
    def taken(self) -> MicroDollars:
        """What was spent, all of it."""
        return self.before + self.spent

    def left(self, limit: MicroDollars) -> MicroDollars:
        """What may still be put aside under a cap of `limit`."""
        return max(0, limit - self.taken - self.reserved)


class OverCap(Exception):
    """A call would cost more than a cap leaves; nothing was put aside."""

    def __init__(self, cap: Cap, budget: BudgetDocument, wanted: MicroDollars) -> None:
        super().__init__(f"{cap.scope.id}: {wanted} wanted, {budget.left(cap.limit)} of {cap.limit} left")
        self.cap = cap
        self.budget = budget
        self.wanted = wanted


class NoBudget(Exception):
    """A cap is in force for the first time; `open` its scope's budget, and try again."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope.id)
        self.scope = scope


class Budgets:
    """All budgets of one deployment."""

    def __init__(self, database: "AsyncIOMotorDatabase[Raw]") -> None:
        self.raw = database["budgets"]
        self._images = database["images"]

    async def get(self, scope: Scope, *, session: Session | None = None) -> BudgetDocument | None:
        return _read(await self.raw.find_one({"_id": scope.id}, session=session))

    async def every(self) -> list[BudgetDocument]:
        return [BudgetDocument.model_validate(raw) async for raw in self.raw.find({}).sort([("_id", 1)])]

    async def seen(self, scope: Scope) -> BudgetDocument:
        """How a scope stands, whether it has a budget yet or not. Nothing is written."""
        known = await self.get(scope)
        if known is not None:
            return known
        now = datetime.now(UTC)
        return BudgetDocument(
            _id=scope.id,
            before=await self.uncounted(scope),
            created_at=now,
            updated_at=now,
            recount_at=now + FIRST_RECOUNT,
        )

    async def open(self, scope: Scope) -> BudgetDocument:
        """The scope's budget, made with what was spent before. One that exists stays."""
        known = await self.get(scope)
        if known is not None:
            return known
        budget = await self.seen(scope)
        try:
            await self.raw.insert_one(budget.model_dump(by_alias=True))
        except DuplicateKeyError:
            return await self.seen(scope)
        return budget

    async def put_aside(self, session: Session, caps: Sequence[Cap], amount: MicroDollars) -> None:
        """So much under every one of `caps`. Raises `OverCap` or `NoBudget`, by which the transaction ends."""
        used: Raw = {"$add": ["$before", "$spent", "$reserved", amount]}
        for cap in caps:
            found = await self.raw.update_one(
                {"_id": cap.scope.id, "$expr": {"$lte": [used, cap.limit]}},
                {"$inc": {"reserved": amount}, "$set": {"updated_at": datetime.now(UTC)}},
                session=session,
            )
            if found.matched_count == 0:
                raise OverCap(cap, await self.known(session, cap.scope), amount)

    async def known(self, session: Session, scope: Scope) -> BudgetDocument:
        """The scope's budget as the transaction sees it. Raises `NoBudget`."""
        budget = await self.get(scope, session=session)
        if budget is None:
            raise NoBudget(scope)
        return budget

    async def settle(self, session: Session, reservation: Reservation, spent: MicroDollars, *, is_over: bool) -> None:
        """Count what a call took; when it is over, nothing is put aside for it any more."""
        freed = reservation.amount if is_over else 0
        await self.raw.update_many(
            {"_id": {"$in": list(reservation.budgets)}},
            {"$inc": {"spent": spent, "reserved": -freed}, "$set": {"updated_at": datetime.now(UTC)}},
            session=session,
        )

    async def uncounted(self, scope: Scope) -> MicroDollars:
        """What the tries of a scope cost that were counted without it."""
        tries: Raw = {"tries.cost_microusd": {"$gt": 0}, "tries.counted_in": {"$ne": scope.id}}
        images = {**scope.images, "tries.cost_microusd": {"$gt": 0}}
        if scope.span is not None:
            first, after = scope.span
            # What was put aside in the month before is counted there, though its call began in this one.
            tries["tries.counted_in"] = {"$not": {"$regex": scope.of_any_month}}
            tries["tries.began_at"] = {"$gte": first, "$lt": after}
            images["tries"] = {"$elemMatch": {"began_at": {"$gte": first, "$lt": after}}}
        rows = self._images.aggregate(
            [
                {"$match": images},
                {"$project": {"tries": 1}},
                {"$unwind": "$tries"},
                {"$match": tries},
                {"$group": {"_id": None, "cost": {"$sum": "$tries.cost_microusd"}}},
            ]
        )
        return sum([row["cost"] async for row in rows])

    async def counted(self, budget_id: str) -> tuple[MicroDollars, MicroDollars]:
        """What the images say of a budget: spent by tries that name it, and put aside."""
        of_scope = Scope.of(budget_id).images
        spent = self._images.aggregate(
            [
                {"$match": {**of_scope, "tries.counted_in": budget_id}},
                {"$unwind": "$tries"},
                {"$match": {"tries.counted_in": budget_id}},
                {"$group": {"_id": None, "sum": {"$sum": "$tries.cost_microusd"}}},
            ]
        )
        reserved = self._images.aggregate(
            [
                {"$match": {**of_scope, "reservation.budgets": budget_id}},
                {"$group": {"_id": None, "sum": {"$sum": "$reservation.amount"}}},
            ]
        )
        return sum([row["sum"] async for row in spent]), sum([row["sum"] async for row in reserved])

    async def renew(self, scope: Scope) -> None:
        """A cap was set, perhaps after a while without one: count what was spent beside the scope's budget, now, and
        as often as for a new one."""
        now = datetime.now(UTC)
        counted = {"before": await self.uncounted(scope), "created_at": now, "recount_at": now + FIRST_RECOUNT}
        await self.raw.update_one({"_id": scope.id}, {"$set": counted})

    async def recount_next(self, now: datetime) -> bool:
        """Count again what was spent before a budget whose turn it is; False when it is nobody's turn."""
        age: Raw = {"$max": [FIRST_RECOUNT / timedelta(milliseconds=1), {"$subtract": [now, "$created_at"]}]}
        raw = await self.raw.find_one_and_update(
            {"recount_at": {"$lte": now}},
            [{"$set": {"recount_at": {"$add": [now, age]}}}],
            sort=[("recount_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        budget = _read(raw)
        if budget is None:
            return False
        before = await self.uncounted(Scope.of(budget.id))
        await self.raw.update_one({"_id": budget.id}, {"$set": {"before": before}})
        return True


def _read(raw: Raw | None) -> BudgetDocument | None:
    return None if raw is None else BudgetDocument.model_validate(raw)
