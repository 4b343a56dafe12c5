"""Gemini's image models as a provider, one picture to a call. Its batches are the batch-poller's."""

from .provider import GeminiProvider
from .settings import GeminiPictureSettings

__all__ = ["GeminiPictureSettings", "GeminiProvider"]
