"""The sandbox's settings: each is `PRESSROOM_SANDBOX_<NAME>` in the environment or `--<name>` on the command line (the
flag wins), and every one has a default that works. Read once at the start; nothing changes while it runs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

PREFIX = "PRESSROOM_SANDBOX_"


def default_data() -> Path:
    """Where a sandbox that was told no folder keeps its state (XDG base directory specification)."""
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "pressroom" / "sandbox"


class Settings(BaseModel):
    """What a sandbox is started with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(0, ge=0, le=65535, description="port to listen on; 0 takes any free one")
    data: Path = Field(default_factory=default_data, description="folder in which everything it is given is kept")
    picture_px: int = Field(
        1024, ge=64, le=4096, description="long side of a 1K picture; smaller makes bulk runs faster"
    )

    gemini_key: str = Field("sandbox-gemini-key", min_length=1, description="the accepted Gemini API key")
    gemini_models: str = Field(
        "gemini-nano-banana-2.1,gemini-3-pro-image,gemini-3.1-flash-lite-image,gemini-3-pro,gemini-3-flash,"
        "gemini-3.8-flash",
        description="model names that exist, by comma; those with image or banana in them make images",
    )
    gemini_seconds: float = Field(0.0, ge=0, description="how long a generateContent takes at least")
    gemini_per_minute: int = Field(0, ge=0, description="generateContent calls per minute before 429; 0 is no limit")
    batch_seconds: float = Field(
        3.0, ge=0, description="from the creation of a Gemini batch to its end at the earliest"
    )

    openai_key: str = Field("sandbox-openai-key", min_length=1, description="the accepted OpenAI API key")
    openai_models: str = Field(
        "gpt-image-2,gpt-image-2-mini,gpt-image-1.5,gpt-5.4-mini",
        description="model names that exist, by comma; those of gpt-image-2 draw any size, those without image write",
    )

    printify_token: str = Field("sandbox-printify-token", min_length=1, description="the accepted Printify token")
    printify_per_minute: int = Field(600, ge=1, description="requests per minute and account")
    printify_catalog_per_minute: int = Field(100, ge=1, description="catalog requests per minute and account")
    printify_publish_per_half_hour: int = Field(200, ge=1, description="publish requests per 30 minutes and account")

    printify_contents_mb: int = Field(5, ge=1, description="largest image by contents; above, by url")

    shopify_token: str = Field("sandbox-shopify-token", min_length=1, description="the accepted Shopify access token")
    shopify_client_id: str = Field("sandbox-shopify-client", description="client id of the client_credentials grant")
    shopify_client_secret: str = Field("sandbox-shopify-secret", description="its secret")
    shopify_token_seconds: float = Field(86_399, gt=0, description="how long a granted token is accepted")
    shopify_bucket: float = Field(2000, gt=0, description="cost points that the leaky bucket holds")
    shopify_restore_per_second: float = Field(100, gt=0, description="cost points that it regains per second")
    media_seconds: float = Field(1.0, ge=0, description="from a file's creation to READY")

    webhook_retry_seconds: float = Field(10, ge=0, description="pause before a webhook that failed is sent again")

    comfyui_step_seconds: float = Field(0.05, ge=0, description="how long a sampler's step takes")
    comfyui_load_seconds: float = Field(0, ge=0, description="what it takes to load another model than the last")
    comfyui_models: str = Field(
        "sd_xl_base_1.0.safetensors,v1-5-pruned-emaonly-fp16.safetensors,flux1-dev-fp8.safetensors,"
        "flux1-schnell-fp8.safetensors,flux1-dev.safetensors,flux1-schnell.safetensors",
        description="checkpoints and diffusion models that are there, by comma",
    )

    runpod_key: str = Field("sandbox-runpod-key", min_length=1, description="the accepted RunPod API key")
    runpod_endpoint: str = Field("sandbox-endpoint", min_length=1, description="the endpoint id that exists")
    runpod_seconds: float = Field(0.3, ge=0, description="from a RunPod job's creation to its end")
    runpod_keep_seconds: float = Field(1800, ge=0, description="how long a result of /run is kept")
    runpod_keep_sync_seconds: float = Field(60, ge=0, description="how long a result of /runsync is kept")
    runpod_output: Literal["base64", "s3_url"] = Field("base64", description="how the worker hands over pictures")

    flux_key: str = Field("sandbox-flux-key", min_length=1, description="the accepted BFL API key")
    flux_seconds: float = Field(0.2, ge=0, description="from a Flux task's creation to its end")
    flux_result_seconds: float = Field(600, ge=0, description="how long a Flux result's URL is good")
    flux_unknown_seconds: float = Field(
        0.05, ge=0, description="how long a Flux task with a webhook is not found after it was made"
    )
    flux_tasks: int = Field(24, ge=1, description="Flux tasks that may be active at once before 429")


def read_settings(argv: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """The settings of this run; `pydantic.ValidationError` when a value cannot be what it should be."""
    parser = argparse.ArgumentParser(prog="python -m pressroom.sandbox", description="Stand-ins for outside vendors.")
    for name, field in Settings.model_fields.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", dest=name, help=f"{field.description} ({PREFIX}{name.upper()})"
        )
    flags: dict[str, str | None] = vars(parser.parse_args(argv))
    given = {name: environ[PREFIX + name.upper()] for name in Settings.model_fields if PREFIX + name.upper() in environ}
    given.update({name: value for name, value in flags.items() if value is not None})
    return Settings.model_validate(given)
