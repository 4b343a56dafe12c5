"""Times as Shopify reads and writes them: ISO 8601, written in UTC to the second."""

from __future__ import annotations

from datetime import UTC, datetime

from pressroom.sandbox.core.clock import rfc3339


def write_time(at: float) -> str:
    return rfc3339(at, 0)


def read_time(text: str) -> float:
    """Seconds since 1970; a time without an offset is UTC. `ValueError` when it is no time."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
