"""LoRAs on a pipeline: those that an image asks for, with its weights, and none for the next one. A few stay loaded and
are switched off, so that a batch does not read its file for every image."""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownMemberType=false

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pressroom.contracts.requests import ADAPTERS_MAX, Adapter
from pressroom.runtime.errors import InvalidRequest

from .adapter_folder import AdapterFolder
from .memory import is_out_of_memory

KEPT = ADAPTERS_MAX
"""Loaded at most; each is some hundred megabytes on the GPU."""

Stamp = tuple[Path, int]
"""A file and when it was changed: one that was replaced under its name is another."""


class Loras:
    """`wear` decides which count, for every image until it is called again."""

    def __init__(self, pipeline: Any, folder: AdapterFolder) -> None:
        self._pipeline = pipeline
        self._folder = folder
        self._loaded: dict[Stamp, str] = {}
        self._worn: list[tuple[Stamp, float]] = []
        self._number = 0

    def wear(self, wanted: Sequence[Adapter]) -> bool:
        """Switch on the wanted ones and nothing else; whether anything changed. Raises `InvalidRequest` for one that is
        not there or does not fit."""
        worn = [(_stamp(self._folder.find(adapter.name)), adapter.weight) for adapter in wanted]
        if worn == self._worn:
            return False
        keys = [self._loaded_as(stamp) for stamp, _ in worn]
        if keys:
            self._pipeline.enable_lora()
            self._pipeline.set_adapters(keys, adapter_weights=[weight for _, weight in worn])
        else:
            self._pipeline.disable_lora()
        self._worn = worn
        self._forget_some()
        return True

    def _loaded_as(self, stamp: Stamp) -> str:
        if stamp in self._loaded:
            self._loaded[stamp] = self._loaded.pop(stamp)
            return self._loaded[stamp]
        path, _ = stamp
        if not hasattr(self._pipeline, "load_lora_weights"):
            raise InvalidRequest(f"diffusers: '{path.stem}' is of no use, because this kind of model takes no LoRAs")
        # Not the file's name: a module's name has no dots.
        self._number += 1
        key = f"lora{self._number}"
        # What does not fit raises whatever the mismatch runs into.
        try:
            self._pipeline.load_lora_weights(str(path), adapter_name=key, local_files_only=True)
            if not any(key in keys for keys in self._pipeline.get_list_adapters().values()):
                raise ValueError("it changes no part of the model")
        except Exception as error:
            self._begin_anew()
            if is_out_of_memory(error):
                raise
            raise InvalidRequest(
                f"diffusers: '{path.stem}' is no LoRA that fits this model: {_brief(error)}"
            ) from error
        self._loaded[stamp] = key
        return key

    def _begin_anew(self) -> None:
        """What a torn load left is not known, so all go."""
        self._pipeline.unload_lora_weights()
        self._loaded.clear()
        self._worn = []

    def _forget_some(self) -> None:
        needed = {stamp for stamp, _ in self._worn}
        spare = [stamp for stamp in self._loaded if stamp not in needed]
        for stamp in spare[: max(0, len(self._loaded) - KEPT)]:
            self._pipeline.delete_adapters(self._loaded.pop(stamp))


def _stamp(path: Path) -> Stamp:
    return path, path.stat().st_mtime_ns


def _brief(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
