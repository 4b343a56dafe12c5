"""Values that several events and API answers carry."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from .vocabulary import ErrorKind, Mode, ProviderName, TryOutcome

NonNegative = Annotated[int, Field(ge=0)]
MicroDollars = Annotated[int, Field(ge=0)]
"""Millionths of a US dollar: prices of single images are fractions of a cent."""


class Fact(BaseModel):
    """Immutable; fields that a newer writer added are ignored on read."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class FileFacts(Fact):
    """One stored file: where it is, what it is."""

    key: str = Field(description="The blob store's key, content-addressed.")
    media_type: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: NonNegative
    width_px: NonNegative
    height_px: NonNegative


class ErrorReport(Fact):
    """Why something failed, and what to do about it."""

    kind: ErrorKind
    message: str
    recoverable: bool = Field(description="Whether asking again without changing anything can succeed.")


class Reason(Fact):
    """One thing wrong with a request: the field's path, and the limit that it broke."""

    field: str
    message: str


class ModeChoice(Fact):
    """Which way a batch goes, why, and what that saves beside the other way, where the prices are known."""

    asked: Mode
    mode: Mode
    reason: str
    saves_microusd: MicroDollars = 0


class BatchCounts(Fact):
    """How the images of a batch ended. `generated` counts every image that got its files, reviewed or not."""

    requested: NonNegative
    generated: NonNegative
    failed: NonNegative
    cancelled: NonNegative
    placeholders: NonNegative = Field(default=0, description="Of the generated ones, those that are placeholders.")


class NoticeAttempt(Fact):
    """One try to deliver a notice. `status` is the receiver's HTTP status or the mail server's reply code."""

    at: datetime
    seconds: Annotated[float, Field(ge=0)] = 0.0
    status: int | None = Field(default=None, description="None when nobody answered.")
    error: str | None = Field(default=None, description="None when it was delivered.")


class ProviderTry(Fact):
    """One call of a provider for one image: what it cost, and why it failed if it did.

    `cost_microusd` is what the provider said or the price table says; of an `unknown` outcome, what it cost if it was
    billed. `calls` counts requests that a provider bills.
    """

    provider: ProviderName
    model: str | None = None
    outcome: TryOutcome
    calls: NonNegative = 0
    cost_microusd: MicroDollars = 0
    began_at: datetime
    seconds: Annotated[float, Field(ge=0)] = 0.0
    seed: NonNegative | None = Field(default=None, description="None where the provider takes no seed.")
    error: ErrorReport | None = None
    counted_in: tuple[str, ...] = Field(default=(), description="The caps in money that held when it began.")
