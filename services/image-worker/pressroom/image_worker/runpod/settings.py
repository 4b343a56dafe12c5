"""What a RunPod endpoint with worker-comfyui needs to be told."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from pressroom.contracts.requests import PlainName
from pressroom.runtime.settings import Settings

KEY_SETTING = "PRESSROOM_RUNPOD_API_KEY"
ENDPOINT_SETTING = "PRESSROOM_RUNPOD_ENDPOINT_ID"
WORKFLOWS_SETTING = "PRESSROOM_RUNPOD_WORKFLOWS_DIR"
WORKFLOW_SETTING = "PRESSROOM_RUNPOD_WORKFLOW"
MODEL_SETTING = "PRESSROOM_RUNPOD_MODEL"
EXECUTION_TIMEOUT_SETTING = "PRESSROOM_RUNPOD_EXECUTION_TIMEOUT_S"
TTL_SETTING = "PRESSROOM_RUNPOD_TTL_S"


class RunPodSettings(Settings):
    """The limits' ranges are RunPod's (docs.runpod.io, "Job policies", 2026-11)."""

    runpod_url: str = Field(default="https://api.runpod.ai/v2", description="RunPod's serverless API.")
    runpod_api_key: SecretStr | None = Field(default=None, description="Sent as a bearer token, to that API only.")
    runpod_endpoint_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = Field(
        default=None, description="The serverless endpoint, which runs worker-comfyui; none: no such lane."
    )
    runpod_workflows_dir: Path | None = Field(
        default=None, description="A folder of workflow templates beside the built-in ones, which they may replace."
    )
    runpod_workflow: PlainName = Field(default="default", description="The template of a batch that names none.")
    runpod_model: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        default=None,
        description="The model file of a batch that names none, in workflows that load it as the default one does; "
        "each template's own when absent.",
    )
    runpod_execution_timeout_s: Annotated[float, Field(ge=5, le=7 * 86400)] = Field(
        default=600.0, description="How long a job may run on a GPU before RunPod ends it; each second is billed."
    )
    runpod_ttl_s: Annotated[float, Field(ge=10, le=7 * 86400)] = Field(
        default=86400.0, description="How long a job may wait and run in all before RunPod drops it."
    )
    runpod_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=60.0, description="How long one request to RunPod, or one pause within an answer, may take."
    )
    runpod_poll_s: Annotated[float, Field(ge=0.05, le=60)] = Field(
        default=1.0, description="How soon a new job is looked at; less often as it goes on."
    )
    runpod_webhook_wait_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=60.0,
        description="With `PRESSROOM_PUBLIC_URL`: how long a job whose id was never heard may take to tell of its end, "
        "before it counts as lost, perhaps paid, and another is asked for.",
    )
