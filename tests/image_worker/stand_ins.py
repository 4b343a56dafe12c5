"""Providers for tests that play a vendor: one that answers as it is told, one whose jobs outlive the workers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.vocabulary import ImageState, LaneState, ProviderName
from pressroom.image_worker.app import build
from pressroom.image_worker.providers import Generation, GenerationRequest, ImageProvider, Progress
from pressroom.image_worker.settings import ImageWorkerSettings
from pressroom.runtime.errors import WorkError
from pressroom.state.documents import ImageDocument

from ..house import PICTURE, House, eventually, running

LONG_PROMPTS = 100_000
Answer = Callable[[GenerationRequest], Awaitable[bytes | None]]


class Told:
    """A provider of any name that answers at once, or as `answer` does. `spans`: when each call began and ended."""

    def __init__(
        self, name: ProviderName, answer: Answer | None = None, *, model: str = "told", **capabilities: Any
    ) -> None:
        self.name = name
        self.model: str | None = model
        self.capabilities = Capabilities(**{"prompt_max_characters": LONG_PROMPTS, **capabilities})
        self.asked: list[GenerationRequest] = []
        self.generating = 0
        self.spans: list[tuple[float, float]] = []
        self.cost_microusd: int | None = None
        self.gpu_seconds: float | None = None
        self._answer = answer

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        self.asked.append(request)
        self.generating += 1
        began = time.monotonic()
        try:
            data = await self._answer(request) if self._answer else None
        finally:
            self.generating -= 1
            self.spans.append((began, time.monotonic()))
        return Generation(data or PICTURE, self.model or "told", self.cost_microusd, self.gpu_seconds)

    async def aclose(self) -> None:
        return None


def most_at_once(*providers: Told) -> int:
    """How many calls overlapped at most, over all of `providers`."""
    spans = [span for provider in providers for span in provider.spans]
    return max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans)


def failing(error: WorkError) -> Answer:
    async def fail(_request: GenerationRequest) -> bytes:
        raise error

    return fail


@dataclass
class RemoteJob:
    """A job as its vendor has it."""

    ref: str
    key: str
    image_id: str
    over: asyncio.Event = field(default_factory=asyncio.Event)
    is_cancelled: bool = False
    ends_with: Exception | None = None


class Vendor:
    """The remote side: a table of jobs. It knows nothing of workers, and goes on when they die."""

    def __init__(self, *, finishes: bool = False) -> None:
        self.jobs: dict[str, RemoteJob] = {}
        self.finds: list[str] = []
        self.resumed: list[str] = []
        self._finishes = finishes

    def new(self, key: str, image_id: str) -> RemoteJob:
        job = RemoteJob(f"job-{len(self.jobs)}", key, image_id)
        self.jobs[job.ref] = job
        if self._finishes:
            job.over.set()
        return job

    def finish(self) -> None:
        """Everything that waits is ready, and whatever comes after is at once."""
        self._finishes = True
        for job in self.jobs.values():
            job.over.set()

    @property
    def refs(self) -> list[str]:
        return list(self.jobs)


Step = Callable[[GenerationRequest], Awaitable[None]]


class Jobs:
    """A worker's provider that keeps its jobs at a `vendor`. `before`: before the vendor hears of a job; `after`: when
    it has heard, before the worker knows."""

    name = ProviderName.FLUX

    def __init__(
        self,
        vendor: Vendor,
        *,
        finds: bool = True,
        cancels: bool = True,
        before: Step | None = None,
        after: Step | None = None,
        **capabilities: Any,
    ) -> None:
        self.vendor = vendor
        self.model: str | None = "flux-2-pro"
        usual = {"prompt_max_characters": LONG_PROMPTS, "is_billed": True, "keeps_jobs": True, "cancel": cancels}
        self.capabilities = Capabilities(**{**usual, **capabilities})
        self._finds = finds
        self._before = before
        self._after = after

    async def submit(self, request: GenerationRequest, key: str) -> str:
        if self._before is not None:
            await self._before(request)
        job = self.vendor.new(key, request.image_id)
        if self._after is not None:
            await self._after(request)
        return job.ref

    async def find(self, request: GenerationRequest, key: str, vendor_id: str | None) -> str | None:
        self.vendor.finds.append(key)
        if not self._finds:
            return None
        return next((job.ref for job in self.vendor.jobs.values() if job.key == key), None)

    async def resume(self, ref: str, request: GenerationRequest, progress: Progress) -> Generation:
        self.vendor.resumed.append(ref)
        job = self.vendor.jobs[ref]
        await job.over.wait()
        if job.ends_with is not None:
            raise job.ends_with
        return Generation(PICTURE, "flux-2-pro")

    async def cancel(self, ref: str) -> None:
        self.vendor.jobs[ref].is_cancelled = True

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        raise AssertionError("whoever stores refs asks for a job")

    async def aclose(self) -> None:
        return None


def worker(house: House, *providers: ImageProvider, **settings: Any) -> AbstractAsyncContextManager[None]:
    """A whole image-worker in this process that serves the lanes of `providers`."""
    values = ImageWorkerSettings(**{**house.values, **settings})
    return running(build(values, {provider.name: provider for provider in providers}))


async def never(_request: GenerationRequest) -> None:
    await asyncio.Event().wait()


async def when(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """As soon as `condition` holds."""

    async def look() -> bool:
        return bool(condition())

    await eventually(look, within_s)


async def image_when(house: House, image_id: str, condition: Callable[[ImageDocument], object]) -> ImageDocument:
    """The image as soon as `condition` holds of it."""

    async def look() -> ImageDocument | None:
        image = await house.database.images.get(image_id)
        return image if image is not None and condition(image) else None

    return await eventually(look)


async def image_in(house: House, image_id: str, *states: ImageState) -> ImageDocument:
    return await image_when(house, image_id, lambda image: image.state in states)


async def lane_is(house: House, name: str, state: LaneState) -> None:
    async def look() -> bool:
        lane = await house.database.lanes.get(name)
        return lane is not None and lane.state is state

    await eventually(look)


async def facts(house: House, fact: str) -> int:
    """How often it was told: `lane.closed`, say."""
    return [event.type for event in await house.events()].count(f"pressroom.{fact}.v1")
