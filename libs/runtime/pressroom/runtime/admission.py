"""Whether a request becomes a batch, and what images it then has.

The same rules for HTTP and for events. Planning is idempotent: images have ids that follow from the batch's, those
that exist stay as they are (with the seeds they were given), so a process that dies half-way plans the same again.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel

from pressroom.contracts.capabilities import nearest_size, shortcomings
from pressroom.contracts.cloudevents import timestamp
from pressroom.contracts.costs import as_microusd
from pressroom.contracts.events import BatchAccepted, BatchRejected, BatchRequested, BatchScheduled
from pressroom.contracts.facts import ModeChoice, Reason
from pressroom.contracts.finishing import NO_PROFILE
from pressroom.contracts.identifiers import image_id
from pressroom.contracts.requests import SEED_MAX, BatchRequest
from pressroom.contracts.vocabulary import BatchState, ImageState, LaneState, Mode, NoticeChannel, ProviderName
from pressroom.state.budgets import Cap, Scope
from pressroom.state.database import Database
from pressroom.state.documents import BatchDocument, ImageDocument, LaneDocument, OutboxMessage, Pacing
from pressroom.state.ledger import GivenBack

from .caps import Caps, Costs, beyond
from .credits import Credits, InsufficientCredits
from .modes import IN_BATCHES, MODES, can_in_batches, settled
from .outbox import Outbox
from .prices import price_table
from .prompts import composed, with_negative_clause
from .schedules import start_of
from .settings import Settings

Lanes = Mapping[ProviderName, LaneDocument]
"""The providers' lanes as their workers announced them."""


class IdTaken(Exception):
    """The batch's id, or the idempotency key, belongs to a batch with another body."""


class TurnTaken(Exception):
    """Somebody else asked by what they saw in the same moment, and was stored; nothing was written."""


class BeyondCap(Exception):
    """A cap in money does not leave what the batch costs; nothing was written."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("; ".join(reason.message for reason in reasons))
        self.reasons = tuple(reasons)


async def announced(database: Database) -> Lanes:
    """What every worker has said of its lanes."""
    found = await database.lanes.find({"_id": {"$in": [str(name) for name in ProviderName]}})
    return {ProviderName(lane.id): lane for lane in found}


def mode_choice(request: BatchRequest, settings: Settings, now: datetime) -> ModeChoice | None:
    """How a request is made that leaves it open, by the time that it has from when it begins; None when it says so."""
    return settled(request, now=start_of(request, settings, now) or now)


def refusals(request: BatchRequest, settings: Settings, lanes: Lanes | None) -> list[Reason]:
    """Why this deployment does not take a request; empty when it does. Without `lanes`, by the settings alone."""
    now = datetime.now(UTC)
    choice = mode_choice(request, settings, now)
    if choice is not None:
        request = request.model_copy(update={"mode": choice.mode})
    return _refusals(request, settings, lanes, begins_at=start_of(request, settings, now) or now)


def _refusals(request: BatchRequest, settings: Settings, lanes: Lanes | None, *, begins_at: datetime) -> list[Reason]:
    """The same of a request whose mode is settled, and of which it is known when it begins."""
    reasons: list[Reason] = []
    if request.deadline_at is not None and request.deadline_at <= begins_at:
        reasons.append(Reason(field="deadline_at", message="it is over before the batch can begin"))
    limit = settings.max_images_per_batch
    if request.image_count > limit:
        field = "images" if request.images is not None else "count"
        message = f"{request.image_count} images asked for; at most {limit} a batch (PRESSROOM_MAX_IMAGES_PER_BATCH)"
        reasons.append(Reason(field=field, message=message))
    profiles = settings.all_profiles()
    if request.profile != NO_PROFILE and request.profile not in profiles:
        known = ", ".join([*profiles, NO_PROFILE])
        message = f"there is no profile '{request.profile}'; there are: {known} (PRESSROOM_PROFILES)"
        reasons.append(Reason(field="profile", message=message))
    if request.stop_on_error and request.mode is Mode.BATCH:
        message = "a provider's job makes its images together and does not stop; ask for mode 'realtime'"
        reasons.append(Reason(field="stop_on_error", message=message))
    reasons += _unable_to_notify(request, settings)
    able, why_not = sorted_out(request, settings, lanes)
    return [*reasons, *(_too_dear(request, able, settings, lanes) if able else why_not)]


def _too_dear(
    request: BatchRequest, able: Sequence[ProviderName], settings: Settings, lanes: Lanes | None
) -> list[Reason]:
    """Why the batch's own cap is too low for it, or could not be kept."""
    if request.max_cost is None or lanes is None:
        return []
    # Whose batch is nothing to the rule.
    cap = Cap(Scope(batch_id=""), as_microusd(request.max_cost))
    return beyond(cap, cap.limit, request, costs_of(request, able, settings, lanes))


def _unable_to_notify(request: BatchRequest, settings: Settings) -> list[Reason]:
    """Why this deployment cannot tell whom a request names: a setting that is missing."""
    needed: dict[NoticeChannel, tuple[tuple[str, object], ...]] = {
        NoticeChannel.WEBHOOK: (("PRESSROOM_NOTICE_SECRET", settings.notice_secret),),
        NoticeChannel.MAIL: (
            ("PRESSROOM_SMTP_URL", settings.smtp_url),
            ("PRESSROOM_MAIL_FROM", settings.mail_from),
        ),
    }
    reasons: list[Reason] = []
    for index, target in enumerate(request.notify):
        missing = [name for name, value in needed[target.channel] if value is None]
        if missing:
            field = "email" if target.channel is NoticeChannel.MAIL else "url"
            message = f"notices by {target.channel} need {' and '.join(missing)}, which this deployment has not set"
            reasons.append(Reason(field=f"notify.{index}.{field}", message=message))
    return reasons


def sorted_out(
    request: BatchRequest, settings: Settings, lanes: Lanes | None
) -> tuple[tuple[ProviderName, ...], list[Reason]]:
    """Who of those that a request names can make it, in its order; and why each of the others cannot."""
    able: list[ProviderName] = []
    reasons: list[Reason] = []
    # No image's prompt is longer than that of the longest original, as all are given the same words.
    longest = max((len(_sent(wanted.prompt, request, settings)) for wanted in request.wanted()), default=0)
    for name in request.candidates:
        shorts = _shortcomings(name, request, longest, lanes)
        if not shorts:
            able.append(name)
        for short in shorts:
            field = short.field or ("provider" if request.provider else "providers")
            reasons.append(Reason(field=field, message=f"'{name}': {short.message}"))
    return tuple(able), reasons


def _sent(prompt: str, request: BatchRequest, settings: Settings) -> str:
    return with_negative_clause(_full(prompt, request, settings), request.negative_prompt)


def _full(prompt: str, request: BatchRequest, settings: Settings) -> str:
    """A text is asked for in the caller's words alone."""
    return prompt if request.text_kind is not None else composed(prompt, request, settings.quality_words)


def _shortcomings(name: ProviderName, request: BatchRequest, longest: int, lanes: Lanes | None) -> list[Reason]:
    if request.mode not in MODES[name]:
        able = ", ".join(sorted(provider for provider, modes in MODES.items() if request.mode in modes))
        return [Reason(field="", message=f"it does not work in mode '{request.mode}'; in this mode there is: {able}")]
    if request.mode is Mode.BATCH:
        return shortcomings(IN_BATCHES[name], request, longest)
    if request.text_kind is not None:
        return [Reason(field="mode", message="texts are made in mode 'batch' only; ask for that")]
    if lanes is None:
        return []
    lane = lanes.get(name)
    if lane is None or lane.service is None or lane.state is LaneState.CLOSED:
        open_ones = sorted(
            name for name, other in lanes.items() if other.service and other.state is not LaneState.CLOSED
        )
        why = (lane and lane.reason) or "no image-worker has served it yet (PRESSROOM_IMAGE_WORKER_LANES)"
        return [Reason(field="", message=f"its lane is closed: {why}; open lanes: {', '.join(open_ones) or 'none'}")]
    return shortcomings(lane.service.capabilities, request, longest)


def fingerprint(request: BaseModel) -> str:
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
        self._credits = Credits(database, settings)
        self._caps = Caps(database, settings)

    async def store(
        self,
        batch_id: str,
        owner: str,
        request: BatchRequest,
        *,
        idempotency_key: str | None = None,
        wish: str | None = None,
        announce: bool,
        regenerated_from: str | None = None,
        turn: int | None = None,
    ) -> Admitted:
        """Keep a request as a batch in state `requested`; `announce` puts its `BatchRequested` into the outbox, and
        holds what the batch costs an owner who pays: who announced it by an event hears of that when it is planned.
        `regenerated_from`: the image that it makes another of. `wish`, `turn`: see `BatchDocument`.

        Raises `IdTaken` when the id or the key belongs to another body, `TurnTaken`, `InsufficientCredits` and
        `BeyondCap`.
        """
        now = datetime.now(UTC)
        asked = fingerprint(request)
        choice = await self._choice(request, now)
        if choice is not None:
            request = request.model_copy(update={"mode": choice.mode})
        starts_at = start_of(request, self._settings, now)
        if announce and starts_at is None:
            await self._within_caps(owner, request, idempotency_key)
        messages: tuple[OutboxMessage, ...] = ()
        if starts_at is not None:
            scheduled = BatchScheduled(
                batch_id=batch_id, owner=owner, image_count=request.image_count, starts_at=timestamp(starts_at)
            )
            messages = (self._outbox.event(scheduled), self._outbox.alarm(batch_id, starts_at))
        elif announce:
            messages = (self._outbox.event(BatchRequested(batch_id=batch_id, owner=owner, request=request)),)
        document = BatchDocument(
            _id=batch_id,
            created_at=now,
            updated_at=now,
            outbox=messages,
            state=BatchState.REQUESTED if starts_at is None else BatchState.SCHEDULED,
            starts_at=starts_at,
            owner=owner,
            request=request,
            fingerprint=asked,
            wish=wish,
            idempotency_key=idempotency_key,
            turn=turn,
            mode_choice=choice,
            regenerated_from=regenerated_from,
            swept_at=now,
        )
        stored = self._credits.store(document) if announce else self._database.batches.insert(document)
        if await stored:
            return Admitted(document, created=True)
        existing = await self._database.batches.get(batch_id)
        if existing is None and idempotency_key is not None:
            existing = await self._database.batches.by_idempotency_key(owner, idempotency_key)
        if existing is None and turn is not None:
            raise TurnTaken
        if existing is None or existing.owner != owner or (announce and existing.regenerated_from != regenerated_from):
            raise IdTaken(batch_id)
        # Also as it was settled: an open mode is asked for once, and announced as what it became.
        if asked not in (existing.fingerprint, fingerprint(existing.request)):
            raise IdTaken(batch_id)
        return Admitted(existing, created=False)

    async def _within_caps(self, owner: str, request: BatchRequest, idempotency_key: str | None) -> None:
        """Raises `BeyondCap` for what the account's caps, or the deployment's, do not leave."""
        caps = (*await self._caps.of_owner(owner), *self._caps.of_deployment())
        reasons = await self._beyond(caps, request, await announced(self._database)) if caps else []
        # One that comes a second time is answered as the first, whatever is left by now.
        batches = self._database.batches
        if reasons and (idempotency_key is None or not await batches.by_idempotency_key(owner, idempotency_key)):
            raise BeyondCap(reasons)

    async def _beyond(self, caps: Sequence[Cap], request: BatchRequest, lanes: Lanes) -> list[Reason]:
        able, _ = sorted_out(request, self._settings, lanes)
        return await self._caps.refusals(caps, request, costs_of(request, able, self._settings, lanes))

    async def _choice(self, request: BatchRequest, now: datetime) -> ModeChoice | None:
        """Which way a request goes that leaves it open, and what that saves."""
        choice = mode_choice(request, self._settings, now)
        if choice is None or choice.mode is not Mode.BATCH:
            return choice
        saves = saving(request, self._settings, await announced(self._database))
        return choice.model_copy(update={"saves_microusd": saves})

    async def plan(self, batch: BatchDocument) -> BatchDocument | None:
        """From `requested` to `accepted` with all its images, or to `rejected` with the reasons.

        None when the batch is past that already.
        """
        if batch.state is not BatchState.REQUESTED:
            return None
        lanes = await announced(self._database)
        try:
            # Whenever it was to begin, it begins now.
            wrong = _refusals(batch.request, self._settings, lanes, begins_at=datetime.now(UTC))
            reasons = wrong or await self._beyond_account(batch, lanes) or await self._unpaid(batch)
        except GivenBack:
            return None  # Cancelled in this moment.
        if reasons:
            event = BatchRejected(batch_id=batch.id, reasons=tuple(reasons))
            moved = await self._database.batches.transition(
                batch.id,
                BatchState.REJECTED,
                changes={"reasons": [reason.model_dump() for reason in reasons]},
                messages=[self._outbox.event(event)],
            )
        else:
            able, _ = sorted_out(batch.request, self._settings, lanes)
            images = planned_images(batch, able, self._settings, lanes)
            await self._database.images.insert_missing(images)
            accepted = BatchAccepted(
                batch_id=batch.id,
                owner=batch.owner,
                provider=images[0].provider,
                image_count=batch.request.image_count,
                regenerated_from=batch.regenerated_from,
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

    async def _beyond_account(self, batch: BatchDocument, lanes: Lanes) -> list[Reason]:
        """Why the account's caps, or the deployment's, are too low for a batch."""
        caps = (*await self._caps.of_owner(batch.owner), *self._caps.of_deployment())
        return await self._beyond(caps, batch.request, lanes) if caps else []

    async def _unpaid(self, batch: BatchDocument) -> list[Reason]:
        """Hold what the batch costs, if that was not done before. The reason where that cannot be."""
        try:
            await self._credits.hold(batch, batch.request.mode, range(batch.request.image_count))
        except InsufficientCredits as error:
            return [error.reason]
        return []


def planned_images(
    batch: BatchDocument, able: Sequence[ProviderName], settings: Settings, lanes: Lanes
) -> list[ImageDocument]:
    """The rows of a batch. A seed that was not given is drawn here, once: the row that is stored first keeps it."""
    now = datetime.now(UTC)
    request = batch.request
    provider = able[0] if request.mode is Mode.BATCH else first_open(able, lanes)
    pacing = Pacing(
        max_attempts=request.max_attempts,
        timeout_s=request.timeout_s,
        delay_s=request.delay_s,
        delay_after_error_s=request.delay_after_error_s,
    )
    estimate = estimated_cost(request, provider, settings, lanes)
    return [
        ImageDocument(
            _id=image_id(batch.id, index),
            created_at=now,
            updated_at=now,
            state=ImageState.PLANNED,
            batch_id=batch.id,
            index=index,
            owner=batch.owner,
            provider=provider,
            providers=tuple(able),
            fallback=request.fallback,
            mode=request.mode,
            priority=request.priority,
            subject=wanted.subject or request.subject,
            part=wanted.part,
            tags=request.tags,
            regenerated_from=batch.regenerated_from,
            prompt=wanted.prompt,
            full_prompt=_full(wanted.prompt, request, settings),
            text_kind=request.text_kind,
            negative_prompt=request.negative_prompt,
            requested_model=request.model,
            seed=secrets.randbelow(SEED_MAX + 1) if wanted.seed is None else wanted.seed,
            width=request.width,
            height=request.height,
            steps=request.steps,
            guidance=request.guidance,
            transparent=request.transparent,
            input_images=(*request.input_images, *wanted.input_images),
            adapters=request.adapters,
            workflow=request.workflow,
            profile=request.profile,
            pacing=pacing,
            estimated_cost_microusd=estimate,
            max_cost_microusd=max_cost_of(request),
        )
        for index, wanted in enumerate(request.wanted())
    ]


def first_open(able: Sequence[ProviderName], lanes: Lanes) -> ProviderName:
    """Whose turn it is: the first whose lane is open, else the first whose lane opens by itself, else the first."""
    for state in (LaneState.OPEN, LaneState.PAUSED):
        for name in able:
            if name in lanes and lanes[name].state is state:
                return name
    return able[0]


def estimated_cost(request: BatchRequest, provider: ProviderName, settings: Settings, lanes: Lanes) -> int | None:
    """What one image of a request will cost at `provider`, in millionths of a dollar; None when nobody knows, as of a
    text, whose length only the model decides."""
    if request.text_kind is not None:
        return None
    lane = lanes.get(provider)
    service = lane.service if lane else None
    width_px, height_px = request.width, request.height
    if service is not None:
        width_px, height_px = nearest_size(service.capabilities.sizes, width_px, height_px)
    return price_table(settings.price_table).cost_microusd(
        provider,
        request.model or (service.model if service else None),
        width_px=width_px,
        height_px=height_px,
        grade=service.capabilities.grade if service else None,
        mode=request.mode,
    )


def costs_of(request: BatchRequest, able: Sequence[ProviderName], settings: Settings, lanes: Lanes) -> Costs:
    """What one image costs at each of those who can make it; of a text only whether that is known."""
    if request.text_kind is None:
        return {name: estimated_cost(request, name, settings, lanes) for name in able}
    return {name: _known_of_a_text(request, name, settings) for name in able}


def _known_of_a_text(request: BatchRequest, provider: ProviderName, settings: Settings) -> int | None:
    """Nothing, as that is the least that a text may cost; None when the model that is named has no price."""
    if request.model is None:
        return 0
    prices = price_table(settings.price_table)
    return prices.text_cost_microusd(provider, request.model, read_tokens=0, written_tokens=0, mode=request.mode)


def max_cost_of(request: BatchRequest) -> int | None:
    """A batch's own cap, in millionths of a dollar."""
    return None if request.max_cost is None else as_microusd(request.max_cost)


def saving(request: BatchRequest, settings: Settings, lanes: Lanes) -> int:
    """What batch mode saves on all images of a request, in millionths of a dollar; 0 when the prices are not known, or
    nobody makes it in batches."""
    provider = next((name for name in request.candidates if can_in_batches(name, request)), None)
    if provider is None:
        return 0
    one_by_one, as_batch = (
        estimated_cost(request.model_copy(update={"mode": mode}), provider, settings, lanes)
        for mode in (Mode.REALTIME, Mode.BATCH)
    )
    if one_by_one is None or as_batch is None:
        return 0
    return max(0, one_by_one - as_batch) * request.image_count
