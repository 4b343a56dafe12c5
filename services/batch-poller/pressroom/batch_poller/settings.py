"""The batch-poller's own settings, beside those that every service shares; a process that dies loses none of them."""

from typing import Annotated

from pydantic import Field

from pressroom.runtime.vendors.gemini import GeminiSettings
from pressroom.runtime.vendors.openai import OpenAIVendorSettings

LIMIT_SETTING = "PRESSROOM_PROVIDER_JOB_MAX_IMAGES"


class BatchPollerSettings(GeminiSettings, OpenAIVendorSettings):
    """Where the asynchronous providers are, and what they may cost in time."""

    batch_poller_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8082, description="The port of its health and metrics."
    )
    poll_initial_s: Annotated[float, Field(ge=0.1, le=3600)] = Field(
        default=30.0, description="How soon a new job is looked at, and how often at most one is asked about alone."
    )
    poll_max_s: Annotated[float, Field(ge=0.1, le=86400)] = Field(
        default=600.0, description="How seldom an old job is looked at, at least."
    )
    provider_patience_s: Annotated[float, Field(ge=1, le=14 * 86400)] = Field(
        default=3 * 86400.0,
        description="How long a job is followed through errors of its provider. Gemini's own jobs expire after 48 h.",
    )
    provider_create_doubt_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=15.0,
        description="So long a job whose creation was not answered may still appear at its provider; it is looked for, "
        "and not created again before that.",
    )
    provider_requests_per_second: Annotated[float, Field(gt=0, le=1000)] = Field(
        default=5.0, description="Questions about jobs to one provider at most, over all pollers."
    )
    provider_results_patience_s: Annotated[float, Field(ge=0, le=14 * 86400)] = Field(
        default=86400.0, description="How long results that cannot be fetched are tried for after their job's end."
    )
    jobs_at_once: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=4, description="How many provider jobs one poller submits, asks about or collects at the same time."
    )
    due_interval_s: Annotated[float, Field(ge=0.05, le=60)] = Field(
        default=0.5, description="How often a poller with nothing to do looks for jobs that are due."
    )
