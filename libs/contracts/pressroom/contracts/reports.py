"""What became of things, counted: one batch's report, and statistics over many."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from .api import Dollars, Moment
from .facts import Fact, NonNegative
from .vocabulary import BatchState, ErrorKind

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]


class Counted(Fact):
    """Images, or texts, and what they took."""

    total: NonNegative
    successful: NonNegative = Field(description="Made by a provider.")
    placeholders: NonNegative = Field(description="Made by nobody; a marked placeholder stands for each.")
    failed: NonNegative
    cancelled: NonNegative
    open: NonNegative = Field(description="Neither made nor given up yet.")
    success_rate: Share | None = Field(
        description="Of those that ended with an image, a placeholder or an error; None when none did."
    )
    tries: NonNegative = Field(description="How often providers were asked.")
    retry_rate: Share | None = Field(description="Of the tries, those that were not the first of their image.")
    calls: NonNegative = Field(description="Requests that a provider bills.")
    cost_usd: Dollars = Field(description="What providers took, or may have taken.")
    seconds: Seconds = Field(description="How long providers worked on them, all together.")
    seconds_per_image: Seconds | None = Field(
        description="How long who made them worked on each; None when none was made."
    )


class ReportedFailure(Fact):
    """An image, or a text, that was given up."""

    id: str
    index: NonNegative
    prompt: str
    kind: ErrorKind
    error: str
    attempts: NonNegative
    recoverable: bool = Field(description="Made again as it is, it may succeed.")


class BatchReport(Fact):
    """What became of one batch, and what to do about what failed."""

    batch_id: str
    state: BatchState
    created_at: Moment
    completed_at: Moment | None
    wall_seconds: Seconds | None = Field(description="From when it was asked for to its end.")
    estimated_cost_usd: Dollars | None = Field(description="None when the price table does not know.")
    summary: Counted
    failures: tuple[ReportedFailure, ...] = Field(
        description="Those that `summary` counts as failed, in order; the first 1000. One that was deleted since has "
        "no words any more."
    )
    recommendations: tuple[str, ...] = Field(description="About those that failed and were not deleted.")


class Grouping(StrEnum):
    """What a row of statistics is about."""

    DAY = "day"
    PROVIDER = "provider"
    BATCH = "batch"


class StatisticsRow(Counted):
    """One day, provider or batch. `date`: a batch's day, UTC. A provider's has the images that it made, or had last,
    and every try that was its own, also of images that another one made in the end."""

    name: str
    date: str | None = None


class Statistics(Fact):
    """What was asked for from `since` to before `until`."""

    since: datetime
    until: datetime
    by: Grouping
    totals: Counted = Field(description="Of everything, also of what is in none of the rows.")
    rows: tuple[StatisticsRow, ...] = Field(
        description="Days and batches newest first, providers by name; the first 1000."
    )
