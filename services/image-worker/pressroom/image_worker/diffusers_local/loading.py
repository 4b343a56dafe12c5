"""Brings a model from its folder (or the hub's cache) into memory, and says which setting is wrong when it cannot."""

# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownMemberType=false, reportAttributeAccessIssue=false

import contextlib
import re
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.utils.logging import disable_progress_bar as quiet_diffusers
from transformers.utils.logging import disable_progress_bar as quiet_transformers

from pressroom.runtime.errors import ModelGone

from .memory import is_out_of_memory
from .model_folder import INDEX, is_hub_name
from .settings import DiffusersSettings


def device_of(settings: DiffusersSettings) -> str:
    """`cuda` or `cpu`. Raises `ModelGone` when there is no GPU where one is demanded."""
    if settings.diffusers_device != "auto":
        if settings.diffusers_device == "cuda" and not torch.cuda.is_available():
            raise ModelGone(
                "diffusers: PRESSROOM_DIFFUSERS_DEVICE is cuda, and PyTorch finds no GPU here; set it to auto or cpu"
            )
        return settings.diffusers_device
    return "cuda" if torch.cuda.is_available() else "cpu"


def dtype_of(settings: DiffusersSettings, device: str) -> torch.dtype:
    if settings.diffusers_dtype != "auto":
        return getattr(torch, settings.diffusers_dtype)
    if device == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def load_pipeline(settings: DiffusersSettings, dtype: torch.dtype) -> Any:
    """The pipeline in the computer's memory. Raises `ModelGone` naming the setting, or what want of memory does."""
    model = settings.diffusers_model
    assert model is not None, "a lane without a model is never made"
    source = _source(model)
    # Bars are for terminals, and a worker's lines are logs.
    quiet_diffusers()
    quiet_transformers()
    # A folder can be broken in any way, and each raises something else.
    try:
        pipeline = DiffusionPipeline.from_pretrained(
            source, dtype=dtype, local_files_only=settings.diffusers_offline or Path(source).is_dir()
        )
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ModelGone(_why_not(model, source, settings, error)) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def tune(pipeline: Any, settings: DiffusersSettings) -> None:
    """The attention backend and compilation that the settings ask for. Raises `ModelGone` for a backend that is not
    there."""
    denoiser = getattr(pipeline, "transformer", None) or getattr(pipeline, "unet", None)
    if settings.diffusers_attention is not None and denoiser is not None:
        try:
            denoiser.set_attention_backend(settings.diffusers_attention)
        except (ValueError, RuntimeError, ImportError) as error:
            raise ModelGone(
                f"diffusers: PRESSROOM_DIFFUSERS_ATTENTION={settings.diffusers_attention} cannot be used: {error}"
            ) from error
    if settings.diffusers_compile and denoiser is not None:
        # Block by block compiles in a fraction of the time, where the model says what its blocks are.
        with contextlib.suppress(ValueError):
            denoiser.compile_repeated_blocks(fullgraph=True)
            return
        denoiser.compile()


def _source(model: str) -> str:
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / INDEX).is_file():
            raise ModelGone(
                f"diffusers: the folder in PRESSROOM_DIFFUSERS_MODEL, {folder}, is no diffusers model: no {INDEX} in it"
            )
        return str(folder)
    if folder.is_file():
        raise ModelGone(f"diffusers: PRESSROOM_DIFFUSERS_MODEL is a file, {folder}; give a diffusers model's folder")
    if not is_hub_name(model):
        raise ModelGone(f"diffusers: the folder in PRESSROOM_DIFFUSERS_MODEL, {folder}, does not exist")
    return model


def _why_not(model: str, source: str, settings: DiffusersSettings, error: Exception) -> str:
    said = re.sub(r"\s+", " ", str(error))[:500] or type(error).__name__
    if Path(source).is_dir():
        return f"diffusers: the model in PRESSROOM_DIFFUSERS_MODEL, {source}, does not load: {said}"
    if settings.diffusers_offline:
        return (
            f"diffusers: PRESSROOM_DIFFUSERS_MODEL={model} is neither a folder nor in this machine's cache of the hub; "
            f"PRESSROOM_DIFFUSERS_OFFLINE=false allows to download it"
        )
    return f"diffusers: PRESSROOM_DIFFUSERS_MODEL={model} cannot be brought from the hub: {said}"
