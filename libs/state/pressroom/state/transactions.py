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
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession
from pymongo import WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

Session = AsyncIOMotorClientSession
Result = TypeVar("Result")
Work = Callable[[Session], Awaitable[Result]]

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

    async def run(self, about: str, work: Work[Result]) -> Result:
        """Run `work` as one transaction, again as long as others write the same documents. Those `about` the same are
        run one after another. Raises what `work` raises, with nothing written, or `Busy`. Cancelled once it has begun,
        it is cancelled when it has ended: then all of it is written, or nothing."""
        turn = self._turns.setdefault(about, asyncio.Lock())
        try:
            async with asyncio.timeout(_GIVE_UP_S):
                await turn.acquire()
        except TimeoutError as error:
            raise Busy(f"{about} is being written by others here; try again") from error
        patience = _Patience(time.monotonic() + _GIVE_UP_S)
        try:
            return await _to_its_end(self._run(about, work, patience), patience.end)
        finally:
            turn.release()

    async def _run(self, about: str, work: Work[Result], patience: "_Patience") -> Result:
        """Not by motor's `with_transaction`, which commits where it does not try again: an answer that was lost would
        be a failure, and what was written would be asked for, and paid for, once more."""
        tries = 0
        async with await self._client.start_session() as session:
            while True:
                try:
                    return await _once(session, work, patience)
                except PyMongoError as error:
                    if not error.has_error_label("TransientTransactionError"):
                        raise
                    if patience.is_over:
                        raise Busy(f"{about} is being written by somebody else; try again") from error
                # Tried again at once, many of them would only meet again.
                tries += 1
                await asyncio.sleep(random.uniform(0, min(0.002 * 2**tries, _PAUSE_MAX_S)))  # noqa: S311 no secret


@dataclass
class _Patience:
    """Until when a transaction is tried again."""

    deadline: float

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.deadline

    def end(self) -> None:
        self.deadline = 0.0


async def _once(session: Session, work: Work[Result], patience: _Patience) -> Result:
    session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority", j=True))
    try:
        result = await work(session)
    except Exception:
        await session.abort_transaction()
        raise
    # Until it is known whether the server has done it: asked for again, it is done once.
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult") or patience.is_over:
                raise
            await asyncio.sleep(_PAUSE_MAX_S)
        else:
            return result


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
