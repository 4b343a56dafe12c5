"""Making one image: wait for a place in the lane, ask its provider, keep the bytes, let the next one begin, finish.

The provider's bytes are stored, and the document says so, before anything else is done with them: a worker that dies
after that is followed by one that finishes the image from the store. What dies before it is in `asking`. An image that
its provider gave up goes on to the next of its list, or becomes a placeholder if its batch wants one.
"""

import asyncio
import math
from collections.abc import Generator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from pressroom.contracts.events import ImageRerouted
from pressroom.contracts.facts import ErrorReport, FileFacts
from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.vocabulary import BatchState, Fallback, ImageState, LaneState, ProviderName, TryOutcome
from pressroom.runtime import metrics
from pressroom.runtime.admission import announced
from pressroom.runtime.caps import Caps
from pressroom.runtime.errors import ApiFailed, LeaseLost, ModelGone, NotYet, WorkCancelled, WorkError, report_of
from pressroom.runtime.finishing import Finishing, with_try
from pressroom.runtime.job_runner import Turn
from pressroom.runtime.lanes import Lanes
from pressroom.runtime.logs import get_logger
from pressroom.runtime.outbox import Outbox
from pressroom.runtime.policies import RetryPolicy
from pressroom.runtime.prices import PriceTable
from pressroom.runtime.service import Service
from pressroom.runtime.settling import Settling, open_again
from pressroom.runtime.tasks import see_through
from pressroom.state.collection import Claim
from pressroom.state.database import DatabaseError
from pressroom.state.documents import ImageDocument

from .asking import Asking, Lane
from .providers import Generation, JobProvider, Progress

FETCH_AHEAD_S = 0.25
"""The next job is fetched this long before the image at hand is expected to be ready: more than a fetch takes, and so
little that another worker which stands idle loses next to nothing by it."""

_WEIGHT_OF_THE_LAST = 0.3
_CLOSED_WAIT_S = 1.0
"""Then the message waits for the lane's consumers, which are held back while it is closed."""

_PAUSED_WAIT_S = 5.0
"""How soon an image that was in its lane already goes on when its batch is resumed."""

SHAPE_TOLERANCE = 0.05
"""Vendors round sides to multiples of up to 64 px."""

log = get_logger(__name__)


class ImageWork:
    """The work of one lane (`pressroom.runtime.job_runner.Work`)."""

    becomes: Mapping[StrEnum, StrEnum] = {
        ImageState.QUEUED: ImageState.GENERATING,
        ImageState.GENERATING: ImageState.GENERATING,
        ImageState.FINISHING: ImageState.FINISHING,
    }

    def __init__(
        self,
        service: Service,
        finishing: Finishing,
        settling: Settling,
        lanes: Lanes,
        lane: Lane,
        prices: PriceTable,
        caps: Caps,
        *,
        stop_grace_s: float,
    ) -> None:
        self.collection = service.database.images
        self._database = service.database
        self._outbox: Outbox = service.outbox
        self._finishing = finishing
        self._settling = settling
        self._lanes = lanes
        self._lane = lane
        self._asking = Asking(lane, service.database.images, service.blobs, prices, caps)
        self._stop_grace_s = stop_grace_s
        self._progress: dict[str, float] = {}
        self._usual_s: float | None = None

    @property
    def guard(self) -> Mapping[str, Any]:
        """An image that has moved to another lane is not this one's any more."""
        return {"provider": str(self._lane.provider.name)}

    def document_id(self, job: GenerateImage) -> str:
        return job.image_id

    def retry_policy(self, document: ImageDocument) -> RetryPolicy:
        return self._lane.rules.for_image(document.pacing).retry

    def seen(self, claim: Claim[ImageDocument]) -> Mapping[str, Any]:
        progress = self._progress.get(claim.id)
        return {} if progress is None else {"progress": progress}

    async def perform(self, claim: Claim[ImageDocument], turn: Turn) -> None:
        image = claim.document
        if image.state is ImageState.GENERATING:
            if image.cancel_requested:
                raise WorkCancelled(image.id)
            if image.pacing.has_delays:
                # Before it waits for the stage, which somebody else's image may have meanwhile.
                await self._keep_the_pause(image)
            image = await self._generated(claim, turn)
        turn.leave()
        releasing = asyncio.create_task(self._settling.release(image.batch_id))
        try:
            await self._finishing.finish(image, token=claim.token)
        finally:
            await releasing
        await self._settling.complete(image.batch_id)

    async def _keep_the_lanes_pause(self) -> None:
        """A lane that was paused or closed since the image was fetched would only refuse it too."""
        lane = await self._database.lanes.get(str(self._lane.provider.name))
        if lane is None or lane.state is LaneState.OPEN:
            return
        if lane.state is LaneState.CLOSED:
            raise NotYet(_CLOSED_WAIT_S)
        # By its date: the consumers go on at that moment, the document is opened by the next sweep.
        left_s = (lane.paused_until - datetime.now(UTC)).total_seconds() if lane.paused_until else 0.0
        if left_s > 0:
            raise NotYet(left_s)

    async def _keep_the_pause(self, image: ImageDocument) -> None:
        """The batch may be paused or cancelled, or want some time between its images."""
        pause = await self._database.batches.pause(image.batch_id)
        if pause is None:
            return
        if pause.state is BatchState.CANCELLED:
            # In the middle of a retry, whose images were not on their way yet when the others were stopped.
            raise WorkCancelled(image.id)
        if pause.paused_at is not None:
            raise NotYet(_PAUSED_WAIT_S)
        if pause.next_image_at is not None:
            left_s = (pause.next_image_at - datetime.now(UTC)).total_seconds()
            if left_s > 0:
                raise NotYet(left_s)

    async def _pause_after(self, image: ImageDocument, *, failed: bool) -> None:
        """Before the next image may begin. A picture that is paid is not given up because this cannot be written."""
        pacing = image.pacing
        delay_s = max(pacing.delay_s, pacing.delay_after_error_s) if failed else pacing.delay_s
        if delay_s > 0:
            next_image_at = datetime.now(UTC) + timedelta(seconds=delay_s)
            with suppress(DatabaseError):
                await self._database.batches.change(image.batch_id, {"next_image_at": next_image_at})

    async def _generated(self, claim: Claim[ImageDocument], turn: Turn) -> ImageDocument:
        """From the first wait for the stage to the stored bytes. When an image fails, the stage is left after all that
        follows of it: the next one finds a lane that was paused or closed because of it."""
        provider, image = self._lane.provider, claim.document
        await turn.enter()
        async with AsyncExitStack() as place:
            await place.enter_async_context(self._lane.gate.place(image.id))
            # It may have waited long, and been fetched ahead.
            await self._keep_the_lanes_pause()
            await self._keep_the_pause(image)
            making = self._made(claim, turn, place)
            if provider.capabilities.is_billed and not isinstance(provider, JobProvider):
                # A call that was paid is brought to its end when the worker stops: nobody else could.
                return await see_through(making, self._stop_grace_s)
            return await making

    async def _made(self, claim: Claim[ImageDocument], turn: Turn, place: AsyncExitStack) -> ImageDocument:
        """From the call to the stored bytes; the place and the stage are left in between."""
        image = claim.document
        log.info("image.generating", index=image.index, provider=str(image.provider), seed=image.seed)
        began = asyncio.get_running_loop().time()
        try:
            with self._fetching_ahead(turn), metrics.GENERATION_SECONDS.labels(str(image.provider)).time():
                generation, attempt, image = await self._asking.generation(claim, self._progress_of(image.id))
        except WorkError as error:
            await self._pause_after(image, failed=True)
            await self._close_lane(image, error)
            raise
        finally:
            self._progress.pop(image.id, None)
        self._learn(asyncio.get_running_loop().time() - began)
        await self._pause_after(image, failed=False)
        await place.aclose()
        turn.leave()
        try:
            raw = await self._finishing.keep(generation.data)
            self._check_shape(generation, raw)
        except ApiFailed as error:
            # Whatever the provider keeps of this job is no picture: the next try needs another one. This one was paid.
            spoilt = attempt.model_copy(update={"outcome": TryOutcome.FAILED, "error": report_of(error)})
            changes = {"remote": None, "call_began_at": None, "tries": with_try(image, spoilt)}
            await self.collection.change(claim.id, changes, token=claim.token)
            raise
        kept = await self._finishing.generated(image, raw, attempt, token=claim.token)
        if kept is None:
            raise LeaseLost(image.id)
        return kept

    def _check_shape(self, generation: Generation, raw: FileFacts) -> None:
        """What has another shape than was asked for is not what was asked for: cropped, it would lose its subject."""
        if generation.asked_px is None:
            return
        width_px, height_px = generation.asked_px
        off_by = abs(math.log(raw.width_px / raw.height_px) - math.log(width_px / height_px))
        # A pixel more or less is much of the ratio of a small picture.
        if off_by > SHAPE_TOLERANCE + 1 / min(raw.width_px, raw.height_px):
            raise ApiFailed(
                f"'{self._lane.provider.name}' answered a picture of {raw.width_px}x{raw.height_px} px where "
                f"{width_px}x{height_px} was asked for"
            )

    @contextmanager
    def _fetching_ahead(self, turn: Turn) -> Generator[None]:
        """Let the next job be fetched shortly before this image is ready, by how long images usually take here."""
        timer: asyncio.TimerHandle | None = None
        if self._usual_s is not None:
            delay_s = max(0.0, self._usual_s - FETCH_AHEAD_S)
            timer = asyncio.get_running_loop().call_later(delay_s, turn.nearly_over)
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()

    def _learn(self, took_s: float) -> None:
        usual_s = took_s if self._usual_s is None else self._usual_s
        self._usual_s = usual_s + _WEIGHT_OF_THE_LAST * (took_s - usual_s)

    def _progress_of(self, image_id: str) -> Progress:
        """Takes a provider's word on one image, until a heartbeat writes it down."""

        def note(done: float) -> None:
            self._progress[image_id] = round(min(max(done, 0.0), 1.0), 3)

        return note

    async def _close_lane(self, image: ImageDocument, error: WorkError) -> None:
        """What every other image would meet too, they are spared. A model that the batch chose is its own affair."""
        if error.closes_lane and not (isinstance(error, ModelGone) and image.requested_model):
            await self._lanes.close(str(self._lane.provider.name), str(error))

    async def give_back(self, claim: Claim[ImageDocument], error: ErrorReport | None, *, failed: bool) -> None:
        """A generation waits in the queue again; what only had to be finished stays so, with its bytes."""
        changes: dict[str, object] = {"failures": claim.document.failures + (1 if failed else 0), "progress": None}
        if error is not None:
            changes["error"] = error.model_dump()
        image = await self.collection.get(claim.id)
        if image is not None and image.state is ImageState.FINISHING:
            await self.collection.change(claim.id, changes, token=claim.token, release=True)
        else:
            await self.collection.transition(claim.id, ImageState.QUEUED, changes=changes, token=claim.token)

    async def give_up(self, claim: Claim[ImageDocument], error: ErrorReport) -> bool:
        image = await self.collection.get(claim.id) or claim.document
        following = await self._following(image)
        if following is not None and await self._hand_on(claim, image, following, error):
            return False
        if image.state is ImageState.GENERATING:
            image = await self._asking.let_go(claim, image)
        await self._finishing.fail(image, error, claim=claim)
        return True

    async def _following(self, image: ImageDocument) -> ProviderName | None:
        """Who takes over: the next provider of the list whose lane is not closed, else the placeholder."""
        here = self._lane.provider.name
        if image.state is not ImageState.GENERATING or here is ProviderName.PLACEHOLDER:
            return None
        position = image.providers.index(here) + 1 if here in image.providers else len(image.providers)
        lanes = await announced(self._database)
        for name in image.providers[position:]:
            if name in lanes and lanes[name].state is not LaneState.CLOSED:
                return name
        stand_in = lanes.get(ProviderName.PLACEHOLDER) if image.fallback is Fallback.PLACEHOLDER else None
        return ProviderName.PLACEHOLDER if stand_in is not None and stand_in.state is not LaneState.CLOSED else None

    async def _hand_on(
        self, claim: Claim[ImageDocument], image: ImageDocument, following: ProviderName, error: ErrorReport
    ) -> bool:
        image = await self._asking.let_go(claim, image)
        job = GenerateImage(batch_id=image.batch_id, image_id=image.id, provider=following, priority=image.priority)
        event = ImageRerouted(
            batch_id=image.batch_id,
            image_id=image.id,
            index=image.index,
            provider=image.provider,
            to=following,
            error=error,
        )
        moved = await self.collection.transition(
            image.id,
            ImageState.QUEUED,
            changes={
                "provider": str(following),
                "failures": 0,
                "crashes": 0,
                "tries": [attempt.model_dump() for attempt in image.tries],
                "remote": None,
                "call_began_at": None,
                "progress": None,
                "error": error.model_dump(),
            },
            messages=[self._outbox.event(event), self._outbox.job(job)],
            token=claim.token,
        )
        if moved is None:
            return False
        log.warning("image.handed_on", to=str(following), kind=str(error.kind), error=error.message)
        await self._outbox.publish(self.collection, moved)
        return True

    async def cancel(self, claim: Claim[ImageDocument]) -> bool:
        image = await self.collection.get(claim.id) or claim.document
        if image.state is not ImageState.GENERATING:
            return False
        image = await self._asking.let_go(claim, image)
        tries = [attempt.model_dump() for attempt in image.tries]
        changes = {"tries": tries, "remote": None, "call_began_at": None, "progress": None}
        cancelled = await self.collection.transition(claim.id, ImageState.CANCELLED, changes=changes, token=claim.token)
        return cancelled is not None

    async def revive(self, document: ImageDocument) -> bool:
        """The batch first, which must not be over in between."""
        await open_again(self._database, document.batch_id)
        batch = await self._database.batches.get(document.batch_id)
        if batch is None or batch.state is not BatchState.ACCEPTED:
            return False
        changes = {"failures": 0, "crashes": 0, "error": None}
        guard = {"state": str(ImageState.FAILED)}
        # Bytes that are stored were paid for: they only have to be finished.
        waits_as = ImageState.QUEUED if document.raw is None else ImageState.FINISHING
        revived = await self.collection.transition(document.id, waits_as, changes=changes, guard=guard)
        await open_again(self._database, document.batch_id)
        return revived is not None

    async def settle(self, document: ImageDocument) -> None:
        await self._settling.settle(document.batch_id)
