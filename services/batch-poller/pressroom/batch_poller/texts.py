"""Delivering a text: held to the shape of its kind, stored in its document, told.

One write makes it `generated` with its text, its cost and its event, so a process that dies before it reads the same
row again, and one that dies after it leaves the event in the outbox. A text that does not fit its shape has failed, and
was paid for all the same.
"""

from datetime import UTC, datetime

from pressroom.contracts.events import TextGenerated
from pressroom.contracts.facts import ErrorReport, ProviderTry
from pressroom.contracts.texts import Misshapen, read_text
from pressroom.contracts.vocabulary import ErrorKind, ImageState, Mode, TryOutcome
from pressroom.runtime.finishing import Finishing, with_try
from pressroom.runtime.logs import get_logger
from pressroom.runtime.outbox import Outbox
from pressroom.runtime.prices import PriceTable
from pressroom.state.database import Database
from pressroom.state.documents import ImageDocument, ProviderJobDocument

from .provider_jobs import ResultRow

log = get_logger(__name__)


class Texts:
    """Brings texts from `generating` to `generated`."""

    def __init__(self, database: Database, outbox: Outbox, finishing: Finishing, prices: PriceTable) -> None:
        self._images = database.images
        self._outbox = outbox
        self._finishing = finishing
        self._prices = prices

    async def deliver(self, job: ProviderJobDocument, image: ImageDocument, row: ResultRow, model: str) -> None:
        """Store what a row says of one text. Nothing happens to one that has ended in the meantime."""
        assert image.text_kind is not None, "only a text is delivered here"
        error = row.error
        text = ""
        if error is None:
            try:
                text = read_text(image.text_kind, row.text or "")
            except Misshapen as wrong:
                message = f"{wrong}; ask for it again, or say in 'instructions' what it must be like"
                error = ErrorReport(kind=ErrorKind.API_ERROR, message=message, recoverable=True)
        attempt = self._try(job, image, row, model, error)
        tried = image.model_copy(update={"tries": (*image.tries, attempt)})
        if error is not None:
            await self._finishing.fail(tried if row.tokens else image, error, claim=None)
            return
        event = TextGenerated(
            batch_id=image.batch_id,
            text_id=image.id,
            index=image.index,
            kind=image.text_kind,
            provider=image.provider,
            attempt=image.attempt,
            cost_microusd=tried.cost_microusd,
            model=model,
            text=text,
        )
        done = await self._images.transition(
            image.id,
            ImageState.GENERATED,
            changes={"text": text, "model": model, "tries": with_try(image, attempt), "error": None},
            messages=[self._outbox.event(event)],
            guard={"state": str(ImageState.GENERATING)},
        )
        if done is not None:
            log.info("text.generated", image_id=image.id, characters=len(text))
            await self._outbox.publish(self._images, done)

    def _try(
        self, job: ProviderJobDocument, image: ImageDocument, row: ResultRow, model: str, error: ErrorReport | None
    ) -> ProviderTry:
        began_at = job.submitted_at or datetime.now(UTC)
        return ProviderTry(
            provider=job.provider,
            model=model,
            outcome=TryOutcome.MADE if error is None else TryOutcome.FAILED,
            calls=1,
            cost_microusd=self._cost(job, row, model),
            began_at=began_at,
            seed=image.seed,
            seconds=max(0.0, (datetime.now(UTC) - began_at).total_seconds()),
            error=error,
        )

    def _cost(self, job: ProviderJobDocument, row: ResultRow, model: str) -> int:
        """By the tokens that the provider counted; what the table does not know counts as nothing."""
        if row.tokens is None:
            return 0
        known = self._prices.text_cost_microusd(
            job.provider, model, read_tokens=row.tokens.read, written_tokens=row.tokens.written, mode=Mode.BATCH
        )
        return known or 0
