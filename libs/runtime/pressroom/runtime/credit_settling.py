"""What becomes of held credits: spent when an image is made, given back when it is not.

The documents decide: an event, or a sweep, only says which hold to look at, so one that comes twice, late or never
changes nothing but when. A process that dies between two images has settled the first, and the next look the second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pressroom.contracts.vocabulary import BatchState, ImageState, ProviderName
from pressroom.state.accounts import HoldDocument
from pressroom.state.batches import BatchFate
from pressroom.state.database import Database
from pressroom.state.images import ImageFate
from pressroom.state.ledger import CANCELLED, FAILED, FORGOTTEN, MADE, PLACEHOLDER, REJECTED, Outcome
from pressroom.state.machines import IMAGE_READY

SWEEP_EVERY = timedelta(seconds=30)

FORGOTTEN_AFTER = timedelta(minutes=10)
"""What was held for images that nobody went on to plan is given back then. Who holds plans within milliseconds; an
event that asks for a retry comes again within minutes, and makes its hold fresh again."""

_AT_ONCE = 200
"""Images in one transaction: as many as a slow disk takes well within a transaction's time."""


def outcome(hold: HoldDocument, batch: BatchFate | None, image: ImageFate | None) -> Outcome | None:
    """What becomes of the credits held for one image; None while that is open."""
    if batch is None:
        return FORGOTTEN
    if batch.state is BatchState.REJECTED:
        return REJECTED
    if image is None:
        return CANCELLED if batch.state is BatchState.CANCELLED else None
    if image.retry != hold.round:
        # Made again since, under a hold of its own: in this round it failed. Or its turn in this round never came.
        if hold.round is None or hold.round in batch.retries[:-1]:
            return FAILED
        is_going_on = batch.state is BatchState.ACCEPTED and hold.round in batch.retries
        return None if is_going_on else FORGOTTEN
    if image.ended in IMAGE_READY:
        return PLACEHOLDER if image.provider is ProviderName.PLACEHOLDER else MADE
    return {ImageState.FAILED: FAILED, ImageState.CANCELLED: CANCELLED}.get(image.ended)


@dataclass(frozen=True)
class CreditSettling:
    """Settles what is held."""

    database: Database

    async def settle(self, batch_id: str, index: int | None = None) -> None:
        """Everything that is held for a batch, or for one image of it. A batch of an owner who does not pay costs one
        read by index."""
        for hold in await self.database.ledger.open_holds(batch_id, index):
            await self._settle(hold)

    async def sweep(self) -> None:
        """Every open hold whose turn it is."""
        ledger = self.database.ledger
        while hold := await ledger.next_to_sweep(not_since=datetime.now(UTC) - SWEEP_EVERY):
            await self._settle(hold)

    async def _settle(self, hold: HoldDocument) -> None:
        # Before the images: one that is not there although its batch was cancelled by then is never made.
        batch = await self.database.batches.fate(hold.batch_id)
        for start in range(0, len(hold.open), _AT_ONCE):
            await self._settle_some(hold, batch, hold.open[start : start + _AT_ONCE])

    async def _settle_some(self, hold: HoldDocument, batch: BatchFate | None, indexes: Sequence[int]) -> None:
        images = await self.database.images.fates(hold.batch_id, indexes)
        found = {index: outcome(hold, batch, images.get(index)) for index in indexes}
        decided = {index: one for index, one in found.items() if one is not None}
        certain = {index: one for index, one in decided.items() if one is not FORGOTTEN}
        if certain and not await self.database.ledger.settle(hold, certain):
            # Somebody settles the same hold in this moment: one by one, each is settled once.
            for index, one in certain.items():
                await self.database.ledger.settle(hold, {index: one})
        await self._give_back_forgotten(hold, [index for index, one in decided.items() if one is FORGOTTEN])

    async def _give_back_forgotten(self, hold: HoldDocument, indexes: list[int]) -> None:
        untouched_since = datetime.now(UTC) - FORGOTTEN_AFTER
        if indexes and hold.updated_at <= untouched_since:
            outcomes: Mapping[int, Outcome] = dict.fromkeys(indexes, FORGOTTEN)
            await self.database.ledger.settle(hold, outcomes, untouched_since=untouched_since)
