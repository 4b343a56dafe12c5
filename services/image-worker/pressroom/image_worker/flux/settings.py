"""What FLUX at Black Forest Labs needs to be told."""

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from pressroom.runtime.settings import Settings


class FluxSettings(Settings):
    """`PRESSROOM_FLUX_RESULT_HOSTS` is a JSON list, e.g. `["bfl.ai"]`."""

    flux_url: str = Field(default="https://api.bfl.ai", description="BFL's API, without its version.")
    flux_api_key: SecretStr | None = Field(default=None, description="Sent as the x-key header, to BFL's API only.")
    flux_model: str = Field(
        default="flux-2-pro",
        pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$",
        description="The model of a batch that names none: flux-2-pro, -max, -flex, -klein-4b, -klein-9b (of 2026-11).",
    )
    flux_safety_tolerance: Annotated[int, Field(ge=0, le=5)] = Field(
        default=2, description="How much BFL's moderation lets pass: 0 is the strictest."
    )
    flux_result_hosts: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+$")], ...] = Field(
        default=("bfl.ai",), description="Where BFL's pictures may be fetched from: these hosts and those below them."
    )
    flux_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=60.0, description="How long one request to BFL, or one pause within an answer, may take."
    )
    flux_poll_s: Annotated[float, Field(ge=0.05, le=60)] = Field(
        default=1.0, description="How soon a new job is looked at; less often as it goes on."
    )
