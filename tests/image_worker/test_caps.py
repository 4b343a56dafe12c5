"""Caps in money in a lane: what is beyond is not asked for, whoever works at once, fails or goes elsewhere."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from pressroom.contracts.events import BatchCancelled
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState, ProviderName, Role, TryOutcome
from pressroom.image_worker.providers import GenerationRequest
from pressroom.runtime.admission import Admission
from pressroom.runtime.errors import ApiFailed, InvalidRequest, Moderated, RateLimited, WorkError
from pressroom.runtime.settling import Settling
from pressroom.state.budgets import Scope, month_of
from pressroom.state.documents import ImageDocument
from pressroom.state.users import new_user

from ..house import House
from .stand_ins import Answer, Jobs, Told, Vendor, failing, image_in, image_when, never, when, worker
from .test_provider_lists import lanes_of, let_the_sweep_look_at_once

PRICE = 6_000
"""Of 1024 x 1024 at gpt-image-2 in low quality, by the built-in table."""
SQUARE: dict[str, Any] = {"provider": "openai", "width": 1024, "height": 1024, "max_concurrent": 50}


def dollars(calls: float) -> str:
    return f"{calls * PRICE / 1_000_000:.6f}"


def billed(answer: Answer | None = None) -> Told:
    return Told(ProviderName.OPENAI, answer, model="gpt-image-2", is_billed=True, grade="low", at_once=4)


def listed(*names: str) -> dict[str, Any]:
    return SQUARE | {"provider": None, "providers": names}


def accounts(image: ImageDocument) -> list[tuple[TryOutcome, int, int]]:
    return [(attempt.outcome, attempt.calls, attempt.cost_microusd) for attempt in image.tries]


async def a_user(house: House, **caps: int) -> str:
    """The id of one who does not pay in credits, which nobody would settle here."""
    user = new_user(f"{new_id('some')}@example.com", "no hash of anything", Role.OPERATOR)
    assert await house.database.users.add(user.model_copy(update=caps))
    return user.id


async def budget_of(house: House, scope: Scope) -> tuple[int, int, int]:
    budget = await house.database.budgets.get(scope)
    assert budget is not None
    return budget.before, budget.spent, budget.reserved


async def agrees(house: House) -> None:
    assert (await house.audit()).drifts == ()


async def test_a_batch_makes_what_its_cap_is_enough_for_and_says_why_not_the_rest(house: House) -> None:
    async def twice_for_the_first(_request: GenerationRequest) -> None:
        if len(provider.asked) == 1:
            raise ApiFailed("502")

    provider = billed(twice_for_the_first)
    async with worker(house, provider):
        batch = await house.request(**SQUARE, count=3, max_cost=dollars(3))
        images = await house.completed(batch.id)
    # The call that failed may have been billed, and so it counts.
    assert sorted(str(image.state) for image in images) == ["failed", "generated", "generated"]
    assert len(provider.asked) == 3
    (refused,) = [image for image in images if image.state is ImageState.FAILED]
    assert refused.error is not None
    assert (refused.error.kind, refused.error.recoverable, refused.reservation) == (ErrorKind.BUDGET, False, None)
    for part in ("$0.006", "$0.018", "max_cost", "higher"):
        assert part in refused.error.message, refused.error.message
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, 3 * PRICE, 0)
    assert sum(image.cost_microusd for image in images) == 3 * PRICE
    await agrees(house)


async def test_workers_and_batches_of_one_owner_together_stay_under_its_cap(house: House) -> None:
    owner = await a_user(house, max_cost_microusd=7 * PRICE + PRICE // 2)
    # Each of them alone is within the cap.
    batches = [await house.request(owner=owner, **SQUARE, count=5) for _ in range(3)]
    await house.open_lane(ProviderName.OPENAI, billed().capabilities, model="gpt-image-2")
    for batch in batches:
        assert await Admission(house.database, house.outbox, house.settings).plan(batch) is not None
    providers = [billed(slowly) for _ in range(3)]
    async with AsyncExitStack() as workers:
        for provider in providers:
            await workers.enter_async_context(worker(house, provider, lease_s=30))
        images = [image for batch in batches for image in await house.completed(batch.id, within_s=60)]
    assert sum(len(provider.asked) for provider in providers) == 7
    assert [image.state for image in images].count(ImageState.GENERATED) == 7
    assert {image.error.kind for image in images if image.error is not None} == {ErrorKind.BUDGET}
    assert await budget_of(house, Scope(owner=owner)) == (0, 7 * PRICE, 0)
    await agrees(house)


async def slowly(_request: GenerationRequest) -> None:
    await asyncio.sleep(0.05)


async def test_the_deployments_month_holds_for_the_instance_too_and_counts_what_was_spent_before(house: House) -> None:
    async with worker(house, billed()):
        await house.completed((await house.request(**SQUARE)).id)

    async def twice_for_the_first(_request: GenerationRequest) -> None:
        if len(provider.asked) == 1:
            raise ApiFailed("502")

    provider = billed(twice_for_the_first)
    async with worker(house, provider, max_cost_per_month=dollars(4)):
        batch = await house.request(**SQUARE, count=3)
        await house.completed(batch.id)
        images = await house.database.images.of_batch(batch.id)
    assert len(provider.asked) == 3
    (refused,) = [image for image in images if image.state is ImageState.FAILED]
    assert refused.error is not None
    assert "PRESSROOM_MAX_COST_PER_MONTH" in refused.error.message
    month = Scope(month=month_of(refused.updated_at))
    assert await budget_of(house, month) == (PRICE, 3 * PRICE, 0)
    await agrees(house)


@pytest.mark.parametrize(
    ("error", "spent"),
    [(Moderated("no"), 0), (InvalidRequest("no"), 0), (ApiFailed("502"), PRICE), (RateLimited("429", 0.1), PRICE)],
)
async def test_a_call_is_settled_at_what_its_try_says(house: House, error: WorkError, spent: int) -> None:
    async def once(_request: GenerationRequest) -> None:
        if len(provider.asked) == 1:
            raise error

    provider = billed(once)
    async with worker(house, provider):
        batch = await house.request(**SQUARE, max_cost=dollars(1), max_attempts=1)
        (image,) = await house.completed(batch.id)
    assert image.cost_microusd == spent
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, spent, 0)
    await agrees(house)


async def test_what_the_vendor_says_that_it_took_is_counted(house: House) -> None:
    provider = billed()
    provider.cost_microusd = PRICE - 500
    async with worker(house, provider):
        batch = await house.request(**SQUARE, max_cost="5")
        await house.completed(batch.id)
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, PRICE - 500, 0)


async def test_an_image_goes_on_to_a_dearer_provider_only_as_far_as_the_cap_reaches(house: House) -> None:
    cheap = billed(failing(InvalidRequest("not this one")))
    dear = Told(ProviderName.GEMINI, model="gemini-3-pro-image", is_billed=True)
    async with worker(house, cheap, dear):
        batch = await house.request(**listed("openai", "gemini"), count=3, max_cost="0.3")
        images = await house.completed(batch.id)
    assert len(dear.asked) == 2
    assert sum(image.cost_microusd for image in images) == 268_000
    (refused,) = [image for image in images if image.state is ImageState.FAILED]
    assert refused.error is not None
    assert refused.error.kind is ErrorKind.BUDGET
    await agrees(house)


async def test_what_a_cap_does_not_leave_goes_on_to_who_is_free(house: House) -> None:
    owner = await a_user(house, max_cost_per_month_microusd=0)
    paid, free = billed(), Told(ProviderName.STUDIO)
    async with worker(house, paid, free):
        batch = await house.request(owner=owner, **listed("openai", "studio"))
        (made,) = await house.completed(batch.id)
    assert (paid.asked, made.provider, made.state) == ([], ProviderName.STUDIO, ImageState.GENERATED)
    assert (made.cost_microusd, made.error) == (0, None)


async def test_a_job_at_the_vendor_keeps_what_is_put_aside_for_it_until_it_has_ended(house: House) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor)):
        batch = await house.request(provider="flux", max_cost="1")
        image = await image_when(house, f"{batch.id}-0000", lambda image: image.remote and image.remote.ref)
        assert image.reservation is not None
        put_aside = image.reservation.amount
    # The worker has stopped, and left its job.
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, 0, put_aside)
    vendor.finish()
    async with worker(house, Jobs(vendor)):
        (image,) = await house.completed(batch.id)
    assert len(vendor.jobs) == 1
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, image.cost_microusd, 0)
    assert image.cost_microusd == put_aside
    await agrees(house)


async def test_who_has_no_cap_costs_the_line_no_look_at_a_budget_and_no_transaction(house: House) -> None:
    owner = await a_user(house)
    batch = await house.request(owner=owner, **SQUARE, count=4)
    database = house.database.images.raw.database
    await database.command("profile", 2)
    async with worker(house, billed()):
        images = await house.completed(batch.id)
    await database.command("profile", 0)
    assert [accounts(image) for image in images] == [[(TryOutcome.MADE, 1, PRICE)]] * 4
    assert {image.tries[0].counted_in for image in images} == {()}
    operations = await database["system.profile"].find({"op": {"$ne": "killcursors"}}).to_list(None)
    looks = Counter(operation["ns"].removeprefix(f"{database.name}.") for operation in operations)
    assert looks["images"] > 4
    # The loop that counts again looks for budgets once, and finds none.
    assert looks["budgets"] <= 1
    # Once when the batch is planned, once for all of its images.
    assert looks["users"] <= 3
    assert not [
        operation
        for operation in operations
        if "txnNumber" in operation.get("command", {}) and operation["command"].get("autocommit") is False
    ]


async def test_what_is_put_aside_for_a_call_that_nobody_ended_is_spent_when_its_image_moves(house: House) -> None:
    first = billed(never)
    async with worker(house, first, Told(ProviderName.STUDIO), stop_grace_s=0):
        batch = await house.request(**listed("openai", "studio"), max_cost="1")
        await when(lambda: first.generating)
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, 0, PRICE)
    await lanes_of(house).close("openai", "no credit")
    await let_the_sweep_look_at_once(house, batch.id)
    async with worker(house, Told(ProviderName.STUDIO)):
        (image,) = await house.completed(batch.id)
    assert accounts(image) == [(TryOutcome.UNKNOWN, 1, PRICE), (TryOutcome.MADE, 0, 0)]
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, PRICE, 0)
    await agrees(house)


async def test_what_is_put_aside_for_a_call_that_nobody_ended_is_spent_when_its_batch_is_cancelled(
    house: House,
) -> None:
    first = billed(never)
    async with worker(house, first, stop_grace_s=0):
        batch = await house.request(**SQUARE, max_cost="1")
        await when(lambda: first.generating)
    told = [house.outbox.event(BatchCancelled(batch_id=batch.id))]
    assert await house.database.batches.transition(batch.id, BatchState.CANCELLED, messages=told) is not None
    await Settling(house.database, house.outbox).settle(batch.id)
    second = billed()
    async with worker(house, second):
        image = await image_in(house, f"{batch.id}-0000", ImageState.CANCELLED)
    assert (second.asked, accounts(image)) == ([], [(TryOutcome.UNKNOWN, 1, PRICE)])
    assert await budget_of(house, Scope(batch_id=batch.id)) == (0, PRICE, 0)
    await agrees(house)


@pytest.mark.parametrize(("cap", "state"), [("0.03", ImageState.GENERATED), ("0.029", ImageState.FAILED)])
async def test_by_the_second_all_the_time_that_an_image_may_take_is_put_aside(
    house: House, tmp_path: Path, cap: str, state: ImageState
) -> None:
    table = tmp_path / "prices.toml"
    table.write_text(
        '[[price]]\nprovider = "openai"\nunit = "second"\nusd = 0.001\ntypical_s = 10\n'
        'model = "gpt-image-2"\ngrade = "low"\nsource = "our contract"\nseen = 2026-11-21\n'
    )
    provider = billed()
    provider.gpu_seconds = 2.5
    async with worker(house, provider, price_table=table):
        batch = await house.request(**SQUARE, max_cost=cap, timeout_s=30)
        (image,) = await house.completed(batch.id)
    assert (image.state, len(provider.asked)) == (state, 1 if state is ImageState.GENERATED else 0)
    assert image.cost_microusd == 2_500 * len(provider.asked)
    await agrees(house)
