"""One provider job, one step further: submit it, ask about it, or collect it.

Submitting: the rows are uploaded, then the job becomes `submitting` (the intent), then it is created under a display
name that follows from its id, then the provider's own name is stored. A process that dies after the intent is
followed by one that looks for the display name before it creates anything, and does so until a request of which nothing
was heard can take effect no more, so a job is never paid for twice.
Collecting may be done again from the beginning: a row whose image has moved on is skipped. A job whose deadline or
whose provider's own expiry has passed is cancelled, and what it has made is collected all the same.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pressroom.contracts.events import ProviderJobDeleted, ProviderJobStarted, ProviderJobSubmitted
from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState, ProviderJobState, ProviderName
from pressroom.runtime.blobs import BlobStore
from pressroom.runtime.errors import NEVER_RETRIED, InvalidRequest, LeaseLost, WorkError, report_of
from pressroom.runtime.logs import get_logger
from pressroom.runtime.outbox import Outbox
from pressroom.state.collection import Claim
from pressroom.state.database import Database
from pressroom.state.documents import ImageDocument, ProviderJobDocument

from .collecting import Collector, api_error
from .provider_jobs import (
    BatchProvider,
    InputForgotten,
    JobLost,
    Reference,
    VendorJob,
    VendorJobState,
    WantedJob,
    WantedRow,
)
from .rounds import Rounds
from .row_caps import RowCaps
from .schedule import Pace, handed_over, looked_at, next_poll
from .settings import BatchPollerSettings

JobClaim = Claim[ProviderJobDocument]

_REFUSED = NEVER_RETRIED | {ErrorKind.RATE_LIMIT}
"""Of these kinds is the answer of a provider that has not made a job."""

RESULT_TRIES = 10
"""A poller that was away for a day must not give results up at the first error."""

REMEMBERED_AT_MOST = 5000
"""Of more jobs that wait to be collected, the oldest are asked about again; a few megabytes."""

log = get_logger(__name__)


class ResultsLost(JobLost):
    """The job ended long ago, and its results cannot be fetched."""


class NeverEnded(JobLost):
    """The provider goes on with a job long after it was asked to end it."""


class JobSteps:
    """The steps of the jobs of all providers."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        providers: Mapping[ProviderName, BatchProvider],
        collector: Collector,
        blobs: BlobStore,
        row_caps: RowCaps,
        settings: BatchPollerSettings,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._jobs = database.provider_jobs
        self._outbox = outbox
        self._providers = providers
        self._collector = collector
        self._row_caps = row_caps
        self._settings = settings
        self._results_patience = timedelta(seconds=settings.provider_results_patience_s)
        self._pace = Pace(database.gates, settings.provider_requests_per_second, settings.lease_s)
        self._ended: dict[str, VendorJob] = {}

    def rounds(self, worker: str) -> Rounds:
        """What asks about many jobs at once."""
        return Rounds(
            self._database,
            self._providers,
            self._pace,
            self._settings,
            self._tell_started,
            self._remember,
            worker=worker,
        )

    def _remember(self, job_id: str, vendor_job: VendorJob) -> None:
        """What was just heard of a job need not be asked again when it is collected; lost, it is asked again."""
        if vendor_job.inline_results is None:
            self._ended[job_id] = vendor_job
        # Those that another poller collected are never asked for here.
        while len(self._ended) > REMEMBERED_AT_MOST:
            del self._ended[next(iter(self._ended))]

    async def step(self, claim: JobClaim) -> None:
        """Do what is due. Raises a `WorkError`, or `LeaseLost`."""
        job = claim.document
        match job.state:
            case ProviderJobState.PLANNED | ProviderJobState.SUBMITTING:
                await self._submit(claim)
            case ProviderJobState.SUBMITTED:
                await self._ask(claim)
            case (
                ProviderJobState.SUCCEEDED
                | ProviderJobState.FAILED
                | ProviderJobState.CANCELLED
                | ProviderJobState.EXPIRED
            ):
                await self._delete(claim)
            case ProviderJobState.COLLECTING:
                await self._collect(claim)

    def _provider_of(self, job: ProviderJobDocument) -> BatchProvider:
        return self._providers[job.provider]

    async def _submit(self, claim: JobClaim) -> None:
        job = claim.document
        found = await self._find(job) if job.state is ProviderJobState.SUBMITTING else None
        if found is None and job.asked_at is not None:
            doubtful_until = job.asked_at + timedelta(seconds=self._settings.provider_create_doubt_s)
            if datetime.now(UTC) < doubtful_until:
                await self._note(claim, {"next_poll_at": doubtful_until}, release=True)
                return
        if found is None and await self._is_cancelled(job):
            await self._collector.end(claim, ProviderJobState.CANCELLED, api_error("cancelled before it was submitted"))
            return
        if found is None and job.deadline_at is not None and job.deadline_at <= datetime.now(UTC):
            await self._collector.end(claim, ProviderJobState.FAILED, _too_late(job.deadline_at))
            return
        await self._submitted(claim, found or await self._create(claim))

    async def _is_cancelled(self, job: ProviderJobDocument) -> bool:
        """Also when the batch was cancelled in the moment in which its job was planned."""
        batch = await self._database.batches.get(job.batch_id)
        return job.cancel_requested or batch is None or batch.state is BatchState.CANCELLED

    async def _create(self, claim: JobClaim) -> VendorJob:
        provider, wanted = self._provider_of(claim.document), self._wanted(claim.document)
        input_file = claim.document.input_file
        if input_file is None:
            input_file = await self._upload(claim, wanted)
        else:
            await self._note(claim, {"asked_at": datetime.now(UTC)})
        try:
            try:
                return await provider.create(wanted, input_file)
            except InputForgotten:
                return await provider.create(wanted, await self._upload(claim, wanted))
        except WorkError as error:
            if error.kind in _REFUSED:
                # There is no job, and nothing of it can be billed.
                await self._note(claim, {"asked_at": None})
            raise

    async def _note(self, claim: JobClaim, changes: Mapping[str, object], *, release: bool = False) -> None:
        if await self._jobs.change(claim.id, changes, token=claim.token, release=release) is None:
            raise LeaseLost(claim.id)

    def _wanted(self, job: ProviderJobDocument) -> WantedJob:
        provider = self._provider_of(job)
        default = provider.default_model if job.text_kind is None else provider.default_text_model
        return WantedJob(
            display_name=job.id,
            model=job.model or default,
            text_kind=job.text_kind,
            instructions=job.instructions,
            has_references=job.has_references,
            transparent=job.transparent,
        )

    async def _upload(self, claim: JobClaim, wanted: WantedJob) -> str:
        """Bring the rows to the provider and store the intent to submit them, with the model that they were written
        for: another default in the meantime changes nothing. What a cap in money does not leave is none of them."""
        job = claim.document
        wanted = await self._row_caps.put_aside(job, wanted, self._provider_of(job))
        missing: dict[str, InvalidRequest] = {}
        # Streams from the cursor and the store to the provider: a job of 2 GB is never whole in memory.
        references, rows = self._references(job, missing), self._rows(job, missing)
        input_file = await self._provider_of(job).upload(wanted, rows, references)
        changes = {"input_file": input_file, "model": wanted.model, "asked_at": datetime.now(UTC)}
        if claim.document.state is ProviderJobState.PLANNED:
            stored = await self._jobs.transition(
                claim.id,
                ProviderJobState.SUBMITTING,
                changes=changes,
                guard={"state": str(ProviderJobState.PLANNED)},
                token=claim.token,
                release=False,
            )
            if stored is None:
                # Only another upload of this same claim may have moved it on.
                stored = await self._jobs.change(claim.id, changes, token=claim.token)
        else:
            stored = await self._jobs.change(claim.id, changes, token=claim.token)
        if stored is None:
            raise LeaseLost(claim.id)
        return input_file

    async def _references(
        self, job: ProviderJobDocument, missing: dict[str, InvalidRequest]
    ) -> AsyncIterator[Reference]:
        """The pictures that the job's images are shown; those that are not stored are noted in `missing`."""
        for name in await self._database.images.input_images_of_job(job):
            try:
                data = await self._blobs.input_image(name)
            except InvalidRequest as error:
                missing[name] = error
            else:
                yield Reference(name, data)

    async def _rows(self, job: ProviderJobDocument, missing: Mapping[str, InvalidRequest]) -> AsyncIterator[WantedRow]:
        """The job's rows, read once its references are. An image of which one is missing fails alone."""
        async for image in self._images_of(job, ImageState.PLANNED, ImageState.GENERATING):
            why = next((missing[name] for name in image.input_images if name in missing), None)
            if why is None:
                yield _row(image)
            else:
                await self._collector.refuse(image, report_of(why))

    async def _submitted(self, claim: JobClaim, vendor_job: VendorJob) -> None:
        job = claim.document
        now = datetime.now(UTC)
        event = ProviderJobSubmitted(
            batch_id=job.batch_id,
            provider_job_id=job.id,
            provider=job.provider,
            vendor_name=vendor_job.name,
            image_count=job.image_count,
        )
        stored = await self._jobs.transition(
            job.id,
            ProviderJobState.SUBMITTED,
            changes={
                "vendor_name": vendor_job.name,
                "vendor_state": vendor_job.raw_state,
                "model": vendor_job.model or self._wanted(job).model,
                "submitted_at": now,
                "next_poll_at": next_poll(now, now, self._settings, job.id, job.deadline_at),
                "failures": 0,
                "error": None,
            },
            messages=[self._outbox.event(event)],
            token=claim.token,
        )
        if stored is None:
            raise LeaseLost(job.id)
        log.info("provider_job.submitted", vendor_name=vendor_job.name, images=job.image_count)
        await self._outbox.publish(self._jobs, stored)
        await self._database.images.begin_job(job)

    def _images_of(self, job: ProviderJobDocument, *states: ImageState) -> AsyncIterator[ImageDocument]:
        return self._database.images.of_job(job, states)

    async def _ask(self, claim: JobClaim) -> None:
        job = claim.document
        await self._database.images.begin_job(job)
        provider = self._provider_of(job)
        vendor_job = await self._status(job)
        now = datetime.now(UTC)
        if vendor_job.is_ended:
            await self._hand_over(claim, vendor_job, now)
            return
        overdue_at = self._overdue_at(job)
        is_unwanted = now > overdue_at or await self._is_cancelled(job)
        if is_unwanted:
            await provider.cancel(vendor_job.name)
            if now > overdue_at + self._results_patience:
                raise NeverEnded(
                    f"the provider still has its job {vendor_job.name} as {vendor_job.raw_state}, long after it was "
                    f"cancelled at {overdue_at:%Y-%m-%d %H:%M} UTC; ask for these images again"
                )
        # One that was cancelled ends soon, however old it is.
        since = now if is_unwanted else job.submitted_at or now
        due = next_poll(now, since, self._settings, job.id, job.deadline_at)
        if not await self._jobs.put_back(claim, "next_poll_at", looked_at(vendor_job, now, due)):
            raise LeaseLost(claim.id)
        if vendor_job.state is VendorJobState.RUNNING and job.started_at is None:
            await self._tell_started(job.id)

    async def _tell_started(self, job_id: str) -> None:
        """Once, that the provider works on a job; one that dies before this write leaves it to the next look."""
        job = await self._jobs.get(job_id)
        if job is None:
            return
        event = ProviderJobStarted(
            batch_id=job.batch_id, provider_job_id=job.id, provider=job.provider, vendor_name=job.vendor_name
        )
        told = await self._jobs.change(
            job.id,
            {"started_at": datetime.now(UTC)},
            guard={"state": str(ProviderJobState.SUBMITTED), "started_at": None},
            messages=[self._outbox.event(event)],
        )
        if told is not None:
            log.info("provider_job.running", vendor_name=job.vendor_name, vendor_state=job.vendor_state)
            await self._outbox.publish(self._jobs, told)

    async def _find(self, job: ProviderJobDocument) -> VendorJob | None:
        await self._pace.turn(job.provider)
        return await self._provider_of(job).find(job.id)

    async def _status(self, job: ProviderJobDocument) -> VendorJob:
        await self._pace.turn(job.provider)
        return await self._provider_of(job).status(_name_of(job))

    def _overdue_at(self, job: ProviderJobDocument) -> datetime:
        """When a job is cancelled, whatever it has made: at its deadline, or after the provider's own expiry."""
        expired_at = (job.submitted_at or job.created_at) + timedelta(seconds=self._settings.provider_patience_s)
        return min(expired_at, job.deadline_at or expired_at)

    async def _hand_over(self, claim: JobClaim, vendor_job: VendorJob, now: datetime) -> None:
        """Whoever collects takes it from here, so that a long download holds up no question."""
        moved = await self._jobs.transition(
            claim.id, ProviderJobState.COLLECTING, changes=handed_over(vendor_job, now), token=claim.token
        )
        if moved is None:
            raise LeaseLost(claim.id)
        self._remember(claim.id, vendor_job)

    async def _collect(self, claim: JobClaim) -> None:
        job = claim.document
        try:
            vendor_job = self._ended.pop(job.id, None) or await self._status(job)
            await self._collector.collect(claim, self._in_our_words(job, vendor_job), self._provider_of(job))
        except WorkError as error:
            ended_at = job.ended_at or job.created_at
            is_lost = datetime.now(UTC) - ended_at > self._results_patience and job.failures + 1 >= RESULT_TRIES
            if not is_lost or isinstance(error, InvalidRequest):
                raise
            raise ResultsLost(
                f"the results of {job.vendor_name}, which ended at {ended_at:%Y-%m-%d %H:%M} UTC, cannot be fetched "
                f"({error}); ask for these images again"
            ) from error

    def _in_our_words(self, job: ProviderJobDocument, vendor_job: VendorJob) -> VendorJob:
        """A job that we cancelled because its time was over has expired."""
        overdue_at = self._overdue_at(job)
        if vendor_job.state is not VendorJobState.CANCELLED or job.cancel_requested or overdue_at > datetime.now(UTC):
            return vendor_job
        noun, how = ("image", "in realtime mode") if job.text_kind is None else ("text", "with more time")
        reason = (
            f"the provider had not made this {noun} when the job's time was over at {overdue_at:%Y-%m-%d %H:%M} UTC; "
            f"ask for it again {how}"
        )
        return replace(vendor_job, state=VendorJobState.EXPIRED, error=reason)

    async def _delete(self, claim: JobClaim) -> None:
        """Somebody wants the ended job gone from the provider's list; may be done twice."""
        job = claim.document
        provider = self._provider_of(job)
        # One that was given up in the middle of its submission may be there all the same.
        found = await self._find(job) if job.vendor_name is None and job.input_file is not None else None
        name = found.name if found is not None else job.vendor_name
        if name is not None:
            await provider.delete(name)
        event = ProviderJobDeleted(
            batch_id=job.batch_id, provider_job_id=job.id, provider=job.provider, vendor_name=name
        )
        changes = {"delete_at": None, "deleted_at": datetime.now(UTC)}
        deleted = await self._jobs.change(
            job.id, changes, messages=[self._outbox.event(event)], token=claim.token, release=True
        )
        if deleted is None:
            raise LeaseLost(job.id)
        log.info("provider_job.deleted", vendor_name=name)
        await self._outbox.publish(self._jobs, deleted)


def _name_of(job: ProviderJobDocument) -> str:
    assert job.vendor_name is not None, "a submitted job has its provider's name"
    return job.vendor_name


def _too_late(deadline_at: datetime) -> ErrorReport:
    message = (
        f"the deadline, {deadline_at:%Y-%m-%d %H:%M} UTC, had passed before the provider had the job, so nothing was "
        "bought; ask for it again with more time"
    )
    return ErrorReport(kind=ErrorKind.TIMEOUT, message=message, recoverable=True)


def _row(image: ImageDocument) -> WantedRow:
    return WantedRow(
        key=image.id,
        prompt=image.sent_prompt,
        width_px=image.width,
        height_px=image.height,
        seed=image.seed,
        negative_prompt=image.negative_prompt,
        references=image.input_images,
    )
