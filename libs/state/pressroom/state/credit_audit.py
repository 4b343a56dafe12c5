"""Does the ledger say what the accounts, the holds and the images say?

Pure: it is fed documents and knows no database. An account is the sum of its entries, what is held is the sum of its
open holds, what is spent the sum of its captures; an image was captured if and only if it was made.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from pressroom.contracts.credits import Millicredits, as_credits
from pressroom.contracts.vocabulary import LedgerKind, ProviderName

from .accounts import AccountDocument, EntryDocument, HoldDocument
from .audit import Drift
from .images import ImageFate
from .ledger import FAILED
from .machines import IMAGE_READY, IMAGE_SETTLED


@dataclass
class _Booked:
    """What the entries say of one hold: how many images it began with, and how each of them ended."""

    images: int = 0
    amount: Millicredits = 0
    ends: dict[int, EntryDocument] = field(default_factory=dict[int, EntryDocument])


class AccountFold:
    """Feed it one account's entries, oldest first, and its holds, then compare."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._balance = self._spent = self._held = 0
        self._entries = 0
        self._drifts: list[Drift] = []
        self._holds: dict[str, _Booked] = defaultdict(_Booked)

    def feed(self, entry: EntryDocument) -> None:
        self._entries += 1
        self._balance += entry.amount
        if entry.sequence != self._entries:
            self._drift("account", self._owner, f"entry {self._entries}", f"entry {entry.sequence}")
        if entry.balance != self._balance:
            self._drift("account", entry.id, _shown(self._balance), _shown(entry.balance))
        if entry.hold_id is None:
            return
        booked = self._holds[entry.hold_id]
        if entry.index is None:
            booked.images, booked.amount = entry.images or 0, entry.amount
            return
        booked.ends[entry.index] = entry
        if entry.kind is LedgerKind.CAPTURE:
            self._spent += entry.price or 0

    def hold(self, hold: HoldDocument, images: Mapping[int, ImageFate]) -> None:
        """Compare one hold with its entries, and with how its batch's images stand."""
        self._held += hold.left
        booked = self._holds.pop(hold.id, _Booked())
        if booked.amount != -hold.price * booked.images:
            self._drift("hold", hold.id, _shown(-booked.amount), f"{booked.images} x {_shown(hold.price)}")
        known = {*hold.open, *booked.ends}
        if len(known) != booked.images or len(hold.open) + len(booked.ends) != booked.images:
            stored = f"{len(hold.open)} open and {len(booked.ends)} settled"
            self._drift("hold", hold.id, f"{booked.images} images", stored)
        if hold.is_open != bool(hold.open):
            self._drift("hold", hold.id, "open" if hold.open else "closed", "open" if hold.is_open else "closed")
        for index in sorted(known | images.keys()):
            self._image(hold, index, booked.ends.get(index), images.get(index), is_open=index in hold.open)

    def _image(
        self, hold: HoldDocument, index: int, end: EntryDocument | None, image: ImageFate | None, *, is_open: bool
    ) -> None:
        if image is not None and image.retry != hold.round:
            image = None  # Another hold's, by now.
        is_made = image is not None and image.ended in IMAGE_READY and image.provider is not ProviderName.PLACEHOLDER
        is_captured = end is not None and end.kind is LedgerKind.CAPTURE
        # What failed and was made again from a dead letter costs its owner nothing.
        is_present = end is not None and end.note == FAILED.note
        if (is_made and not is_captured and not is_present) or (is_captured and not is_made):
            told = "captured" if is_captured else "released" if end is not None else "open" if is_open else "nothing"
            self._drift("credits of image", f"{hold.id}:{index}", told, str(image.state) if image else "not made")
        elif is_open and image is not None and image.state in IMAGE_SETTLED:
            self._drift("credits of image", f"{hold.id}:{index}", "held", str(image.state))

    def drifts(self, account: AccountDocument) -> list[Drift]:
        """Everything that was found, and the account beside it; call it last."""
        for name, told, stored in (
            ("available", self._balance, account.available),
            ("held", self._held, account.held),
            ("spent", self._spent, account.spent),
        ):
            if told != stored:
                self._drift("account", account.id, f"{name} {_shown(told)}", f"{name} {_shown(stored)}")
        if self._entries != account.entries:
            self._drift("account", account.id, f"{self._entries} entries", f"{account.entries} entries")
        for hold_id in self._holds:
            self._drift("hold", hold_id, "held", "nothing")
        return self._drifts

    def _drift(self, entity: str, identity: str, told: str, stored: str) -> None:
        self._drifts.append(Drift(entity, identity, told, stored))


def _shown(amount: Millicredits) -> str:
    return f"{as_credits(amount)}"
