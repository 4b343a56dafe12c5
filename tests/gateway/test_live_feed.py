"""The feed behind live events: many listeners and one reader, nothing missed and nothing told twice."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import pytest

from pressroom.contracts.events import BatchCancelled
from pressroom.contracts.subjects import ALL_EVENTS, EVENTS_STREAM, story_filter
from pressroom.gateway import live_feed
from pressroom.gateway.live_feed import LiveFeed
from pressroom.runtime.topology import provision

from ..house import House

WITHIN_S = 20


@asynccontextmanager
async def a_feed(house: House) -> AsyncGenerator[LiveFeed]:
    feed = LiveFeed(house.js)
    running = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def tell(house: House, first: int, count: int) -> None:
    """Events of the batches `batch-0` and `batch-1` in turn."""
    for number in range(first, first + count):
        await house.outbox.send(house.outbox.event(BatchCancelled(batch_id=f"batch-{number % 2}")))


async def heard(feed: LiveFeed, after: int | None, count: int, *, story: str | None = None) -> list[int]:
    """The places of the next `count` events."""
    subject = ALL_EVENTS if story is None else story_filter(story)
    places: list[int] = []
    told = feed.listen(subject, lambda told: story is None or told.endswith(f".{story}"), after, idle_s=0.5)
    async with asyncio.timeout(WITHIN_S), aclosing(told):
        async for lines in told:
            places += [line.sequence for line in lines]
            if len(places) >= count:
                break
    return places


async def test_listeners_that_join_while_it_goes_on_hear_everything_once_and_in_order(house: House) -> None:
    await tell(house, 0, 20)
    async with a_feed(house) as feed, asyncio.TaskGroup() as group:
        listening: list[asyncio.Task[list[int]]] = []
        for number in range(12):
            listening.append(group.create_task(heard(feed, number, 60 - number)))
            await tell(house, 20 + 3 * number, 3)
        await tell(house, 56, 4)
    assert [task.result() for task in listening] == [list(range(number + 1, 61)) for number in range(12)]


async def test_a_story_is_heard_from_its_past_and_as_it_goes_on(house: House) -> None:
    await tell(house, 0, 6)
    async with a_feed(house) as feed, asyncio.TaskGroup() as group:
        listening = group.create_task(heard(feed, 0, 5, story="batch-1"))
        await tell(house, 6, 4)
    assert listening.result() == [2, 4, 6, 8, 10]


async def test_who_reads_too_slowly_loses_nothing_and_holds_up_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_feed, "LINES_AHEAD", 5)
    async with a_feed(house) as feed:
        slow = feed.listen(ALL_EVENTS, lambda _subject: True, 0, idle_s=0.2)
        assert await anext(slow) == []
        quick = asyncio.create_task(heard(feed, 0, 40))
        await tell(house, 0, 40)
        assert await quick == list(range(1, 41))
        places: list[int] = []
        async with asyncio.timeout(WITHIN_S), aclosing(slow):
            async for lines in slow:
                places += [line.sequence for line in lines]
                if len(places) == 40:
                    break
    assert places == list(range(1, 41))


async def test_what_is_remembered_no_more_is_read_from_the_stream(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_feed, "REMEMBERED", 4)
    async with a_feed(house) as feed:
        # From the beginning, as the feed may be a moment behind the first event.
        assert await asyncio.gather(heard(feed, 0, 30), tell(house, 0, 30)) == [list(range(1, 31)), None]
        for after in (0, 25, 26, 27, 29):
            assert await heard(feed, after, 30 - after) == list(range(after + 1, 31))
        assert await heard(feed, 3, 14, story="batch-1") == list(range(4, 31, 2))


async def test_long_events_are_remembered_by_their_size(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_feed, "REMEMBERED_BYTES", 100)
    async with a_feed(house) as feed:
        assert await asyncio.gather(heard(feed, 0, 30), tell(house, 0, 30)) == [list(range(1, 31)), None]
        for after in (0, 20, 29):
            assert await heard(feed, after, 30 - after) == list(range(after + 1, 31))


async def test_a_stream_that_was_lost_and_made_anew_is_heard_from_its_beginning(own_house: House) -> None:
    house = own_house
    await tell(house, 0, 5)
    async with a_feed(house) as feed, asyncio.TaskGroup() as group:
        listening = group.create_task(heard(feed, 0, 8))
        assert await heard(feed, 0, 5) == [1, 2, 3, 4, 5]
        await house.js.delete_stream(EVENTS_STREAM)
        await provision(house.settings)
        await tell(house, 5, 3)
        await asyncio.wait_for(listening, WITHIN_S)
        # Who comes back with a place of the lost stream has heard nothing of this one.
        assert await heard(feed, 5, 3) == [1, 2, 3]
        assert await heard(feed, 2, 1) == [3]
    assert listening.result() == [1, 2, 3, 4, 5, 1, 2, 3]


async def test_from_now_on_is_without_the_past(house: House) -> None:
    await tell(house, 0, 5)
    async with a_feed(house) as feed:
        listening = asyncio.create_task(heard(feed, None, 2))
        await asyncio.sleep(0.3)
        await tell(house, 5, 2)
        assert await listening == [6, 7]
