"""What the OpenAI lane needs."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from pressroom.runtime.settings import Settings


class OpenAISettings(Settings):
    """A base beside the image-worker's own settings."""

    openai_url: str = Field(default="https://api.openai.com", description="The OpenAI API, without its version.")
    openai_api_key: SecretStr | None = Field(default=None, description="Sent as a bearer token.")
    openai_model: str = Field(
        default="gpt-image-2",
        pattern=r"^[A-Za-z0-9._:-]{1,128}$",
        description="The image model of a batch that names none; vendors retire names often (list of 2026-11).",
    )
    openai_quality: Literal["low", "medium", "high", "auto"] = Field(
        default="medium", description="What a picture is rendered with; its price is by that."
    )
    openai_moderation: Literal["auto", "low"] = Field(
        default="auto", description="How strictly prompts are filtered, where there are no reference pictures."
    )
    openai_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=180.0, description="How long OpenAI may be silent while it makes a picture."
    )
