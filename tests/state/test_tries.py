"""How often something may be tried: counted once for all who ask, and given back as time goes by."""

import asyncio

import pytest

from pressroom.state.database import Database

from ..house import House, eventually


async def allowed(database: Database, count: int, *, per_minute: int, subject: str = "ann") -> list[bool]:
    return [await database.tries.take("name", subject, per_minute=per_minute) == 0 for _ in range(count)]


@pytest.mark.parametrize("per_minute", [1, 3, 7, 1000])
async def test_a_minutes_tries_are_allowed_at_once_and_no_more(house: House, per_minute: int) -> None:
    tried = await asyncio.gather(
        *(house.database.tries.take("name", "ann", per_minute=per_minute) for _ in range(min(per_minute, 50)))
    )
    assert set(tried) == {0.0}
    if per_minute < 50:
        wait_s = await house.database.tries.take("name", "ann", per_minute=per_minute)
        assert 0 < wait_s <= 60 / per_minute


async def test_a_refused_try_is_not_counted_and_the_next_comes_when_it_was_said(house: House) -> None:
    # One is free again every two seconds, which is longer than these take.
    assert await allowed(house.database, 32, per_minute=30) == [True] * 30 + [False] * 2

    async def again() -> bool:
        return (await allowed(house.database, 1, per_minute=30))[0]

    assert await eventually(again)


async def test_subjects_and_kinds_are_counted_each_by_itself(house: House) -> None:
    tries = house.database.tries
    for kind, subject in (("name", "ann"), ("name", "ben"), ("address", "ann")):
        assert await tries.take(kind, subject, per_minute=1) == 0
        assert await tries.take(kind, subject, per_minute=1) > 0


async def test_what_was_tried_is_stored_as_a_hash_that_is_removed_when_it_counts_no_more(house: House) -> None:
    await house.database.tries.take("name", "a password, typed too early", per_minute=1)
    (stored,) = await house.database.tries.raw.find({}).to_list(10)
    assert "password" not in str(stored)
    indexes = await house.database.tries.raw.index_information()
    assert indexes["forgotten"]["expireAfterSeconds"] == 0
