"""Handles: the part of an address that is made of a title."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable


def handle_of(title: str) -> str:
    """`Red Fox, at Dawn!` becomes `red-fox-at-dawn`."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "untitled"


def free_handle(wanted: str, is_taken: Callable[[str], bool]) -> str:
    """The handle, or the first of `-1`, `-2`, ... that nobody has."""
    handle, number = wanted, 0
    while is_taken(handle):
        number += 1
        handle = f"{wanted}-{number}"
    return handle
