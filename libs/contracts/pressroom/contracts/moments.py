"""Moments that callers send: brought to UTC, and of our times, so that every database and every sum can hold them."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

EARLIEST_YEAR = 2000
"""Before Pressroom: what is earlier is a slip."""
LATEST_YEAR = 9000
"""Dates end with the year 9999, and what is counted from a moment must end before them."""


def _of_our_times(moment: datetime) -> datetime:
    # The year as it is written, first: at the ends of the calendar there is no UTC of every time zone's moment.
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(f"a moment must be in the years {EARLIEST_YEAR} to {LATEST_YEAR}")
    return moment.astimezone(UTC)


GivenMoment = Annotated[AwareDatetime, AfterValidator(_of_our_times)]
