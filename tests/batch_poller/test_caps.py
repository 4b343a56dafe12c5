"""Caps in money where a job is bought as a whole: rows beyond them are not in it, and nothing is put aside for ever."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pressroom.batch_poller.app import build
from pressroom.batch_poller.gemini import GeminiBatches
from pressroom.batch_poller.gemini_requests import request_line as gemini_line
from pressroom.batch_poller.openai_requests import request_line as openai_line
from pressroom.batch_poller.provider_jobs import ResultRow, VendorJob, WantedJob, WantedRow
from pressroom.batch_poller.row_caps import TEXT_MOST_TOKENS
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.events import BatchCancelled, BatchRejected, BatchRequested
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.subjects import event_filter
from pressroom.contracts.vocabulary import (
    BatchState,
    ErrorKind,
    Mode,
    ProviderJobState,
    ProviderName,
    TextKind,
    TryOutcome,
)
from pressroom.runtime.admission import Admission
from pressroom.runtime.errors import InvalidRequest, NetworkFailed
from pressroom.runtime.retries import CannotRetry, Retries
from pressroom.state.budgets import Scope
from pressroom.state.documents import BatchDocument, ImageDocument
from pressroom.state.users import UserDocument

from ..house import House, eventually, running
from ..image_worker.stand_ins import Told, worker
from ..killable import PATIENT_S
from ..payers import a_payer
from ..vendor_sandbox import OPENAI_KEY, VendorSandbox
from .test_following_jobs import job_of, poller, request, settings_of
from .test_killed_pollers import GEMINI, Moment, Scene

MODEL = "gemini-3-pro-image"
SHOWN = f"{'0' * 64}.png"
PRICE = 67_000
"""Of one image of up to 2K in a batch, by the built-in table."""


async def ask(house: House, calls: float | None, **fields: Any) -> BatchDocument:
    """A batch that may cost as much as so many of its images."""
    cap = {} if calls is None else {"max_cost": f"{calls * PRICE / 1_000_000:.6f}"}
    return await request(house, model=MODEL, **cap, **fields)


async def budget_of(house: House, scope: Scope) -> tuple[int, int, int]:
    budget = await house.database.budgets.get(scope)
    assert budget is not None
    return budget.before, budget.spent, budget.reserved


def accounts(images: list[ImageDocument]) -> list[list[tuple[TryOutcome, int, int]]]:
    return [[(attempt.outcome, attempt.calls, attempt.cost_microusd) for attempt in image.tries] for image in images]


def states(images: list[ImageDocument]) -> list[str]:
    return [str(image.state) for image in images]


async def a_capped_user(house: House, **caps: int) -> UserDocument:
    user = await a_payer(house, "1000")
    return await house.database.users.change(user.id, caps) or user


async def test_a_batch_that_its_cap_is_enough_for_is_one_job_and_counted(house: House, vendors: VendorSandbox) -> None:
    async with poller(house, vendors):
        batch = await ask(house, 4)
        images = await house.completed(batch.id)
    assert states(images) == ["generated"] * 4
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, 4 * PRICE, 0)
    assert {image.tries[0].counted_in for image in images} == {(f"batch/{batch.id}",)}
    assert (await house.audit()).drifts == ()


async def test_of_an_owners_batches_at_once_only_what_its_cap_leaves_is_bought(
    house: House, vendors: VendorSandbox
) -> None:
    user = await a_capped_user(house, max_cost_microusd=5 * PRICE + 1)
    # Each of them alone is within the cap.
    batches = [await ask(house, None, owner=user.id, count=3) for _ in range(3)]
    for batch in batches:
        assert await Admission(house.database, house.outbox, house.settings).plan(batch) is not None
    async with poller(house, vendors), poller(house, vendors):
        images = [image for batch in batches for image in await house.completed(batch.id, within_s=60)]
    assert vendors.stats("gemini")["images_made"] == 5
    assert states(images).count("generated") == 5
    assert {image.error.kind for image in images if image.error is not None} == {ErrorKind.BUDGET}
    assert await budget_of(house, Scope(owner=user.id)) == (0, 5 * PRICE, 0)
    spent = sum(image.cost_microusd for image in images)
    assert spent == 5 * PRICE


async def test_a_row_that_failed_costs_nothing(house: House, vendors: VendorSandbox) -> None:
    prompts = ["a fox", "a fox [sandbox:moderated]"]
    async with poller(house, vendors):
        batch = await ask(house, 2, prompt=None, count=1, images=[{"prompt": prompt} for prompt in prompts])
        images = await house.completed(batch.id)
    assert states(images) == ["generated", "failed"]
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, PRICE, 0)


async def test_what_a_job_took_whose_results_were_lost_counts_as_spent(
    house: House, vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSROOM_PROVIDER_RESULTS_PATIENCE_S", "0")
    vendors.fault("gemini", "500", ":download", times=-1)
    async with poller(house, vendors, poll_max_s=0.2):
        batch = await ask(house, 2, count=2)
        images = await house.completed(batch.id)
    assert states(images) == ["failed"] * 2
    assert accounts(images) == [[(TryOutcome.UNKNOWN, 1, PRICE)]] * 2
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, 2 * PRICE, 0)
    assert (await job_of(house, batch)).cost_microusd == 2 * PRICE
    assert (await house.audit()).drifts == ()


async def test_a_job_that_may_have_been_made_and_is_given_up_counts_as_spent(
    house: House, vendors: VendorSandbox
) -> None:
    settings = settings_of(house, vendors, provider_patience_s=1)

    class Torn(GeminiBatches):
        async def find(self, display_name: str) -> VendorJob | None:
            raise NetworkFailed("torn")

        async def create(self, job: WantedJob, input_file: str) -> VendorJob:
            raise NetworkFailed("torn")

    async with running(build(settings, Torn(settings))):
        batch = await ask(house, None, count=2)
        images = await house.completed(batch.id)
    assert accounts(images) == [[(TryOutcome.UNKNOWN, 1, PRICE)]] * 2


async def test_a_job_that_its_provider_refused_to_make_costs_nothing(house: House, vendors: VendorSandbox) -> None:
    settings = settings_of(house, vendors)

    class Refusing(GeminiBatches):
        async def create(self, job: WantedJob, input_file: str) -> VendorJob:
            raise InvalidRequest("400")

    async with running(build(settings, Refusing(settings))):
        batch = await ask(house, 2, count=2)
        images = await house.completed(batch.id)
    assert accounts(images) == [[]] * 2
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, 0, 0)


async def test_a_row_whose_bytes_are_no_picture_was_paid_all_the_same(house: House, vendors: VendorSandbox) -> None:
    settings = settings_of(house, vendors)

    class Rubbish(GeminiBatches):
        async def results(self, job: VendorJob, *, texts: bool = False) -> AsyncGenerator[ResultRow]:
            async for row in super().results(job, texts=texts):
                yield replace(row, data=b"<html>502</html>")

    async with running(build(settings, Rubbish(settings))):
        batch = await ask(house, 1, count=1)
        images = await house.completed(batch.id)
    assert states(images) == ["failed"]
    assert accounts(images) == [[(TryOutcome.FAILED, 1, PRICE)]]
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, PRICE, 0)
    assert (await house.audit()).drifts == ()


async def test_a_job_of_which_nothing_can_be_paid_is_not_bought(house: House, vendors: VendorSandbox) -> None:
    user = await a_capped_user(house, max_cost_per_month_microusd=2 * PRICE)
    first, second = [await ask(house, None, owner=user.id, count=2) for _ in range(2)]
    for batch in (first, second):
        assert await Admission(house.database, house.outbox, house.settings).plan(batch) is not None
    async with poller(house, vendors, jobs_at_once=1):
        images = [*await house.completed(first.id), *await house.completed(second.id)]
    assert vendors.stats("gemini")["batches"] == 1
    assert sorted(states(images)) == ["failed", "failed", "generated", "generated"]
    jobs = [await job_of(house, batch) for batch in (first, second)]
    (in_vain,) = [job for job in jobs if job.state is ProviderJobState.FAILED]
    assert in_vain.error is not None
    assert in_vain.error.kind is ErrorKind.BUDGET


async def test_a_batch_by_event_beyond_its_owners_cap_is_rejected_with_the_reason(
    house: House, vendors: VendorSandbox
) -> None:
    user = await a_capped_user(house, max_cost_microusd=PRICE)
    wish = BatchRequest.model_validate(
        {"provider": "gemini", "mode": "batch", "model": MODEL, "prompt": "a fox", "count": 2}
    )
    async with poller(house, vendors):
        event = BatchRequested(batch_id="by-event", owner=user.id, request=wish)
        await house.outbox.send(house.outbox.event(event))
        batch = await house.batch_in("by-event", BatchState.REJECTED)
    (reason,) = batch.reasons
    assert reason.field == "account.max_cost"
    for part in ("$0.134", "$0.067", "gemini"):
        assert part in reason.message, reason.message
    (told,) = await house.events(event_filter(BatchRejected))
    assert isinstance(told.data, BatchRejected)
    assert told.data.reasons == batch.reasons
    assert vendors.stats("gemini")["batches"] == 0


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"max_cost": "0.13"}, "it costs $0.134 at least (2 x $0.067 at 'gemini'); the limit is $0.13"),
        ({"max_cost": "5", "model": "gemini-of-tomorrow"}, "'gemini': nobody knows here what that costs"),
        ({"max_cost": "5", "model": "gemini-of-tomorrow", "text_kind": "plain"}, "'gemini': nobody knows here"),
        (
            {"max_cost": "5", "text_kind": "plain", "model": None, "input_images": [SHOWN]},
            "that it is shown for a text",
        ),
    ],
)
async def test_a_cap_that_is_too_low_or_cannot_be_kept_is_refused(
    house: House, vendors: VendorSandbox, wish: dict[str, Any], says: str
) -> None:
    batch = await request(house, **{"model": MODEL, "count": 2, **wish})
    async with poller(house, vendors):
        batch = await house.batch_in(batch.id, BatchState.REJECTED)
    (reason,) = batch.reasons
    assert reason.field == "max_cost"
    assert says in reason.message


async def test_a_retry_is_held_to_the_cap_and_may_bring_a_higher_one(house: House, vendors: VendorSandbox) -> None:
    retries = Retries(house.database, house.outbox, house.settings)
    prompts = ["a fox", "a hare [sandbox:error]"]
    async with poller(house, vendors):
        batch = await ask(house, 2, prompt=None, count=1, images=[{"prompt": prompt} for prompt in prompts])
        await house.completed(batch.id)
        batch = await house.batch_in(batch.id, BatchState.COMPLETED)
    await house.database.images.change(f"{batch.id}-0001", {"full_prompt": "a hare"})
    one_by_one = Told(ProviderName.GEMINI, model=MODEL, is_billed=True)
    async with worker(house, one_by_one):
        # One by one it costs twice as much as in a batch.
        with pytest.raises(CannotRetry) as refused:
            await retries.retry(batch, Mode.REALTIME, None)
        (reason,) = refused.value.reasons
        assert (reason.field, one_by_one.asked) == ("max_cost", [])
        assert "the limit is $0.134, of which $0.067 is spent" in reason.message
        opened = await retries.retry(batch, Mode.REALTIME, None, max_cost=Decimal("0.201"))
        assert opened.request.max_cost == Decimal("0.201")
        images = await house.completed(batch.id)
    assert states(images) == ["generated"] * 2
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, 3 * PRICE, 0)
    assert (await house.audit()).drifts == ()


UNTIL_IT_IS_BOUGHT = [
    moment for moment in GEMINI if moment.left in (ProviderJobState.PLANNED, ProviderJobState.SUBMITTING)
]


@pytest.mark.parametrize("moment", UNTIL_IT_IS_BOUGHT, ids=lambda moment: moment.name)
async def test_a_poller_killed_before_its_job_is_known_to_be_bought_leaves_what_the_cap_allows(
    house: House, vendors: VendorSandbox, tmp_path: Path, moment: Moment
) -> None:
    scene = Scene(house, vendors, ProviderName.GEMINI, tmp_path)
    # Of the three rows one is refused by the provider, and costs nothing.
    await scene.ask(model=MODEL, max_cost="0.201")
    await scene.kill_a_poller(moment)
    assert await budget_of(house, Scope(batch_id=scene.batch_id)) == (0, 0, 3 * PRICE)
    await scene.home(crashes=1)
    assert await budget_of(house, Scope(batch_id=scene.batch_id)) == (0, 2 * PRICE, 0)


async def test_what_was_put_aside_by_a_killed_poller_is_free_when_its_batch_is_cancelled(
    house: House, vendors: VendorSandbox, tmp_path: Path
) -> None:
    scene = Scene(house, vendors, ProviderName.GEMINI, tmp_path)
    await scene.ask(model=MODEL, max_cost="1")
    await scene.kill_a_poller(GEMINI[0])
    event = BatchCancelled(batch_id=scene.batch_id)
    cancelled = await house.database.batches.transition(
        scene.batch_id, BatchState.CANCELLED, messages=[house.outbox.event(event)]
    )
    assert cancelled is not None
    async with poller(house, vendors):

        async def over() -> bool:
            images = await house.database.images.of_batch(scene.batch_id)
            return states(images) == ["cancelled"] * 3

        await eventually(over, PATIENT_S)
    assert vendors.stats("gemini")["batches"] == 0
    assert await budget_of(house, Scope(batch_id=scene.batch_id)) == (0, 0, 0)


@pytest.mark.parametrize("provider", ["gemini", "openai"])
async def test_a_text_may_cost_what_its_longest_would_and_is_counted_at_what_it_took(
    house: House, vendors: VendorSandbox, provider: str
) -> None:
    fields: dict[str, Any] = {"provider": provider, "mode": "batch", "text_kind": "product_listing", "count": 4}
    own = {"openai_url": f"{vendors.url}/openai", "openai_api_key": OPENAI_KEY}
    async with poller(house, vendors, **own):
        # Three of the longest cost less than that, four more.
        batch = await house.request(**fields, max_cost="0.12")
        texts = await house.completed(batch.id)
    assert states(texts) == ["generated"] * 3 + ["failed"]
    assert texts[3].error is not None
    assert texts[3].error.kind is ErrorKind.BUDGET
    spent = sum(text.cost_microusd for text in texts)
    assert 0 < spent < 10_000
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, spent, 0)
    assert (await house.audit()).drifts == ()


@pytest.mark.parametrize("write", [gemini_line, openai_line])
def test_a_text_is_asked_for_with_a_limit_only_where_its_cost_has_one(write: Callable[..., bytes]) -> None:
    row = WantedRow("key", "a fox", width_px=64, height_px=64)
    more = () if write is gemini_line else (BatchPollerSettings(),)
    free, capped = (WantedJob("job", "model", TextKind.PLAIN, most_tokens=most) for most in (None, TEXT_MOST_TOKENS))
    assert b"okens" not in write(free, row, *more)
    assert str(TEXT_MOST_TOKENS).encode() in write(capped, row, *more)
