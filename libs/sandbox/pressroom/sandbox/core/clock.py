"""Times as the vendors write them. The wall clock is the only clock, so that a state derived from a creation time is
the same after a restart."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(at: float, digits: int = 6) -> str:
    """`2026-11-20T19:13:00.123456Z`, as Google and Shopify write it (`digits` 0, 3 or 6)."""
    moment = datetime.fromtimestamp(at, UTC)
    if digits == 0:
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}"[:digits] + "Z"


def printify_time(at: float) -> str:
    """`2026-11-20 19:13:00+00:00`, as Printify writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S+00:00")
