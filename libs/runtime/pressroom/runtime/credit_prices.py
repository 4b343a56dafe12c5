"""What an image costs its owner, in credits, by category and mode (`PRESSROOM_CREDIT_PRICES` over the usual prices)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pressroom.contracts.credits import PLACES, Millicredits, as_millicredits
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import Category, Mode

PRICE_MAX = 1_000_000

Price = Annotated[Decimal, Field(ge=0, le=PRICE_MAX, decimal_places=PLACES, allow_inf_nan=False)]


class CreditPrice(BaseModel):
    """Of one image, or one text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    realtime: Price
    batch: Price


def _usual(realtime: str, batch: str) -> CreditPrice:
    return CreditPrice(realtime=Decimal(realtime), batch=Decimal(batch))


USUAL: Mapping[Category, CreditPrice] = {
    Category.CHARACTER: _usual("4", "2"),
    Category.FOOD: _usual("4", "2"),
    Category.PRODUCT: _usual("5", "2.5"),
    Category.TEXT_TO_IMAGE: _usual("4", "2"),
    Category.TEXT: _usual("1", "0.5"),
}
"""As the batch API's page "Credit Costs Comparison" has them; a text is priced by what it costs beside an image."""


def price_of(request: BatchRequest, mode: Mode, own: Mapping[Category, CreditPrice]) -> Millicredits:
    """One image or text of a request, made in `mode`. `own`: the deployment's own prices, which win."""
    price = own.get(request.priced_as) or USUAL[request.priced_as]
    return as_millicredits(price.batch if mode is Mode.BATCH else price.realtime)
