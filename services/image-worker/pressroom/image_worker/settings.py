"""The image-worker's own settings; what one provider needs is beside that provider's code and joined here."""

from typing import Annotated

from pydantic import Field

from pressroom.contracts.vocabulary import ProviderName

from .comfyui.settings import ComfyUISettings
from .diffusers_local.settings import DiffusersSettings
from .flux.settings import FluxSettings
from .gemini.settings import GeminiPictureSettings
from .openai_images.settings import OpenAISettings
from .runpod.settings import RunPodSettings


class ImageWorkerSettings(
    FluxSettings, RunPodSettings, ComfyUISettings, GeminiPictureSettings, OpenAISettings, DiffusersSettings
):
    """`PRESSROOM_IMAGE_WORKER_LANES` is a JSON list, e.g. `["studio"]`."""

    image_worker_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=8081, description="The port of its health and metrics."
    )
    image_worker_lanes: tuple[ProviderName, ...] | None = Field(
        default=None,
        min_length=1,
        description="The lanes that this worker takes images from; all that its settings allow when absent.",
    )
    stop_grace_s: Annotated[float, Field(ge=0, le=600)] = Field(
        default=10.0,
        description="How long a worker that is told to stop waits for the answer to a call that is paid in any case.",
    )
