"""The caps in money that hold for a call, and what is said where one of them leaves too little.

What providers take is capped for a batch (`max_cost`), for what a user ever makes and makes in a calendar month, and
for the whole deployment in a month. What a call may cost is put aside before it is made, under all of them or none
(`pressroom.state.budgets`), so a process that dies leaves caps that hold. Whoever has no cap pays nothing for that: who
is not capped is remembered for some seconds, which is how long a first cap takes to hold everywhere.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from pressroom.contracts.costs import as_dollars, as_microusd
from pressroom.contracts.facts import MicroDollars, Reason
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.roles import INSTANCE_OWNER
from pressroom.contracts.vocabulary import ProviderName
from pressroom.state.budgets import BudgetDocument, Cap, OverCap, Scope, month_of
from pressroom.state.database import Database
from pressroom.state.users import UserDocument

from .settings import Settings

HEARD_WITHIN_S = 5.0
"""After so long a worker knows of the first cap that an owner is given; of a change of one at once."""

OF_SHOWN_TEXTS = (
    "nobody knows before what a model reads in a picture that it is shown for a text, so no cap in money can be kept; "
    "describe the picture in words, or ask for the text without a cap"
)

_MOST_REMEMBERED = 10_000

RECOUNT_EVERY_S = 30.0

Costs = Mapping[ProviderName, MicroDollars | None]
"""What one image costs at each provider that can make it; None where nobody knows."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Caps:
    """The caps of one deployment, as one process knows them. `now`: by which the month is told."""

    database: Database
    settings: Settings
    now: Callable[[], datetime] = _now
    _uncapped: dict[str, float] = field(default_factory=dict[str, float])
    # Of those who ask for one owner in the same moment, the others wait for what the first hears.
    _turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary[str, asyncio.Lock])

    async def of(self, owner: str, batch_id: str, max_cost: MicroDollars | None) -> tuple[Cap, ...]:
        """Those that hold for an owner's batch with a cap of its own, or without; the widest is the last."""
        found: list[Cap] = []
        if max_cost is not None:
            found.append(Cap(Scope(batch_id=batch_id), max_cost))
        return (*found, *await self.of_owner(owner), *self.of_deployment())

    async def of_owner(self, owner: str) -> tuple[Cap, ...]:
        """A user's own."""
        if owner == INSTANCE_OWNER:
            return ()
        turn = self._turns.setdefault(owner, asyncio.Lock())
        async with turn:
            if self._uncapped.get(owner, 0.0) > time.monotonic():
                return ()
            user = await self.database.users.get(owner)
            caps = () if user is None else caps_of(user, self.now())
            if not caps:
                if len(self._uncapped) >= _MOST_REMEMBERED:
                    self._uncapped.clear()
                self._uncapped[owner] = time.monotonic() + HEARD_WITHIN_S
            return caps

    def of_deployment(self) -> tuple[Cap, ...]:
        """Everybody's."""
        limit = self.settings.max_cost_per_month
        return () if limit is None else (Cap(Scope(month=month_of(self.now())), as_microusd(limit)),)

    async def refusals(
        self, caps: Sequence[Cap], request: BatchRequest, costs: Costs, images: int | None = None
    ) -> list[Reason]:
        """Why a request cannot be made under `caps`, or so many images of it; empty when it can, at the cheapest
        provider at least."""
        reasons: list[Reason] = []
        budgets = self.database.budgets
        for cap in caps:
            # A new batch's has nothing to count yet, and may be refused; another's is counted once, not at every look.
            is_new = cap.scope.batch_id is not None
            budget = await (budgets.seen(cap.scope) if is_new else budgets.open(cap.scope))
            reasons += beyond(cap, budget.left(cap.limit), request, costs, images, budget)
        return reasons

    async def recount(self) -> None:
        """The loop that counts what was spent beside the caps while they were new. The deployment's is as new as the
        process that knows of it."""
        for cap in self.of_deployment():
            await self.database.budgets.renew(cap.scope)
        while True:
            while await self.database.budgets.recount_next(self.now()):
                pass
            await asyncio.sleep(RECOUNT_EVERY_S)


def caps_of(user: UserDocument, now: datetime) -> tuple[Cap, ...]:
    """A user's own."""
    limits = (
        (Scope(owner=user.id), user.max_cost_microusd),
        (Scope(owner=user.id, month=month_of(now)), user.max_cost_per_month_microusd),
    )
    return tuple(Cap(scope, limit) for scope, limit in limits if limit is not None)


async def renew(database: Database, user: UserDocument) -> None:
    """A user's caps were set: what was spent while there were none counts."""
    for cap in caps_of(user, datetime.now(UTC)):
        await database.budgets.renew(cap.scope)


def beyond(
    cap: Cap,
    left: MicroDollars,
    request: BatchRequest,
    costs: Costs,
    images: int | None = None,
    budget: BudgetDocument | None = None,
) -> list[Reason]:
    """Why a request, or so many images of it, cannot be made with what is left under a cap, or why the cap could not be
    kept."""
    name = name_of(cap.scope)
    images = request.image_count if images is None else images
    if request.text_kind is not None and max(request.pictures_shown()) > 0:
        return [Reason(field=name, message=OF_SHOWN_TEXTS)]
    unknown = [provider for provider, cost in costs.items() if cost is None]
    if unknown:
        return [
            Reason(
                field=name,
                message=f"'{provider}': nobody knows here what that costs, so a cap in money cannot be kept; name a "
                "'model' with a price, or give it one (PRESSROOM_PRICE_TABLE), or leave the provider out",
            )
            for provider in unknown
        ]
    cheapest = min(((cost, provider) for provider, cost in costs.items() if cost is not None), default=None)
    if cheapest is None or cheapest[0] * images <= left:
        return []
    cost, provider = cheapest
    message = (
        f"it costs ${as_dollars(cost * images)} at least ({images} x ${as_dollars(cost)} at '{provider}'); "
        f"the limit is ${as_dollars(cap.limit)}{_taken(budget)}"
    )
    return [Reason(field=name, message=message)]


def over_cap(over: OverCap) -> str:
    """What is said of a call that is not made."""
    return (
        f"it would cost ${as_dollars(over.wanted)}, and the limit is ${as_dollars(over.cap.limit)} "
        f"({name_of(over.cap.scope)}){_taken(over.budget)}; nothing was asked for: {_way_out(over.cap.scope)}, "
        "then retry"
    )


def name_of(scope: Scope) -> str:
    """As people know a cap."""
    if scope.batch_id is not None:
        return "max_cost"
    if scope.owner is None:
        return "PRESSROOM_MAX_COST_PER_MONTH"
    return "account.max_cost" if scope.month is None else "account.max_cost_per_month"


def _taken(budget: BudgetDocument | None) -> str:
    if budget is None or budget.taken + budget.reserved == 0:
        return ""
    return f", of which ${as_dollars(budget.taken)} is spent and ${as_dollars(budget.reserved)} put aside"


def _way_out(scope: Scope) -> str:
    match name_of(scope):
        case "max_cost":
            return "ask for it again with a higher 'max_cost'"
        case "PRESSROOM_MAX_COST_PER_MONTH":
            return "raise PRESSROOM_MAX_COST_PER_MONTH, or wait for the next month"
        case "account.max_cost":
            return "have an admin raise your cap"
        case _:
            return "have an admin raise your cap, or wait for the next month"
