"""What makes pixels: one interface for all providers, and a second for those that keep jobs of their own.

A provider knows nothing of batches, lanes or leases. Who calls it stores the intent before the call and what came of
it after; a provider whose jobs outlive the worker (`JobProvider`) can be asked again, by the job's own name, so that a
killed worker's successor pays nothing twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.requests import Adapter
from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.errors import WorkError

Progress = Callable[[float], None]
"""Told how much is done, 0..1. Cheap, and never raises."""


@dataclass(frozen=True)
class GenerationRequest:
    """One picture to make.

    Sides in pixels, as wanted: the provider asks for the nearest size that it makes (`nearest_size`). `seed` 0..2^32-1;
    `model` None is the provider's own choice; `input_images` are encoded pictures (PNG, JPEG or WebP).
    """

    image_id: str
    prompt: str
    negative_prompt: str | None
    model: str | None
    seed: int
    width_px: int
    height_px: int
    steps: int
    guidance: float
    transparent: bool = False
    input_images: tuple[bytes, ...] = ()
    adapters: tuple[Adapter, ...] = ()
    workflow: str | None = None


@dataclass(frozen=True)
class Generation:
    """A provider's answer: encoded picture bytes (PNG, JPEG or WebP), and the model that made them.

    `cost_microusd`: what the provider said that it costs; None when it did not, and the price table decides.
    `gpu_seconds`: what it said that it took, where it bills by that. `asked_px`: the width and height that the provider
    was asked for, where it promises to keep them, their ratio at least; None where a workflow of the user's decides.
    """

    data: bytes = field(repr=False)
    model: str
    cost_microusd: int | None = None
    gpu_seconds: float | None = None
    asked_px: tuple[int, int] | None = None


class NotConfigured(Exception):
    """A provider cannot work with the settings as they are; the message names the setting."""


class RemoteJobOver(Exception):
    """The provider's job has ended without a picture, or is forgotten: there is nothing left to resume. `error` says
    why; another try needs another job.

    `cost_microusd`: what the provider takes for it, 0 where it bills no such end; `gpu_seconds`: what it said that it
    took. Without either it counts as billed.
    """

    def __init__(self, error: WorkError, *, cost_microusd: int | None = None, gpu_seconds: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.cost_microusd = cost_microusd
        self.gpu_seconds = gpu_seconds


class ImageProvider(Protocol):
    """Makes one image at a time. Raises a `WorkError` of the kind that tells what to do about it.

    A call is ended by cancelling its task, as soon as may be; nothing blocks the event loop.
    """

    name: ProviderName
    model: str | None
    """The model of a request that names none."""
    capabilities: Capabilities

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        """Make the picture."""
        ...

    async def aclose(self) -> None: ...


@runtime_checkable
class JobProvider(ImageProvider, Protocol):
    """A provider that keeps a job for each picture. `ref` is the job's name there, with whatever else is needed to ask
    for it again; `key` is ours, a UUID that is chosen and stored before the job is asked for."""

    async def submit(self, request: GenerationRequest, key: str) -> str:
        """Ask for a job; its ref. After a `NetworkFailed`, `TimedOut` or `ApiFailed` the job may exist."""
        ...

    async def find(self, request: GenerationRequest, key: str, vendor_id: str | None) -> str | None:
        """The ref of a job whose `submit` was not heard of again; None when there is none, or when nobody can know.
        `vendor_id`: what the vendor's webhook called it, if it came."""
        ...

    async def resume(self, ref: str, request: GenerationRequest, progress: Progress) -> Generation:
        """Wait for a job and fetch its picture; as often as one likes. Raises `RemoteJobOver` when it ended badly;
        after any other error the job may go on, and can be resumed."""
        ...

    async def cancel(self, ref: str) -> None:
        """Stop a job that nobody wants any more; nothing happens when it has ended."""
        ...


@runtime_checkable
class ToldProvider(JobProvider, Protocol):
    """A job provider whose vendor tells of a job's end by itself."""

    told_within_s: float
    """How long after `submit` a job that nobody heard of may still make itself known; 0 when it cannot."""

    def told(self, key: str) -> None:
        """The vendor has told of the job of this key: whoever waits for it here looks at once."""
        ...
