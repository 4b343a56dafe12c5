"""Writes of several documents that happen together or not at all: one MongoDB transaction, and the next after it.

A process killed in the middle has written nothing; what it left open the server aborts
(`transactionLifetimeLimitSeconds`), and until then others wait for the documents. Who is cancelled in the middle is
cancelled at the transaction's end: a write that is on its way cannot be called back, and behind an abort that
overtakes it, it would be done alone, or begin a transaction that nobody ends.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession
from pymongo import WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

Session = AsyncIOMotorClientSession
Result = TypeVar("Result")

_GIVE_UP_S = 20.0
"""Longer than a server takes to abort what a killed process left open; a caller is told to try again after that."""

_PAUSE_MAX_S = 0.1


class Busy(PyMongoError):
    """Somebody else's write of the same documents does not end. A database error: whoever waits tries again."""


class Transactions:
    """Of one process, at one server."""

    def __init__(self, client: "AsyncIOMotorClient[dict[str, Any]]") -> None:
        self._client = client
        # One after the other within this process: transactions that meet in the database are all but one done again.
        self._turns = WeakValueDictionary[str, asyncio.Lock]()

    async def run(self, about: str, work: Callable[[Session], Awaitable[Result]]) -> Result:
        """Run `work` as one transaction, again as long as others write the same documents. Those `about` the same are
        run one after another. Raises what `work` raises, with nothing written, or `Busy`. Cancelled once it has begun,
        it is cancelled when it has ended: then all of it is written, or nothing."""
        deadline = 0.0
        tries = 0

        async def attempt(session: Session) -> Result:
            nonlocal tries
            if tries:
                if time.monotonic() > deadline:
                    raise Busy(f"{about} is being written by somebody else; try again")
                # Motor's own loop tries again at once, and many of them would only meet again.
                await asyncio.sleep(random.uniform(0, min(0.002 * 2**tries, _PAUSE_MAX_S)))  # noqa: S311 no secret
            tries += 1
            return await work(session)

        def no_more_tries() -> None:
            nonlocal deadline
            deadline = 0.0

        turn = self._turns.setdefault(about, asyncio.Lock())
        try:
            async with asyncio.timeout(_GIVE_UP_S):
                await turn.acquire()
        except TimeoutError as error:
            raise Busy(f"{about} is being written by others here; try again") from error
        try:
            deadline = time.monotonic() + _GIVE_UP_S
            return await _to_its_end(self._run(attempt), no_more_tries)
        finally:
            turn.release()

    async def _run(self, attempt: Callable[[Session], Coroutine[Any, Any, Result]]) -> Result:
        async with await self._client.start_session() as session:
            return await session.with_transaction(
                attempt, read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority", j=True)
            )


async def _to_its_end(work: Coroutine[Any, Any, Result], on_cancelled: Callable[[], None]) -> Result:
    """What `work` returns, or raises; cancelled meanwhile, however often, only after it has ended."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
            on_cancelled()
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # Looked at, so that nobody complains; its maker is cancelled all the same.
    raise cancelled
