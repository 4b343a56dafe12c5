"""Whether a request becomes a batch, and what images it then has.

The same rules for HTTP and for events. Planning is idempotent: images have ids that follow from the batch's, those
that exist stay as they are (with the seeds they were given), so a process that dies half-way plans the same again.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from pressroom.contracts.events import BatchAccepted, BatchRejected, BatchRequested
from pressroom.contracts.facts import Reason
from pressroom.contracts.identifiers import image_id
from pressroom.contracts.requests import SEED_MAX, BatchRequest
from pressroom.contracts.vocabulary import BatchState, ImageState, Mode, ProviderName
from pressroom.state.database import Database
from pressroom.state.documents import BatchDocument, ImageDocument, OutboxMessage

from .outbox import Outbox
from .settings import Settings

MODES: dict[ProviderName, frozenset[Mode]] = {
    ProviderName.STUDIO: frozenset({Mode.REALTIME}),
    ProviderName.GEMINI: frozenset({Mode.BATCH}),
}
"""What each provider can be asked for."""


class IdTaken(Exception):
    """The batch's id, or the idempotency key, belongs to a batch with another body."""


def refusals(request: BatchRequest, settings: Settings) -> list[Reason]:
    """Why this deployment does not take a request; empty when it does."""
    reasons: list[Reason] = []
    limit = settings.max_images_per_batch
    if request.image_count > limit:
        field = "images" if request.images is not None else "count"
        message = f"{request.image_count} images asked for; at most {limit} a batch (PRESSROOM_MAX_IMAGES_PER_BATCH)"
        reasons.append(Reason(field=field, message=message))
    if request.mode not in MODES[request.provider]:
        able = ", ".join(sorted(provider for provider, modes in MODES.items() if request.mode in modes))
        message = f"'{request.provider}' does not work in mode '{request.mode}'; in this mode there is: {able}"
        reasons.append(Reason(field="provider", message=message))
    return reasons


def fingerprint(request: BatchRequest) -> str:
    """The same for the same wish. Defaults are left out, so that a new field with a default changes nothing."""
    said = request.model_dump(mode="json", exclude_defaults=True)
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Admitted:
    """A stored request. `created` is False when it was there already, with the same body."""

    batch: BatchDocument
    created: bool


class Admission:
    """Stores requests and plans batches."""

    def __init__(self, database: Database, outbox: Outbox, settings: Settings) -> None:
        self._database = database
        self._outbox = outbox
        self._settings = settings

    async def store(
        self, batch_id: str, owner: str, request: BatchRequest, *, idempotency_key: str | None = None, announce: bool
    ) -> Admitted:
        """Keep a request as a batch in state `requested`; `announce` puts its `BatchRequested` into the outbox.

        Raises `IdTaken` when the id or the key belongs to another body.
        """
        now = datetime.now(UTC)
        messages: tuple[OutboxMessage, ...] = ()
        if announce:
            messages = (self._outbox.event(BatchRequested(batch_id=batch_id, owner=owner, request=request)),)
        document = BatchDocument(
            _id=batch_id,
            created_at=now,
            updated_at=now,
            outbox=messages,
            state=BatchState.REQUESTED,
            owner=owner,
            request=request,
            fingerprint=fingerprint(request),
            idempotency_key=idempotency_key,
            swept_at=now,
        )
        if await self._database.batches.insert(document):
            return Admitted(document, created=True)
        existing = await self._database.batches.get(batch_id)
        if existing is None and idempotency_key is not None:
            existing = await self._database.batches.by_idempotency_key(owner, idempotency_key)
        if existing is None or existing.fingerprint != document.fingerprint or existing.owner != owner:
            raise IdTaken(batch_id)
        return Admitted(existing, created=False)

    async def plan(self, batch: BatchDocument) -> BatchDocument | None:
        """From `requested` to `accepted` with all its images, or to `rejected` with the reasons.

        None when the batch is past that already.
        """
        if batch.state is not BatchState.REQUESTED:
            return None
        reasons = refusals(batch.request, self._settings)
        if reasons:
            event = BatchRejected(batch_id=batch.id, reasons=tuple(reasons))
            moved = await self._database.batches.transition(
                batch.id,
                BatchState.REJECTED,
                changes={"reasons": [reason.model_dump() for reason in reasons]},
                messages=[self._outbox.event(event)],
            )
        else:
            await self._database.images.insert_missing(planned_images(batch))
            accepted = BatchAccepted(
                batch_id=batch.id,
                owner=batch.owner,
                provider=batch.request.provider,
                image_count=batch.request.image_count,
            )
            # Only from `requested`: the machine also lets a completed batch be opened again, by who adds to it.
            moved = await self._database.batches.transition(
                batch.id,
                BatchState.ACCEPTED,
                messages=[self._outbox.event(accepted)],
                guard={"state": str(BatchState.REQUESTED)},
            )
        if moved is not None:
            await self._outbox.publish(self._database.batches, moved)
        return moved


def planned_images(batch: BatchDocument) -> list[ImageDocument]:
    """The rows of a batch. A seed that was not given is drawn here, once: the row that is stored first keeps it."""
    now = datetime.now(UTC)
    request = batch.request
    return [
        ImageDocument(
            _id=image_id(batch.id, index),
            created_at=now,
            updated_at=now,
            state=ImageState.PLANNED,
            batch_id=batch.id,
            index=index,
            owner=batch.owner,
            provider=request.provider,
            mode=request.mode,
            priority=request.priority,
            prompt=wanted.prompt,
            negative_prompt=request.negative_prompt,
            model=request.model,
            seed=secrets.randbelow(SEED_MAX + 1) if wanted.seed is None else wanted.seed,
            width=request.width,
            height=request.height,
            steps=request.steps,
            guidance=request.guidance,
            profile=request.profile,
        )
        for index, wanted in enumerate(request.wanted())
    ]
