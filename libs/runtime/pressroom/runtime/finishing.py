"""From the provider's bytes to a finished image: stored first, then finished, then told.

`keep` stores the bytes before anything else is done with them, and keeps trying while the store is full or away: they
are paid for. A process that dies after `generated` leaves an image in `finishing`, which the next taker finishes from
the stored bytes without asking the provider again.
"""

import asyncio
import hashlib
from contextlib import aclosing
from datetime import UTC, datetime

from pressroom.contracts.events import ImageFailed, ImageGenerated, TextFailed
from pressroom.contracts.facts import ErrorReport, FileFacts, ProviderTry
from pressroom.contracts.finishing import Check
from pressroom.contracts.vocabulary import ImageState, ProviderName
from pressroom.imaging.finishing import Finished, NotAnImage, Rendering, finish, measure
from pressroom.imaging.likeness import bands, duplicate_check, hamming
from pressroom.imaging.provenance import Provenance
from pressroom.imaging.signing import SigningIdentity
from pressroom.state.collection import Claim
from pressroom.state.database import Database, DatabaseError
from pressroom.state.documents import ImageDocument

from .blobs import BlobStore
from .errors import ApiFailed, LeaseLost, StoreUnavailable
from .logs import get_logger
from .memory import give_back
from .outbox import Outbox
from .settings import Settings
from .signatures import signed

STORE_RETRY_S = 2.0

log = get_logger(__name__)


class Finishing:
    """Brings images from `generating` to `generated`."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        outbox: Outbox,
        settings: Settings,
        signer: SigningIdentity | None = None,
    ) -> None:
        self._profiles = settings.all_profiles()
        self._signer = signer
        self._images = database.images
        self._blobs = blobs
        self._outbox = outbox

    async def keep(self, data: bytes) -> FileFacts:
        """Store a provider's bytes. Raises `ApiFailed` when they are no picture."""
        try:
            raw = await asyncio.to_thread(measure, data)
        except NotAnImage as error:
            raise ApiFailed(f"the provider's answer is {error}") from error
        while True:
            try:
                return await self._blobs.put(data, raw.media_type, width_px=raw.width_px, height_px=raw.height_px)
            except StoreUnavailable as error:
                log.error("blobs.unavailable", error=str(error), next="trying again; the picture is kept in memory")
                await asyncio.sleep(STORE_RETRY_S)

    async def generated(
        self, image: ImageDocument, raw: FileFacts, attempt: ProviderTry, *, token: str | None
    ) -> ImageDocument | None:
        """From `generating` to `finishing`, the bytes being stored; the lease, if there is one, goes on. Keeps trying
        while the database is away: given up, the picture would be made, and paid for, again.

        None when the image is not `generating` any more, or `token` is not on it.
        """
        elapsed = datetime.now(UTC) - attempt.began_at
        changes: dict[str, object] = {
            "raw": raw.model_dump(),
            "model": attempt.model,
            "generation_ms": max(0, round(elapsed.total_seconds() * 1000)),
            "tries": with_try(image, attempt),
            "cancel_requested": False,
            "remote": None,
            "call_began_at": None,
            "progress": None,
        }
        image_id = image.id
        while True:
            try:
                kept = await self._images.transition(
                    image_id,
                    ImageState.FINISHING,
                    changes=changes,
                    guard={"state": str(ImageState.GENERATING)},
                    token=token,
                    release=False,
                )
                return kept or await self._kept_already(image_id, raw, token)
            except DatabaseError as error:
                log.error("database.unavailable", error=str(error), next="trying again; the picture is stored")
                await asyncio.sleep(STORE_RETRY_S)

    async def _kept_already(self, image_id: str, raw: FileFacts, token: str | None) -> ImageDocument | None:
        """The image, if an earlier try of the same write was done and only its answer was lost."""
        image = await self._images.get(image_id)
        if image is None or image.state is not ImageState.FINISHING or image.raw != raw:
            return None
        return image if token is None or (image.lease is not None and image.lease.token == token) else None

    async def finish(self, image: ImageDocument, *, token: str | None) -> None:
        """Make the files of an image in `finishing` and tell. Raises `LeaseLost` when somebody else did."""
        if image.raw is None or image.model is None:
            raise ApiFailed(f"{image.id} is to be finished but its provider's bytes were never stored")
        finished = await self._finished(image, image.raw, image.model)
        checks = (*finished.checks, await self._duplicates(image, finished.perceptual_hash))
        file, thumbnail = await asyncio.gather(self._store(finished.file), self._store(finished.thumbnail))
        event = ImageGenerated(
            batch_id=image.batch_id,
            image_id=image.id,
            index=image.index,
            provider=image.provider,
            model=image.model,
            seed=image.seed,
            attempt=max(image.attempt, 1),
            file=file,
            thumbnail=thumbnail,
            generation_ms=image.generation_ms,
            placeholder=image.is_placeholder,
            checks=checks,
            cost_microusd=image.cost_microusd,
            calls=image.calls,
        )
        done = await self._images.transition(
            image.id,
            ImageState.GENERATED,
            changes={
                "file": file.model_dump(),
                "thumbnail": thumbnail.model_dump(),
                "checks": [check.model_dump() for check in checks],
                "perceptual_hash": finished.perceptual_hash,
                "hash_bands": list(bands(finished.perceptual_hash)),
                "credentials": str(finished.credentials),
                "error": None,
            },
            messages=[self._outbox.event(event)],
            guard={"state": str(ImageState.FINISHING)},
            token=token,
        )
        if done is None:
            raise LeaseLost(image.id)
        log.info("image.generated", image_id=image.id, file=file.key, width=file.width_px, height=file.height_px)
        await self._outbox.publish(self._images, done)
        del finished
        give_back()

    async def _finished(self, image: ImageDocument, raw: FileFacts, model: str) -> Finished:
        data = await self._blobs.get(raw.key)
        # The profile is settled when the batch is taken; one that was removed since leaves the asked size.
        profile = self._profiles.get(image.profile)
        provenance = _provenance(image, model)
        try:
            finished = await asyncio.to_thread(
                finish, data, profile, width_px=image.width, height_px=image.height, provenance=provenance
            )
        except NotAnImage as error:
            raise ApiFailed(f"the provider's answer is {error}") from error
        if self._signer is None:
            return finished
        return await asyncio.to_thread(signed, finished, self._signer, provenance, parent=data)

    async def _duplicates(self, image: ImageDocument, perceptual_hash: str) -> Check:
        """Against all that the owner has. Two that are finished in the same moment do not see each other."""
        nearest: tuple[int, str] | None = None
        async with aclosing(self._images.alike(image, bands(perceptual_hash))) as others:
            async for name, other in others:
                found = hamming(perceptual_hash, other), name
                nearest = found if nearest is None else min(nearest, found)
                if nearest[0] == 0:
                    break  # Of a picture that came again and again, one is enough.
        return duplicate_check(*(nearest or (None, None)))

    async def _store(self, rendering: Rendering) -> FileFacts:
        return await self._blobs.put(
            rendering.data, rendering.media_type, width_px=rendering.width_px, height_px=rendering.height_px
        )

    async def fail(self, image: ImageDocument, error: ErrorReport, *, claim: Claim[ImageDocument] | None) -> None:
        """To `failed`, and tell. Nothing happens when the image has ended otherwise in the meantime."""
        failed = await self._images.transition(
            image.id,
            ImageState.FAILED,
            changes={
                "error": error.model_dump(),
                "tries": [attempt.model_dump() for attempt in image.tries],
                "remote": None,
                "call_began_at": None,
                "progress": None,
            },
            messages=[self._outbox.event(_failure(image, error))],
            token=claim.token if claim else None,
        )
        if failed is not None:
            log.warning("image.failed", image_id=image.id, kind=str(error.kind), error=error.message)
            await self._outbox.publish(self._images, failed)


def _failure(image: ImageDocument, error: ErrorReport) -> ImageFailed | TextFailed:
    if image.text_kind is not None:
        return TextFailed(
            batch_id=image.batch_id,
            text_id=image.id,
            index=image.index,
            kind=image.text_kind,
            provider=image.provider,
            attempt=image.attempt,
            cost_microusd=image.cost_microusd,
            error=error,
        )
    return ImageFailed(
        batch_id=image.batch_id,
        image_id=image.id,
        index=image.index,
        provider=image.provider,
        attempt=image.attempt,
        error=error,
        cost_microusd=image.cost_microusd,
        calls=image.calls,
    )


TRIES_AT_MOST = 50
"""What is kept of an image's tries, beside those that cost something, which are money that is accounted for: dead
letters that are sent again and again would let it grow for ever."""


def with_try(image: ImageDocument, attempt: ProviderTry) -> list[dict[str, object]]:
    """The image's tries and one more, as they are stored. Beyond the most, the oldest of those that cost nothing go."""
    tries = [*image.tries, attempt]
    free = [known for known in tries[:-1] if known.cost_microusd == 0]
    gone = free[: max(0, len(tries) - TRIES_AT_MOST)]
    return [known.model_dump() for known in tries if known not in gone]


_NOT_TRAINED = frozenset({ProviderName.STUDIO, ProviderName.PLACEHOLDER})


def _provenance(image: ImageDocument, model: str) -> Provenance:
    return Provenance(
        prompt_sha256=hashlib.sha256(image.sent_prompt.encode()).hexdigest(),
        provider=str(image.provider),
        model=model,
        seed=image.tries[-1].seed if image.tries else image.seed,
        created_at=image.created_at,
        trained=image.provider not in _NOT_TRAINED,
    )
