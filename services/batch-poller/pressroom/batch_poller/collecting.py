"""Collecting a provider's job: each row through the same finishing as a realtime image, then the job's end.

A bad row fails one image. Rows are read one at a time, and each picture is stored before it is finished; a process
that dies in between reads the results again and skips what is done.
"""

from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from pressroom.contracts.events import ProviderJobFinished
from pressroom.contracts.facts import ErrorReport, ProviderTry
from pressroom.contracts.vocabulary import ErrorKind, ImageState, ProviderJobState, TryOutcome
from pressroom.runtime.errors import ApiFailed, LeaseLost, StoreUnavailable, report_of
from pressroom.runtime.finishing import Finishing
from pressroom.runtime.logs import bound, get_logger
from pressroom.runtime.outbox import Outbox
from pressroom.runtime.prices import PriceTable
from pressroom.runtime.settling import Settling
from pressroom.state.collection import Claim
from pressroom.state.database import Database, DatabaseError
from pressroom.state.documents import ImageDocument, ProviderJobDocument
from pressroom.state.machines import IMAGE_READY

from .provider_jobs import BatchProvider, ResultRow, VendorJob, VendorJobState
from .row_caps import row_cost
from .texts import Texts

_FINAL_STATES = {
    VendorJobState.SUCCEEDED: ProviderJobState.SUCCEEDED,
    VendorJobState.FAILED: ProviderJobState.FAILED,
    VendorJobState.CANCELLED: ProviderJobState.CANCELLED,
    VendorJobState.EXPIRED: ProviderJobState.EXPIRED,
}

_IN_VAIN = (ProviderJobState.FAILED, ProviderJobState.EXPIRED)
"""Then the job says why."""

log = get_logger(__name__)


@dataclass(frozen=True)
class _Maker:
    """What made a job's rows, as their price is known by it."""

    model: str
    provider: BatchProvider


class Collector:
    """Brings a job's results home and ends it."""

    def __init__(
        self, database: Database, outbox: Outbox, finishing: Finishing, settling: Settling, prices: PriceTable
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._finishing = finishing
        self._settling = settling
        self._prices = prices
        self._texts = Texts(database, outbox, finishing, prices)

    async def collect(self, claim: Claim[ProviderJobDocument], vendor_job: VendorJob, provider: BatchProvider) -> None:
        """Read every row of an ended job, deliver what there is, and end the job."""
        job = claim.document
        if job.state is not ProviderJobState.COLLECTING:
            moved = await self._database.provider_jobs.transition(
                job.id,
                ProviderJobState.COLLECTING,
                changes={"vendor_state": vendor_job.raw_state, "results_file": vendor_job.results_file},
                token=claim.token,
                release=False,
            )
            if moved is None:
                raise LeaseLost(job.id)
        if vendor_job.has_results:
            # Closed at once also when the lease is lost in the middle of a download.
            maker = _Maker(vendor_job.model or job.model or provider.default_model, provider)
            async with aclosing(provider.results(vendor_job, texts=job.text_kind is not None)) as rows:
                async for row in rows:
                    await self._row(job, row, maker)
        final = _FINAL_STATES[vendor_job.state]
        await self.end(claim, final, _why(vendor_job))

    async def end(
        self,
        claim: Claim[ProviderJobDocument],
        final: ProviderJobState,
        reason: ErrorReport,
        *,
        is_paid: bool = False,
    ) -> None:
        """Close the books: images that got nothing are failed or cancelled, the job is final, the batch settled.
        `is_paid`: what is left of the job may be billed, though nobody will fetch it."""
        job = claim.document
        await self._close_images(job, final, reason, is_paid=is_paid)
        counts = await self._database.images.counts_of_job(job)
        ready = sum(count for state, count in counts.items() if state in IMAGE_READY)
        failed = counts.get(ImageState.FAILED, 0)
        cost = await self._database.images.cost_of_job_microusd(job)
        event = ProviderJobFinished(
            batch_id=job.batch_id,
            provider_job_id=job.id,
            provider=job.provider,
            vendor_name=job.vendor_name,
            state=final,
            succeeded=ready,
            failed=failed,
        )
        ended = await self._database.provider_jobs.transition(
            job.id,
            final,
            changes={
                "succeeded": ready,
                "failed": failed,
                "cost_microusd": cost,
                "is_running": False,
                **({"error": reason.model_dump()} if final in _IN_VAIN else {}),
            },
            messages=[self._outbox.event(event)],
            token=claim.token,
        )
        if ended is None:
            raise LeaseLost(job.id)
        log.info("provider_job.finished", state=str(final), succeeded=ready, failed=failed)
        await self._outbox.publish(self._database.provider_jobs, ended)
        await self._settling.settle(job.batch_id)

    async def give_up(self, claim: Claim[ProviderJobDocument], error: ErrorReport) -> None:
        """End a job that can go no further, with the reason on it and on every image that it leaves. One that the
        provider has, or may have, may be billed in full: each of these images has a try of that price."""
        job = await self._database.provider_jobs.change(claim.id, {"error": error.model_dump()}, token=claim.token)
        if job is None:
            raise LeaseLost(claim.id)
        is_paid = job.vendor_name is not None or job.asked_at is not None
        await self.end(claim, ProviderJobState.FAILED, error, is_paid=is_paid)

    async def _row(self, job: ProviderJobDocument, row: ResultRow, maker: _Maker) -> None:
        image = await self._database.images.get(row.key) if row.key else None
        if image is None or not _is_of(job, image):
            log.warning("provider_job.foreign_row", key=row.key, error=row.error.message if row.error else None)
            return
        with bound(image_id=image.id):
            await self._or_fail(image, self._deliver(job, image, row, maker))

    async def _deliver(self, job: ProviderJobDocument, image: ImageDocument, row: ResultRow, maker: _Maker) -> None:
        if image.state is ImageState.PLANNED:
            image = await self._begin(image)
        if image.state is ImageState.GENERATING and image.text_kind is not None:
            await self._texts.deliver(job, image, row, maker.model)
        elif image.state is ImageState.GENERATING:
            if row.data is None:
                await self._finishing.fail(
                    image, row.error or api_error("the provider's row has no picture"), claim=None
                )
                return
            began_at = job.submitted_at or datetime.now(UTC)
            attempt = ProviderTry(
                provider=job.provider,
                model=maker.model,
                outcome=TryOutcome.MADE,
                calls=1,
                cost_microusd=self._cost(maker, image),
                began_at=began_at,
                seed=image.seed,
                seconds=max(0.0, (datetime.now(UTC) - began_at).total_seconds()),
            )
            try:
                raw = await self._finishing.keep(row.data)
            except ApiFailed as error:
                # No picture, and paid all the same.
                report = report_of(error)
                spoilt = attempt.model_copy(update={"outcome": TryOutcome.FAILED, "error": report})
                failed = image.model_copy(update={"tries": (*image.tries, spoilt)})
                await self._finishing.fail(failed, report, claim=None)
                return
            kept = await self._finishing.generated(image, raw, attempt, token=None)
            if kept is None:
                raise LeaseLost(image.id)
            image = kept
        if image.state is ImageState.FINISHING:
            await self._finishing.finish(image, token=None)

    def _cost(self, maker: _Maker, image: ImageDocument) -> int:
        """By the table; what it does not know counts as nothing and has no estimate either."""
        return row_cost(self._prices, maker.provider, maker.model, image.width, image.height) or 0

    async def _begin(self, image: ImageDocument) -> ImageDocument:
        begun = await self._database.images.transition(image.id, ImageState.GENERATING, changes={"attempt": 1})
        return begun or image

    async def _close_images(
        self, job: ProviderJobDocument, final: ProviderJobState, reason: ErrorReport, *, is_paid: bool
    ) -> None:
        unfinished = (ImageState.PLANNED, ImageState.GENERATING, ImageState.FINISHING)
        async for image in self._of(job, unfinished):
            if image.state is ImageState.FINISHING:
                await self._or_fail(image, self._finishing.finish(image, token=None))
            elif final is ProviderJobState.CANCELLED:
                await self._database.images.transition(image.id, ImageState.CANCELLED)
            else:
                perhaps = (_perhaps_paid(job, image, reason),) if is_paid else ()
                failed = image.model_copy(update={"tries": (*image.tries, *perhaps)})
                await self._finishing.fail(failed, reason, claim=None)

    async def refuse(self, image: ImageDocument, reason: ErrorReport) -> None:
        """Fail an image that cannot be asked for."""
        await self._finishing.fail(image, reason, claim=None)

    async def fail_unfinished(self, claim: Claim[ProviderJobDocument], reason: ErrorReport) -> int:
        """Fail the images that were being finished, without touching their pictures; how many there were."""
        images = [image async for image in self._of(claim.document, (ImageState.FINISHING,))]
        for image in images:
            await self._finishing.fail(image, reason, claim=None)
        return len(images)

    def _of(self, job: ProviderJobDocument, states: tuple[ImageState, ...]) -> AsyncIterator[ImageDocument]:
        return self._database.images.of_job(job, states)

    async def _or_fail(self, image: ImageDocument, delivery: Awaitable[None]) -> None:
        """Whatever is wrong with one image is that image's failure; our own servers being away is nobody's."""
        try:
            await delivery
        except (DatabaseError, StoreUnavailable):
            raise
        except LeaseLost:
            log.info("image.finished_elsewhere")
        except Exception as error:
            # The one place where any failure of a row gets its policy.
            report = report_of(error)
            unexpected = error if report.kind is ErrorKind.UNKNOWN else None
            log.warning("image.not_delivered", kind=str(report.kind), error=report.message, exc_info=unexpected)
            await self._finishing.fail(image, report, claim=None)


def _is_of(job: ProviderJobDocument, image: ImageDocument) -> bool:
    if job.image_ids is not None:
        return image.id in job.image_ids
    last = job.last_index if job.last_index is not None else image.index + 1
    return image.batch_id == job.batch_id and job.first_index <= image.index < last


def _perhaps_paid(job: ProviderJobDocument, image: ImageDocument, reason: ErrorReport) -> ProviderTry:
    """What an image may have cost in a job of which nobody will hear again: what was put aside for it, or, where no cap
    holds, what was estimated."""
    reservation = image.reservation
    began_at = job.submitted_at or job.asked_at or job.created_at
    return ProviderTry(
        provider=job.provider,
        model=job.model,
        outcome=TryOutcome.UNKNOWN,
        calls=1,
        cost_microusd=reservation.amount if reservation is not None else image.estimated_cost_microusd or 0,
        began_at=began_at,
        seed=image.seed,
        seconds=max(0.0, (datetime.now(UTC) - began_at).total_seconds()),
        error=reason,
    )


def _why(vendor_job: VendorJob) -> ErrorReport:
    """Why an image of an ended job has no picture."""
    if vendor_job.state is VendorJobState.SUCCEEDED:
        return api_error("the provider's results have no row for this image")
    return api_error(vendor_job.error or f"the provider ended its job as {vendor_job.raw_state}")


def api_error(message: str) -> ErrorReport:
    """The provider is to blame, and asking again may help."""
    return ErrorReport(kind=ErrorKind.API_ERROR, message=message, recoverable=True)
