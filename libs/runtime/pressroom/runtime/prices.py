"""What an image costs at its provider: a table with source and date for each price, and what follows from it.

An estimate is made when an image is planned, the actual cost when its provider has answered: what the provider says it
took wins over the table. None means that nobody knows the price, which is not the same as nothing.
"""

import re
import tomllib
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files
from math import ceil
from pathlib import Path
from typing import Annotated, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pressroom.contracts.vocabulary import Mode, ProviderName

MICRO = 1_000_000
MEGAPIXEL = 1024 * 1024
MILLION = 1_000_000
"""Tokens that a price is for."""

FREE = frozenset({ProviderName.STUDIO, ProviderName.PLACEHOLDER, ProviderName.COMFYUI, ProviderName.DIFFUSERS})
"""They run on a machine of one's own, which costs nothing by the image unless the table says so."""

Dollars = Annotated[Decimal, Field(ge=0, le=1000)]


TOKENS = "tokens"
"""The unit of texts; pictures are never priced by it."""

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")
"""OpenAI tells of `gpt-5-2025-08-07` where `gpt-5` was asked for; both cost the same."""


class Price(BaseModel):
    """One entry (`prices.toml` explains the fields)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: ProviderName
    model: str | None = None
    grade: str | None = None
    unit: Literal["image", "area", "megapixel", "second", "tokens"]
    usd: Dollars
    further_usd: Dollars | None = None
    output_usd: Dollars | None = None
    typical_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    up_to_px: Annotated[int, Field(ge=64)] | None = None
    batch_factor: Annotated[Decimal, Field(gt=0, le=1)] | None = None
    source: str
    seen: date

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.unit == "megapixel" and self.further_usd is None:
            raise ValueError("a price by the megapixel needs 'further_usd'")
        if self.unit == "second" and self.typical_s is None:
            raise ValueError("a price by the second needs 'typical_s'")
        if self.unit == TOKENS and self.output_usd is None:
            raise ValueError("a price by tokens needs 'output_usd'")
        return self

    def fits(self, provider: ProviderName, model: str | None, grade: str | None, longer_side_px: int) -> bool:
        return (
            self.provider is provider
            and self.unit != TOKENS
            and self._is_of(model)
            and self.grade in (None, grade)
            and (self.up_to_px is None or longer_side_px <= self.up_to_px)
        )

    def fits_texts(self, provider: ProviderName, model: str) -> bool:
        return self.provider is provider and self.unit == TOKENS and self._is_of(model)

    def _is_of(self, model: str | None) -> bool:
        return self.model in (None, model, _DATE.sub("", model or ""))

    def dollars(self, width_px: int, height_px: int, seconds: float | None) -> Decimal:
        """What one image costs; `seconds` of the provider's machine, where they are known."""
        megapixels = width_px * height_px / MEGAPIXEL
        match self.unit:
            case "image":
                return self.usd
            case "area":
                return self.usd * Decimal(str(megapixels))
            case "megapixel":
                return self.usd + (self.further_usd or Decimal(0)) * max(0, ceil(megapixels) - 1)
            case "second":
                return self.usd * Decimal(str(seconds if seconds is not None else self.typical_s))
            case "tokens":
                raise TypeError("a picture has no price by tokens")

    def in_mode(self, dollars: Decimal, mode: Mode) -> int:
        """So many dollars at the standard price, in millionths of a dollar of this mode's."""
        if mode is Mode.BATCH and self.batch_factor is not None:
            dollars *= self.batch_factor
        return int((dollars * MICRO).to_integral_value(ROUND_HALF_UP))


class PriceTable:
    """All prices of a deployment."""

    def __init__(self, own: Sequence[Price], built_in: Sequence[Price]) -> None:
        """A deployment's own entries win, also over more exact ones."""
        self.prices = (*_most_exact_first(own), *_most_exact_first(built_in))

    @classmethod
    def load(cls, own: Path | None) -> Self:
        """The built-in table with the entries of `own` in it. Raises `ValueError` naming the file and the entry."""
        built_in = _read(files("pressroom.runtime").joinpath("prices.toml").read_text(), "prices.toml")
        if own is None:
            return cls([], built_in)
        try:
            text = own.read_text("utf-8")
        except OSError as error:
            raise ValueError(f"{own} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{own} is no text in UTF-8: {error}") from error
        return cls(_read(text, str(own)), built_in)

    def of(self, provider: ProviderName, model: str | None, grade: str | None, longer_side_px: int) -> Price | None:
        """The entry that decides, if there is one."""
        return next((price for price in self.prices if price.fits(provider, model, grade, longer_side_px)), None)

    def cost_microusd(
        self,
        provider: ProviderName,
        model: str | None,
        *,
        width_px: int,
        height_px: int,
        grade: str | None = None,
        mode: Mode = Mode.REALTIME,
        seconds: float | None = None,
    ) -> int | None:
        """One image of this size in pixels, in millionths of a dollar; None when the table does not know."""
        price = self.of(provider, model, grade, max(width_px, height_px))
        if price is None:
            return 0 if provider in FREE else None
        return price.in_mode(price.dollars(width_px, height_px, seconds), mode)

    def text_cost_microusd(
        self, provider: ProviderName, model: str, *, read_tokens: int, written_tokens: int, mode: Mode
    ) -> int | None:
        """One text, in millionths of a dollar; None when the table does not know."""
        price = next((price for price in self.prices if price.fits_texts(provider, model)), None)
        if price is None:
            return None
        written_usd = price.output_usd or Decimal(0)
        return price.in_mode((price.usd * read_tokens + written_usd * written_tokens) / MILLION, mode)


def _most_exact_first(prices: Sequence[Price]) -> list[Price]:
    """A named model's before any model's, a smaller size's before a larger one's."""
    return sorted(prices, key=lambda price: (price.model is None, price.grade is None, price.up_to_px or 1 << 31))


def _read(text: str, where: str) -> list[Price]:
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{where} is no TOML: {error}") from error
    for name in table:
        if name != "price":
            raise ValueError(f"{where}: there is no '{name}'; each price begins with [[price]]")
    entries: object = table.get("price", [])
    if not isinstance(entries, list):
        raise ValueError(f"{where}: 'price' is no list; each price begins with [[price]]")
    prices: list[Price] = []
    for number, entry in enumerate(cast("list[object]", entries), start=1):
        try:
            prices.append(Price.model_validate(entry))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "the entry"
            raise ValueError(f"{where}, price {number}: {field}: {first['msg']}") from error
    return prices


@cache
def price_table(own: Path | None) -> PriceTable:
    """The table of a deployment (`PRESSROOM_PRICE_TABLE`), read once."""
    return PriceTable.load(own)
