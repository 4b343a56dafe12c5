"""Moments in queries: as RFC 3339 writes them, with a time zone, of our times."""

import re
from typing import Annotated

from pydantic import BeforeValidator

from pressroom.contracts.moments import GivenMoment


def _as_written(moment: object) -> object:
    """Only as RFC 3339 writes a moment: a number would be seconds since 1970."""
    if isinstance(moment, str) and not re.match(r"\d{4}-\d{2}-\d{2}[T ]", moment):
        raise ValueError("a moment is written as 2026-11-21T08:00:00Z")
    return moment


AskedMoment = Annotated[GivenMoment, BeforeValidator(_as_written)]
