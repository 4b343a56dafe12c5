"""The gateway's own settings."""

import base64
import binascii
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints, field_validator

from pressroom.runtime.settings import Settings

WHSEC = "whsec_"
"""How a Standard Webhooks secret begins; base64 follows."""


class GatewaySettings(Settings):
    gateway_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=8080, description="The port of the API, and of its health and metrics."
    )
    api_token: SecretStr = Field(min_length=16, description="The bearer token that every /v1 call must bring.")
    max_body_bytes: Annotated[int, Field(ge=1024, le=2**30)] = Field(
        default=2 * 1024 * 1024, description="The largest request body that is read."
    )
    max_upload_bytes: Annotated[int, Field(ge=1024, le=2**30)] = Field(
        default=32 * 1024 * 1024, description="The largest reference picture that is taken."
    )
    gemini_webhook_secret: SecretStr | None = Field(
        default=None,
        description="The signing secret (whsec_…) that Gemini gave for the webhook to <public url>/webhooks/gemini.",
    )
    gemini_webhook_jwks_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+/")] | None = Field(
        default=None,
        description="Where Gemini's public keys are (https://generativelanguage.googleapis.com/.well-known/jwks.json), "
        "to look at its own signature beside ours at a job's address; none: ours is enough.",
    )
    openai_webhook_secret: SecretStr | None = Field(
        default=None,
        description="The signing secret (whsec_…) that OpenAI gave for the webhook to <public url>/webhooks/openai.",
    )
    shopify_webhook_secret: Annotated[SecretStr, Field(min_length=1)] | None = Field(
        default=None,
        description="What Shopify signs webhooks to <public url>/webhooks/shopify with: the app's client secret, or "
        "the key that the shop's admin shows below its own webhooks.",
    )
    printify_webhook_secret: Annotated[SecretStr, Field(min_length=1)] | None = Field(
        default=None,
        description="The secret that the webhooks to <public url>/webhooks/printify were made with at Printify.",
    )
    live_heartbeat_s: Annotated[float, Field(ge=0.5, le=300)] = Field(
        default=15.0, description="How often a silent event stream says that it is alive."
    )

    @field_validator("gemini_webhook_secret", "openai_webhook_secret")
    @classmethod
    def _is_base64(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            try:
                decoded = base64.b64decode(secret.get_secret_value().removeprefix(WHSEC), validate=True)
            except binascii.Error as error:
                raise ValueError("give it as the vendor gave it: whsec_ and base64") from error
            if not decoded:
                raise ValueError("it is empty")
        return secret
