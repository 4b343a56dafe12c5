"""The gateway's own settings."""

import base64
import binascii
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints, ValidationInfo, field_validator

from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.loopback import LOOPBACK, is_loopback
from pressroom.runtime.settings import PREFIX, Settings

from .edge.cross_origin import Origin

WHSEC = "whsec_"
"""How a Standard Webhooks secret begins; base64 follows."""


ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/:-]{1,128}$")]
"""What a provider calls one of its models, as `BatchRequest.model` takes it."""

KeySetUrl = Annotated[
    str, StringConstraints(pattern=r"^(https://[^\s/]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)/\S*$")
]
"""Where keys are published that signatures are believed by: by https, or on this machine."""


class GatewaySettings(Settings):
    gateway_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=8080, description="The port of the API, and of its health and metrics."
    )
    jwt_secret: Annotated[SecretStr, Field(min_length=32)] | None = Field(
        default=None,
        description="Signs the tokens that logins give (HS256): 32 bytes or more that nobody guesses; none: nobody "
        "logs in with a password. Another one ends all logins. Set it alike for every gateway.",
    )
    jwt_lifetime_s: Annotated[int, Field(ge=60, le=2_592_000)] = Field(
        default=43_200, description="How long a login lasts."
    )
    jwt_jwks_url: KeySetUrl | None = Field(
        default=None,
        description="Where a single sign-on publishes the keys of its tokens (RS256), by https or on this machine; "
        "none: no single sign-on.",
    )
    jwt_issuer: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        validate_default=True,
        description="The `iss` of its tokens; needed with `PRESSROOM_JWT_JWKS_URL`.",
    )
    jwt_audience: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        validate_default=True,
        description="The `aud` of its tokens that are meant for this gateway; needed with `PRESSROOM_JWT_JWKS_URL`.",
    )
    jwt_role_claim: str = Field(
        default="role",
        min_length=1,
        description="The claim of its tokens that names the role, or a list of them: user, operator, admin.",
    )
    auth_cache_s: Annotated[float, Field(ge=0, le=60)] = Field(
        default=5.0,
        description="How long a user or key is believed before it is read again: a key that another gateway revoked "
        "may be let in for so long.",
    )
    lanes_cache_s: Annotated[float, Field(ge=0, le=60)] = Field(
        default=1.0,
        description="How long what lanes can do is believed before it is read again: a batch of a lane that was closed "
        "a moment ago may be accepted, and is rejected when it is planned.",
    )
    login_tries_per_minute: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=10, description="How often somebody may try to log in under one address of mail."
    )
    login_tries_per_minute_from_one_address: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=30, description="How often from one network address; from one /64 where it is IPv6."
    )
    auth_open: bool = Field(
        default=False,
        description="Ask nobody who they are: who calls without a token may do everything. Only on a loopback address.",
    )
    api_token: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        default=None,
        validate_default=True,
        description="The instance's own token: role admin, owner `default`. Needed where there is no other way in: no "
        "`PRESSROOM_JWT_SECRET`, no `PRESSROOM_JWT_JWKS_URL`, no `PRESSROOM_AUTH_OPEN`.",
    )
    requests_per_minute: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        default=6000,
        description="How often a minute each user may call, with all their API keys together, at each gateway; beyond "
        "it they wait (429). Of the instance's own keys each may so often, and its own token always.",
    )
    refused_calls_per_minute_from_one_address: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        default=600,
        description="How often a minute somebody may call each gateway from one network address and not be let in; "
        "from one /64 where it is IPv6. Who is let in from there is not held up.",
    )
    max_body_bytes: Annotated[int, Field(ge=1024, le=2**30)] = Field(
        default=2 * 1024 * 1024, description="The largest request body that is read."
    )
    body_timeout_s: Annotated[float, Field(ge=0.1, le=3600)] = Field(
        default=60.0, description="How long a request's body may take to come; what is slower is not read on (408)."
    )
    max_upload_bytes: Annotated[int, Field(ge=1024, le=2**30)] = Field(
        default=32 * 1024 * 1024, description="The largest reference picture that is taken."
    )
    presigned_content: bool = Field(
        default=False,
        description="Answer for an image's files with a redirect to the blob store, where it can sign addresses (S3, "
        "GCS, Azure), as `?presigned=true` does for one call; from a folder they are streamed.",
    )
    presigned_lifetime_s: Annotated[int, Field(ge=1, le=604_800)] = Field(
        default=300, description="How long such an address opens; S3 signs for a week at most."
    )
    cors_origins: tuple[Origin, ...] = Field(
        default=(),
        description='Whose pages may call from browsers, as JSON, e.g. ["https://shop.example"]; none: no page '
        "elsewhere may read an answer. Cookies are never sent.",
    )
    https_only_s: Annotated[int, Field(ge=0, le=63_072_000)] = Field(
        default=0,
        description="For how long browsers are told to come by https alone (HSTS): 31536000 once a proxy in front has "
        "it for good; 0: nothing is said.",
    )
    gemini_webhook_secret: SecretStr | None = Field(
        default=None,
        description="The signing secret (whsec_…) that Gemini gave for the webhook to <public url>/webhooks/gemini.",
    )
    gemini_webhook_jwks_url: KeySetUrl | None = Field(
        default=None,
        description="Where Gemini's public keys are (https://generativelanguage.googleapis.com/.well-known/jwks.json), "
        "to look at its own signature beside ours at a job's address; none: ours is enough.",
    )
    openai_webhook_secret: SecretStr | None = Field(
        default=None,
        description="The signing secret (whsec_…) that OpenAI gave for the webhook to <public url>/webhooks/openai.",
    )
    shopify_webhook_secret: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        default=None,
        description="What Shopify signs webhooks to <public url>/webhooks/shopify with: the app's client secret, or "
        "the key that the shop's admin shows below its own webhooks.",
    )
    printify_webhook_secret: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        default=None,
        description="The secret that the webhooks to <public url>/webhooks/printify were made with at Printify.",
    )
    generate_providers: Annotated[tuple[ProviderName, ...], Field(min_length=1)] = Field(
        default=(ProviderName.RUNPOD, ProviderName.COMFYUI),
        description="Who makes what is asked for at /api/generate, /api/image-generation and, where it names nobody, "
        "/api/admin/images, in order, as JSON.",
    )
    generate_wait_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=1800.0,
        description="How long these three keep their caller waiting; what is not done by then goes on.",
    )
    batch_create_providers: Annotated[tuple[ProviderName, ...], Field(min_length=1)] = Field(
        default=(ProviderName.GEMINI,), description="Who makes what is asked for at /batch/create, in order, as JSON."
    )
    batch_create_max: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=20, description="Requests in one body of /batch/create at most."
    )
    case_providers: Annotated[tuple[ProviderName, ...], Field(min_length=1)] = Field(
        default=(ProviderName.GEMINI,),
        description="Who makes what is asked for at /api/case-images, in order, as JSON.",
    )
    old_models: dict[ModelName, ModelName] = Field(
        default={"flux-dev": "flux-2-flex"},
        description="Models that clients of /api/admin still name, each with the one that is asked in its place, as "
        "JSON.",
    )
    live_heartbeat_s: Annotated[float, Field(ge=0.5, le=300)] = Field(
        default=15.0, description="How often a silent event stream says that it is alive."
    )
    live_lifetime_s: Annotated[float, Field(ge=1, le=86_400)] = Field(
        default=3600.0,
        description="How long an event stream lasts; a browser then comes again by itself, and goes on where it was, "
        "if it may still.",
    )

    @field_validator("jwt_issuer", "jwt_audience")
    @classmethod
    def _comes_with_the_keys(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is None and info.data.get("jwt_jwks_url") is not None:
            raise ValueError("must be set when PRESSROOM_JWT_JWKS_URL is, or tokens for others would be let in")
        return name

    @field_validator("auth_open")
    @classmethod
    def _is_open_here_alone(cls, is_open: bool, info: ValidationInfo) -> bool:
        if is_open and not is_loopback(info.data.get("host", "")):
            raise ValueError(f"asks nobody who they are, and so needs a loopback PRESSROOM_HOST, e.g. {LOOPBACK}")
        return is_open

    @field_validator("api_token")
    @classmethod
    def _lets_somebody_in(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        others = ("jwt_secret", "jwt_jwks_url", "auth_open")
        if token is None and not any(info.data.get(other) for other in others):
            names = ", ".join(f"{PREFIX}{other.upper()}" for other in others)
            raise ValueError(f"must be set, to 16 characters or more, as none of {names} is")
        return token

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
