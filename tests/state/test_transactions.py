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
