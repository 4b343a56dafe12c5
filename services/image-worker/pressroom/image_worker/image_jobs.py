"""Making one image: generate, keep the bytes, let the next one begin, finish.

The provider's bytes are stored, and the document says so, before anything else is done with them: a worker that dies
after that is followed by one that finishes the image from the store. One that dies before it, in the middle of the
generation or between its two writes, is followed by one that asks the provider again.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.vocabulary import BatchState, ImageState
from pressroom.runtime import metrics
from pressroom.runtime.errors import LeaseLost, TimedOut, WorkCancelled
from pressroom.runtime.finishing import Finishing
from pressroom.runtime.job_runner import Turn
from pressroom.runtime.logs import get_logger
from pressroom.runtime.settling import Settling
from pressroom.state.collection import Claim
from pressroom.state.database import Database
from pressroom.state.documents import ImageDocument

from .providers import ImageProvider, request_of

log = get_logger(__name__)


class ImageWork:
    """The work of one lane (`pressroom.runtime.job_runner.Work`)."""

    becomes: Mapping[StrEnum, StrEnum] = {
        ImageState.QUEUED: ImageState.GENERATING,
        ImageState.GENERATING: ImageState.GENERATING,
        ImageState.FINISHING: ImageState.FINISHING,
    }

    def __init__(
        self, database: Database, finishing: Finishing, settling: Settling, provider: ImageProvider, timeout_s: float
    ) -> None:
        self.collection = database.images
        self._batches = database.batches
        self._finishing = finishing
        self._settling = settling
        self._provider = provider
        self._timeout_s = timeout_s

    def document_id(self, job: GenerateImage) -> str:
        return job.image_id

    async def perform(self, claim: Claim[ImageDocument], turn: Turn) -> None:
        image = claim.document
        if image.state is ImageState.GENERATING:
            if image.cancel_requested:
                raise WorkCancelled(image.id)
            image = await self._generate(claim)
        turn.leave()
        releasing = asyncio.create_task(self._settling.release(image.batch_id))
        try:
            await self._finishing.finish(image, token=claim.token)
        finally:
            await releasing
        await self._settling.complete(image.batch_id)

    async def _generate(self, claim: Claim[ImageDocument]) -> ImageDocument:
        image = claim.document
        began_at = datetime.now(UTC)
        log.info("image.generating", index=image.index, provider=str(image.provider), seed=image.seed)
        with metrics.GENERATION_SECONDS.labels(str(image.provider)).time():
            try:
                async with asyncio.timeout(self._timeout_s):
                    generation = await self._provider.generate(request_of(image))
            except TimeoutError as error:
                raise TimedOut(
                    f"'{image.provider}' took longer than {self._timeout_s:g} s (PRESSROOM_GENERATION_TIMEOUT_S)"
                ) from error
        raw = await self._finishing.keep(generation.data)
        kept = await self._finishing.generated(
            image.id, raw, model=generation.model, token=claim.token, began_at=began_at
        )
        if kept is None:
            raise LeaseLost(image.id)
        return kept

    async def give_back(self, claim: Claim[ImageDocument], error: ErrorReport | None, *, failed: bool) -> None:
        """A generation waits in the queue again; what only had to be finished stays so, with its bytes."""
        changes: dict[str, object] = {"failures": claim.document.failures + (1 if failed else 0)}
        if error is not None:
            changes["error"] = error.model_dump()
        image = await self.collection.get(claim.id)
        if image is not None and image.state is ImageState.FINISHING:
            await self.collection.change(claim.id, changes, token=claim.token, release=True)
        else:
            await self.collection.transition(claim.id, ImageState.QUEUED, changes=changes, token=claim.token)

    async def give_up(self, claim: Claim[ImageDocument], error: ErrorReport) -> None:
        await self._finishing.fail(claim.document, error, claim=claim)

    async def cancel(self, claim: Claim[ImageDocument]) -> bool:
        return await self.collection.transition(claim.id, ImageState.CANCELLED, token=claim.token) is not None

    async def revive(self, document: ImageDocument) -> bool:
        """The batch first: opened for nothing, it is completed again by the next sweep."""
        await self._batches.transition(
            document.batch_id,
            BatchState.ACCEPTED,
            changes={"completed_at": None},
            guard={"state": str(BatchState.COMPLETED)},
        )
        batch = await self._batches.get(document.batch_id)
        if batch is None or batch.state is not BatchState.ACCEPTED:
            return False
        changes = {"failures": 0, "crashes": 0, "error": None}
        guard = {"state": str(ImageState.FAILED)}
        return (
            await self.collection.transition(document.id, ImageState.QUEUED, changes=changes, guard=guard) is not None
        )

    async def settle(self, document: ImageDocument) -> None:
        await self._settling.settle(document.batch_id)
