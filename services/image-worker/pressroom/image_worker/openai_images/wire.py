"""OpenAI's Images API on the wire: what is read of its answers, and what its refusals mean.

A refusal is known by its code and not by its status: a 429 may ask for patience or for money. Source: the "Error
codes" guide, public reports of the Images API, and openai-python 3.52.0 for the headers that say when to come back.
"""

import math
from http import HTTPStatus

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from pressroom.runtime.errors import (
    ApiFailed,
    AuthFailed,
    InvalidRequest,
    ModelGone,
    Moderated,
    OutOfCredit,
    RateLimited,
    WorkError,
)
from pressroom.runtime.vendor_http import LONGEST_WAIT_S, excerpt, retry_after_s
from pressroom.runtime.vendors.pictures import decoded_picture

VENDOR = "OpenAI"
KEY_SETTING = "PRESSROOM_OPENAI_API_KEY"
MODEL_SETTING = "PRESSROOM_OPENAI_MODEL"
URL_SETTING = "PRESSROOM_OPENAI_URL"

MODERATION_CODES = frozenset({"moderation_blocked", "content_policy_violation"})
NO_CREDIT_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
BILLING_PAGE = "platform.openai.com/settings/organization/billing"


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


class Refused(Wire):
    error: Refusal


class Picture(Wire):
    b64_json: str | None = None


class ImagesAnswer(Wire):
    """`data` is null in an answer without pictures."""

    data: tuple[Picture, ...] | None = None

    def picture(self) -> bytes:
        """The first picture; `ApiFailed` when there is none."""
        found = next((picture.b64_json for picture in self.data or () if picture.b64_json), None)
        if found is None:
            raise ApiFailed(f"{VENDOR} answered without a picture; ask for this image again")
        return decoded_picture(found, VENDOR)[0]


def read_error(response: httpx.Response) -> WorkError | None:
    """What a refusal of 400 or more stands for; None leaves it to the status."""
    refusal = _refusal_of(response)
    said = f"{VENDOR} answered {response.status_code} to {response.request.method} {response.request.url.path}"
    reason = f"{refusal.param}: {refusal.message}" if refusal.param else refusal.message or excerpt(response)
    if refusal.code in MODERATION_CODES:
        what = "picture" if _stage_of(refusal) == "output" else "prompt"
        return Moderated(f"{VENDOR} refused the {what} ({reason}); change the prompt or its reference pictures")
    if NO_CREDIT_CODES & {refusal.code, refusal.type} or response.status_code == HTTPStatus.PAYMENT_REQUIRED:
        return OutOfCredit(f"{said}: {reason} (pay at {BILLING_PAGE}, for the account of {KEY_SETTING})")
    if refusal.code == "model_not_found":
        return ModelGone(f"{said}: {reason}")
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        # The vendor's own words repeat a part of the key.
        return AuthFailed(f"{said}: {refusal.code or 'no valid key'} (check {KEY_SETTING})")
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(f"{said}: {reason}", _wait_s(response))
    if response.status_code == HTTPStatus.NOT_FOUND:
        return InvalidRequest(f"{said}: {reason} (check {URL_SETTING})")
    if response.status_code == HTTPStatus.BAD_REQUEST:
        return InvalidRequest(f"{said}: {reason}")
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
