"""Transactions about the same: one after the other, and nobody waits for another's for ever."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

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


async def test_a_commit_whose_answer_is_lost_is_asked_for_until_it_is_known(
    mongo_url: str, mongo_database: str
) -> None:
    async with losing_the_answer(mongo_url, b"commitTransaction", away_s=1.0) as url:
        client = AsyncIOMotorClient[dict[str, Any]](url, serverSelectionTimeoutMS=300)
        rows = client[mongo_database]["rows"]
        tries = 0

        async def work(session: Session) -> str:
            nonlocal tries
            tries += 1
            await rows.insert_one({"_id": "one"}, session=session)
            return "done"

        assert await Transactions(client).run("rows", work) == "done"
        assert (tries, await rows.count_documents({})) == (1, 1)
        # It waits for its last word to the server, which goes by this very loop.
        await asyncio.to_thread(client.close)


@asynccontextmanager
async def losing_the_answer(mongo_url: str, words: bytes, *, away_s: float) -> AsyncGenerator[str]:
    """A way to the server that breaks off as it has the answer to the first message with `words`; for so many seconds
    after that nobody gets through."""
    server = urlsplit(mongo_url)
    loop = asyncio.get_running_loop()
    ways = set[asyncio.Task[None]]()
    back_at: float | None = None

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if back_at is not None and loop.time() < back_at:
            writer.close()
            return
        answers, questions = await asyncio.open_connection(server.hostname, server.port)
        is_asked = asyncio.Event()
        both = {
            asyncio.create_task(ask(reader, questions, is_asked)),
            asyncio.create_task(tell(answers, writer, is_asked)),
        }
        ways.update(both)
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for way in both:
            way.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        ways.difference_update(both)
        questions.close()
        writer.close()

    async def ask(reader: asyncio.StreamReader, questions: asyncio.StreamWriter, is_asked: asyncio.Event) -> None:
        while data := await reader.read(2**16):
            if words in data:
                is_asked.set()
            questions.write(data)
            await questions.drain()

    async def tell(answers: asyncio.StreamReader, writer: asyncio.StreamWriter, is_asked: asyncio.Event) -> None:
        nonlocal back_at
        while data := await answers.read(2**16):
            if back_at is None and is_asked.is_set():
                back_at = loop.time() + away_s
                for way in ways:
                    way.cancel()
                return
            writer.write(data)
            await writer.drain()

    listening = await asyncio.start_server(serve, "127.0.0.1")
    port = listening.sockets[0].getsockname()[1]
    yield server._replace(netloc=f"127.0.0.1:{port}").geturl()
    listening.close()
