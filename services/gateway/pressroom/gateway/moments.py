"""Moments in queries: as RFC 3339 writes them, with a time zone, of our times."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

EARLIEST_YEAR = 2000
"""Before Pressroom: what is earlier is a slip, and the database's dates end somewhere."""


def _as_written(moment: object) -> object:
    """Only as RFC 3339 writes a moment: a number would be seconds since 1970."""
    if isinstance(moment, str) and not re.match(r"\d{4}-\d{2}-\d{2}[T ]", moment):
        raise ValueError("a moment is written as 2026-11-21T08:00:00Z")
    return moment


def _of_our_times(moment: datetime) -> datetime:
    if moment.year < EARLIEST_YEAR:
        raise ValueError(f"nothing was asked for before {EARLIEST_YEAR}")
    return moment


AskedMoment = Annotated[AwareDatetime, BeforeValidator(_as_written), AfterValidator(_of_our_times)]
