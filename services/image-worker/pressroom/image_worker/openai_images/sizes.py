"""Which size OpenAI is asked for, as its batches are too."""

from pressroom.runtime.vendors.openai_images import ANY_SIZE, LEAST_PIXELS, size_for

__all__ = ["ANY_SIZE", "LEAST_PIXELS", "size_for"]
