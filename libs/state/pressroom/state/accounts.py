"""What an owner's credits are made of: the account, what is held of it for each batch, and the ledger's entries.

The account is the sum of its ledger: `available` is the last entry's balance, `held` what its open holds have left,
`spent` what was captured. They are written together and nowhere else but in `pressroom.state.ledger`. All amounts are
in thousandths of a credit.
"""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field
from pymongo import ASCENDING, DESCENDING, IndexModel

from pressroom.contracts.credits import Balance, LedgerEntry, Millicredits, as_credits
from pressroom.contracts.vocabulary import LedgerKind

from .documents import Part

HOLD_INDEXES = [
    IndexModel([("batch_id", ASCENDING)], name="by_batch"),
    IndexModel([("owner", ASCENDING)], name="by_owner"),
    IndexModel([("swept_at", ASCENDING)], name="open", partialFilterExpression={"is_open": True}),
]
ENTRY_INDEXES = [
    IndexModel([("owner", ASCENDING), ("sequence", DESCENDING)], name="by_owner", unique=True),
]


class AccountDocument(Part):
    """`id` is the owner. `entries`: how many the ledger has of this account. Made by the first entry."""

    id: str = Field(alias="_id")
    available: Millicredits = 0
    held: Millicredits = 0
    spent: Millicredits = 0
    entries: int = 0
    updated_at: datetime | None = None

    @property
    def balance(self) -> Balance:
        """As people read it."""
        return Balance(available=as_credits(self.available), held=as_credits(self.held), spent=as_credits(self.spent))


class HoldDocument(Part):
    """What is put aside for the images of a batch, or of one retry of it (`round`), at `price` each.

    `open` are the indexes of the images for which it is still held. Its id is the batch's, with the retry's after it.
    """

    id: str = Field(alias="_id")
    batch_id: str
    round: str | None = None
    owner: str
    price: Millicredits
    open: tuple[int, ...]
    is_open: bool = True
    created_at: datetime
    updated_at: datetime
    swept_at: datetime

    @property
    def left(self) -> Millicredits:
        """What is still put aside."""
        return self.price * len(self.open)


def hold_of(
    batch_id: str, owner: str, price: Millicredits, indexes: Sequence[int], now: datetime, retry_id: str | None = None
) -> HoldDocument:
    """A hold that is not stored yet."""
    return HoldDocument(
        _id=batch_id if retry_id is None else f"{batch_id}/{retry_id}",
        batch_id=batch_id,
        round=retry_id,
        owner=owner,
        price=price,
        open=tuple(indexes),
        created_at=now,
        updated_at=now,
        swept_at=now,
    )


class EntryDocument(Part):
    """One booking, never changed. `amount` is what it changed `available` by, `balance` what was available then.
    `sequence` counts the account's entries from 1. `price`: of one image. `by`: who booked it; None where it followed
    from what was made."""

    id: str = Field(alias="_id")
    owner: str
    sequence: int
    kind: LedgerKind
    amount: Millicredits
    balance: Millicredits
    price: Millicredits | None = None
    images: int | None = None
    hold_id: str | None = None
    batch_id: str | None = None
    index: int | None = None
    note: str | None = None
    by: str | None = None
    at: datetime

    @property
    def shown(self) -> LedgerEntry:
        """As people read it."""
        return LedgerEntry(
            id=self.id,
            sequence=self.sequence,
            kind=self.kind,
            amount=as_credits(self.amount),
            balance=as_credits(self.balance),
            price=None if self.price is None else as_credits(self.price),
            images=self.images,
            batch_id=self.batch_id,
            image_index=self.index,
            note=self.note,
            by=self.by,
            at=self.at,
        )
