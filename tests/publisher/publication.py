"""A publication for tests: a small picture, an order for it, and a journal in memory that may die at any write."""

import hashlib
from dataclasses import dataclass, field

import pyvips

from pressroom.contracts.facts import FileFacts
from pressroom.contracts.vocabulary import ProductType
from pressroom.publisher.platforms import PublishOrder


class Died(BaseException):
    """What a kill -9 is to a test."""


@dataclass
class MemoryJournal:
    """`dies_at` counts writes from 0; with `keeps_last` the write that it dies at is still stored."""

    intended: set[str] = field(default_factory=set)
    recorded: dict[str, str] = field(default_factory=dict)
    dies_at: int | None = None
    keeps_last: bool = False
    writes: list[str] = field(default_factory=list)

    def recall(self, step: str) -> str | None:
        return self.recorded.get(step)

    def was_intended(self, step: str) -> bool:
        return step in self.intended

    async def intend(self, step: str) -> None:
        dies = self._dies(f"intend {step}")
        if not dies or self.keeps_last:
            self.intended.add(step)
        if dies:
            raise Died(step)

    async def record(self, step: str, outside_id: str) -> None:
        dies = self._dies(f"record {step}")
        if not dies or self.keeps_last:
            self.recorded[step] = outside_id
        if dies:
            raise Died(step)

    def after_the_restart(self) -> "MemoryJournal":
        """What the next process reads."""
        return MemoryJournal(intended=set(self.intended), recorded=dict(self.recorded))

    def _dies(self, write: str) -> bool:
        self.writes.append(write)
        return len(self.writes) - 1 == self.dies_at


@dataclass
class MemoryArtwork:
    content: bytes
    reads: int = 0

    async def print_bytes(self) -> bytes:
        self.reads += 1
        return self.content

    async def web_bytes(self) -> bytes:
        self.reads += 1
        return self.content


def a_png(width_px: int, height_px: int, shade: int = 120) -> bytes:
    picture: pyvips.Image = pyvips.Image.black(width_px, height_px, bands=3) + shade
    data: bytes = picture.cast("uchar").copy(interpretation="srgb").pngsave_buffer()
    return data


def an_order(
    product_type: ProductType = ProductType.T_SHIRT,
    image_id: str = "batch_1-0000",
    title: str = "A fox in a raincoat",
    content: bytes | None = None,
) -> PublishOrder:
    width_px, height_px = 150, 180
    data = content or a_png(width_px, height_px)
    digest = hashlib.sha256(data).hexdigest()
    return PublishOrder(
        publication_id=f"{image_id}-test-{product_type}",
        image_id=image_id,
        product_type=product_type,
        title=title,
        description="Printed on demand.\n\nSoft & <warm>.",
        tags=("fox", "rain"),
        print_file=FileFacts(
            key=f"print/{digest}.png",
            media_type="image/png",
            sha256=digest,
            size_bytes=len(data),
            width_px=width_px,
            height_px=height_px,
        ),
        artwork=MemoryArtwork(data),
    )
