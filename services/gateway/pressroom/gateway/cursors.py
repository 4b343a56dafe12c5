"""Lists page by page: how many, and opaque places in them."""

import base64
import binascii
from datetime import datetime
from typing import Annotated

from fastapi import Query

from pressroom.contracts.facts import Reason

from .problems import invalid

Limit = Annotated[int, Query(ge=1, le=200, description="How many to list at most.")]

NUMBER_MAX = 2**53 - 1
"""The largest that every reader of JSON holds exactly (RFC 8259, section 6)."""

Index = Annotated[int | None, Query(ge=0, le=NUMBER_MAX, description="`next_cursor` of the page before.")]
"""A place in a list whose items are numbered."""


def encode(moment: datetime, identity: str) -> str:
    """The place after the item that was made at `moment`."""
    return base64.urlsafe_b64encode(f"{moment.isoformat()}|{identity}".encode()).decode().rstrip("=")


def decode(cursor: str) -> tuple[datetime, str]:
    """Raises a 422 `Refusal` for anything that `encode` did not make."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, _, identity = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition("|")
        when = datetime.fromisoformat(moment)
        if when.tzinfo is None:
            raise ValueError("no time zone")
    except (binascii.Error, ValueError) as error:
        raise invalid([Reason(field="cursor", message="not a cursor that this API gave out")]) from error
    return when, identity
