"""Transactions about the same: one after the other, and nobody waits for another's for ever."""

import asyncio
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from pressroom.state import transactions
from pressroom.state.transactions import Busy, Session, Transactions


async def test_who_waits_for_one_that_does_not_end_is_told_to_try_again(
    mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "_GIVE_UP_S", 0.1)
    client = AsyncIOMotorClient[dict[str, Any]](mongo_url)
    runs = Transactions(client)
    began, ends = asyncio.Event(), asyncio.Event()

    async def slow(_session: Session) -> str:
        began.set()
        await ends.wait()
        return "slow"

    async def quick(_session: Session) -> str:
        return "quick"

    first = asyncio.create_task(runs.run("one", slow))
    await began.wait()
    async with asyncio.timeout(20):
        with pytest.raises(Busy, match="one is being written"):
            await runs.run("one", quick)
    assert await runs.run("another", quick) == "quick"
    ends.set()
    assert (await first, await runs.run("one", quick)) == ("slow", "quick")
    client.close()


async def test_who_is_cancelled_in_the_middle_hears_of_it_when_all_is_written(
    mongo_url: str, mongo_database: str
) -> None:
    client = AsyncIOMotorClient[dict[str, Any]](mongo_url)
    rows = client[mongo_database]["rows"]

    async def work(session: Session) -> None:
        await rows.insert_one({"_id": "first"}, session=session)
        running.cancel()
        await asyncio.sleep(0)
        running.cancel()
        await rows.insert_one({"_id": "second"}, session=session)

    running = asyncio.create_task(Transactions(client).run("rows", work))
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [row["_id"] async for row in rows.find().sort("_id", 1)] == ["first", "second"]
    client.close()


async def test_who_is_cancelled_before_another_try_has_no_more_of_them(mongo_url: str, mongo_database: str) -> None:
    client = AsyncIOMotorClient[dict[str, Any]](mongo_url)
    rows = client[mongo_database]["rows"]
    await rows.insert_one({"_id": "one", "n": 0})
    tries = 0

    async def work(session: Session) -> None:
        nonlocal tries
        tries += 1
        await rows.find_one({"_id": "one"}, session=session)
        # Somebody else writes it in between, and the one who asked goes away.
        await rows.update_one({"_id": "one"}, {"$inc": {"n": 1}})
        running.cancel()
        await rows.update_one({"_id": "one"}, {"$inc": {"n": 10}}, session=session)

    running = asyncio.create_task(Transactions(client).run("rows", work))
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (tries, await rows.find_one()) == (1, {"_id": "one", "n": 1})
    client.close()
