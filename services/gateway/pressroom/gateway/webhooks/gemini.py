"""Gemini tells that a batch job has ended (ai.google.dev, "Webhooks", 2026-06): at the job's own address, where
`PRESSROOM_PUBLIC_URL` let the batch-poller give it one, or at one address for the whole project.

The job's own address is believed by our signature in its path. Gemini signs there too, with a JWT in
`webhook-signature` whose audience and whose tie to the body no document tells; so it is looked at beside ours, where
`PRESSROOM_GEMINI_WEBHOOK_JWKS_URL` says where its keys are, and the body is not read at all: the address says which job
it is. The project's address is believed by Gemini's signature alone (Standard Webhooks, HMAC-SHA256).
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from pressroom.contracts.identifiers import LONG_IDENTIFIER_PATTERN
from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.webhook_urls import is_ours

from ..house import House
from ..published_keys import PublishedKeys
from ..settings import GatewaySettings
from .gemini_signature import is_geminis
from .provider_jobs import heard_of_a_project, look_at_job
from .refusals import nothing_here
from .standard_webhooks import fresh_message_id

# Left out of the schema, as nobody but Gemini calls it.
router = APIRouter(prefix="/webhooks/gemini", include_in_schema=False)

ENDED = frozenset({"batch.succeeded", "batch.failed", "batch.expired", "batch.cancelled"})
"""The last one is in the event catalogue and not in google-genai 3.4.0."""

JobId = Annotated[str, Path(pattern=LONG_IDENTIFIER_PATTERN)]


class BatchTold(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^(batches/)?[A-Za-z0-9_-]{1,128}$")]

    @property
    def vendor_name(self) -> str:
        """As the job is called everywhere else: the documentation shows an id without `batches/`."""
        return f"batches/{self.id.removeprefix('batches/')}"


class GeminiTold(BaseModel):
    """What is read of Gemini's word on a batch job."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Annotated[str, StringConstraints(pattern=r"^[a-z_.]{1,64}$")]
    data: BatchTold


@router.post("/{job_id}/{signature}", response_class=Response)
async def job_told(job_id: JobId, signature: str, request: Request, house: House) -> Response:
    """Anything but a 2xx makes Gemini tell again, for a day."""
    settings = house.settings
    if not is_ours(settings, ProviderName.GEMINI, job_id, signature):
        raise nothing_here()
    message_id = fresh_message_id(request.headers)
    if message_id is None:
        raise nothing_here()
    keys: PublishedKeys | None = request.app.state.gemini_keys
    if keys is not None and not await is_geminis(request.headers.get("webhook-signature", ""), keys):
        raise nothing_here()
    return await look_at_job(house, ProviderName.GEMINI, job_id, message_id)


@router.post("", response_class=Response)
async def project_told(request: Request, house: House) -> Response:
    """What is signed and of something else is heard and left: told again it would be the same."""
    settings = house.settings
    return await heard_of_a_project(request, house, ProviderName.GEMINI, settings.gemini_webhook_secret, _ended)


def _ended(body: bytes) -> str | None:
    try:
        told = GeminiTold.model_validate_json(body)
    except ValidationError:
        return None
    return told.data.vendor_name if told.type in ENDED else None


def keys_of_gemini(settings: GatewaySettings) -> PublishedKeys | None:
    """Its public keys, for the life of the application; None where no setting says where they are."""
    url = settings.gemini_webhook_jwks_url
    return PublishedKeys(url, "PRESSROOM_GEMINI_WEBHOOK_JWKS_URL") if url is not None else None
