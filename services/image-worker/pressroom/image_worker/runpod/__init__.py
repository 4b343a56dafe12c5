"""ComfyUI workflows on a serverless endpoint of RunPod, as a provider that keeps jobs."""

from .provider import RunPodProvider
from .settings import RunPodSettings

__all__ = ["RunPodProvider", "RunPodSettings"]
