"""Places in a lane's limits: held by leases in MongoDB, for all workers together."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.lane_gate import LaneGate
from pressroom.runtime.lane_policies import LanePolicy, LaneRules, rules_of
from pressroom.state.database import Database
from pressroom.state.gates import Gates

from ..house import eventually

GENERAL = LanePolicy(max_attempts=3, backoff_initial_s=1, backoff_max_s=10, rate_limit_pause_s=60, timeout_s=120)
LANE = ProviderName.FLUX
LEASE_S = 1.0
CLOCKS_S = 0.01
"""What the database's clock, which counts milliseconds, may be apart from the test's."""


@pytest.fixture
async def gates(mongo_url: str, mongo_database: str) -> AsyncIterator[Gates]:
    database = Database(mongo_url, mongo_database)
    yield database.gates
    database.close()


def rules(**limits: float) -> LaneRules:
    return rules_of(LanePolicy.model_validate(limits), None, GENERAL)


def gate(gates: Gates, lease_s: float = LEASE_S, **limits: float) -> LaneGate:
    """As one worker has it: each has its own."""
    return LaneGate(gates, LANE, rules(**limits), lease_s=lease_s)


async def enter(gates: Gates, holder: str, *, places: int | None = 1, lease_s: float = 60.0) -> bool:
    return (await gates.enter(LANE, holder, places=places, interval_s=0, lease_s=lease_s)).is_inside


async def test_without_limits_nobody_waits_and_nothing_is_written(gates: Gates) -> None:
    async with gate(gates).place("a"), gate(gates).place("b"):
        pass
    assert await enter(gates, "c")


async def test_the_last_place_is_given_once(gates: Gates) -> None:
    inside = await asyncio.gather(*(enter(gates, f"image-{number}", places=3) for number in range(20)))
    assert inside.count(True) == 3


async def test_who_has_a_place_may_ask_again_without_taking_another(gates: Gates) -> None:
    assert await enter(gates, "a", places=2)
    assert await enter(gates, "a", places=2)
    assert await enter(gates, "b", places=2)
    assert not await enter(gates, "c", places=2)


async def test_a_place_that_is_given_back_is_the_next_ones_at_once(gates: Gates) -> None:
    assert await enter(gates, "a")
    assert not await enter(gates, "b")
    await gates.leave(LANE, "a", gap_s=0)
    assert await enter(gates, "b")


async def test_giving_back_what_one_does_not_have_frees_nothing(gates: Gates) -> None:
    assert await enter(gates, "a")
    await gates.leave(LANE, "somebody else", gap_s=0)
    assert not await enter(gates, "b")


async def test_a_dead_workers_place_comes_free_when_its_lease_is_over(gates: Gates) -> None:
    assert await enter(gates, "dead", lease_s=0.5)
    began = time.monotonic()
    assert not await enter(gates, "b")
    await eventually(lambda: enter(gates, "b"))
    assert time.monotonic() - began >= 0.4


async def test_a_living_workers_place_is_kept_beyond_its_lease(gates: Gates) -> None:
    async with gate(gates, lease_s=0.4, in_flight=1).place("alive"):
        taken = asyncio.create_task(eventually(lambda: enter(gates, "b"), within_s=5))
        await asyncio.wait({taken}, timeout=1.2)
        assert not taken.done()
    assert await taken


async def test_who_stays_takes_no_place_that_was_lost(gates: Gates) -> None:
    assert await enter(gates, "frozen", lease_s=0.1)
    await eventually(lambda: enter(gates, "b"))
    await gates.stay(LANE, "frozen", lease_s=60)
    await gates.leave(LANE, "b", gap_s=0)
    assert await enter(gates, "c")


async def test_images_enter_no_sooner_after_each_other_than_the_limit_says(gates: Gates) -> None:
    entered: list[float] = []

    async def one(number: int) -> None:
        async with gate(gates, requests_per_minute=240).place(f"image-{number}"):
            entered.append(time.monotonic())

    began = time.monotonic()
    await asyncio.gather(*(one(number) for number in range(5)))
    assert [moment - began >= number * 0.25 - CLOCKS_S for number, moment in enumerate(entered)] == [True] * 5


async def test_no_more_are_inside_than_there_are_places_over_all_workers(gates: Gates) -> None:
    inside, most = 0, 0

    async def one(number: int) -> None:
        nonlocal inside, most
        async with gate(gates, in_flight=2).place(f"image-{number}"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.05)
            inside -= 1

    await asyncio.gather(*(one(number) for number in range(8)))
    assert most == 2


@pytest.mark.parametrize(
    ("fails", "limits"),
    [(False, {"delay_s": 0.3, "delay_after_error_s": 60}), (True, {"delay_s": 0.1, "delay_after_error_s": 0.3})],
)
async def test_the_next_enters_after_the_pause_that_the_last_ones_end_asks_for(
    gates: Gates, fails: bool, limits: dict[str, float]
) -> None:

    began = time.monotonic()

    async def work() -> None:
        async with gate(gates, **limits).place("first"):
            if fails:
                raise ValueError("the provider's")

    if fails:
        with pytest.raises(ValueError, match="the provider's"):
            await work()
    else:
        await work()
    ended = time.monotonic()
    async with gate(gates, **limits).place("second"):
        waited_s = time.monotonic() - began
    assert waited_s >= 0.3 - CLOCKS_S
    assert time.monotonic() - ended < 30


async def test_who_is_torn_off_gives_the_place_back(gates: Gates) -> None:
    inside = asyncio.Event()

    async def hold() -> None:
        async with gate(gates, in_flight=1).place("a"):
            inside.set()
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await inside.wait()
    assert not await enter(gates, "b")
    holding.cancel()
    await asyncio.wait({holding})
    assert await enter(gates, "b")


async def test_an_error_is_not_followed_by_less_of_a_pause_than_a_success(gates: Gates) -> None:
    with pytest.raises(ValueError, match="the provider's"):
        async with gate(gates, delay_s=0.5).place("first"):
            raise ValueError("the provider's")
    entry = await gates.enter(LANE, "second", places=None, interval_s=0, lease_s=60)
    assert not entry.is_inside
    assert 0.1 < entry.wait_s <= 0.5


async def test_lanes_do_not_limit_each_other(gates: Gates) -> None:
    assert await enter(gates, "a")
    other = await gates.enter("openai", "a", places=1, interval_s=0, lease_s=60)
    assert other.is_inside
