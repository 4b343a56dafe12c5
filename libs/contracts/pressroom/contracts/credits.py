"""Credits, as they are counted and as the HTTP API shows them.

Amounts are exact: counted as whole thousandths of a credit, shown and taken as decimal text (`2.5`), never as floats.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from .api import Dollars, Moment, Problem
from .facts import Fact, ModeChoice, NonNegative, Reason
from .vocabulary import Category, LedgerKind, Mode, ProviderName

Millicredits = int
"""Thousandths of a credit."""

PLACES = 3
CREDITS_MAX = 1_000_000_000
"""In one booking. The largest sum of a million of them still fits into the database's 64 bits."""

Credits = Annotated[Decimal, Field(description="Credits, exact, as text.")]
AnyAmount = Annotated[
    Decimal,
    Field(ge=-CREDITS_MAX, le=CREDITS_MAX, decimal_places=PLACES, max_digits=13, allow_inf_nan=False),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": rf"^-?\d{{1,9}}(\.\d{{1,{PLACES}}})?$"},
                {"type": "number", "minimum": -CREDITS_MAX, "maximum": CREDITS_MAX, "multipleOf": 10**-PLACES},
            ]
        }
    ),
]


def as_credits(amount: Millicredits) -> Decimal:
    """Without zeros at the end: 2500 is 2.5."""
    exact = Decimal(amount).scaleb(-PLACES).normalize()
    return exact.quantize(Decimal(1)) if exact == exact.to_integral() else exact


def as_millicredits(amount: Decimal) -> Millicredits:
    """Raises `ValueError` for what is finer than a thousandth."""
    exact = amount.scaleb(PLACES)
    if exact != exact.to_integral():
        raise ValueError(f"{amount} is finer than a thousandth of a credit")
    return int(exact)


class Balance(Fact):
    """`available` may be asked with; `held` is put aside for images that are being made; `spent` is gone for good."""

    available: Credits
    held: Credits
    spent: Credits


class LedgerEntry(Fact):
    """One booking of an account. Entries are never changed; a wrong one is followed by an adjustment."""

    id: str
    sequence: NonNegative = Field(description="The account's own count, from 1, without gaps.")
    kind: LedgerKind
    amount: Credits = Field(description="What it changed `available` by; nothing, for a capture.")
    balance: Credits = Field(description="What was available after it.")
    price: Credits | None = Field(default=None, description="Of one image, for what is held, captured or released.")
    images: NonNegative | None = Field(default=None, description="How many images it is about.")
    batch_id: str | None = None
    image_index: NonNegative | None = None
    note: str | None = None
    by: str | None = Field(default=None, description="Who booked it; None where it followed from what was made.")
    at: Moment


class GiveCredits(BaseModel):
    """The body of `POST /v1/users/{id}/credits`."""

    model_config = ConfigDict(extra="forbid")

    amount: AnyAmount = Field(description="Credits, with at most three decimals; negative only for an adjustment.")
    kind: Literal[LedgerKind.TOPUP, LedgerKind.ADJUSTMENT] = Field(
        default=LedgerKind.TOPUP, description="`topup`, or `adjustment` to put right what was booked before."
    )
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)] = Field(
        description="Why: an invoice, a payment, who asked. The user sees it."
    )

    @model_validator(mode="after")
    def _gives_or_puts_right(self) -> "GiveCredits":
        if self.amount == 0:
            raise ValueError("'amount' is 0, which changes nothing")
        if self.kind is LedgerKind.TOPUP and self.amount < 0:
            raise ValueError("a 'topup' is positive; take credits back by an 'adjustment'")
        return self


class Estimate(Fact):
    """What a batch would cost. Nothing was made or held."""

    image_count: NonNegative
    category: Category
    mode: Mode = Field(description="The one that it would be made in.")
    mode_choice: ModeChoice | None = Field(
        default=None,
        description="Why that mode, where the request left it open.",
    )
    provider: ProviderName | None = Field(default=None, description="Whose turn it would be; None when refused.")
    price: Credits = Field(description="Of one image.")
    credits: Credits = Field(description="Of all of them.")
    saves_credits: Credits = Field(description="Beside the same batch in realtime mode.")
    is_metered: bool = Field(description="Whether you pay in credits at all.")
    available: Credits | None = Field(default=None, description="What your account has; None where you do not pay.")
    shortfall: Credits | None = Field(default=None, description="What is missing; None where nothing is.")
    cost_usd: Dollars | None = Field(default=None, description="What the provider takes; None when nobody knows.")
    saves_usd: Dollars | None = Field(default=None, description="The same beside realtime mode, where both are known.")
    refusals: tuple[Reason, ...] = Field(default=(), description="Why it would be refused; empty when it would not.")


class CreditProblem(Problem):
    """A 402: what it costs, what the account has, what is missing."""

    required: Credits
    available: Credits
    shortfall: Credits
