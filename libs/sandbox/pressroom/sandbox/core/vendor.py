"""What a vendor's folder offers to the rest of the sandbox: its routes, its way of saying no, and what it has to show.
To add a vendor: one folder with a class of this shape, and one line in `app.build`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ExceptionHandler

from pressroom.sandbox.core.wire import JsonObject


@dataclass(frozen=True)
class Card:
    """One thing on the page that people look at."""

    kind: str
    title: str
    subtitle: str
    picture: str
    """Path of a picture on this origin, or empty."""
    state: str
    """A word for the badge, or empty."""


class Vendor(Protocol):
    """One outside vendor."""

    name: str
    prefixes: tuple[str, ...]
    """The paths that are its own; the longest prefix wins."""

    def routes(self) -> Sequence[BaseRoute]: ...

    def exception_handlers(self) -> Mapping[type[Exception], ExceptionHandler]: ...

    def refuse(self, status: int, retry_after_s: float | None, *, throttled: bool) -> Response:
        """This vendor's error answer of that status."""
        ...

    def stats(self) -> JsonObject: ...

    def collections(self) -> Mapping[str, Sequence[JsonObject]]:
        """What it keeps, newest first, by the name of the collection."""
        ...

    def cards(self, limit: int) -> Sequence[Card]:
        """The newest things that are worth a picture."""
        ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def reset(self) -> None:
        """Forgets its blobs and running work; the store is emptied by the caller."""
        ...
