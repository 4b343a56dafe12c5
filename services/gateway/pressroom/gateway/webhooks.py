"""`/webhooks`: where vendors tell that a job has ended, at the address that they were given with it.

No token is asked for, because a vendor has none: the address carries our key for the job and a signature over it. What
is told is believed as far as the vendor's own name for the job, which a worker that was killed too early never heard;
whatever else became of the job, a worker asks the vendor. Told twice, nothing more happens; a process that dies before
it answers is told again.
"""

import contextlib
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.broker import BrokerError
from pressroom.runtime.webhook_urls import hint_subject, is_ours

from .house import House
from .problems import Refusal, answers
from .settings import GatewaySettings

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

Key = Annotated[str, Path(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="Our key for the job.")]
Signature = Annotated[str, Path(description="HMAC-SHA256 over vendor and key, in hex.")]


class EndedJob(BaseModel):
    """What is read of RunPod's word on a job; its output is not (docs.runpod.io, "Send API requests", 2026-11)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
    status: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,32}$")]


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
