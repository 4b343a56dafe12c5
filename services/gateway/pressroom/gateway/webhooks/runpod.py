"""RunPod tells that a job has ended, at the address that it was given with it (docs.runpod.io, "Send API requests",
2026-11). RunPod signs nothing: the address carries our key for the job and our signature over it.

What is told is believed as far as the vendor's own name for the job, which a worker that was killed too early never
heard; whatever else became of the job, a worker asks. Told twice, nothing more happens.
"""

import contextlib
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.broker import BrokerError
from pressroom.runtime.webhook_urls import hint_subject, is_ours

from ..bodies import read
from ..edge.problems import ANYWHERE, answers
from ..house import House
from .refusals import nothing_here

router = APIRouter(prefix="/webhooks/runpod", tags=["webhooks"], responses=ANYWHERE)

Key = Annotated[str, Path(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="Our key for the job.")]
Signature = Annotated[str, Path(description="HMAC-SHA256 over vendor and key, in hex.")]


class EndedJob(BaseModel):
    """What is read of RunPod's word on a job; its output is not."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
    status: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,32}$")]


@router.post(
    "/{key}/{signature}",
    response_class=Response,
    responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": EndedJob.model_json_schema()}}}
    },
)
async def runpod_told(key: Key, signature: Signature, request: Request, house: House) -> Response:
    """RunPod tells that a job has ended. Anything but a 200 makes it tell again, three times in all."""
    settings = house.settings
    # Before the body is read, so that nobody else's is.
    if not is_ours(settings, ProviderName.RUNPOD, key, signature):
        raise nothing_here()
    ended = read(EndedJob, await request.body())
    if await house.database.images.note_vendor_id(ProviderName.RUNPOD, key, ended.id) is None:
        raise nothing_here()
    # Only a hint: a worker that misses it looks at the job a little later.
    with contextlib.suppress(*BrokerError):
        await house.client.publish(hint_subject(ProviderName.RUNPOD, key))
    return Response(status_code=HTTPStatus.OK)
