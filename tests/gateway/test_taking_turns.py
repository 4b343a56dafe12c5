"""What goes on already is not kept waiting by calls that come all at once."""

import asyncio
from itertools import pairwise

from starlette.types import Message, Receive, Scope, Send

from pressroom.gateway.edge.taking_turns import TakingTurns

CALLS = 50


async def test_what_goes_on_has_its_turn_between_any_two_calls_that_begin() -> None:
    happened: list[str] = []

    async def go_on() -> None:
        while True:
            happened.append("goes on")
            await asyncio.sleep(0)

    async def begin(scope: Scope, _receive: Receive, _send: Send) -> None:
        happened.append(scope["path"])

    calls = TakingTurns(begin)
    going_on = asyncio.create_task(go_on())
    await asyncio.gather(*(_call(calls, str(number)) for number in range(CALLS)))
    going_on.cancel()

    assert [what for what in happened if what != "goes on"] == [str(number) for number in range(CALLS)]
    assert not any(first != "goes on" and second != "goes on" for first, second in pairwise(happened))


async def test_a_call_that_lasts_keeps_nobody_waiting() -> None:
    is_over = asyncio.Event()

    async def last(scope: Scope, _receive: Receive, _send: Send) -> None:
        await is_over.wait() if scope["path"] == "lasts" else is_over.set()

    calls = TakingTurns(last)
    async with asyncio.timeout(10):
        await asyncio.gather(_call(calls, "lasts"), _call(calls, "is short"))


async def _call(calls: TakingTurns, path: str) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None: ...

    await calls({"type": "http", "path": path}, receive, send)
