"""FLUX.2 at Black Forest Labs, as a provider that keeps jobs."""

from .provider import FluxProvider
from .settings import FluxSettings

__all__ = ["FluxProvider", "FluxSettings"]
