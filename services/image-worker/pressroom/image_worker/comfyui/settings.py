"""What the ComfyUI provider reads; a base beside the image-worker's own settings."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from pressroom.contracts.requests import PlainName
from pressroom.runtime.settings import Settings

URLS_SETTING = "PRESSROOM_COMFYUI_URLS"
WORKFLOWS_SETTING = "PRESSROOM_COMFYUI_WORKFLOWS_DIR"
WORKFLOW_SETTING = "PRESSROOM_COMFYUI_WORKFLOW"
MODEL_SETTING = "PRESSROOM_COMFYUI_MODEL"

ServerUrl = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^https?://[^/?#\s]+[^?#\s]*$")]


class ComfyUISettings(Settings):
    """`PRESSROOM_COMFYUI_URLS` is a JSON list, e.g. `["http://127.0.0.1:8188"]`."""

    comfyui_urls: tuple[ServerUrl, ...] = Field(
        default=(),
        repr=False,  # a URL may have a password in it
        description="The ComfyUI servers, each with its own pictures and queue; none: no such lane.",
    )
    comfyui_workflows_dir: Path | None = Field(
        default=None, description="A folder of workflow templates beside the built-in ones, which they may replace."
    )
    comfyui_workflow: PlainName = Field(default="default", description="The template of a batch that names none.")
    comfyui_model: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        default=None,
        description="The model file of a batch that names none, in workflows that load it as the default one does; "
        "each template's own when absent.",
    )
    comfyui_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=30.0, description="How long one request to a server may take."
    )
    comfyui_poll_s: Annotated[float, Field(ge=0.05, le=60)] = Field(
        default=1.0, description="How often a prompt's end is asked for while its server tells nothing."
    )
