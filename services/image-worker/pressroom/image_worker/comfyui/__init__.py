"""ComfyUI servers of one's own as a provider: each picture is a prompt of its own on the least busy of them."""

from .provider import ComfyUIProvider
from .settings import ComfyUISettings

__all__ = ["ComfyUIProvider", "ComfyUISettings"]
