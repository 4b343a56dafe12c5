"""Making again what failed of a finished batch, alone: one by one in a lane, or as new provider jobs of those images.

The batch is opened first; whoever opens it is the only one, and one that is opened for nothing is completed again by
the next sweep. A new provider job is stored before its images are planned and comes due only after them; a process that
dies in between leaves a job that takes what was planned, and fails when that is nothing. A retry has an id: one that is
asked for again under the same id goes on where it was left, and makes no image twice.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pressroom.contracts.events import BatchAccepted
from pressroom.contracts.facts import Reason
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import BatchState, ImageState, Mode, ProviderJobState, ProviderName
from pressroom.state.accounts import HoldDocument
from pressroom.state.database import Database
from pressroom.state.documents import BatchDocument, ImageDocument, ProviderJobDocument
from pressroom.state.ledger import GivenBack
from pressroom.state.machines import IMAGE_SETTLED, PROVIDER_JOB_FINAL

from .admission import announced, costs_of, estimated_cost, first_open, max_cost_of, sorted_out
from .caps import Caps
from .credits import Credits, InsufficientCredits
from .outbox import Outbox
from .planned_jobs import planned_job
from .settings import Settings
from .settling import Settling, job_of

RETRIES_KNOWN = 20
"""Of a batch the last so many retries are remembered. A wish comes again within minutes, if it does."""

_PLANNED_WITHIN = timedelta(seconds=60)
_AT_ONCE = 16
_OPEN = tuple(state for state in ImageState if state not in IMAGE_SETTLED)


class NothingToRetry(Exception):
    """The batch is not finished, or nothing of it failed; the message says which."""


class NotYet(NothingToRetry):
    """Something is about to end; ask again in a moment."""


class CannotRetry(Exception):
    """Nobody can make the images that way, or what that costs is not there."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("; ".join(reason.message for reason in reasons))
        self.reasons = tuple(reasons)


def usual_mode(batch: BatchDocument) -> Mode:
    """How a batch's failed images are made again when nobody says: at once, but texts, which no lane makes."""
    return Mode.REALTIME if batch.request.text_kind is None else Mode.BATCH


@dataclass(frozen=True)
class Retries:
    """Makes failed images again."""

    database: Database
    outbox: Outbox
    settings: Settings

    async def retry(
        self,
        batch: BatchDocument,
        mode: Mode,
        provider: ProviderName | None,
        retry_id: str | None = None,
        *,
        max_cost: Decimal | None = None,
    ) -> BatchDocument:
        """The batch, open again, with its failed images on their way. Raises `NothingToRetry` or `CannotRetry`.

        `retry_id`: of a wish that may come twice; a batch that has had a later retry, or this one to its end, is
        returned as it is. `max_cost`: the batch's cap in money from now on, in dollars, in place of what it has.
        """
        retry_id = retry_id or new_id("retry")
        if retry_id in batch.retries[:-1]:
            return batch
        is_known = retry_id in batch.retries
        if batch.state is not BatchState.COMPLETED and not (is_known and batch.state is BatchState.ACCEPTED):
            raise NothingToRetry(f"the batch is {batch.state}; what failed is made again once it is completed")
        failed = self.database.images.in_states(batch.id, (ImageState.FAILED,))
        images = [image async for image in failed if image.retry != retry_id]
        if not images:
            if is_known:
                return batch
            raise NothingToRetry("none of its images failed")
        jobs = await self.database.provider_jobs.of_batch(batch.id)
        if not is_known and any(job.state not in PROVIDER_JOB_FINAL for job in jobs):
            # Its end would fail what is planned again.
            raise NotYet("one of its provider jobs is being closed; ask again in a moment")
        request = _asked(batch.request, mode, provider, max_cost)
        lanes = await announced(self.database)
        able, reasons = sorted_out(request, self.settings, lanes)
        if not able:
            raise CannotRetry([Reason(field=_field(reason, provider), message=reason.message) for reason in reasons])
        # One that goes on where it was left is not asked twice.
        known_caps = Caps(self.database, self.settings)
        caps = () if is_known else await known_caps.of(batch.owner, batch.id, max_cost_of(request))
        too_dear = await known_caps.refusals(caps, request, costs_of(request, able, self.settings, lanes), len(images))
        if too_dear:
            raise CannotRetry(too_dear)
        maker = first_open(able, lanes) if mode is Mode.REALTIME else able[0]
        estimate = estimated_cost(request, maker, self.settings, lanes)
        held = await self._pay(batch, mode, retry_id, images)
        opened = batch if batch.state is BatchState.ACCEPTED else await self._open(batch, maker, retry_id, max_cost)
        if opened is None:
            await self._unpay(held)
            raise NothingToRetry("somebody else asked for it in this moment")
        changes = {**_anew(request, maker, able, estimate), "retry": retry_id}
        if mode is Mode.BATCH:
            await self._as_jobs(opened, maker, images, jobs, changes, estimate)
        else:
            await self._one_by_one(opened, maker, images, changes)
        # A sweep that looked before the first image was on its way has completed the batch again.
        if await self.database.images.has_any(batch.id, _OPEN):
            await self._open(opened, maker, retry_id)
        stored = await self.database.batches.get(batch.id) or opened
        if stored.state is BatchState.CANCELLED:
            # Who stopped its images then did not see those that are on their way since.
            await Settling(self.database, self.outbox).settle(batch.id)
        return stored

    async def _pay(
        self, batch: BatchDocument, mode: Mode, retry_id: str, images: Sequence[ImageDocument]
    ) -> HoldDocument | None:
        """Hold what the images cost once more; what was held for them before is given back, as they failed."""
        holds = Credits(self.database, self.settings)
        try:
            return await holds.hold(batch, mode, [image.index for image in images], retry_id)
        except InsufficientCredits as error:
            raise CannotRetry([error.reason]) from error
        except GivenBack as error:
            raise NothingToRetry("what was held for this retry was given back by now; ask for another") from error

    async def _unpay(self, held: HoldDocument | None) -> None:
        if held is None:
            return
        batch = await self.database.batches.get(held.batch_id)
        # The same wish that came twice in one moment has one hold, and the other goes on with it.
        if batch is None or held.round not in batch.retries:
            await Credits(self.database, self.settings).give_back(held)

    async def _open(
        self, batch: BatchDocument, provider: ProviderName, retry_id: str, max_cost: Decimal | None = None
    ) -> BatchDocument | None:
        event = BatchAccepted(
            batch_id=batch.id,
            owner=batch.owner,
            provider=provider,
            image_count=batch.request.image_count,
            regenerated_from=batch.regenerated_from,
        )
        opened = await self.database.batches.transition(
            batch.id,
            BatchState.ACCEPTED,
            changes={
                "completed_at": None,
                "swept_at": datetime.now(UTC),
                "retries": _with(batch.retries, retry_id),
                **({} if max_cost is None else {"request.max_cost": str(max_cost)}),
            },
            messages=[self.outbox.event(event)],
            guard={"state": str(BatchState.COMPLETED)},
        )
        if opened is not None:
            await self.outbox.publish(self.database.batches, opened)
        return opened

    async def _one_by_one(
        self, batch: BatchDocument, maker: ProviderName, images: Sequence[ImageDocument], changes: dict[str, Any]
    ) -> None:
        places = asyncio.Semaphore(_AT_ONCE)

        async def queue(image: ImageDocument) -> None:
            async with places:
                queued = await self.database.images.transition(
                    image.id,
                    ImageState.QUEUED,
                    changes=changes,
                    messages=[self.outbox.job(job_of(batch, image.id, maker))],
                    guard={"state": str(ImageState.FAILED), "retry": image.retry},
                )
                if queued is not None:
                    await self.outbox.publish(self.database.images, queued)

        async with asyncio.TaskGroup() as group:
            for image in images:
                group.create_task(queue(image))

    async def _as_jobs(
        self,
        batch: BatchDocument,
        maker: ProviderName,
        images: Sequence[ImageDocument],
        jobs: Sequence[ProviderJobDocument],
        changes: dict[str, Any],
        estimate: int | None,
    ) -> None:
        # Stored by a process that died before it planned their images.
        for job in jobs:
            if job.state is ProviderJobState.PLANNED:
                await self._plan(job, changes)
        covered = {name for job in jobs if job.state is ProviderJobState.PLANNED for name in job.image_ids or ()}
        images = [image for image in images if image.id not in covered]
        # As it is set now: what was too large for a provider may be retried with a lower limit.
        size = self.settings.provider_job_max_images
        number = 1 + max((int(job.id.rsplit("-", 1)[1]) for job in jobs), default=-1)
        for start in range(0, len(images), size):
            some = images[start : start + size]
            now = datetime.now(UTC)
            job = planned_job(
                batch,
                number + start // size,
                provider=maker,
                model=changes["requested_model"],
                first_index=some[0].index,
                last_index=some[-1].index + 1,
                image_ids=[image.id for image in some],
                estimated_cost_microusd=None if estimate is None else estimate * len(some),
                now=now,
                due_at=now + _PLANNED_WITHIN,
            )
            await self.database.provider_jobs.insert_missing([job])
            await self._plan(job, changes)

    async def _plan(self, job: ProviderJobDocument, changes: dict[str, Any]) -> None:
        """Its images, and then the job is due. One that a poller has taken by now, as this process stood still for so
        long, is left to fail: it would never come back for what is planned after it."""
        untouched = {"state": str(ProviderJobState.PLANNED), "lease": None}
        later = {"next_poll_at": datetime.now(UTC) + _PLANNED_WITHIN}
        if await self.database.provider_jobs.change(job.id, later, guard=untouched) is None:
            raise NotYet("its new provider job was taken before its images were planned; ask again in a moment")
        await self.database.images.plan_again(list(job.image_ids or ()), changes)
        await self.database.provider_jobs.change(job.id, {"next_poll_at": datetime.now(UTC)})


def _with(retries: tuple[str, ...], retry_id: str) -> list[str]:
    return [*(known for known in retries if known != retry_id), retry_id][-RETRIES_KNOWN:]


def _asked(request: BatchRequest, mode: Mode, provider: ProviderName | None, max_cost: Decimal | None) -> BatchRequest:
    changes: dict[str, Any] = {"mode": mode, "max_cost": max_cost or request.max_cost}
    if provider is not None:
        changes |= {"provider": provider, "providers": ()}
        if provider not in request.candidates:
            # Another provider does not know the model that was chosen for the first.
            changes["model"] = None
    return request.model_copy(update=changes)


def _field(reason: Reason, provider: ProviderName | None) -> str:
    if provider is not None or reason.field not in ("provider", "providers"):
        return reason.field
    return "mode"


def _anew(
    request: BatchRequest, maker: ProviderName, able: Sequence[ProviderName], estimate: int | None
) -> dict[str, Any]:
    """What an image is before anybody has begun it; its tries stay, as they were paid."""
    return {
        "mode": str(request.mode),
        "requested_model": request.model,
        "provider": str(maker),
        "providers": [str(name) for name in able],
        "estimated_cost_microusd": estimate,
        "max_cost_microusd": max_cost_of(request),
        "failures": 0,
        "crashes": 0,
        "error": None,
        "raw": None,
        "text": None,
        "model": None,
        "remote": None,
        "call_began_at": None,
        "progress": None,
        "cancel_requested": False,
    }
