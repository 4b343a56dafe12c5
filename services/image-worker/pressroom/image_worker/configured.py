"""Which providers this worker has, by its settings; the place where a new one is entered."""

from collections.abc import Callable, Mapping

from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.webhook_urls import webhook_url

from .comfyui import ComfyUIProvider
from .diffusers_local.provider import diffusers_provider
from .flux import FluxProvider
from .gemini import GeminiProvider
from .openai_images import OpenAIProvider
from .placeholder_provider import PlaceholderProvider
from .providers import ImageProvider
from .runpod import RunPodProvider
from .settings import ImageWorkerSettings
from .studio_provider import StudioProvider


def _studio(_settings: ImageWorkerSettings) -> ImageProvider:
    return StudioProvider()


def _placeholder(_settings: ImageWorkerSettings) -> ImageProvider:
    return PlaceholderProvider()


def _runpod(settings: ImageWorkerSettings) -> ImageProvider:
    if settings.public_url is None:
        return RunPodProvider(settings)
    return RunPodProvider(settings, webhook_url=lambda key: webhook_url(settings, ProviderName.RUNPOD, key))


MAKERS: Mapping[ProviderName, Callable[[ImageWorkerSettings], ImageProvider]] = {
    ProviderName.STUDIO: _studio,
    ProviderName.COMFYUI: ComfyUIProvider,
    ProviderName.GEMINI: GeminiProvider,
    ProviderName.OPENAI: OpenAIProvider,
    ProviderName.FLUX: FluxProvider,
    ProviderName.RUNPOD: _runpod,
    ProviderName.DIFFUSERS: diffusers_provider,
    ProviderName.PLACEHOLDER: _placeholder,
}
"""Each raises `NotConfigured` when a setting is missing that it cannot do without."""
