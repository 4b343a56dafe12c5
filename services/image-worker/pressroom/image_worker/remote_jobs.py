"""What the providers that keep jobs have in common: generating in one go, and waiting politely for a job's end,
or until somebody is told of it."""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

from pressroom.runtime.errors import ApiFailed, NetworkFailed, RateLimited, TimedOut, WorkError
from pressroom.runtime.tasks import see_through

from .providers import Generation, GenerationRequest, JobProvider, Progress, RemoteJobOver

Found = TypeVar("Found")

SUBMIT_GRACE_S = 5.0
"""Who is told to stop waits this long to learn the name of a job that it has just asked for."""

_SLOWER = 1.5
_TRANSIENT_AT_MOST = 5
"""Looks at a job that may fail one after the other; then the job is handed back, to be resumed."""


async def generate_by_job(provider: JobProvider, request: GenerationRequest, progress: Progress) -> Generation:
    """Submit and resume at once, for callers that store nothing. Cancelled, also while the job is being asked for, the
    job is cancelled too."""
    refs: list[str] = []

    async def submit() -> None:
        refs.append(await provider.submit(request, str(uuid.uuid4())))

    try:
        await see_through(submit(), SUBMIT_GRACE_S)
        return await provider.resume(refs[0], request, progress)
    except RemoteJobOver as over:
        raise over.error from over
    except asyncio.CancelledError:
        for ref in refs:
            with contextlib.suppress(WorkError):
                await asyncio.shield(provider.cancel(ref))
        raise


class Wakers:
    """Who waits for which job, by our keys for them."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Event] = {}

    @contextlib.contextmanager
    def waiting(self, key: str | None) -> Generator[asyncio.Event]:
        """Set when somebody is told of the job; without a key nobody is."""
        told = asyncio.Event()
        if key is None:
            yield told
            return
        self._waiting[key] = told
        try:
            yield told
        finally:
            if self._waiting.get(key) is told:
                del self._waiting[key]

    def wake(self, key: str) -> None:
        """Whoever waits for the job of this key need not wait any longer; nothing happens when nobody does."""
        if key in self._waiting:
            self._waiting[key].set()


async def poll(
    look: Callable[[], Awaitable[Found | None]],
    *,
    interval_s: float,
    at_most_s: float,
    told: asyncio.Event | None = None,
) -> Found:
    """What `look` finds, asked every `interval_s`, then less often, up to `at_most_s`, and at once when it is `told`.
    Passing troubles of the vendor are waited out, a few in a row; the caller limits the whole."""
    told = told or asyncio.Event()
    troubles = 0
    wait_s = interval_s
    while True:
        try:
            found = await look()
            troubles = 0
            if found is not None:
                return found
        except RateLimited as error:
            asked_s = error.retry_after_s
            wait_s = max(wait_s, at_most_s if asked_s is None else asked_s)
        except (NetworkFailed, ApiFailed, TimedOut):
            troubles += 1
            if troubles > _TRANSIENT_AT_MOST:
                raise
        wait_s = interval_s if await _set_within(told, wait_s) else min(wait_s * _SLOWER, at_most_s)


async def _set_within(event: asyncio.Event, wait_s: float) -> bool:
    """Whether it was set before `wait_s` were over; it can be set again then."""
    try:
        async with asyncio.timeout(wait_s):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
