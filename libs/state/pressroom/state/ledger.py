"""The one way in which credits move: each movement is one MongoDB transaction over account, hold and ledger.

A process killed at any instruction has moved all of it or nothing; a transaction that it left open is aborted by the
server (`transactionLifetimeLimitSeconds`), and until then others wait for the account. Every movement is idempotent: a
hold by its id, a capture or release by the image's index being in the hold's `open`, what an admin books by its id. So
the sum of an account's entries is its `available` at every moment that anybody can see.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from pressroom.contracts.credits import Millicredits
from pressroom.contracts.vocabulary import LedgerKind

from .accounts import ENTRY_INDEXES, HOLD_INDEXES, AccountDocument, EntryDocument, HoldDocument
from .batches import Batches
from .documents import BatchDocument, Part
from .transactions import Session, Transactions

Raw = dict[str, Any]
Doc = TypeVar("Doc", bound=Part)

_AFTER: Any = ReturnDocument.AFTER


class NotEnough(Exception):
    """The account has less available than a hold needs."""

    def __init__(self, available: Millicredits) -> None:
        super().__init__(f"only {available} thousandths of a credit are available")
        self.available = available


class GivenBack(Exception):
    """The hold exists, and what is asked of it was released since."""


class _Taken(Exception):
    pass


@dataclass(frozen=True)
class Outcome:
    """What becomes of the credits that are held for one image: spent when it was made, else given back, and why."""

    is_captured: bool
    note: str | None = None


MADE = Outcome(is_captured=True)
FAILED = Outcome(is_captured=False, note="it failed")
CANCELLED = Outcome(is_captured=False, note="it was cancelled")
PLACEHOLDER = Outcome(is_captured=False, note="nobody made it; a placeholder stands for it")
REJECTED = Outcome(is_captured=False, note="the batch was refused")
FORGOTTEN = Outcome(is_captured=False, note="nobody went on to make it")


@dataclass(frozen=True)
class _Booking:
    """An entry before the account has given it its sequence and balance."""

    id: str
    kind: LedgerKind
    amount: Millicredits
    price: Millicredits | None = None
    images: int | None = None
    hold: HoldDocument | None = None
    index: int | None = None
    note: str | None = None
    by: str | None = None


class Ledger:
    """All accounts of one deployment, their holds and their entries."""

    def __init__(self, transactions: Transactions, database: "AsyncIOMotorDatabase[Raw]", batches: Batches) -> None:
        self._transactions = transactions
        self._batches = batches
        self.accounts = database["accounts"]
        self.holds = database["holds"]
        self.entries = database["ledger"]

    async def make_indexes(self) -> None:
        await self.holds.create_indexes(HOLD_INDEXES)
        await self.entries.create_indexes(ENTRY_INDEXES)

    async def account(self, owner: str) -> AccountDocument:
        """An owner's account; an empty one where nothing was ever booked."""
        return _read(AccountDocument, await self.accounts.find_one({"_id": owner})) or AccountDocument(_id=owner)

    async def page(self, owner: str, *, before: int | None = None, limit: int = 0) -> list[EntryDocument]:
        """An owner's entries, newest first, from after the one with the sequence `before`."""
        query: Raw = {"owner": owner} if before is None else {"owner": owner, "sequence": {"$lt": before}}
        rows = self.entries.find(query, limit=limit).sort([("sequence", -1)])
        return [EntryDocument.model_validate(row) async for row in rows]

    async def open_holds(self, batch_id: str, index: int | None = None) -> list[HoldDocument]:
        """What is still held for a batch: nothing, for one whose owner does not pay. One read by index.

        `index`: what is held for that image alone, as if nothing else were open.
        """
        query: Raw = {"batch_id": batch_id, "is_open": True}
        projection: Raw | None = None
        if index is not None:
            query["open"] = index
            projection = {name: 1 for name in HoldDocument.model_fields if name not in ("id", "open")}
            projection["open"] = {"$elemMatch": {"$eq": index}}
        rows = self.holds.find(query, projection)
        return [HoldDocument.model_validate(row) async for row in rows]

    async def next_to_sweep(self, *, not_since: datetime) -> HoldDocument | None:
        """An open hold that no sweep has looked at since `not_since`; marked as looked at now."""
        raw = await self.holds.find_one_and_update(
            {"is_open": True, "swept_at": {"$lt": not_since}},
            {"$set": {"swept_at": datetime.now(UTC)}},
            sort=[("swept_at", 1)],
            return_document=_AFTER,
        )
        return _read(HoldDocument, raw)

    async def hold(self, wanted: HoldDocument) -> HoldDocument:
        """Put credits aside. One that is held already under this id stays, and is fresh again.

        Raises `NotEnough`, with nothing written, or `GivenBack` where a part of what is wanted is open no more.
        """

        async def work(session: Session) -> HoldDocument:
            raw = await self.holds.find_one_and_update(
                {"_id": wanted.id},
                {"$set": {"updated_at": wanted.updated_at}},
                session=session,
                return_document=_AFTER,
            )
            held = _read(HoldDocument, raw)
            if held is None:
                await self._put_aside(session, wanted)
                return wanted
            if held.owner != wanted.owner or not set(wanted.open) <= set(held.open):
                raise GivenBack(wanted.id)
            return held

        return await self._transactions.run(f"the account of {wanted.owner}", work)

    async def store_batch(self, batch: BatchDocument, wanted: HoldDocument) -> bool:
        """Store a new batch together with its hold, or neither. False when one of the batch's unique keys is taken;
        raises `NotEnough`."""

        async def work(session: Session) -> bool:
            # First, as a batch that comes a second time is known whatever the account has by now.
            if not await self._batches.insert(batch, session=session):
                raise _Taken
            await self._put_aside(session, wanted)
            return True

        try:
            return await self._transactions.run(f"the account of {wanted.owner}", work)
        except _Taken:
            return False

    async def _put_aside(self, session: Session, wanted: HoldDocument) -> None:
        total = wanted.left
        booking = _Booking(
            id=f"{wanted.id}:hold",
            kind=LedgerKind.HOLD,
            amount=-total,
            price=wanted.price,
            images=len(wanted.open),
            hold=wanted,
        )
        enough: Raw = {"available": {"$gte": total}}
        if not await self._book(session, wanted.owner, [booking], {"held": total}, guard=enough):
            raise NotEnough((await self.account(wanted.owner)).available)
        await self.holds.insert_one(wanted.model_dump(by_alias=True), session=session)

    async def settle(
        self, hold: HoldDocument, outcomes: Mapping[int, Outcome], *, untouched_since: datetime | None = None
    ) -> bool:
        """Capture or release what is held for these images. False, with nothing written, when one of them is open no
        more, or when the hold was asked for again since `untouched_since`."""
        query: Raw = {"_id": hold.id, "open": {"$all": list(outcomes)}}
        if untouched_since is not None:
            query["updated_at"] = {"$lte": untouched_since}
        left: Raw = {"$filter": {"input": "$open", "cond": {"$not": {"$in": ["$$this", list(outcomes)]}}}}
        close: list[Raw] = [{"$set": {"open": left}}, {"$set": {"is_open": {"$ne": ["$open", []]}}}]
        bookings = [_settled(hold, index, outcome) for index, outcome in sorted(outcomes.items())]
        captured = hold.price * sum(outcome.is_captured for outcome in outcomes.values())

        async def work(session: Session) -> bool:
            if _read(HoldDocument, await self.holds.find_one_and_update(query, close, session=session)) is None:
                return False
            changes = {"held": -hold.price * len(outcomes), "spent": captured}
            return await self._book(session, hold.owner, bookings, changes)

        return await self._transactions.run(f"the account of {hold.owner}", work)

    async def give(
        self, owner: str, kind: LedgerKind, amount: Millicredits, *, by: str, note: str, entry_id: str
    ) -> tuple[EntryDocument, bool]:
        """Book what an admin gives or takes back, and whether it was booked now: an id that was booked before stays as
        it was. An adjustment may leave less than nothing."""
        booking = _Booking(id=entry_id, kind=kind, amount=amount, note=note, by=by)

        async def work(session: Session) -> bool:
            if await self.entries.find_one({"_id": entry_id}, session=session) is not None:
                return False
            return await self._book(session, owner, [booking], {}, upsert=True)

        try:
            is_new = await self._transactions.run(f"the account of {owner}", work)
        except DuplicateKeyError:
            is_new = False  # The same wish twice in one moment.
        raw = await self.entries.find_one({"_id": entry_id})
        return EntryDocument.model_validate(raw), is_new

    async def _book(
        self,
        session: Session,
        owner: str,
        bookings: Sequence[_Booking],
        changes: Mapping[str, Millicredits],
        *,
        guard: Raw | None = None,
        upsert: bool = False,
    ) -> bool:
        """Change an account and append the entries that tell of it. False when there is no such account."""
        now = datetime.now(UTC)
        total = sum(booking.amount for booking in bookings)
        counts = {"available": total, "held": 0, "spent": 0, "entries": len(bookings), **changes}
        raw = await self.accounts.find_one_and_update(
            {"_id": owner, **(guard or {})},
            {"$inc": counts, "$set": {"updated_at": now}},
            session=session,
            upsert=upsert,
            return_document=_AFTER,
        )
        account = _read(AccountDocument, raw)
        if account is None:
            return False
        sequence, balance = account.entries - len(bookings), account.available - total
        rows: list[Raw] = []
        for booking in bookings:
            sequence, balance = sequence + 1, balance + booking.amount
            rows.append(_entry(booking, owner, sequence, balance, now).model_dump(by_alias=True))
        await self.entries.insert_many(rows, session=session)
        return True

    async def every_account(self) -> AsyncIterator[AccountDocument]:
        async for raw in self.accounts.find({}).sort([("_id", 1)]):
            yield AccountDocument.model_validate(raw)

    async def every_hold(self, owner: str) -> AsyncIterator[HoldDocument]:
        async for raw in self.holds.find({"owner": owner}):
            yield HoldDocument.model_validate(raw)

    async def every_entry(self, owner: str) -> AsyncIterator[EntryDocument]:
        """Oldest first."""
        async for raw in self.entries.find({"owner": owner}).sort([("sequence", 1)]):
            yield EntryDocument.model_validate(raw)


def _read(model: type[Doc], raw: Raw | None) -> Doc | None:
    return None if raw is None else model.model_validate(raw)


def _settled(hold: HoldDocument, index: int, outcome: Outcome) -> _Booking:
    kind = LedgerKind.CAPTURE if outcome.is_captured else LedgerKind.RELEASE
    return _Booking(
        id=f"{hold.id}:{index}:{kind}",
        kind=kind,
        amount=0 if outcome.is_captured else hold.price,
        price=hold.price,
        images=1,
        hold=hold,
        index=index,
        note=outcome.note,
    )


def _entry(booking: _Booking, owner: str, sequence: int, balance: Millicredits, at: datetime) -> EntryDocument:
    hold = booking.hold
    return EntryDocument(
        _id=booking.id,
        owner=owner,
        sequence=sequence,
        kind=booking.kind,
        amount=booking.amount,
        balance=balance,
        price=booking.price,
        images=booking.images,
        hold_id=hold.id if hold is not None else None,
        batch_id=hold.batch_id if hold is not None else None,
        index=booking.index,
        note=booking.note,
        by=booking.by,
        at=at,
    )
