"""Which way a batch goes when its mode is `auto`, or when its deadline is nearer than batch mode can promise.

A provider's asynchronous batch costs half and takes up to a day. So three images and more that nobody waits for go that
way, as long as a provider of the request has it and can make in it what is asked for. Pure rules.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from pressroom.contracts.capabilities import Capabilities, shortcomings
from pressroom.contracts.facts import ModeChoice
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import Mode, Priority, ProviderName

IN_BATCHES: Mapping[ProviderName, Capabilities] = {
    ProviderName.GEMINI: Capabilities(prompt_max_characters=24_000, input_images=14, is_billed=True, keeps_jobs=True),
    ProviderName.OPENAI: Capabilities(
        prompt_max_characters=32_000,
        seeds=False,
        transparent=True,
        input_images=16,
        # A batch goes to one endpoint, which either makes pictures or edits them.
        mixes_references=False,
        is_billed=True,
        keeps_jobs=True,
    ),
}
"""What a row of a batch can ask for, of those that the batch-poller has a client for: the same as of one picture."""

MODES: Mapping[ProviderName, frozenset[Mode]] = {
    name: frozenset({Mode.REALTIME, Mode.BATCH} if name in IN_BATCHES else {Mode.REALTIME}) for name in ProviderName
}
"""What each provider can be asked for."""

WORTH_A_BATCH = 3
"""Fewer are not worth the wait."""

BATCH_PROMISE = timedelta(hours=24)
"""Vendors aim at a day (ai.google.dev, "Batch API"; platform.openai.com, "Batch API", 2026-11)."""


def settled(request: BatchRequest, *, now: datetime, saves_microusd: int = 0) -> ModeChoice | None:
    """How a request is made that leaves it open; None when it says so itself. `saves_microusd`: what batch mode would
    save on all its images, where the prices are known."""
    if request.text_kind is not None:
        return _choice(request, Mode.BATCH, "texts are made in batches only") if request.mode is Mode.AUTO else None
    is_in_time = request.deadline_at is None or request.deadline_at - now >= BATCH_PROMISE
    if request.mode is Mode.BATCH and not is_in_time:
        return _choice(request, Mode.REALTIME, "its deadline is nearer than batch mode can promise (24 h)")
    if request.mode is not Mode.AUTO:
        return None
    for against, reason in (
        (not any(Mode.BATCH in MODES[name] for name in request.candidates), "none of its providers has a batch mode"),
        (request.priority is Priority.URGENT, "it is urgent"),
        (not is_in_time, "its deadline is nearer than batch mode can promise (24 h)"),
        (request.image_count < WORTH_A_BATCH, f"fewer than {WORTH_A_BATCH} images are not worth the wait"),
        (
            not any(can_in_batches(name, request) for name in request.candidates),
            "none of its providers takes its reference pictures, adapters, workflow or transparency in batches",
        ),
    ):
        if against:
            return _choice(request, Mode.REALTIME, reason)
    reason = f"{request.image_count} images that nobody waits for"
    return _choice(request, Mode.BATCH, reason, saves_microusd)


def can_in_batches(name: ProviderName, request: BatchRequest) -> bool:
    """Whether a provider's batches take what a request asks for beside its prompts."""
    return name in IN_BATCHES and not shortcomings(IN_BATCHES[name], request, 0)


def _choice(request: BatchRequest, mode: Mode, reason: str, saves_microusd: int = 0) -> ModeChoice:
    return ModeChoice(asked=request.mode, mode=mode, reason=reason, saves_microusd=saves_microusd)
