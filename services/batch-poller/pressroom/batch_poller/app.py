"""The batch-poller, put together: it plans batches of mode `batch`, submits them, follows them, collects them."""

from datetime import UTC, datetime

from faststream.asgi import AsgiFastStream

from pressroom.contracts.vocabulary import BatchState, Mode, ProviderName
from pressroom.runtime.caps import Caps
from pressroom.runtime.finishing import Finishing
from pressroom.runtime.intake import Intake
from pressroom.runtime.modes import can_in_batches
from pressroom.runtime.planned_jobs import planned_job
from pressroom.runtime.prices import price_table
from pressroom.runtime.schedules import Schedules
from pressroom.runtime.service import Service, application
from pressroom.runtime.settling import Settling
from pressroom.runtime.signatures import signing_identity
from pressroom.runtime.sweep import BatchSweep
from pressroom.runtime.topology import BATCH_CANCELLED_BATCH, BATCH_REQUESTED_BATCH
from pressroom.state.database import Database
from pressroom.state.documents import BatchDocument, ProviderJobDocument

from .asked import subscribe_wishes
from .collecting import Collector
from .gemini import GeminiBatches
from .job_steps import JobSteps
from .openai import OpenAIBatches
from .provider_jobs import BatchProvider
from .row_caps import RowCaps
from .settings import BatchPollerSettings
from .tracking import Tracker

NAME = "batch-poller"


def build(settings: BatchPollerSettings, provider: BatchProvider | None = None) -> AsgiFastStream:
    """The service. `provider` replaces the one of its name."""
    service = Service(NAME, settings)
    signer = signing_identity(settings)
    providers: dict[ProviderName, BatchProvider] = {
        ProviderName.GEMINI: GeminiBatches(settings),
        ProviderName.OPENAI: OpenAIBatches(settings),
    }
    if provider is not None:
        providers[provider.name] = provider

    async def then_plan_jobs(batch: BatchDocument) -> None:
        await plan_jobs(service.database, batch, settings)

    intake = Intake(service, Mode.BATCH, then=then_plan_jobs)
    intake.subscribe(BATCH_REQUESTED_BATCH, BATCH_CANCELLED_BATCH)
    subscribe_wishes(service)

    async def start() -> None:
        for batch_provider in providers.values():
            service.at_close(batch_provider.aclose)
        settling = Settling(service.database, service.outbox)
        finishing = Finishing(service.database, service.blobs, service.outbox, settings, signer)
        prices, caps = price_table(settings.price_table), Caps(service.database, settings)
        collector = Collector(service.database, service.outbox, finishing, settling, prices)
        row_caps = RowCaps(service.database, prices, caps, collector.refuse)
        steps = JobSteps(service.database, service.outbox, providers, collector, service.blobs, row_caps, settings)
        tracker = Tracker(service.database, steps, collector, settings, worker=service.worker)
        service.background("provider jobs", tracker.run)
        service.background("schedules", Schedules(service.database, service.outbox, service.js).run)
        service.background("budgets", caps.recount)
        service.background("batch sweep", BatchSweep(service, Mode.BATCH, intake.plan).run)

    return application(service, start)


def batch_provider_of(batch: BatchDocument) -> ProviderName:
    """The first of those that a batch names which can make it in this mode."""
    return next(name for name in batch.request.candidates if can_in_batches(name, batch.request))


async def plan_jobs(database: Database, batch: BatchDocument, settings: BatchPollerSettings) -> None:
    """The provider jobs of an accepted batch exist. Idempotent: how a batch is cut follows from its first plan, as jobs
    that exist stay as they are. One that is planned in the moment of a cancellation is never submitted."""
    if batch.state is not BatchState.ACCEPTED:
        return
    known = {job.id: job for job in await database.provider_jobs.of_batch(batch.id)}
    first = known.get(f"{batch.id}-job-0")
    # Another limit since then must not cut the batch in another way.
    size = settings.provider_job_max_images if first is None else first.image_count
    jobs = _jobs_of(batch, size, datetime.now(UTC))
    await database.provider_jobs.insert_missing([job for job in jobs if job.id not in known])


def _jobs_of(batch: BatchDocument, size: int, now: datetime) -> list[ProviderJobDocument]:
    """A batch cut into jobs of at most `size` images."""
    count = batch.request.image_count
    return [
        planned_job(
            batch,
            number,
            provider=batch_provider_of(batch),
            model=batch.request.model,
            first_index=start,
            last_index=min(start + size, count),
            deadline_at=batch.request.deadline_at,
            now=now,
            due_at=now,
        )
        for number, start in enumerate(range(0, count, size))
    ]
