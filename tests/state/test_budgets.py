"""Under a cap no more is put aside than it leaves, whoever asks at the same time; image and budget always agree."""

import asyncio
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest

from pressroom.contracts.facts import ProviderTry
from pressroom.contracts.vocabulary import ImageState, ProviderName, TryOutcome
from pressroom.state.budgets import BudgetDocument, Cap, OverCap, Scope, month_of
from pressroom.state.collection import Claim
from pressroom.state.documents import ImageDocument

from ..house import House
from ..stored_images import a_queued_image

PRICE = 6_000
OWNER = "user_ann"
BATCH = Scope(batch_id="b-1")
NOW = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)


async def an_image(house: House, index: int = 0, **fields: Any) -> ImageDocument:
    image = a_queued_image(index, **{"owner": OWNER, **fields})
    assert await house.database.images.insert(image)
    return image


async def taken(house: House, index: int = 0, **fields: Any) -> Claim[ImageDocument]:
    image = await an_image(house, index, **fields)
    becomes: dict[StrEnum, StrEnum] = {ImageState.QUEUED: ImageState.GENERATING}
    claim = await house.database.images.claim(image.id, becomes, worker="w", lease_s=60)
    assert claim is not None
    return claim


async def begun(house: House, claim: Claim[ImageDocument], *caps: Cap, amount: int = PRICE) -> ImageDocument | None:
    """A call is on its way."""
    intent = {"call_began_at": datetime.now(UTC)}
    return await house.database.images.begin_call(claim.id, intent, caps, amount, token=claim.token)


def a_try(cost: int, outcome: TryOutcome = TryOutcome.MADE, began_at: datetime | None = None) -> ProviderTry:
    return ProviderTry(
        provider=ProviderName.OPENAI,
        outcome=outcome,
        calls=1,
        cost_microusd=cost,
        began_at=began_at or datetime.now(UTC),
    )


async def ended(house: House, claim: Claim[ImageDocument], cost: int) -> ImageDocument:
    """The call is over, and what came of it written, as those who make images write it."""
    image = await house.image(claim.id)
    tries = [known.model_dump() for known in (*image.tries, a_try(cost))]
    written = await house.database.images.change(claim.id, {"tries": tries, "call_began_at": None}, token=claim.token)
    assert written is not None
    return written


async def sums(house: House, scope: Scope = BATCH) -> tuple[int, int, int]:
    budget = await house.database.budgets.get(scope)
    assert budget is not None
    assert await house.database.budgets.counted(scope.id) == (budget.spent, budget.reserved)
    return budget.before, budget.spent, budget.reserved


@pytest.mark.parametrize(
    "scope",
    [BATCH, Scope(owner=OWNER), Scope(month="2026-11"), Scope(month="2026-12", owner=OWNER)],
    ids=lambda scope: scope.id,
)
def test_a_scope_is_known_by_the_id_of_its_budget(scope: Scope) -> None:
    assert Scope.of(scope.id) == scope


def test_a_month_is_one_of_utc() -> None:
    east_of_it = NOW.astimezone(tz=None)
    assert (month_of(east_of_it), month_of(NOW + timedelta(minutes=1))) == ("2026-11", "2026-12")
    assert Scope(month="2026-12").span == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


async def test_what_is_put_aside_is_spent_as_the_try_is_written_and_names_its_budgets(house: House) -> None:
    caps = (Cap(BATCH, PRICE), Cap(Scope(owner=OWNER), 10 * PRICE))
    claim = await taken(house)
    image = await begun(house, claim, *caps)
    assert image is not None
    assert image.call_began_at is not None
    assert await sums(house) == (0, 0, PRICE)
    image = await ended(house, claim, PRICE - 1)
    assert image.reservation is None
    assert image.tries[0].counted_in == ("batch/b-1", f"owner/{OWNER}")
    assert [await sums(house, cap.scope) for cap in caps] == [(0, PRICE - 1, 0)] * 2


async def test_a_call_that_took_nothing_leaves_everything(house: House) -> None:
    claim = await taken(house)
    await begun(house, claim, Cap(BATCH, PRICE))
    await house.database.images.transition(claim.id, ImageState.QUEUED, changes={"call_began_at": None})
    assert await sums(house) == (0, 0, 0)


async def test_of_forty_at_once_as_many_begin_as_the_cap_is_enough_for(house: House) -> None:
    caps = (Cap(BATCH, 10 * PRICE), Cap(Scope(owner=OWNER), 1_000 * PRICE))
    claims = [await taken(house, index) for index in range(40)]

    async def tries_to(claim: Claim[ImageDocument]) -> bool:
        try:
            return await begun(house, claim, *caps) is not None
        except OverCap:
            return False

    assert sum(await asyncio.gather(*(tries_to(claim) for claim in claims))) == 10
    assert await sums(house) == (0, 0, 10 * PRICE)
    # What one cap refused is put aside under no other.
    assert await sums(house, caps[1].scope) == (0, 0, 10 * PRICE)
    images = await house.database.images.of_batch("b-1")
    assert sum(image.call_began_at is not None for image in images) == 10


async def test_who_is_refused_hears_of_the_cap_and_of_what_it_leaves(house: House) -> None:
    first, second = await taken(house), await taken(house, 1)
    await begun(house, first, Cap(BATCH, PRICE + 1))
    with pytest.raises(OverCap) as refused:
        await begun(house, second, Cap(BATCH, PRICE + 1))
    assert (refused.value.cap.limit, refused.value.wanted, refused.value.budget.left(PRICE + 1)) == (
        PRICE + 1,
        PRICE,
        1,
    )
    assert (await house.image(second.id)).call_began_at is None


async def test_who_lost_the_image_puts_nothing_aside(house: House) -> None:
    claim = await taken(house)
    await house.database.images.raw.update_one({"_id": claim.id}, {"$set": {"lease.token": "another"}})
    assert await begun(house, claim, Cap(BATCH, PRICE)) is None
    assert await house.database.budgets.get(BATCH) is None


async def test_a_call_that_begins_anew_frees_what_was_put_aside_for_the_last(house: House) -> None:
    claim = await taken(house)
    for _ in range(3):
        assert await begun(house, claim, Cap(BATCH, PRICE)) is not None
    assert await sums(house) == (0, 0, PRICE)


async def test_a_write_that_says_nothing_of_the_call_leaves_what_is_put_aside(house: House) -> None:
    claim = await taken(house)
    await begun(house, claim, Cap(BATCH, PRICE))
    assert await house.database.images.change(claim.id, {"progress": 0.5}, token=claim.token) is not None
    queued = await house.database.images.transition(claim.id, ImageState.QUEUED)
    assert queued is not None
    assert queued.reservation is not None
    assert await sums(house) == (0, 0, PRICE)


async def test_a_cap_that_comes_later_counts_what_was_spent_before(house: House) -> None:
    earlier = NOW - timedelta(days=40)
    tries = (a_try(1_000, began_at=earlier), a_try(20, began_at=NOW))
    await an_image(house, 5, tries=tries)
    await an_image(house, 6, tries=tries, owner="somebody_else", batch_id="b-2", _id="b-2-0006")
    expected = {
        Scope(owner=OWNER): 1_020,
        Scope(month=month_of(NOW), owner=OWNER): 20,
        Scope(month=month_of(NOW)): 40,
        Scope(month=month_of(earlier)): 2_000,
        BATCH: 1_020,
    }
    found = {scope: (await house.database.budgets.open(scope)).before for scope in expected}
    assert found == expected


async def test_what_was_spent_in_the_moment_of_a_new_cap_is_counted_when_it_is_a_minute_old(house: House) -> None:
    budgets, claim = house.database.budgets, await taken(house)
    await budgets.open(BATCH)
    budget = await budgets.seen(BATCH)
    # Of a worker that had not heard of the cap.
    await ended(house, claim, PRICE)
    later = budget.created_at + timedelta(minutes=2)
    assert not await budgets.recount_next(budget.created_at)
    assert await budgets.recount_next(later)
    assert not await budgets.recount_next(later)
    assert await sums(house) == (PRICE, 0, 0)
    # Now that it is two minutes old, in two minutes.
    found = await budgets.get(BATCH)
    assert found is not None
    assert found.recount_at - later == timedelta(minutes=2)


async def test_what_is_counted_is_not_counted_before(house: House) -> None:
    claim = await taken(house)
    await begun(house, claim, Cap(BATCH, PRICE))
    await ended(house, claim, PRICE)
    await house.database.budgets.recount_next(datetime.now(UTC) + timedelta(days=1))
    assert await sums(house) == (0, PRICE, 0)


async def test_a_new_month_begins_with_nothing_and_the_call_counts_for_the_month_that_it_began_in(house: House) -> None:
    november, december = (Scope(month=month, owner=OWNER) for month in ("2026-11", "2026-12"))
    first, second = await taken(house), await taken(house, 1)
    await begun(house, first, Cap(november, PRICE))
    with pytest.raises(OverCap):
        await begun(house, second, Cap(november, PRICE))
    assert await begun(house, second, Cap(december, PRICE)) is not None
    await ended(house, first, PRICE)
    assert await sums(house, november) == (0, PRICE, 0)
    assert await sums(house, december) == (0, 0, PRICE)


async def rows(house: House, count: int) -> list[tuple[str, int]]:
    images = [await an_image(house, index, state="planned", mode="batch") for index in range(count)]
    return [(image.id, PRICE) for image in images]


async def test_of_a_providers_job_as_many_rows_are_asked_for_as_the_cap_is_enough_for(house: House) -> None:
    amounts, caps = await rows(house, 5), (Cap(BATCH, 3 * PRICE + 1), Cap(Scope(owner=OWNER), 100 * PRICE))
    for _ in range(2):
        found = await house.database.images.begin_rows("job", amounts, caps)
        assert found.left_out == ("b-1-0003", "b-1-0004")
        assert found.over is not None
        assert found.over.cap == caps[0]
        assert await sums(house) == (0, 0, 3 * PRICE)


async def test_rows_that_are_asked_for_in_another_month_are_put_aside_in_that_one(house: House) -> None:
    amounts, begin_rows = await rows(house, 3), house.database.images.begin_rows
    november, december = (Cap(Scope(month=month, owner=OWNER), 3 * PRICE) for month in ("2026-11", "2026-12"))
    await begin_rows("job", amounts, (november,))
    # One that its provider may have been asked for keeps what it has.
    await begin_rows("job", amounts, (december,), is_asked=True)
    assert await sums(house, november.scope) == (0, 0, 3 * PRICE)
    tighter = Cap(december.scope, 2 * PRICE)
    for _ in range(2):
        found = await begin_rows("job", amounts, (tighter,))
        assert found.left_out == ("b-1-0002",)
        assert await sums(house, november.scope) == (0, 0, 0)
        assert await sums(house, december.scope) == (0, 0, 2 * PRICE)
    left_out = await house.image("b-1-0002")
    assert left_out.reservation is None


async def test_a_try_that_is_counted_in_one_month_is_not_counted_in_the_next_as_well(house: House) -> None:
    december = Scope(month="2026-12", owner=OWNER)
    in_december = NOW + timedelta(hours=1)
    tries = [
        a_try(1_000, began_at=in_december).model_copy(update={"counted_in": ("batch/b-1", f"month/2026-11/{OWNER}")}),
        # Of somebody else's month, and so of none of this owner's.
        a_try(20, began_at=in_december).model_copy(update={"counted_in": ("month/2026-11",)}),
    ]
    await an_image(house, 5, tries=tuple(tries))
    assert (await house.database.budgets.open(december)).before == 20
    assert (await house.database.budgets.open(Scope(month="2026-12"))).before == 1_000


async def test_what_was_spent_in_a_month_is_looked_for_among_the_paid_images_of_that_month(house: House) -> None:
    # Free ones, and paid ones of another month.
    for index in range(20):
        earlier = NOW - timedelta(days=40)
        await an_image(house, index, tries=(a_try(0 if index % 2 else PRICE, began_at=earlier),))
    await an_image(house, 20, tries=(a_try(PRICE, began_at=NOW),))
    database = house.database.images.raw.database
    await database.command("profile", 2)
    assert (await house.database.budgets.open(Scope(month=month_of(NOW)))).before == PRICE
    await database.command("profile", 0)
    (look,) = await database["system.profile"].find({"command.aggregate": "images"}).to_list(None)
    assert (look["planSummary"], look["docsExamined"]) == ("IXSCAN { tries.began_at: 1 }", 1)


async def test_what_is_put_aside_for_a_row_is_free_when_its_image_ends(house: House) -> None:
    amounts = await rows(house, 3)
    await house.database.images.begin_rows("job", amounts, (Cap(BATCH, 3 * PRICE),))
    made, failed, cancelled = (name for name, _ in amounts)
    images = house.database.images
    for name in (made, failed):
        await images.transition(name, ImageState.GENERATING)
    assert await sums(house) == (0, 0, 3 * PRICE)
    await images.transition(made, ImageState.FINISHING, changes={"tries": [a_try(PRICE - 1).model_dump()]})
    await images.transition(failed, ImageState.FAILED)
    await images.transition(cancelled, ImageState.CANCELLED)
    assert await sums(house) == (0, PRICE - 1, 0)


async def test_pollers_that_put_aside_for_jobs_of_one_owner_at_once_stay_under_the_cap(house: House) -> None:
    amounts, cap = await rows(house, 12), Cap(BATCH, 7 * PRICE)
    parts = [amounts[start : start + 4] for start in (0, 4, 8)]
    found = await asyncio.gather(
        *(house.database.images.begin_rows(f"job-{n}", part, (cap,)) for n, part in enumerate(parts))
    )
    assert sum(len(one.left_out) for one in found) == 5
    assert await sums(house) == (0, 0, 7 * PRICE)


def test_a_budget_that_was_overspent_leaves_nothing_and_no_less() -> None:
    budget = BudgetDocument(_id="batch/x", spent=10, created_at=NOW, updated_at=NOW, recount_at=NOW)
    assert budget.left(5) == 0
