"""Gemini's API, as far as its Batch API and its realtime one are the same: settings, the client, and its errors.

Read leniently, and nothing is stored here, so a process that dies loses nothing. Source: ai.google.dev, "Gemini API
reference" and "Troubleshooting guide", v1beta, 2026-11; errors are `google.rpc.Status` (google.aip.dev/193).
"""

import re
from http import HTTPStatus
from typing import Annotated

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.alias_generators import to_camel

from ..errors import AuthFailed, InvalidRequest, RateLimited, WorkError
from ..settings import Settings
from ..vendor_http import LONGEST_WAIT_S, ErrorReader, VendorClient, excerpt, retry_after_s

VENDOR = "Gemini"
KEY_SETTING = "PRESSROOM_GEMINI_API_KEY"
MODEL_SETTING = "PRESSROOM_GEMINI_MODEL"
TEXT_MODEL_SETTING = "PRESSROOM_GEMINI_TEXT_MODEL"
API = "/v1beta"


class GeminiSettings(Settings):
    """What every service that talks to Gemini reads; a base beside a service's own settings."""

    gemini_url: str = Field(
        default="https://generativelanguage.googleapis.com", description="The Gemini API, without its version."
    )
    gemini_api_key: SecretStr | None = Field(default=None, description="Sent as the x-goog-api-key header.")
    gemini_model: str = Field(
        default="gemini-nano-banana-2.1",
        pattern=r"^[A-Za-z0-9._-]{1,128}$",
        description="The image model of a batch that names none; vendors retire names often (list of 2026-11).",
    )
    gemini_text_model: str = Field(
        default="gemini-3.8-flash",
        pattern=r"^[A-Za-z0-9._-]{1,128}$",
        description="The model of a batch of texts that names none (list of 2026-11).",
    )
    gemini_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=60.0, description="How long one request, or one pause within a download, may take."
    )


class Wire(BaseModel):
    """Camel case outside, unknown fields ignored."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class ErrorDetail(Wire):
    """`google.rpc.ErrorInfo` has a reason, `google.rpc.RetryInfo` a delay such as `34s`."""

    reason: str | None = None
    retry_delay: str | None = None


class Refusal(Wire):
    """`google.rpc.Status`: as the error of a request its code is an HTTP status, elsewhere one of gRPC's."""

    code: int | None = None
    message: str = ""
    status: str | None = None
    details: object = None

    def said(self) -> str:
        return (
            " ".join(part for part in (self.status or str(self.code or ""), self.message) if part) or "no reason given"
        )


class Refused(Wire):
    error: Refusal


class NotFound(InvalidRequest):
    """404; what was not found is known to whoever asked."""


def gemini_client(settings: GeminiSettings, read_error: ErrorReader | None = None) -> VendorClient:
    """A client that sends the key, if there is one. `read_error` replaces this module's."""
    key = settings.gemini_api_key
    return VendorClient(
        VENDOR,
        settings.gemini_url,
        key_setting=KEY_SETTING,
        headers={"x-goog-api-key": key.get_secret_value()} if key else {},
        timeout_s=settings.gemini_timeout_s,
        read_error=read_error or read_gemini_error,
    )


def read_gemini_error(response: httpx.Response) -> WorkError | None:
    """What Gemini says beyond the status code: a wrong key comes as 400, the time to wait in the details."""
    refusal = refusal_of(response)
    details = _details_of(refusal)
    said = f"{VENDOR} answered {response.status_code} to {response.request.method} {response.request.url.path}"
    if any(detail.reason == "API_KEY_INVALID" for detail in details):
        return AuthFailed(f"{said}: the key is not valid (check {KEY_SETTING})")
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        waits = [wait for detail in details if (wait := _seconds(detail.retry_delay)) is not None]
        return RateLimited(f"{said}: {excerpt(response)}", retry_after_s(response) or max(waits, default=None))
    if response.status_code == HTTPStatus.NOT_FOUND:
        return NotFound(f"{said}: {refusal.said() if refusal else excerpt(response)}")
    return None


def refusal_of(response: httpx.Response) -> Refusal | None:
    """The error in a response's body; None when it has none in Gemini's shape."""
    try:
        return Refused.model_validate_json(response.content).error
    except ValidationError:
        return None


def _details_of(refusal: Refusal | None) -> list[ErrorDetail]:
    found: list[ErrorDetail] = []
    details = refusal.details if refusal else None
    if isinstance(details, list):
        for detail in details:  # pyright: ignore[reportUnknownVariableType] each is validated in the next line
            try:
                found.append(ErrorDetail.model_validate(detail))
            except ValidationError:
                continue
    return found


def _seconds(duration: str | None) -> float | None:
    """A `google.protobuf.Duration` in JSON: seconds with a fraction and an s; a day at most."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)s", duration or "")
    return min(float(match.group(1)), LONGEST_WAIT_S) if match else None
