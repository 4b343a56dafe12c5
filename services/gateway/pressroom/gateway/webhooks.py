"""`/webhooks`: where vendors tell that a job has ended, at the address that they were given with it.

No token is asked for, because a vendor has none: the address carries our key for the job and a signature over it. What
is told is believed as far as the vendor's own name for the job, which a worker that was killed too early never heard;
whatever else became of the job, a worker asks the vendor. Told twice, nothing more happens; a process that dies before
it answers is told again.

Gemini tells of batch jobs at one address for its whole project, and signs what it says (Standard Webhooks). It is
believed only as far as that the job is worth a look now.
"""

import base64
import contextlib
import hashlib
import hmac
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from pressroom.contracts.vocabulary import ProviderJobState, ProviderName
from pressroom.runtime.broker import BrokerError
from pressroom.runtime.logs import get_logger
from pressroom.runtime.webhook_urls import hint_subject, is_ours

from .house import House
from .problems import Refusal, answers
from .settings import WHSEC, GatewaySettings

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

TOLD_WITHIN_S = 300
"""Older than this, or as far in the future, a message is refused (Standard Webhooks, "Verifying webhook authenticity");
within it, a message that was heard already is."""

_SIGNATURES_AT_MOST = 16

log = get_logger(__name__)

Key = Annotated[str, Path(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="Our key for the job.")]
Signature = Annotated[str, Path(description="HMAC-SHA256 over vendor and key, in hex.")]


class EndedJob(BaseModel):
    """What is read of RunPod's word on a job; its output is not (docs.runpod.io, "Send API requests", 2026-11)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
    status: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,32}$")]


class BatchTold(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^(batches/)?[A-Za-z0-9_-]{1,128}$")]

    @property
    def vendor_name(self) -> str:
        return f"batches/{self.id.removeprefix('batches/')}"


class GeminiTold(BaseModel):
    """What is read of Gemini's word on a batch job (ai.google.dev, "Webhooks", 2026-11). It tells nothing of one that
    was cancelled."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Annotated[str, StringConstraints(pattern=r"^[a-z_.]{1,64}$")]
    data: BatchTold


# Left out of the schema, as nobody but Gemini calls it.
@router.post("/gemini", response_class=Response, include_in_schema=False)
async def gemini_told(request: Request, house: House) -> Response:
    """Gemini tells that a batch job has ended: it is looked at now. Anything but a 2xx makes it tell again."""
    body = await request.body()
    if not _is_geminis(request, body):
        raise _nothing_here()
    try:
        told = GeminiTold.model_validate_json(body)
    except ValidationError:
        # Signed, and of something else: told again it would be the same.
        return Response(status_code=HTTPStatus.OK)
    if told.type not in ("batch.succeeded", "batch.failed", "batch.expired"):
        return Response(status_code=HTTPStatus.OK)
    jobs, told_by = house.database.provider_jobs, request.headers["webhook-id"]
    query = {"provider": str(ProviderName.GEMINI), "vendor_name": told.data.vendor_name}
    for job in await jobs.find({"state": str(ProviderJobState.SUBMITTED), **query}, limit=1):
        # A message that was heard already finds its own id here, or the job further on.
        guard: dict[str, Any] = {"state": str(ProviderJobState.SUBMITTED), "told_by": {"$ne": told_by}}
        await jobs.change(job.id, {"next_poll_at": datetime.now(UTC), "told_by": told_by}, guard=guard)
    return Response(status_code=HTTPStatus.OK)


def _is_geminis(request: Request, body: bytes) -> bool:
    """Whether Gemini signed this, not long ago."""
    settings: GatewaySettings = request.app.state.settings
    configured = settings.gemini_webhook_secret
    message_id, said_at = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if configured is None or not message_id or not said_at.isascii() or not said_at.isdigit():
        return False
    secret = base64.b64decode(configured.get_secret_value().removeprefix(WHSEC))
    if len(said_at) > len("9999999999") or abs(time.time() - int(said_at)) > TOLD_WITHIN_S:
        return False
    signed = f"{message_id}.{said_at}.".encode() + body
    right = b"v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest())
    given = request.headers.get("webhook-signature", "").split(" ")[:_SIGNATURES_AT_MOST]
    return any(hmac.compare_digest(right, signature.encode()) for signature in given)


@router.post(
    "/runpod/{key}/{signature}",
    response_class=Response,
    responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": EndedJob.model_json_schema()}}}
    },
)
async def runpod_told(key: Key, signature: Signature, request: Request, house: House) -> Response:
    """RunPod tells that a job has ended. Anything but a 200 makes it tell again, three times in all."""
    settings: GatewaySettings = request.app.state.settings
    # Before the body is read, so that nobody else's is.
    if not is_ours(settings, ProviderName.RUNPOD, key, signature):
        raise _nothing_here()
    ended = _read(await request.body())
    if await house.database.images.note_vendor_id(ProviderName.RUNPOD, key, ended.id) is None:
        raise _nothing_here()
    # Only a hint: a worker that misses it looks at the job a little later.
    with contextlib.suppress(*BrokerError):
        await house.client.publish(hint_subject(ProviderName.RUNPOD, key))
    return Response(status_code=HTTPStatus.OK)


def _read(body: bytes) -> EndedJob:
    try:
        return EndedJob.model_validate_json(body)
    except ValidationError as error:
        found: list[dict[str, Any]] = [
            {**problem, "loc": ("body", *problem["loc"])} for problem in error.errors(include_input=False)
        ]
        raise RequestValidationError(found) from error


def _nothing_here() -> Refusal:
    """The same for a signature that is wrong and for a job that nobody waits for."""
    return Refusal(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here.")
