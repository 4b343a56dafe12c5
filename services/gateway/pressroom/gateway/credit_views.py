"""Credits as the API shows them, and the refusal of what an account does not cover."""

from http import HTTPStatus

from pressroom.contracts.credits import Balance, LedgerEntry, as_credits
from pressroom.runtime.credits import InsufficientCredits
from pressroom.state.accounts import AccountDocument, EntryDocument

from .problems import Refusal


def balance_view(account: AccountDocument) -> Balance:
    return Balance(
        available=as_credits(account.available), held=as_credits(account.held), spent=as_credits(account.spent)
    )


def entry_view(entry: EntryDocument) -> LedgerEntry:
    return LedgerEntry(
        id=entry.id,
        sequence=entry.sequence,
        kind=entry.kind,
        amount=as_credits(entry.amount),
        balance=as_credits(entry.balance),
        price=None if entry.price is None else as_credits(entry.price),
        images=entry.images,
        batch_id=entry.batch_id,
        image_index=entry.index,
        note=entry.note,
        by=entry.by,
        at=entry.at,
    )


def payment_required(error: InsufficientCredits) -> Refusal:
    """A 402 that says what it costs, what there is and what is missing."""
    members = {
        name: str(as_credits(amount))
        for name, amount in (
            ("required", error.required),
            ("available", error.available),
            ("shortfall", error.shortfall),
        )
    }
    detail = f"Not enough credits: {error}. Ask an admin to top up your account."
    return Refusal(HTTPStatus.PAYMENT_REQUIRED, "insufficient-credits", detail, members=members)
