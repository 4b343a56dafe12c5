"""The diffusers lane's settings. Nothing here imports torch."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from pressroom.runtime.settings import Settings


class DiffusersSettings(Settings):
    """There is a diffusers lane when `PRESSROOM_DIFFUSERS_MODEL` is set."""

    diffusers_model: str | None = Field(
        default=None,
        min_length=1,
        description="A diffusers model: its folder, or its name on the Hugging Face hub, e.g. "
        "black-forest-labs/FLUX.1-schnell. Needs `./run extra diffusers`.",
    )
    diffusers_device: Literal["auto", "cuda", "cpu"] = Field(
        default="auto", description="auto: the GPU where there is one."
    )
    diffusers_dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="auto: bfloat16 on a GPU (float16 on one that has none), float32 on a CPU."
    )
    diffusers_attention: str | None = Field(
        default=None, description="A diffusers attention backend, e.g. flash or sage; PyTorch's own when absent."
    )
    diffusers_compile: bool = Field(
        default=False, description="Compile the model: the first image takes minutes, the others less time."
    )
    diffusers_adapters_dir: Path | None = Field(
        default=None, description="The folder of LoRAs and textual-inversion embeddings, each a .safetensors file."
    )
    diffusers_offline: bool = Field(
        default=True, description="Whether a model that is not on this machine is refused rather than downloaded."
    )
