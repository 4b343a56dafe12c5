"""OpenAI tells that a batch has ended (openai-python 3.52.0, `webhooks`; the "Webhooks" guide, 2026-11): at one address
for the whole project, signed as Standard Webhooks are. Believed only as far as that the batch is worth a look now."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from pressroom.contracts.vocabulary import ProviderName

from ..house import House
from .provider_jobs import heard_of_a_project

# Left out of the schema, as nobody but OpenAI calls it.
router = APIRouter(prefix="/webhooks/openai", include_in_schema=False)

ENDED = frozenset({"batch.completed", "batch.failed", "batch.expired", "batch.cancelled"})


class BatchTold(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]


class OpenAITold(BaseModel):
    """What is read of OpenAI's word on a batch."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Annotated[str, StringConstraints(pattern=r"^[a-z_.]{1,64}$")]
    data: BatchTold


@router.post("", response_class=Response)
async def project_told(request: Request, house: House) -> Response:
    """Anything but a 2xx makes OpenAI tell again, for three days; so what is signed and of something else is heard and
    left."""
    settings = house.settings
    return await heard_of_a_project(request, house, ProviderName.OPENAI, settings.openai_webhook_secret, _ended)


def _ended(body: bytes) -> str | None:
    try:
        told = OpenAITold.model_validate_json(body)
    except ValidationError:
        return None
    return told.data.id if told.type in ENDED else None
