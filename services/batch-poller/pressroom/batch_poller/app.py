"""The batch-poller, put together: it plans batches of mode `batch`, submits them, follows them, collects them."""

from datetime import UTC, datetime

from faststream.asgi import AsgiFastStream

from pressroom.contracts.vocabulary import BatchState, Mode, ProviderJobState, ProviderName
from pressroom.runtime.admission import MODES
from pressroom.runtime.finishing import Finishing
from pressroom.runtime.intake import Intake
from pressroom.runtime.prices import price_table
from pressroom.runtime.service import Service, application
from pressroom.runtime.settling import Settling
from pressroom.runtime.signatures import signing_identity
from pressroom.runtime.sweep import BatchSweep
from pressroom.runtime.topology import BATCH_CANCELLED_BATCH, BATCH_REQUESTED_BATCH
from pressroom.state.database import Database
from pressroom.state.documents import BatchDocument, ProviderJobDocument

from .collecting import Collector
from .gemini import GeminiBatches
from .job_steps import JobSteps
from .provider_jobs import BatchProvider
from .settings import BatchPollerSettings
from .tracking import Tracker

NAME = "batch-poller"


def build(settings: BatchPollerSettings, provider: BatchProvider | None = None) -> AsgiFastStream:
    """The service. `provider` replaces Gemini."""
    service = Service(NAME, settings)
    signer = signing_identity(settings)
    batch_provider = provider or GeminiBatches(settings)

    async def then_submit_or_cancel(batch: BatchDocument) -> None:
        await plan_job(service.database, batch)

    intake = Intake(service, Mode.BATCH, then=then_submit_or_cancel)
    intake.subscribe(BATCH_REQUESTED_BATCH, BATCH_CANCELLED_BATCH)

    async def start() -> None:
        service.at_close(batch_provider.aclose)
        settling = Settling(service.database, service.outbox)
        finishing = Finishing(service.database, service.blobs, service.outbox, settings, signer)
        collector = Collector(service.database, service.outbox, finishing, settling, price_table(settings.price_table))
        steps = JobSteps(service.database, service.outbox, batch_provider, collector, settings)
        tracker = Tracker(service.database, steps, collector, settings, worker=service.worker)
        service.background("provider jobs", tracker.run)
        service.background("batch sweep", BatchSweep(service, Mode.BATCH, intake.plan).run)

    return application(service, start)


def batch_provider_of(batch: BatchDocument) -> ProviderName:
    """The first of those that a batch names which works in this mode."""
    return next(name for name in batch.request.candidates if Mode.BATCH in MODES[name])


async def plan_job(database: Database, batch: BatchDocument) -> None:
    """The provider job of an accepted batch exists; that of a cancelled one is asked to stop. Idempotent."""
    now = datetime.now(UTC)
    identity = f"{batch.id}-job-0"
    if batch.state is BatchState.ACCEPTED:
        document = ProviderJobDocument(
            _id=identity,
            created_at=now,
            updated_at=now,
            state=ProviderJobState.PLANNED,
            batch_id=batch.id,
            provider=batch_provider_of(batch),
            model=batch.request.model,
            image_count=batch.request.image_count,
            next_poll_at=now,
        )
        await database.provider_jobs.insert_missing([document])
    elif batch.state is BatchState.CANCELLED:
        await database.provider_jobs.change(identity, {"cancel_requested": True, "next_poll_at": now})
