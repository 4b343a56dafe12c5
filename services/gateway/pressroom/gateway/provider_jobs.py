"""`/v1/provider-jobs`: the asynchronous jobs at the providers, one by one: look, wait, take results, end, delete.

What touches a provider is done by the batch-poller: a request here is written into the job's document, and what was
answered with 202 is done, whatever dies.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import Request, Response

from pressroom.contracts.api import (
    BatchWithJobs,
    CreateProviderJob,
    Image,
    Page,
    ProviderJob,
    ProviderJobStatus,
    Text,
)
from pressroom.contracts.facts import Reason
from pressroom.contracts.vocabulary import BatchState, Mode, ProviderJobState, ProviderName, Scope
from pressroom.state.documents import ProviderJobDocument
from pressroom.state.machines import PROVIDER_JOB_FINAL

from .access import Caller, GuardedRouter, Who, requires
from .batches.batches import ASKING, ask_for
from .cursors import Index, Limit, cut, decode
from .edge.problems import answers, conflict, invalid, not_found
from .house import House
from .idempotency import IdempotencyKey
from .views import image_views, job_status, job_view, text_view
from .waiting import LOOK_EVERY_S, Prefer, wait_until, wished_wait_s

router = GuardedRouter("/v1/provider-jobs", "provider jobs", Scope.READ)

_PLANNED_WITHIN_S = 5.0
"""The poller plans a batch's jobs in a fraction of a second; one that is away should not hold up the answer."""

_STORED_AS: dict[ProviderJobStatus, tuple[tuple[ProviderJobState, ...], bool | None]] = {
    ProviderJobStatus.SUBMITTED: ((ProviderJobState.PLANNED, ProviderJobState.SUBMITTING), None),
    ProviderJobStatus.PENDING: ((ProviderJobState.SUBMITTED,), False),
    ProviderJobStatus.RUNNING: ((ProviderJobState.SUBMITTED,), True),
    ProviderJobStatus.COLLECTING: ((ProviderJobState.COLLECTING,), None),
    ProviderJobStatus.SUCCEEDED: ((ProviderJobState.SUCCEEDED,), None),
    ProviderJobStatus.FAILED: ((ProviderJobState.FAILED,), None),
    ProviderJobStatus.CANCELLED: ((ProviderJobState.CANCELLED,), None),
    ProviderJobStatus.EXPIRED: ((ProviderJobState.EXPIRED,), None),
}
"""A state in people's words: the stored states, and whether the provider says that it works on it."""


async def owned(house: House, owner: str, job_id: str) -> ProviderJobDocument:
    """The owner's job. Raises a 404 `Refusal`, also for somebody else's."""
    job = await house.database.provider_jobs.owned(job_id, owner)
    if job is None:
        raise not_found("provider job", job_id)
    return job


async def _shown(house: House, jobs: list[ProviderJobDocument]) -> list[ProviderJob]:
    estimates = await house.database.images.estimates_microusd([job.batch_id for job in jobs])
    return [
        job_view(
            job,
            await house.database.images.counts_of_job(job) if job.state is ProviderJobState.COLLECTING else None,
            estimates.get(job.batch_id),
        )
        for job in jobs
    ]


@router.get("")
async def list_provider_jobs(
    owner: Caller,
    house: House,
    state: ProviderJobStatus | None = None,
    provider: ProviderName | None = None,
    batch: str | None = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> Page[ProviderJob]:
    """Jobs, newest first."""
    before = decode(cursor)
    states, is_running = _STORED_AS[state] if state is not None else ((), None)
    found = await house.database.provider_jobs.page(
        owner,
        states=states,
        is_running=is_running,
        provider=provider,
        batch_id=batch,
        before=before,
        limit=limit + 1,
    )
    shown, next_cursor = cut(found, limit)
    return Page(
        items=await _shown(house, shown),
        next_cursor=next_cursor,
    )


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WRITE)],
    responses=ASKING,
)
async def create_provider_job(
    body: CreateProviderJob, who: Who, house: House, response: Response, idempotency_key: IdempotencyKey = None
) -> BatchWithJobs:
    """Ask for images, or texts, as a provider's job, or as several when they are more than one job may have."""
    if body.mode is not Mode.BATCH:
        raise invalid([Reason(field="mode", message="a provider's job is of mode 'batch'; leave it out")])
    batch = await ask_for(body, who, house, response, idempotency_key)
    jobs: list[ProviderJobDocument] = []
    deadline = asyncio.get_running_loop().time() + _PLANNED_WITHIN_S
    while not jobs and asyncio.get_running_loop().time() < deadline:
        jobs = await house.database.provider_jobs.of_batch(batch.id)
        stored = await house.database.batches.get(batch.id)
        if jobs or stored is None or stored.state in (BatchState.REJECTED, BatchState.CANCELLED):
            break
        await asyncio.sleep(LOOK_EVERY_S / 5)
    return BatchWithJobs(**dict(batch), provider_jobs=tuple(job.id for job in jobs))


@router.get("/{job_id}", responses=answers(HTTPStatus.NOT_FOUND))
async def get_provider_job(
    job_id: str, owner: Caller, house: House, request: Request, response: Response, prefer: Prefer = None
) -> ProviderJob:
    """One job and how far it is."""
    wait_s = wished_wait_s(prefer, response)
    job = await wait_until(
        lambda: owned(house, owner, job_id), lambda seen: seen.state in PROVIDER_JOB_FINAL, wait_s, request
    )
    return (await _shown(house, [job]))[0]


@router.get(
    "/{job_id}/results",
    responses=answers(HTTPStatus.NOT_FOUND),
)
async def list_results(
    job_id: str,
    owner: Caller,
    house: House,
    cursor: Index = None,
    limit: Limit = 100,
) -> Page[Image | Text]:
    """A job's images, or texts, in order: what it has made so far, what failed and why, what is still open."""
    job = await owned(house, owner, job_id)
    after = -1 if cursor is None else cursor
    found = [image async for image in house.database.images.of_job(job, after=after, limit=limit + 1)]
    shown = found[:limit]
    items: Sequence[Image | Text]
    if job.text_kind is not None:
        items = [text_view(image) for image in shown]
    else:
        items = await image_views(house.database.publications, shown)
    return Page(
        items=list(items),
        next_cursor=str(shown[-1].index) if len(found) > limit else None,
    )


@router.post(
    "/{job_id}/cancel",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WRITE)],
    responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def cancel_provider_job(job_id: str, owner: Caller, house: House) -> ProviderJob:
    """Ask the provider to end this job alone; the batch's other jobs go on. What it has made by then is delivered."""
    await owned(house, owner, job_id)
    asked = await house.database.provider_jobs.ask_to_cancel(job_id, datetime.now(UTC))
    job = await owned(house, owner, job_id)
    if not asked and job.state is not ProviderJobState.CANCELLED:
        raise conflict("provider-job-over", f"The job is {job_status(job)}; there is nothing left to cancel.")
    return (await _shown(house, [job]))[0]


@router.delete(
    "/{job_id}",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WRITE)],
    responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def delete_provider_job(job_id: str, owner: Caller, house: House) -> ProviderJob:
    """Delete an ended job at its provider. Its images stay here, and so does this record, with `deleted_at`."""
    await owned(house, owner, job_id)
    asked = await house.database.provider_jobs.ask_to_delete(job_id, datetime.now(UTC))
    job = await owned(house, owner, job_id)
    if not asked and job.deleted_at is None:
        raise conflict("provider-job-not-over", f"The job is {job_status(job)}; cancel it first, or wait for its end.")
    return (await _shown(house, [job]))[0]
