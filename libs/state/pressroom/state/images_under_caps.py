"""Images for whose calls something is put aside under caps in money, and how they are written.

Such an image is written in one transaction with its budgets whenever a write tells of its call, whoever writes: a try
is counted as it is written, and what was put aside is free again with the call's end. A process that dies has written
both or neither.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import UpdateOne

from pressroom.contracts.facts import MicroDollars, ProviderTry
from pressroom.contracts.vocabulary import ImageState

from .budgets import Budgets, Cap, NoBudget, OverCap
from .collection import Collection
from .documents import ImageDocument, OutboxMessage, Reservation
from .machines import Machine
from .reachability import Reachability
from .transactions import Session, Transactions

Result = TypeVar("Result")

_OF_A_CALL = frozenset({"state", "tries", "remote", "call_began_at"})
"""A write of these may end a call."""

_IN_A_JOB = (ImageState.PLANNED, ImageState.GENERATING)
"""A row whose provider job may still make it."""


@dataclass(frozen=True)
class RowsPutAside:
    """`left_out`: the images for whose rows a cap leaves nothing, which `over` tells of."""

    left_out: tuple[str, ...]
    over: OverCap | None


class ImagesUnderCaps(Collection[ImageDocument]):
    """The writes of all images; what is looked for is in `images.py`."""

    def __init__(
        self,
        raw: "AsyncIOMotorCollection[dict[str, Any]]",
        machine: Machine,
        reachability: Reachability,
        budgets: Budgets,
        transactions: Transactions,
    ) -> None:
        super().__init__(raw, ImageDocument, machine, reachability)
        self._budgets = budgets
        self._transactions = transactions

    async def begin_call(
        self, image_id: str, changes: Mapping[str, Any], caps: Sequence[Cap], amount: MicroDollars, *, token: str
    ) -> ImageDocument | None:
        """Write a call's intent, `changes`, and put aside what it may cost under every one of `caps`, of which the
        widest is the last: both or neither. None when `token` is not on the image; raises `OverCap`."""

        async def work(session: Session) -> ImageDocument | None:
            query = {"_id": image_id, "lease.token": token}
            image = self.read(await self.raw.find_one(query, session=session))
            if image is None:
                return None
            if image.reservation is not None:
                # Of a taker that died in a call of which nothing can have been billed.
                await self._budgets.settle(session, image.reservation, 0, is_over=True)
            await self._budgets.put_aside(session, caps, amount)
            fields = {**changes, "reservation": _reservation(caps, amount, None).model_dump()}
            return await self._update(query, fields, (), token=token, release=False, session=session)

        return await self._under(caps, work)

    async def begin_rows(
        self, job_id: str, amounts: Sequence[tuple[str, MicroDollars]], caps: Sequence[Cap], *, is_asked: bool = False
    ) -> RowsPutAside:
        """Put aside what the rows of a provider job may cost, each image by its id, as many from the front as every one
        of `caps` leaves. Done again, it is done once; nothing is put aside for an image that has ended since. What was
        put aside under other caps, of a month that is over, say, is put aside anew, unless the job `is_asked` for."""
        wanted = tuple(cap.scope.id for cap in caps)

        async def work(session: Session) -> RowsPutAside:
            waiting = {"_id": {"$in": [name for name, _ in amounts]}, "state": str(ImageState.PLANNED)}
            found = self.raw.find(waiting, projection={"reservation": 1}, session=session)
            kept = {
                row["_id"]: Reservation.model_validate(row["reservation"]) if row.get("reservation") else None
                async for row in found
            }
            is_kept = {name: one is not None for name, one in kept.items()}
            if not is_asked:
                old = {name: one for name, one in kept.items() if one is not None and one.budgets != wanted}
                await self._free(session, old)
                is_kept |= dict.fromkeys(old, False)
            budgets = [(cap, await self._budgets.known(session, cap.scope)) for cap in caps]
            tightest, budget = min(budgets, key=lambda one: one[1].left(one[0].limit))
            left = budget.left(tightest.limit)
            new = [(name, amount) for name, amount in amounts if is_kept.get(name) is False]
            fitting = _from_the_front(new, left)
            if fitting:
                await self._budgets.put_aside(session, caps, sum(amount for _, amount in fitting))
                await self.raw.bulk_write(
                    [
                        UpdateOne(
                            {"_id": name}, {"$set": {"reservation": _reservation(caps, amount, job_id).model_dump()}}
                        )
                        for name, amount in fitting
                    ],
                    session=session,
                )
            beyond = new[len(fitting) :]
            if not beyond:
                return RowsPutAside((), None)
            reserved = budget.reserved + sum(amount for _, amount in fitting)
            over = OverCap(tightest, budget.model_copy(update={"reserved": reserved}), beyond[0][1])
            return RowsPutAside(tuple(name for name, _ in beyond), over)

        return await self._under(caps, work)

    async def _free(self, session: Session, old: Mapping[str, Reservation]) -> None:
        """Put nothing aside any more for these images, of whose calls nothing can have been billed."""
        if not old:
            return
        amounts = Counter[tuple[str, ...]]()
        for one in old.values():
            amounts[one.budgets] += one.amount
        for budgets, amount in amounts.items():
            together = Reservation(amount=amount, budgets=budgets, at=datetime.now(UTC))
            await self._budgets.settle(session, together, 0, is_over=True)
        await self.raw.update_many({"_id": {"$in": list(old)}}, {"$set": {"reservation": None}}, session=session)

    async def _under(self, caps: Sequence[Cap], work: Callable[[Session], Awaitable[Result]]) -> Result:
        """Run `work` as one transaction; the budgets of caps that are new are opened for it."""
        while True:
            try:
                return await self._transactions.run(caps[-1].scope.id, work)
            except NoBudget as missing:
                await self._budgets.open(missing.scope)

    async def _update(
        self,
        query: dict[str, Any],
        fields: dict[str, Any],
        messages: Sequence[OutboxMessage],
        *,
        token: str | None,
        release: bool,
        increments: Mapping[str, int] | None = None,
        session: Session | None = None,
    ) -> ImageDocument | None:
        """One write, as ever, unless something is put aside for the image: then its budgets are written with it."""

        async def plainly(
            query: dict[str, Any], fields: dict[str, Any], session: Session | None = None
        ) -> ImageDocument | None:
            return await super(ImagesUnderCaps, self)._update(
                query, fields, messages, token=token, release=release, increments=increments, session=session
            )

        if session is not None or not fields.keys() & _OF_A_CALL:
            return await plainly(query, fields, session)
        written = await plainly({**query, "reservation": None}, dict(fields))
        if written is not None:
            return written
        fenced = query if token is None else {**query, "lease.token": token}
        reserved = self.read(await self.raw.find_one({**fenced, "reservation": {"$ne": None}}))
        if reserved is None or reserved.reservation is None:
            return None

        async def work(session: Session) -> ImageDocument | None:
            image = self.read(await self.raw.find_one(fenced, session=session))
            if image is None:
                return None
            if image.reservation is None:
                return await plainly(dict(query), dict(fields), session)
            spent, told = _named(image, image.reservation, fields)
            is_over = _is_over(image, image.reservation, told)
            await self._budgets.settle(session, image.reservation, spent, is_over=is_over)
            return await plainly(dict(query), {**told, "reservation": None} if is_over else told, session)

        return await self._transactions.run(reserved.reservation.budgets[-1], work)


def _reservation(caps: Sequence[Cap], amount: MicroDollars, job_id: str | None) -> Reservation:
    budgets = tuple(cap.scope.id for cap in caps)
    return Reservation(amount=amount, budgets=budgets, job=job_id, at=datetime.now(UTC))


def _from_the_front(amounts: Sequence[tuple[str, MicroDollars]], left: MicroDollars) -> list[tuple[str, MicroDollars]]:
    """As many as `left` is enough for."""
    fitting: list[tuple[str, MicroDollars]] = []
    for name, amount in amounts:
        left -= amount
        if left < 0:
            break
        fitting.append((name, amount))
    return fitting


def _named(
    image: ImageDocument, reservation: Reservation, fields: dict[str, Any]
) -> tuple[MicroDollars, dict[str, Any]]:
    """What the tries cost that a write adds to an image's, and the write with these naming their budgets."""
    if "tries" not in fields:
        return 0, dict(fields)
    tries = [ProviderTry.model_validate(told) for told in fields["tries"]]
    new = [told for told in tries if told not in image.tries]
    named = [told.model_copy(update={"counted_in": reservation.budgets}) if told in new else told for told in tries]
    return sum(told.cost_microusd for told in new), {**fields, "tries": [told.model_dump() for told in named]}


def _is_over(image: ImageDocument, reservation: Reservation, fields: dict[str, Any]) -> bool:
    """Whether a write ends the call that something is put aside for."""
    if reservation.job is not None:
        return fields.get("state", image.state) not in _IN_A_JOB
    return fields.get("call_began_at", image.call_began_at) is None and fields.get("remote", image.remote) is None
