"""The gateway's own settings."""

from typing import Annotated

from pydantic import Field, SecretStr

from pressroom.runtime.settings import Settings


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
    live_heartbeat_s: Annotated[float, Field(ge=0.5, le=300)] = Field(
        default=15.0, description="How often a silent event stream says that it is alive."
    )
