"""Looking for what was left undone: a batch that nobody planned, a window that nobody moved, a job that got lost.

Every step of a batch's life follows from an event or from the step before; the sweep takes the same steps for
batches where the process that owed the next one died. It also queues again the jobs of images that wait while
their message is gone, so the JOBS stream can be lost and comes back from MongoDB; and it takes images out of a
closed lane when another of their providers has an open one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from pressroom.contracts.facts import ErrorReport, ProviderTry
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState, LaneState, Mode, TryOutcome
from pressroom.state.documents import BatchDocument, ImageDocument

from .admission import Lanes, announced, estimated_cost
from .finishing import with_try
from .logs import get_logger
from .service import Service
from .settling import job_of

SWEEP_EVERY = timedelta(seconds=10)
LOST_AFTER = timedelta(seconds=30)
_WAITING = (ImageState.QUEUED, ImageState.GENERATING, ImageState.FINISHING)

log = get_logger(__name__)


class BatchSweep:
    """Sweeps the batches of one mode; each batch is looked at by one service every ten seconds."""

    def __init__(self, service: Service, mode: Mode, plan: Callable[[BatchDocument], Awaitable[None]]) -> None:
        self._service = service
        self._mode = mode
        self._plan = plan

    async def run(self) -> None:
        while True:
            await self.once()
            await asyncio.sleep(self._service.core_settings.sweep_interval_s)

    async def once(self) -> None:
        """Every batch whose turn it is."""
        batches = self._service.database.batches
        states = (BatchState.REQUESTED, BatchState.ACCEPTED)
        while batch := await batches.next_to_sweep(states, self._mode, not_since=datetime.now(UTC) - SWEEP_EVERY):
            await self._sweep(batch)

    async def _sweep(self, batch: BatchDocument) -> None:
        if batch.state is BatchState.REQUESTED:
            log.info("sweep.plans", batch_id=batch.id)
        # Also what is planned: whoever planned it may have died before it took the step after that.
        await self._plan(batch)
        if batch.state is BatchState.ACCEPTED:
            await self._requeue_lost(batch)

    async def _requeue_lost(self, batch: BatchDocument) -> None:
        now = datetime.now(UTC)
        lanes = await announced(self._service.database)
        async for image in self._service.database.images.in_states(batch.id, _WAITING, in_lanes=True):
            taken = image.lease is not None and image.lease.expires_at > now
            if not taken and image.state is ImageState.QUEUED and await self._moved(batch, image, lanes):
                continue
            if not taken and image.updated_at < now - LOST_AFTER:
                # Refused by the stream when the job waits there already.
                await self._service.outbox.send(self._service.outbox.job(job_of(batch, image.id, image.provider)))

    async def _moved(self, batch: BatchDocument, image: ImageDocument, lanes: Lanes) -> bool:
        """Out of a closed lane, where it would wait until somebody mends a setting, into an open one of its own."""
        lane = lanes.get(image.provider)
        if lane is None or lane.state is not LaneState.CLOSED or image.provider not in image.providers:
            return False
        after = image.providers[image.providers.index(image.provider) + 1 :]
        following = next((name for name in after if name in lanes and lanes[name].state is LaneState.OPEN), None)
        if following is None:
            return False
        images = self._service.database.images
        moved = await images.transition(
            image.id,
            ImageState.QUEUED,
            changes={
                "provider": str(following),
                "failures": 0,
                "crashes": 0,
                "remote": None,
                "call_began_at": None,
                "tries": self._tries_with_what_is_left(batch, image, lanes),
            },
            messages=[self._service.outbox.job(job_of(batch, image.id, following))],
            # The same attempt: nobody has taken it, and added a try, since it was read.
            guard={
                "state": str(ImageState.QUEUED),
                "provider": str(image.provider),
                "lease": None,
                "attempt": image.attempt,
            },
        )
        if moved is None:
            return False
        log.info("image.moved", image_id=image.id, provider=str(image.provider), to=str(following))
        await self._service.outbox.publish(images, moved)
        return True

    def _tries_with_what_is_left(
        self, batch: BatchDocument, image: ImageDocument, lanes: Lanes
    ) -> list[dict[str, object]]:
        """A stopped worker may have left a call or a job at the provider, which nobody asks about any more."""
        service = lanes[image.provider].service
        began_at = image.remote.began_at if image.remote is not None else image.call_began_at
        if began_at is None or service is None or not service.capabilities.is_billed:
            return [known.model_dump() for known in image.tries]
        cost = estimated_cost(batch.request, image.provider, self._service.core_settings, lanes)
        account = ProviderTry(
            provider=image.provider,
            model=image.requested_model or service.model,
            outcome=TryOutcome.UNKNOWN,
            calls=1,
            cost_microusd=cost or 0,
            began_at=began_at,
            seed=image.seed if service.capabilities.seeds else None,
            error=ErrorReport(
                kind=ErrorKind.UNKNOWN,
                message="its lane was closed before anybody heard what became of this call; it may be billed",
                recoverable=True,
            ),
        )
        return with_try(image, account)
