"""The batch-poller's own settings, beside those that every service shares; a process that dies loses none of them."""

from typing import Annotated

from pressroom.runtime.settings import Settings
from pydantic import Field, SecretStr


class BatchPollerSettings(Settings):
    """Where the asynchronous providers are, and what they may cost in time."""

    batch_poller_port: Annotated[int, Field(ge=0, le=65535)] = 8082
    gemini_url: str = Field(
        default="https://generativelanguage.googleapis.com", description="The Gemini API, without its version."
    )
    gemini_api_key: SecretStr | None = Field(default=None, description="Sent as the x-goog-api-key header.")
    gemini_model: str = Field(
        default="gemini-nano-banana-2.1",
        pattern=r"^[A-Za-z0-9._-]{1,128}$",
        description="The image model of a batch that names none; vendors retire names often (list of 2026-11).",
    )
    gemini_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=60.0, description="How long one request, or one pause within a download, may take."
    )
