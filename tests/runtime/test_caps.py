"""Which caps hold for whom and when, what is said of them, and what the audit finds where a budget is wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pressroom.contracts.facts import ProviderTry
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import ProviderName, Role, TryOutcome
from pressroom.runtime.caps import Caps, Costs, beyond, name_of, over_cap
from pressroom.runtime.finishing import TRIES_AT_MOST, with_try
from pressroom.runtime.settings import Settings
from pressroom.state.budgets import BudgetDocument, Cap, OverCap, Scope
from pressroom.state.users import new_user

from ..house import House
from ..stored_images import a_queued_image

LAST_OF_NOVEMBER = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
REQUEST = BatchRequest(provider=ProviderName.OPENAI, prompt="x", count=3)


async def a_user(house: House, **caps: int) -> str:
    user = new_user(f"{new_id('some')}@example.com", "no hash of anything", Role.USER)
    assert await house.database.users.add(user.model_copy(update=caps))
    return user.id


def ids(caps: tuple[Cap, ...]) -> list[str]:
    return [cap.scope.id for cap in caps]


async def test_the_narrowest_cap_comes_first_and_the_month_is_that_of_the_moment(house: House) -> None:
    owner = await a_user(house, max_cost_microusd=3, max_cost_per_month_microusd=2)
    now = LAST_OF_NOVEMBER
    settings = Settings.model_validate({**house.values, "max_cost_per_month": "7"})
    caps = Caps(house.database, settings, lambda: now)
    found = await caps.of(owner, "b-1", 1)
    assert [cap.limit for cap in found] == [1, 3, 2, 7_000_000]
    assert ids(found) == ["batch/b-1", f"owner/{owner}", f"month/2026-11/{owner}", "month/2026-11"]
    now = DECEMBER
    assert ids(await caps.of(owner, "b-1", None)) == [f"owner/{owner}", f"month/2026-12/{owner}", "month/2026-12"]
    assert ids(await caps.of("default", "b-1", None)) == ["month/2026-12"]


async def test_who_has_no_cap_is_looked_up_once_in_a_while_and_who_has_one_each_time(house: House) -> None:
    free, capped = await a_user(house), await a_user(house, max_cost_microusd=1)
    caps, users = Caps(house.database, house.settings), house.database.users.raw
    await users.database.command("profile", 2)
    for owner in (free, capped, "default"):
        for _ in range(3):
            await caps.of(owner, "b-1", None)
    await users.database.command("profile", 0)
    seen = await users.database["system.profile"].find({"ns": f"{users.database.name}.users"}).to_list(None)
    assert [operation["command"]["filter"]["_id"] for operation in seen] == [free, capped, capped, capped]


@pytest.mark.parametrize(
    ("costs", "left", "says"),
    [
        ({ProviderName.OPENAI: 6_000}, 18_000, None),
        ({ProviderName.OPENAI: 6_000}, 17_999, "it costs $0.018 at least (3 x $0.006 at 'openai'); the limit is $0.02"),
        ({ProviderName.OPENAI: 6_000, ProviderName.FLUX: 5_000}, 15_000, None),
        ({ProviderName.OPENAI: 6_000, ProviderName.STUDIO: 0}, 0, None),
        ({ProviderName.OPENAI: None, ProviderName.STUDIO: 0}, 15_000, "'openai': nobody knows"),
        ({}, 0, None),
    ],
)
def test_the_cheapest_way_decides_and_a_price_that_nobody_knows_is_no_price(
    costs: Costs, left: int, says: str | None
) -> None:
    reasons = beyond(Cap(Scope(batch_id="b"), 20_000), left, REQUEST, costs)
    assert [says in reason.message for reason in reasons if says] == ([True] if says else [])
    assert bool(reasons) == (says is not None)


@pytest.mark.parametrize(
    ("scope", "name", "way_out"),
    [
        (Scope(batch_id="b"), "max_cost", "higher 'max_cost'"),
        (Scope(owner="o"), "account.max_cost", "admin"),
        (Scope(owner="o", month="2026-11"), "account.max_cost_per_month", "next month"),
        (Scope(month="2026-11"), "PRESSROOM_MAX_COST_PER_MONTH", "next month"),
    ],
)
def test_who_is_refused_hears_which_cap_what_is_taken_of_it_and_what_to_do(
    scope: Scope, name: str, way_out: str
) -> None:
    now = datetime.now(UTC)
    budget = BudgetDocument(
        _id=scope.id, before=1_000, spent=2_000, reserved=500, created_at=now, updated_at=now, recount_at=now
    )
    said = over_cap(OverCap(Cap(scope, 4_000), budget, 600))
    assert name_of(scope) == name
    for part in (f"({name})", "$0.0006", "$0.004", "$0.003 is spent and $0.0005 put aside", way_out):
        assert part in said


@pytest.mark.parametrize(("field", "told"), [("spent", "spent $0"), ("reserved", "put aside $0")])
async def test_the_audit_finds_a_budget_that_its_images_know_nothing_of(house: House, field: str, told: str) -> None:
    await house.database.budgets.open(Scope(batch_id="b-1"))
    report = await house.audit()
    assert (report.budgets, report.drifts) == (1, ())
    await house.database.budgets.raw.update_one({}, {"$set": {field: 5}})
    (drift,) = (await house.audit()).drifts
    assert (drift.entity, drift.id, drift.told) == ("budget", "batch/b-1", told)


async def test_what_was_spent_before_a_cap_is_counted_by_the_first_look_and_by_no_other(house: House) -> None:
    owner, costs = await a_user(house, max_cost_microusd=3), {ProviderName.OPENAI: 6_000}
    caps = Caps(house.database, Settings.model_validate({**house.values, "max_cost_per_month": "7"}))
    database = house.database.images.raw.database
    await database.command("profile", 2)
    for _ in range(3):
        found = await caps.of(owner, "b-1", 1)
        assert len(await caps.refusals(found, REQUEST, costs)) == 2
    await database.command("profile", 0)
    looks = await database["system.profile"].find({"command.aggregate": "images"}).to_list(None)
    # The batch's own each time: it may be one that is refused, of which nothing is kept.
    assert len(looks) == 3 + 1 + 1
    assert await house.database.budgets.get(Scope(batch_id="b-1")) is None


def test_of_many_tries_those_that_cost_something_are_kept() -> None:
    now = datetime.now(UTC)

    def a_try(number: int) -> ProviderTry:
        cost = 10 if number % 30 == 0 else 0
        return ProviderTry(
            provider=ProviderName.OPENAI,
            outcome=TryOutcome.UNKNOWN,
            cost_microusd=cost,
            began_at=now + timedelta(seconds=number),
        )

    image = a_queued_image()
    for number in range(120):
        image = image.model_copy(
            update={"tries": tuple(ProviderTry.model_validate(told) for told in with_try(image, a_try(number)))}
        )
    assert len(image.tries) == TRIES_AT_MOST
    assert image.cost_microusd == 4 * 10
    assert [attempt.began_at for attempt in image.tries[-46:]] == [now + timedelta(seconds=n) for n in range(74, 120)]


@pytest.mark.parametrize("wrong", ["-1", "nan", "0.0000001", "much"])
def test_a_cap_for_the_deployment_that_is_no_amount_ends_the_start(wrong: str) -> None:
    with pytest.raises(ValueError, match="max_cost_per_month"):
        Settings.model_validate({"max_cost_per_month": wrong})


def test_a_cap_is_the_same_wish_however_it_is_written() -> None:
    said: list[Any] = [2, 2.0, "2", "2.000000", "2e0"]
    requests = [REQUEST.model_validate({**REQUEST.model_dump(), "max_cost": cap}) for cap in said]
    assert {request.model_dump_json() for request in requests} == {requests[0].model_dump_json()}
