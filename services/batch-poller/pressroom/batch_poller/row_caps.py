"""What a cap in money leaves of a provider job, before the job is bought: rows beyond it are not in it.

What each row may cost is put aside first, and only then are the rows written that the job is created of. A process that
dies in between has put aside for images that are still planned: who goes on puts nothing aside twice, and what becomes
of an image, made, failed or cancelled, frees what was put aside with that write (`state.images_under_caps`).
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

from pressroom.contracts.facts import ErrorReport, MicroDollars
from pressroom.contracts.vocabulary import ImageState, Mode, TextKind
from pressroom.runtime.admission import max_cost_of
from pressroom.runtime.caps import OF_SHOWN_TEXTS, Caps, over_cap
from pressroom.runtime.errors import OverBudget, report_of
from pressroom.runtime.prices import PriceTable
from pressroom.runtime.vendors.texts import instructions_for, schema_of
from pressroom.state.budgets import Cap, OverCap
from pressroom.state.database import Database
from pressroom.state.documents import ImageDocument, ProviderJobDocument

from .provider_jobs import BatchProvider, WantedJob

AT_ONCE = 200
"""Rows in one transaction: as many as a slow disk takes well within a transaction's time."""

TEXT_MOST_TOKENS = 16_384
"""What a text may have under a cap, its model's thoughts included: some ten thousand words, and a few cents at most."""

_BESIDE_THE_WORDS = 256
"""Tokens that a vendor counts for who says what, and for that an answer is to be JSON."""

Refuse = Callable[[ImageDocument, ErrorReport], Awaitable[None]]


def row_cost(
    prices: PriceTable, provider: BatchProvider, model: str, width_px: int, height_px: int
) -> MicroDollars | None:
    """What a picture of these sides costs in a provider's job; None when the table does not know."""
    asked_width_px, asked_height_px = provider.asked_px(model, width_px, height_px)
    return prices.cost_microusd(
        provider.name,
        model,
        width_px=asked_width_px,
        height_px=asked_height_px,
        grade=provider.grade,
        mode=Mode.BATCH,
    )


@dataclass(frozen=True)
class RowCaps:
    """Keeps the caps of everybody's provider jobs."""

    database: Database
    prices: PriceTable
    caps: Caps
    refuse: Refuse

    async def put_aside(self, job: ProviderJobDocument, wanted: WantedJob, provider: BatchProvider) -> WantedJob:
        """For every row that the job will have; an image that a cap leaves nothing for fails. The job as it is to be
        asked for then. Raises `OverBudget` when no row is left, or when nobody knows what they cost."""
        caps = await self._caps_of(job)
        if not caps:
            return wanted
        amounts = [
            (image.id, self._amount(image, wanted, provider))
            async for image in self.database.images.of_job(job, (ImageState.PLANNED,))
        ]
        over: OverCap | None = None
        for start in range(0, len(amounts), AT_ONCE):
            some = amounts[start : start + AT_ONCE]
            rows = await self.database.images.begin_rows(job.id, some, caps, is_asked=job.asked_at is not None)
            for name in rows.left_out:
                image = await self.database.images.get(name)
                if image is not None and rows.over is not None:
                    await self.refuse(image, report_of(OverBudget(over_cap(rows.over))))
            over = rows.over or over
        if over is not None and not [image async for image in self._left(job)]:
            raise OverBudget(over_cap(over))
        return wanted if wanted.text_kind is None else replace(wanted, most_tokens=TEXT_MOST_TOKENS)

    async def _caps_of(self, job: ProviderJobDocument) -> tuple[Cap, ...]:
        batch = await self.database.batches.get(job.batch_id)
        return await self.caps.of(job.owner, job.batch_id, None if batch is None else max_cost_of(batch.request))

    def _left(self, job: ProviderJobDocument) -> AsyncIterator[ImageDocument]:
        return self.database.images.of_job(job, (ImageState.PLANNED, ImageState.GENERATING), limit=1)

    def _amount(self, image: ImageDocument, wanted: WantedJob, provider: BatchProvider) -> MicroDollars:
        if wanted.text_kind is None:
            cost = row_cost(self.prices, provider, wanted.model, image.width, image.height)
        elif image.input_images:
            raise OverBudget(OF_SHOWN_TEXTS)
        else:
            read = _most_read(wanted.text_kind, image.sent_prompt, wanted.instructions)
            cost = self.prices.text_cost_microusd(
                provider.name, wanted.model, read_tokens=read, written_tokens=TEXT_MOST_TOKENS, mode=Mode.BATCH
            )
        if cost is None:
            raise OverBudget(
                f"nobody knows what '{provider.name}' takes with the model '{wanted.model}', so no cap in "
                "money can be kept; name a model with a price, or give it one (PRESSROOM_PRICE_TABLE), then retry"
            )
        return cost


def _most_read(kind: TextKind, prompt: str, instructions: str | None) -> int:
    """Tokens that a model reads for one text, at most: none is shorter than a byte."""
    words = prompt + (instructions_for(kind, instructions) or "") + json.dumps(schema_of(kind) or {})
    return len(words.encode()) + _BESIDE_THE_WORDS
