"""A diffusers model on this machine as a provider. The model lives in one thread of its own, which makes one picture at
a time and is told through a flag that a picture is not wanted any more; torch is imported there, when the model is
loaded. Nothing outlives the process."""

import asyncio
import importlib.util
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.errors import InvalidRequest, ModelGone

from ..providers import Generation, GenerationRequest, NotConfigured, Progress
from .abilities import abilities_before_loading
from .model_folder import public_name
from .settings import DiffusersSettings

if TYPE_CHECKING:
    from .engine import Engine
    from .pixels import Pixels

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft")
STEPS_SHARE = 0.95
"""Of the progress; the rest is decoding and packing."""


def diffusers_provider(settings: DiffusersSettings) -> "DiffusersProvider":
    """The lane's provider, its model being loaded already. Raises `NotConfigured`."""
    if settings.diffusers_model is None:
        raise NotConfigured("diffusers needs PRESSROOM_DIFFUSERS_MODEL: a model's folder, or its name on the hub")
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise NotConfigured(f"diffusers needs {', '.join(missing)}: type ./run extra diffusers")
    provider = DiffusersProvider(settings)
    provider.warm_up()
    return provider


class DiffusersProvider:
    """The model is loaded when it is first needed, or by `warm_up`."""

    name = ProviderName.DIFFUSERS

    def __init__(self, settings: DiffusersSettings) -> None:
        assert settings.diffusers_model is not None, "a lane without a model is never made"
        self.model: str | None = public_name(settings.diffusers_model)
        self.capabilities: Capabilities = abilities_before_loading(settings)
        self._settings = settings
        self._engine: Engine | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="diffusers")
        self._is_closing = threading.Event()

    def warm_up(self) -> None:
        """Begin to load the model. What goes wrong is met again, and told, by the first picture."""
        self._thread.submit(self._loaded)

    async def generate(self, request: GenerationRequest, progress: Progress) -> Generation:
        assert self.model is not None, "it has one from the beginning"
        if request.model not in (None, self.model, self._settings.diffusers_model):
            raise InvalidRequest(
                f"diffusers: this lane's only model is '{self.model}', from PRESSROOM_DIFFUSERS_MODEL; the batch's own "
                f"model is '{request.model}'"
            )
        loop = asyncio.get_running_loop()
        is_unwanted = threading.Event()
        teller = _Teller(lambda part: loop.call_soon_threadsafe(progress, part))
        try:
            pixels = await loop.run_in_executor(self._thread, self._make, request, is_unwanted, teller)
        except asyncio.CancelledError:
            is_unwanted.set()
            raise
        except ModelGone as error:
            if request.model is None:
                raise
            raise ModelGone(f"{error} (the batch's own model)") from error
        data = await asyncio.to_thread(_packed, pixels)
        progress(1.0)
        return Generation(data, model=self.model)

    async def aclose(self) -> None:
        """A picture in the making is stopped at its next step; a load that has begun is waited for."""
        self._is_closing.set()
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)
        self._engine = None

    def _make(self, request: GenerationRequest, is_unwanted: threading.Event, teller: "_Teller") -> "Pixels":
        from .engine import Order, Stopped

        def is_over() -> bool:
            return is_unwanted.is_set() or self._is_closing.is_set()

        engine = self._loaded()
        if is_over():
            raise Stopped
        return engine.make(Order(request, is_over, teller.tell))

    def _loaded(self) -> "Engine":
        """In the lane's thread. After a failure it is tried again: a missing disk may have come back."""
        if self._engine is None:
            try:
                from .engine import Engine
            except ImportError as error:
                raise ModelGone(
                    f"diffusers: its packages do not import ({error}); type ./run extra diffusers"
                ) from error
            self._engine = Engine(self._settings)
            self.capabilities = self._engine.capabilities
        return self._engine


class _Teller:
    """Progress that only rises, also when a picture is begun again."""

    def __init__(self, tell: Callable[[float], object]) -> None:
        self._tell = tell
        self._told = 0.0

    def tell(self, part: float) -> None:
        if part * STEPS_SHARE > self._told:
            self._told = part * STEPS_SHARE
            self._tell(self._told)


def _packed(pixels: "Pixels") -> bytes:
    from .pixels import png

    return png(pixels)
