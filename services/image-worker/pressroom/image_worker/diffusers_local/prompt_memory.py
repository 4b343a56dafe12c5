"""Remembers what the text encoders made of the last prompts: the images of a batch mostly share one prompt, and a large
encoder's time (or its journey to the GPU and back, where memory is short) is spent once for all of them."""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections.abc import Hashable
from typing import Any

import torch

KEPT = 4
"""Prompt and negative prompt of this image, and of the one before."""
_PLAIN = (str, int, float, bool, type(None), torch.device, torch.dtype)


class PromptMemory:
    """Stands in front of one pipeline's `encode_prompt`, where it has one."""

    def __init__(self, pipeline: Any) -> None:
        self._encode = getattr(pipeline, "encode_prompt", None)
        self._kept: dict[Hashable, Any] = {}
        if self._encode is not None:
            pipeline.encode_prompt = self._remembered

    def forget(self) -> None:
        """After the encoders were changed."""
        self._kept.clear()

    def _remembered(self, *args: Any, **kwargs: Any) -> Any:
        assert self._encode is not None, "it stands in front of one that exists"
        values = (*args, *kwargs.values())
        if not all(isinstance(value, _PLAIN) for value in values):
            return self._encode(*args, **kwargs)
        key = (args, tuple(sorted(kwargs.items(), key=lambda item: item[0])))
        if key not in self._kept:
            encoded = self._encode(*args, **kwargs)
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = encoded
        return self._kept[key]
