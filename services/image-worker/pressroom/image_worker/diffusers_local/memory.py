"""What to do when the model does not fit: fewer pixels at once, then fewer weights on the GPU at once. Each way down is
slower than the one before, and is kept for the rest of the process: what was too much once will be again."""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownMemberType=false

import gc
from collections.abc import Callable
from typing import Any

import torch

_SAID = ("out of memory", "can't allocate memory", "not enough memory")
"""How CUDA, cuDNN, cuBLAS and the CPU's allocator put it when they raise a plain RuntimeError."""


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error).lower() for said in _SAID)


def release() -> None:
    """Give back what nothing refers to any more; called when the error that has the frames is gone."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class Thrift:
    """How far down one pipeline has gone."""

    def __init__(self, pipeline: Any, device: str) -> None:
        self._pipeline = pipeline
        self._device = device
        ways: list[tuple[str, Callable[[], None]]] = [("pieces", self._in_pieces)]
        if device == "cuda":
            ways = [("model offload", self._in_pieces_by_model), ("sequential offload", self._by_layer)]
        self._ways = ways
        self.level: str | None = None

    def lower(self) -> bool:
        """Go one way further down; False when there is none."""
        if not self._ways:
            return False
        self.level, go = self._ways.pop(0)
        go()
        release()
        return True

    def lift(self) -> None:
        """Take the hooks off, so that weights can be changed; `replace` puts them back."""
        if self.level == "sequential offload":
            self._pipeline.remove_all_hooks()

    def replace(self) -> None:
        if self.level == "sequential offload":
            self._by_layer()

    def _in_pieces(self) -> None:
        vae = getattr(self._pipeline, "vae", None)
        for part in ("enable_slicing", "enable_tiling"):
            if hasattr(vae, part):
                getattr(vae, part)()
        self._pipeline.enable_attention_slicing("auto")

    def _in_pieces_by_model(self) -> None:
        self._in_pieces()
        self._pipeline.enable_model_cpu_offload(device=self._device)

    def _by_layer(self) -> None:
        self._pipeline.enable_sequential_cpu_offload(device=self._device)
