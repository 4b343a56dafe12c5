"""OpenAI's image models as a provider. Not called `openai`, which is the name of the vendor's SDK."""

from .provider import OpenAIProvider
from .settings import OpenAISettings

__all__ = ["OpenAIProvider", "OpenAISettings"]
