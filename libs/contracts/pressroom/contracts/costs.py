"""What providers take, in US dollars: counted as whole millionths, shown and taken as exact decimal text."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer

from .facts import MicroDollars

PLACES = 6
COST_MAX = 1_000_000
"""The largest cap, in dollars."""


def as_dollars(microusd: MicroDollars) -> Decimal:
    """Without zeros at the end: 33600 is 0.0336."""
    return _plain(Decimal(microusd).scaleb(-PLACES))


def as_microusd(dollars: Decimal) -> MicroDollars:
    """Of an amount with at most six decimals."""
    return int(dollars.scaleb(PLACES))


def _plain(exact: Decimal) -> Decimal:
    exact = exact.normalize()
    return exact.quantize(Decimal(1)) if exact == exact.to_integral() else exact


_exact = (AfterValidator(_plain), PlainSerializer(str, return_type=str))

Cost = Annotated[Decimal, Field(ge=0, le=COST_MAX, decimal_places=PLACES, allow_inf_nan=False), *_exact]
"""Nothing is an amount too: who may spend that much has the providers that are free."""

SomeCost = Annotated[Decimal, Field(gt=0, le=COST_MAX, decimal_places=PLACES, allow_inf_nan=False), *_exact]
