"""Work that is not torn off when its worker stops, and tasks that are ended for sure."""

import asyncio
import gc
from collections.abc import Awaitable

import pytest

from pressroom.runtime import tasks
from pressroom.runtime.tasks import end, first_of, see_through

NEVER_S = 60.0


class Call:
    """An answer that comes when the test lets it, and what was seen of it."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.answer = asyncio.Event()
        self.heard = False
        self.torn = False

    async def make(self) -> str:
        self.began.set()
        try:
            await self.answer.wait()
        except asyncio.CancelledError:
            self.torn = True
            raise
        self.heard = True
        return "a picture"


async def is_cancelled(task: Awaitable[object]) -> bool:
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


async def test_what_nobody_cancels_is_returned() -> None:
    call = Call()
    call.answer.set()
    assert await see_through(call.make(), NEVER_S) == "a picture"


async def test_what_fails_by_itself_fails_as_it_is() -> None:
    async def fail() -> None:
        raise ValueError("a vendor's")

    with pytest.raises(ValueError, match="a vendor's"):
        await see_through(fail(), NEVER_S)


async def test_a_call_is_heard_to_its_end_and_only_then_is_its_maker_cancelled() -> None:
    call = Call()
    seeing = asyncio.create_task(see_through(call.make(), NEVER_S))
    await call.began.wait()
    seeing.cancel()
    await asyncio.wait({seeing}, timeout=0.05)
    assert not seeing.done()
    call.answer.set()
    assert await is_cancelled(seeing)
    assert (call.heard, call.torn) == (True, False)


async def test_being_cancelled_again_and_again_tears_nothing_off() -> None:
    call = Call()
    seeing = asyncio.create_task(see_through(call.make(), NEVER_S))
    await call.began.wait()
    for _ in range(20):
        seeing.cancel()
        await asyncio.wait({seeing}, timeout=0.01)
    assert not seeing.done()
    call.answer.set()
    assert await is_cancelled(seeing)
    assert (call.heard, call.torn) == (True, False)


async def test_a_call_that_outlasts_its_grace_is_ended() -> None:
    call = Call()
    seeing = asyncio.create_task(see_through(call.make(), 0.05))
    await call.began.wait()
    seeing.cancel()
    assert await is_cancelled(seeing)
    assert (call.heard, call.torn) == (False, True)


async def test_what_swallows_a_cancellation_is_cancelled_until_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN_AFTER_S", 0.01)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1

    seeing = asyncio.create_task(see_through(stubborn(), 0.0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    seeing.cancel()
    assert await is_cancelled(seeing)
    assert swallowed == 3


async def test_a_failure_in_the_grace_does_not_hide_that_the_maker_was_cancelled() -> None:
    call = Call()

    async def fail() -> None:
        await call.make()
        raise ValueError("too late to matter")

    seeing = asyncio.create_task(see_through(fail(), NEVER_S))
    await call.began.wait()
    seeing.cancel()
    await asyncio.sleep(0)
    call.answer.set()
    assert await is_cancelled(seeing)


async def test_ending_tasks_waits_for_all_of_them_even_when_the_ending_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "AGAIN_AFTER_S", 0.01)
    call = Call()
    seeing = asyncio.create_task(see_through(call.make(), NEVER_S))
    await call.began.wait()
    ending = asyncio.create_task(end([seeing]))
    for _ in range(5):
        await asyncio.wait({ending}, timeout=0.02)
        ending.cancel()
    await asyncio.wait({ending}, timeout=0.02)
    assert not ending.done()
    call.answer.set()
    assert await is_cancelled(ending)
    assert seeing.done()
    assert call.heard


async def test_the_watch_goes_on_until_what_it_watches_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat must not stop before the call whose lease it keeps, however often the worker is told to stop."""
    monkeypatch.setattr(tasks, "AGAIN_AFTER_S", 0.01)
    call = Call()
    watched_to_the_end: list[bool] = []

    async def watch() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            watched_to_the_end.append(call.heard)

    main = asyncio.create_task(see_through(call.make(), NEVER_S))
    both = asyncio.create_task(first_of(main, asyncio.create_task(watch())))
    await call.began.wait()
    for _ in range(5):
        both.cancel()
        await asyncio.wait({both}, timeout=0.02)
    assert not both.done()
    call.answer.set()
    assert await is_cancelled(both)
    assert watched_to_the_end == [True]


async def test_when_the_watch_fails_what_it_watches_is_ended_and_its_error_is_raised() -> None:
    call = Call()

    async def watch() -> None:
        await call.began.wait()
        raise ValueError("lease lost")

    with pytest.raises(ValueError, match="lease lost"):
        await first_of(asyncio.create_task(call.make()), asyncio.create_task(watch()))
    assert call.torn


async def test_a_watch_that_fails_just_as_what_it_watches_ends_is_no_error() -> None:
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context["message"]))
    over = asyncio.Event()

    async def watch() -> None:
        await over.wait()
        raise ValueError("lease lost")

    both = asyncio.create_task(first_of(asyncio.create_task(over.wait()), asyncio.create_task(watch())))
    await asyncio.sleep(0)
    over.set()
    await both
    gc.collect()
    assert complaints == []
