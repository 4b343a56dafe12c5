"""`Prefer: wait=N` (RFC 7240, section 4.3): an answer that comes when what it is about is over, or after N seconds.

Nothing is held but the connection: a gateway that dies while somebody waits leaves them to ask again.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Header, Request, Response

WAIT_MAX_S = 60
"""Longer than most proxies keep a silent connection would help nobody."""

LOOK_EVERY_S = 0.25

_WAIT = re.compile(r"(?:^|[\s,;])wait=(\d{1,6})(?=$|[\s,;])", re.IGNORECASE)

Seen = TypeVar("Seen")

Prefer = Annotated[
    str | None,
    Header(description=f"`wait=N`: the answer comes when it is over, after N <= {WAIT_MAX_S} s at the latest."),
]


def wished_wait_s(prefer: str | None, response: Response) -> int:
    """How long to wait, said in `response` too; 0 when that is not wished."""
    wished = _WAIT.search(prefer or "")
    if wished is None:
        return 0
    wait_s = min(int(wished[1]), WAIT_MAX_S)
    response.headers["Preference-Applied"] = f"wait={wait_s}"
    return wait_s


async def wait_until(
    look: Callable[[], Awaitable[Seen]], is_over: Callable[[Seen], bool], wait_s: float, request: Request
) -> Seen:
    """What `look` sees at last: once it is over, after `wait_s`, or when nobody listens any more."""
    deadline = asyncio.get_running_loop().time() + wait_s
    seen = await look()
    while not is_over(seen) and asyncio.get_running_loop().time() < deadline:
        if await request.is_disconnected():
            break
        await asyncio.sleep(LOOK_EVERY_S)
        seen = await look()
    return seen
