"""Lists page by page: how many, and opaque places in them."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Protocol, TypeVar

from fastapi import Query

from pressroom.contracts.facts import Reason

from .edge.problems import invalid

Limit = Annotated[int, Query(ge=1, le=200, description="How many to list at most.")]

NUMBER_MAX = 2**53 - 1
"""The largest that every reader of JSON holds exactly (RFC 8259, section 6)."""

Index = Annotated[int | None, Query(ge=0, le=NUMBER_MAX, description="`next_cursor` of the page before.")]
"""A place in a list whose items are numbered."""


def encode(moment: datetime, identity: str) -> str:
    """The place after the item that was made at `moment`."""
    return base64.urlsafe_b64encode(f"{moment.isoformat()}|{identity}".encode()).decode().rstrip("=")


class Dated(Protocol):
    """What is listed newest first."""

    @property
    def id(self) -> str: ...

    @property
    def created_at(self) -> datetime: ...


Found = TypeVar("Found", bound=Dated)


def cut(found: list[Found], limit: int) -> tuple[list[Found], str | None]:
    """A page of what was found when one more than `limit` was asked for, and the place after it if there is more."""
    shown = found[:limit]
    return shown, encode(shown[-1].created_at, shown[-1].id) if len(found) > limit else None


def decode(cursor: str | None) -> tuple[datetime, str] | None:
    """The place that a cursor names, if there is one. Raises a 422 `Refusal` for what `encode` did not make."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, _, identity = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition("|")
        when = datetime.fromisoformat(moment)
        if when.tzinfo is None:
            raise ValueError("no time zone")
        when = when.astimezone(UTC)
    except (binascii.Error, ValueError, OverflowError) as error:
        raise invalid([Reason(field="cursor", message="not a cursor that this API gave out")]) from error
    return when, identity
