"""What a program asks for by event: to cancel a batch, to make again what failed of one, to cancel or delete a provider
job.

A wish is written into the document that it is about before its event is acknowledged, so it is granted whatever dies,
and one that comes twice changes nothing the second time. What cannot be granted goes to DEAD with the reason.
"""

from datetime import UTC, datetime

from pressroom.contracts.cloudevents import ReceivedEvent
from pressroom.contracts.events import (
    BatchCancelRequested,
    BatchRetryRequested,
    BatchWish,
    ProviderJobCancelRequested,
    ProviderJobDeleteRequested,
    ProviderJobWish,
)
from pressroom.contracts.vocabulary import BatchState, Mode, ProviderJobState
from pressroom.runtime.event_subscriber import NotThereYet, Refused, subscribe
from pressroom.runtime.retries import CannotRetry, NothingToRetry, NotYet, Retries, usual_mode
from pressroom.runtime.service import Service
from pressroom.runtime.settling import cancel
from pressroom.runtime.topology import (
    BATCH_CANCEL_REQUESTED,
    BATCH_RETRY_REQUESTED,
    PROVIDER_JOB_CANCEL_REQUESTED,
    PROVIDER_JOB_DELETE_REQUESTED,
)
from pressroom.state.documents import BatchDocument, ProviderJobDocument


def subscribe_wishes(service: Service) -> None:
    """Grant what is asked for from now on."""
    wishes = Wishes(service)
    for consumer, grant in (
        (BATCH_CANCEL_REQUESTED, wishes.cancel_batch),
        (PROVIDER_JOB_CANCEL_REQUESTED, wishes.cancel),
        (PROVIDER_JOB_DELETE_REQUESTED, wishes.delete),
        (BATCH_RETRY_REQUESTED, wishes.retry),
    ):
        subscribe(service.broker, service.core_settings, consumer, grant)


class Wishes:
    """Grants each wish, or raises `Refused`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def cancel(self, event: ReceivedEvent) -> None:
        assert isinstance(event.data, ProviderJobCancelRequested)
        job = await self._job(event.data)
        jobs = self._service.database.provider_jobs
        is_asked = job.cancel_requested or await jobs.ask_to_cancel(job.id, datetime.now(UTC))
        if not is_asked and job.state is not ProviderJobState.CANCELLED:
            raise Refused(f"the provider job {job.id} is {job.state}; there is nothing left to cancel")

    async def delete(self, event: ReceivedEvent) -> None:
        assert isinstance(event.data, ProviderJobDeleteRequested)
        job = await self._job(event.data)
        jobs = self._service.database.provider_jobs
        is_asked = job.deleted_at is not None or await jobs.ask_to_delete(job.id, datetime.now(UTC))
        if not is_asked:
            raise Refused(f"the provider job {job.id} is {job.state}; cancel it first, or wait for its end")

    async def retry(self, event: ReceivedEvent) -> None:
        wish = event.data
        assert isinstance(wish, BatchRetryRequested)
        if wish.mode is Mode.AUTO:
            raise Refused(f"mode: say 'realtime' or 'batch', not '{wish.mode}'")
        if not event.id:
            raise Refused("event: it has no ce-id, by which one that comes twice is known")
        service = self._service
        batch = await self._batch(wish)
        retries = Retries(service.database, service.outbox, service.core_settings)
        try:
            await retries.retry(batch, wish.mode or usual_mode(batch), wish.provider, event.id, max_cost=wish.max_cost)
        except NotYet:
            # The event comes again in a moment, as any that fails does.
            raise
        except NothingToRetry as error:
            raise Refused(f"nothing is made again: {error}") from error
        except CannotRetry as error:
            raise Refused("; ".join(f"{reason.field}: {reason.message}" for reason in error.reasons)) from error

    async def cancel_batch(self, event: ReceivedEvent) -> None:
        assert isinstance(event.data, BatchCancelRequested)
        if await self._service.database.batches.get(event.data.batch_id) is None:
            # Refused at once, the batch would be made when its own event is taken.
            raise NotThereYet(f"batch_id: there is no batch '{event.data.batch_id}'")
        batch = await self._batch(event.data)
        database, outbox = self._service.database, self._service.outbox
        if batch.state is not BatchState.CANCELLED and not await cancel(database, outbox, batch.id):
            raise Refused(f"the batch {batch.id} is over; there is nothing left to cancel")

    async def _batch(self, wish: BatchWish) -> BatchDocument:
        batch = await self._service.database.batches.get(wish.batch_id)
        if batch is None or batch.owner != wish.owner:
            raise Refused(f"batch_id: the owner '{wish.owner}' has no batch '{wish.batch_id}'")
        return batch

    async def _job(self, wish: ProviderJobWish) -> ProviderJobDocument:
        job = await self._service.database.provider_jobs.get(wish.provider_job_id)
        if job is None or (job.batch_id, job.owner) != (wish.batch_id, wish.owner):
            raise Refused(
                f"provider_job_id: the owner '{wish.owner}' has no provider job '{wish.provider_job_id}' "
                f"of the batch '{wish.batch_id}'"
            )
        return job
