"""OpenAI's API, as far as its batches and its realtime images are the same: settings, the client, and its errors.

A refusal is known by its code and not by its status: a 429 may ask for patience or for money. The same shape stands in
an answer of 400 or more and in a row of a batch. Nothing is stored here, so a process that dies loses nothing. Source:
the "Error codes" guide, public reports of the Images API, and openai-python 3.52.0 for the headers that say when to
come back.
"""

import math
from http import HTTPStatus
from typing import Annotated, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from ..errors import AuthFailed, InvalidRequest, ModelGone, Moderated, OutOfCredit, RateLimited, WorkError
from ..settings import Settings
from ..vendor_http import LONGEST_WAIT_S, ErrorReader, VendorClient, excerpt, retry_after_s

VENDOR = "OpenAI"
KEY_SETTING = "PRESSROOM_OPENAI_API_KEY"
MODEL_SETTING = "PRESSROOM_OPENAI_MODEL"
TEXT_MODEL_SETTING = "PRESSROOM_OPENAI_TEXT_MODEL"
URL_SETTING = "PRESSROOM_OPENAI_URL"

MODERATION_CODES = frozenset({"moderation_blocked", "content_policy_violation"})
NO_CREDIT_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
BILLING_PAGE = "platform.openai.com/settings/organization/billing"


class OpenAIVendorSettings(Settings):
    """What every service that talks to OpenAI reads; a base beside a service's own settings."""

    openai_url: str = Field(default="https://api.openai.com", description="The OpenAI API, without its version.")
    openai_api_key: SecretStr | None = Field(default=None, description="Sent as a bearer token.")
    openai_model: str = Field(
        default="gpt-image-2",
        pattern=r"^[A-Za-z0-9._:-]{1,128}$",
        description="The image model of a batch that names none; vendors retire names often (list of 2026-11).",
    )
    openai_text_model: str = Field(
        default="gpt-5.4-mini",
        pattern=r"^[A-Za-z0-9._:-]{1,128}$",
        description="The model of a batch of texts that names none (list of 2026-11).",
    )
    openai_quality: Literal["low", "medium", "high", "auto"] = Field(
        default="medium", description="What a picture is rendered with; its price is by that."
    )
    openai_moderation: Literal["auto", "low"] = Field(
        default="auto", description="How strictly prompts are filtered, where there are no reference pictures."
    )
    openai_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=60.0, description="How long one request, or one pause within a download, may take."
    )


class Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ModerationDetails(Wire):
    """`moderation_stage`: `input` when the words were refused, `output` when the picture was."""

    moderation_stage: str | None = None


class Refusal(Wire):
    """The `error` of a refusal; each field may be absent or null."""

    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | None = None
    moderation_details: ModerationDetails | None = None

    def said(self) -> str:
        """Its reason; empty when it gives none."""
        return f"{self.param}: {self.message}" if self.param else self.message or ""


class Refused(Wire):
    error: Refusal


def openai_client(settings: OpenAIVendorSettings, read_error: ErrorReader | None = None) -> VendorClient:
    """A client that sends the key, if there is one. `read_error` replaces this module's."""
    key = settings.openai_api_key
    return VendorClient(
        VENDOR,
        settings.openai_url,
        key_setting=KEY_SETTING,
        headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key and key.get_secret_value() else {},
        timeout_s=settings.openai_timeout_s,
        read_error=read_error or read_openai_error,
    )


def read_openai_error(response: httpx.Response) -> WorkError | None:
    """What a refusal of 400 or more stands for; None leaves it to the status."""
    said = f"{VENDOR} answered {response.status_code} to {response.request.method} {response.request.url.path}"
    refusal = _refusal_of(response)
    return error_of_refusal(
        response.status_code, refusal, f"{said}: {refusal.said() or excerpt(response)}", wait_s=_wait_s(response)
    )


def error_of_refusal(status: int, refusal: Refusal, said: str, *, wait_s: float | None = None) -> WorkError | None:
    """The error of a refusal in an answer, or in a row of a batch, of this status; None when nothing here knows it.
    `said` tells who refused what, and why; `wait_s` is how long a 429 asks to wait."""
    if refusal.code in MODERATION_CODES:
        what = "picture" if _stage_of(refusal) == "output" else "prompt"
        reason = refusal.said() or refusal.code
        return Moderated(f"{VENDOR} refused the {what} ({reason}); change the prompt or its reference pictures")
    if NO_CREDIT_CODES & {refusal.code, refusal.type} or status == HTTPStatus.PAYMENT_REQUIRED:
        return OutOfCredit(f"{said} (pay at {BILLING_PAGE}, for the account of {KEY_SETTING})")
    if refusal.code == "model_not_found":
        return ModelGone(said)
    if status == HTTPStatus.UNAUTHORIZED:
        # The vendor's own words repeat a part of the key.
        return AuthFailed(f"{VENDOR} answered {status}: {refusal.code or 'no valid key'} (check {KEY_SETTING})")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(said, wait_s)
    if status == HTTPStatus.NOT_FOUND:
        return InvalidRequest(f"{said} (check {URL_SETTING})")
    if status == HTTPStatus.BAD_REQUEST:
        return InvalidRequest(said)
    return None


def _stage_of(refusal: Refusal) -> str | None:
    return refusal.moderation_details.moderation_stage if refusal.moderation_details else None


def _refusal_of(response: httpx.Response) -> Refusal:
    try:
        return Refused.model_validate_json(response.content).error
    except ValidationError:
        return Refusal()


def _wait_s(response: httpx.Response) -> float | None:
    """Seconds to wait; the header in milliseconds is the more exact one, and the SDK too reads it first."""
    try:
        wait_s = float(response.headers.get("retry-after-ms", "")) / 1000
    except ValueError:
        return retry_after_s(response)
    return retry_after_s(response) if math.isnan(wait_s) else min(max(0.0, wait_s), LONGEST_WAIT_S)
