"""What the publisher asks of a platform, and the journal by which a publication is made once.

A platform runs the steps of one publication in order: intent stored, effect, outside id stored. A process that dies
at any point is followed by another `publish` with the same journal: what was recorded is not done again, what was
intended but not recorded is looked for before it is repeated, and what was not intended costs no look-up. The same
holds for a call that raised `NetworkFailed`, `TimedOut` or `ApiFailed`: its effect may have happened all the same.
"""

from dataclasses import dataclass
from typing import Protocol

from pressroom.contracts.facts import FileFacts
from pressroom.contracts.vocabulary import PlatformName, ProductType


class Artwork(Protocol):
    """The picture's bytes, read only when a step needs them."""

    async def print_bytes(self) -> bytes:
        """The print file, as `PublishOrder.print_file` describes it."""
        ...

    async def web_bytes(self) -> bytes:
        """A derivative of at most 2048 px a side, of type `PublishOrder.web_media_type`; the same bytes every time."""
        ...


@dataclass(frozen=True)
class PublishOrder:
    """One image to become one product. Everything here is the same at every attempt."""

    publication_id: str
    image_id: str
    product_type: ProductType
    title: str
    description: str
    tags: tuple[str, ...]
    print_file: FileFacts
    artwork: Artwork
    web_media_type: str = "image/png"


@dataclass(frozen=True)
class Published:
    """The product as the platform knows it; `url` is where a customer sees it, when the platform has such a place."""

    external_id: str
    url: str | None


class Journal(Protocol):
    """The durable memory of one publication's steps. Its writes are fenced: a taker that lost its lease raises."""

    def recall(self, step: str) -> str | None:
        """The outside id that was recorded for a step, if it was."""
        ...

    def was_intended(self, step: str) -> bool:
        """Whether the intent was stored in an earlier attempt or this one: the effect may have happened."""
        ...

    async def intend(self, step: str) -> None:
        """Store, before its effect, that a step is about to be done. Repeating it is allowed."""
        ...

    async def record(self, step: str, outside_id: str) -> None:
        """Store what a step made, at once after its effect."""
        ...


class Platform(Protocol):
    """Where publications appear."""

    @property
    def name(self) -> PlatformName: ...

    async def publish(self, order: PublishOrder, journal: Journal) -> Published:
        """Make the product, or finish making it. Safe to call again whatever happened before; `WorkError`s only,
        beside what the journal itself raises."""
        ...

    async def aclose(self) -> None: ...
