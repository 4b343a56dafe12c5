"""What goes on already is not kept waiting by calls that come all at once."""

import asyncio
from itertools import pairwise

from starlette.types import Message, Receive, Scope, Send

from pressroom.gateway.edge.taking_turns import TakingTurns

CALLS = 50
A_LONG_TIME_S = 60.0


async def what_happens(slice_s: float) -> list[str]:
    """While something goes on, round after round of the loop, and many calls come at once."""
    happened: list[str] = []

    async def go_on() -> None:
        while True:
            happened.append("goes on")
            await asyncio.sleep(0)

    async def begin(scope: Scope, _receive: Receive, _send: Send) -> None:
        happened.append(scope["path"])

    calls = TakingTurns(begin, slice_s)
    going_on = asyncio.create_task(go_on())
    await asyncio.gather(*(_call(calls, str(number)) for number in range(CALLS)))
    going_on.cancel()
    return happened


async def test_what_goes_on_has_its_turn_once_calls_have_had_theirs() -> None:
    happened = await what_happens(slice_s=0)

    assert [what for what in happened if what != "goes on"] == [str(number) for number in range(CALLS)]
    assert not any(first != "goes on" and second != "goes on" for first, second in pairwise(happened))


async def test_calls_that_begin_quickly_begin_together() -> None:
    happened = await what_happens(slice_s=A_LONG_TIME_S)

    first = happened.index("0")
    assert happened[first : first + CALLS] == [str(number) for number in range(CALLS)]


async def test_a_call_that_lasts_keeps_nobody_waiting() -> None:
    is_over = asyncio.Event()

    async def last(scope: Scope, _receive: Receive, _send: Send) -> None:
        await is_over.wait() if scope["path"] == "lasts" else is_over.set()

    calls = TakingTurns(last, slice_s=0)
    async with asyncio.timeout(10):
        await asyncio.gather(_call(calls, "lasts"), _call(calls, "is short"))


async def _call(calls: TakingTurns, path: str) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None: ...

    await calls({"type": "http", "path": path}, receive, send)
