"""What follows for a batch when one of its images moved: the next images are released, or the batch is complete.

Idempotent, and run by whoever moved an image, so it needs no taker of its own. The window (`max_concurrent`) holds
because the mark of released images moves by compare-and-set, and because a released image counts until its
generation ends. A process that dies between the mark and the job leaves a released image without a job: the next
settling, or the sweep, queues it.
"""

from datetime import UTC, datetime

from pressroom.contracts.events import BatchCancelled, BatchCompleted, BatchPaused, BatchResumed
from pressroom.contracts.facts import BatchCounts
from pressroom.contracts.identifiers import image_id
from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.vocabulary import BatchState, ImageState, Mode, ProviderName
from pressroom.state.database import Database
from pressroom.state.documents import BatchDocument
from pressroom.state.machines import IMAGE_IN_WINDOW, IMAGE_READY, IMAGE_SETTLED

from .admission import announced, first_open
from .outbox import Outbox

_NOT_OVER = (BatchState.SCHEDULED, BatchState.REQUESTED, BatchState.ACCEPTED)
_OPEN_STATES = tuple(state for state in ImageState if state not in IMAGE_SETTLED)


class Settling:
    """Moves batches on."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def settle(self, batch_id: str) -> None:
        """Do everything that follows from how the batch's images stand now, and what a dead process left undone."""
        batch = await self.release(batch_id)
        if batch is None:
            return
        if batch.state is BatchState.CANCELLED:
            # Also a realtime batch has some, when what failed of it is made again that way.
            for job in await self._database.provider_jobs.of_batch(batch.id):
                if not job.cancel_requested:
                    await self._database.provider_jobs.ask_to_cancel(job.id, datetime.now(UTC))
            await self._cancel_images(batch)
        elif batch.state is BatchState.ACCEPTED:
            await self._queue_left_behind(batch)
            await self._complete(batch)

    async def complete(self, batch_id: str) -> None:
        """End the batch if its last image has ended; for who has released the next images already."""
        batch = await self._database.batches.get(batch_id)
        if batch is None or batch.state is not BatchState.ACCEPTED:
            return
        # While images wait for their release there is no need to look at any.
        if batch.request.mode is not Mode.REALTIME or batch.released_through == batch.request.image_count:
            await self._complete(batch)

    async def release(self, batch_id: str) -> BatchDocument | None:
        """Let the next images into the lane, as many as the window has room for."""
        while True:
            batch = await self._database.batches.get(batch_id)
            if batch is None:
                return None
            if batch.outbox:
                await self._outbox.publish(self._database.batches, batch)
            mark, count = batch.released_through, batch.request.image_count
            if batch.state is not BatchState.ACCEPTED or batch.request.mode is not Mode.REALTIME:
                return batch
            # Also where all are released: a retry lets them all into their lane at once, and a worker looks at this.
            if batch.paused_at is not None or await self._is_stopped(batch) or mark == count:
                return batch
            busy = await self._database.images.released_and_open(batch_id, mark, IMAGE_IN_WINDOW)
            through = min(mark + max(batch.request.max_concurrent - busy, 0), count)
            if through > mark and not await self._database.batches.release(batch_id, before=mark, through=through):
                continue
            for index in range(mark, through):
                await self._queue(batch, image_id(batch_id, index))
            return batch

    async def _is_stopped(self, batch: BatchDocument) -> bool:
        """A batch that wants to be stopped by an error is paused when one of its images has failed. By the count, and
        not by who saw it fail: whoever that was may have died since."""
        if not batch.request.stop_on_error:
            return False
        failed = await self._database.images.failed_of_late(batch)
        if failed <= batch.failures_passed:
            return False
        if not await self._database.images.has_any(batch.id, _OPEN_STATES):
            return False  # Nothing is left to stop.
        await pause(self._database, self._outbox, batch.id, f"{failed} of its images failed, and it stops on an error")
        return True

    async def _queue_left_behind(self, batch: BatchDocument) -> None:
        """Images that somebody released and did not live to queue."""
        if batch.request.mode is Mode.REALTIME:
            for image in await self._database.images.unqueued(batch.id, batch.released_through):
                await self._queue(batch, image.id)

    async def _queue(self, batch: BatchDocument, image: str) -> None:
        provider = await self._whose_turn(batch, image)
        if provider is None:
            return
        queued = await self._database.images.transition(
            image,
            ImageState.QUEUED,
            changes={"provider": str(provider)},
            messages=[self._outbox.job(job_of(batch, image, provider))],
            guard={"state": str(ImageState.PLANNED)},
        )
        if queued is not None:
            await self._outbox.publish(self._database.images, queued)

    async def _whose_turn(self, batch: BatchDocument, image_id: str) -> ProviderName | None:
        """Of several providers, the first that is able and whose lane is open at this moment."""
        if batch.request.provider is not None:
            return batch.request.provider
        image = await self._database.images.get(image_id)
        return first_open(image.providers, await announced(self._database)) if image is not None else None

    async def _cancel_images(self, batch: BatchDocument) -> None:
        """Images that wait are cancelled; those being made are asked to stop, and end as they can."""
        waiting, making = (ImageState.PLANNED, ImageState.QUEUED), (ImageState.QUEUED, ImageState.GENERATING)
        async for image in self._database.images.in_states(batch.id, (*waiting, ImageState.GENERATING)):
            is_in_lane = image.mode is not Mode.BATCH
            # Its provider's job is asked to stop, and ends it; what is put aside for its row may be spent by now.
            if not is_in_lane and (image.state is ImageState.GENERATING or image.reservation is not None):
                continue
            # Whose call nobody heard the end of is taken once more, to stop or to account for it.
            cancelled = await self._database.images.transition(
                image.id,
                ImageState.CANCELLED,
                guard={
                    "state": {"$in": [str(state) for state in waiting]},
                    "remote": None,
                    "call_began_at": None,
                    "reservation": None,
                },
            )
            if cancelled is None and is_in_lane:
                # Also where it was handed back in this very moment: whoever takes it next finds it asked to stop.
                await self._database.images.change(
                    image.id, {"cancel_requested": True}, guard={"state": {"$in": [str(state) for state in making]}}
                )

    async def _complete(self, batch: BatchDocument) -> None:
        if await self._database.images.has_any(batch.id, _OPEN_STATES):
            return
        counts = await self._database.images.counts(batch.id)
        # Those alone that have ended: one may be made again since the look before.
        if sum(count for state, count in counts.items() if state in IMAGE_SETTLED) < batch.request.image_count:
            return
        placeholders = 0
        if batch.request.fallback is not None or ProviderName.PLACEHOLDER in batch.request.candidates:
            placeholders = await self._database.images.placeholders(batch.id)
        event = BatchCompleted(batch_id=batch.id, counts=final_counts(counts, placeholders))
        completed = await self._database.batches.transition(
            batch.id,
            BatchState.COMPLETED,
            changes={"completed_at": datetime.now(UTC), "paused_at": None, "pause_reason": None, "failures_passed": 0},
            messages=[self._outbox.event(event)],
        )
        if completed is not None:
            await self._outbox.publish(self._database.batches, completed)
            if await self._database.images.has_any(batch.id, _OPEN_STATES):
                await open_again(self._database, batch.id)


async def open_again(database: Database, batch_id: str) -> bool:
    """Open a completed batch for an image that is made again; opened for nothing, it is completed again by the next
    sweep. False when it is not completed. Whoever completes a batch and whoever has an image made again both look,
    when they have written it, whether the other did in the same moment."""
    opened = await database.batches.transition(
        batch_id, BatchState.ACCEPTED, changes={"completed_at": None}, guard={"state": str(BatchState.COMPLETED)}
    )
    return opened is not None


async def pause(database: Database, outbox: Outbox, batch_id: str, reason: str) -> bool:
    """Begin no more of a realtime batch's images. False when it is paused already, or has ended."""
    paused = await database.batches.change(
        batch_id,
        {"paused_at": datetime.now(UTC), "pause_reason": reason},
        guard={"state": {"$in": [str(state) for state in _NOT_OVER]}, "paused_at": None},
        messages=[outbox.event(BatchPaused(batch_id=batch_id, reason=reason))],
    )
    if paused is not None:
        await outbox.publish(database.batches, paused)
    return paused is not None


async def resume(database: Database, outbox: Outbox, batch_id: str) -> bool:
    """Let a paused batch go on, past what has failed of it. False when it is not paused."""
    batch = await database.batches.get(batch_id)
    if batch is None or batch.paused_at is None:
        return False
    resumed = await database.batches.change(
        batch_id,
        {"paused_at": None, "pause_reason": None, "failures_passed": await database.images.failed_of_late(batch)},
        guard={"paused_at": batch.paused_at},
        messages=[outbox.event(BatchResumed(batch_id=batch_id))],
    )
    if resumed is None:
        return False
    await outbox.publish(database.batches, resumed)
    await Settling(database, outbox).settle(batch_id)
    return True


async def cancel(database: Database, outbox: Outbox, batch_id: str) -> bool:
    """Make nothing more of a batch: whoever hears of it settles what is under way. False when it has ended."""
    cancelled = await database.batches.transition(
        batch_id, BatchState.CANCELLED, messages=[outbox.event(BatchCancelled(batch_id=batch_id))]
    )
    if cancelled is not None:
        await outbox.publish(database.batches, cancelled)
    return cancelled is not None


def job_of(batch: BatchDocument, image: str, provider: ProviderName) -> GenerateImage:
    """The job that makes an image of a batch."""
    return GenerateImage(batch_id=batch.id, image_id=image, provider=provider, priority=batch.request.priority)


def final_counts(counts: dict[ImageState, int], placeholders: int) -> BatchCounts:
    """How a batch ended, from how many of its images are in each state."""
    return BatchCounts(
        requested=sum(counts.values()),
        generated=sum(count for state, count in counts.items() if state in IMAGE_READY),
        failed=counts.get(ImageState.FAILED, 0),
        cancelled=counts.get(ImageState.CANCELLED, 0),
        placeholders=placeholders,
    )
