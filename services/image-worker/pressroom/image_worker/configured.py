"""Which providers this worker has, by its settings; the place where a new one is entered."""

from collections.abc import Callable, Mapping

from pressroom.contracts.vocabulary import ProviderName

from .comfyui import ComfyUIProvider
from .diffusers_local.provider import diffusers_provider
from .flux import FluxProvider
from .gemini import GeminiProvider
from .openai_images import OpenAIProvider
from .providers import ImageProvider
from .settings import ImageWorkerSettings
from .studio_provider import StudioProvider


def _studio(_settings: ImageWorkerSettings) -> ImageProvider:
    return StudioProvider()


MAKERS: Mapping[ProviderName, Callable[[ImageWorkerSettings], ImageProvider]] = {
    ProviderName.STUDIO: _studio,
    ProviderName.COMFYUI: ComfyUIProvider,
    ProviderName.GEMINI: GeminiProvider,
    ProviderName.OPENAI: OpenAIProvider,
    ProviderName.FLUX: FluxProvider,
    ProviderName.DIFFUSERS: diffusers_provider,
}
"""Each raises `NotConfigured` when a setting is missing that it cannot do without."""
