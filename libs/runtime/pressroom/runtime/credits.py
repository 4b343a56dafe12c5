"""What a batch costs its owner: held when the batch is taken, before anything is made of it.

Who pays is who is a user of the role `user`. The instance itself, operators and admins do not, and cost one read by id
at most. A hold keeps the price of its moment. It is stored in one transaction with a batch that comes by HTTP, and
before the images are planned of one that comes by event. A process that dies after it leaves a hold of images that
nobody made, which the gateway's keeper gives back (`pressroom.runtime.credit_settling`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pressroom.contracts.credits import Millicredits, as_credits
from pressroom.contracts.facts import Reason
from pressroom.contracts.roles import INSTANCE_OWNER
from pressroom.contracts.vocabulary import Mode, Role
from pressroom.state.accounts import HoldDocument, hold_of
from pressroom.state.database import Database
from pressroom.state.documents import BatchDocument
from pressroom.state.ledger import FORGOTTEN, NotEnough

from .credit_prices import price_of
from .settings import Settings

FIELD = "credits"
"""What a refusal for want of credits names."""


class InsufficientCredits(Exception):
    """The owner's account does not cover what was asked for; nothing was written. The message says by how much."""

    def __init__(self, wanted: HoldDocument, available: Millicredits) -> None:
        self.required = wanted.left
        self.available = available
        self.shortfall = self.required - available
        self.reason = shortage(wanted.price, len(wanted.open), available)
        super().__init__(self.reason.message)


def shortage(price: Millicredits, images: int, available: Millicredits) -> Reason:
    """Why `images` at `price` each are refused to an account that has less."""
    required = price * images
    return Reason(
        field=FIELD,
        message=f"it costs {as_credits(required)} credits ({images} x {as_credits(price)}), and the account has "
        f"{as_credits(available)}: {as_credits(required - available)} are missing",
    )


@dataclass(frozen=True)
class Credits:
    """Holds credits for batches and their retries."""

    database: Database
    settings: Settings

    async def pays(self, owner: str) -> bool:
        """Whether this owner pays for what it makes."""
        user = None if owner == INSTANCE_OWNER else await self.database.users.get(owner)
        return user is not None and user.role is Role.USER

    async def store(self, batch: BatchDocument) -> bool:
        """Store a new batch with what it costs put aside, or neither. False when one of its unique keys is taken.

        Raises `InsufficientCredits`.
        """
        if not await self.pays(batch.owner):
            return await self.database.batches.insert(batch)
        wanted = self._wanted(batch, batch.request.mode, range(batch.request.image_count))
        try:
            return await self.database.ledger.store_batch(batch, wanted)
        except NotEnough as error:
            raise InsufficientCredits(wanted, error.available) from error

    async def hold(
        self, batch: BatchDocument, mode: Mode, indexes: Sequence[int], retry_id: str | None = None
    ) -> HoldDocument | None:
        """Put aside what these images of a stored batch cost, for the batch or for a retry of it; once, however often.
        None for an owner who does not pay.

        Raises `InsufficientCredits`, or `GivenBack` when the batch, or the retry, was over before.
        """
        if not await self.pays(batch.owner):
            return None
        wanted = self._wanted(batch, mode, indexes, retry_id)
        try:
            return await self.database.ledger.hold(wanted)
        except NotEnough as error:
            raise InsufficientCredits(wanted, error.available) from error

    async def give_back(self, hold: HoldDocument) -> None:
        """All that is still held by it, as nobody goes on with what it was for."""
        await self.database.ledger.settle(hold, dict.fromkeys(hold.open, FORGOTTEN))

    def _wanted(
        self, batch: BatchDocument, mode: Mode, indexes: Sequence[int], retry_id: str | None = None
    ) -> HoldDocument:
        price = price_of(batch.request, mode, self.settings.credit_prices)
        return hold_of(batch.id, batch.owner, price, indexes, datetime.now(UTC), retry_id)
