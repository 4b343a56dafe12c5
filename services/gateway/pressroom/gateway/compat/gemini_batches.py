"""`/batch`: the interface of a platform that made pictures in Gemini's Batch API for its users, at half the credits.

A batch here is one of `/v1/batches` in mode `batch` with a category: its credits are held when it is taken, and given
back for what fails. Users see their own, and admins have none, as they pay nothing.
"""

import asyncio
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import Depends, Request, Response
from pydantic import Field

from pressroom.contracts.api import CreateBatch, CreateImage
from pressroom.contracts.credits import as_credits
from pressroom.contracts.facts import Reason
from pressroom.contracts.requests import Prompt, Title
from pressroom.contracts.vocabulary import BatchState, Category, ImageState, Mode, Role, Scope
from pressroom.runtime.credit_prices import price_of
from pressroom.state.documents import BatchDocument, ImageDocument
from pressroom.state.machines import IMAGE_READY

from ..access import Caller, GuardedRouter, Who, requires
from ..batches.batches import ASKING, BATCH_OVER, ask_for, owned
from ..bodies import described, read
from ..edge.problems import Refusal, answers, invalid, not_found
from ..house import House
from ..idempotency import IdempotencyKey
from ..settings import GatewaySettings
from ..uploads import from_base64, store_picture
from .camel import Camel
from .picture_urls import picture_url


async def _is_no_admin(who: Who) -> None:
    if who.role is Role.ADMIN:
        detail = "An admin has no batches here; ask as a user, or use /v1/batches."
        raise Refusal(HTTPStatus.FORBIDDEN, "users-only", detail)


router = GuardedRouter("/batch", "gemini batches", Scope.READ, dependencies=[Depends(_is_no_admin)])

LISTED_AT_MOST = 200
_CATEGORIES = (Category.CHARACTER, Category.FOOD, Category.PRODUCT)

Credits = int | float


class WantedPicture(Camel):
    prompt: Prompt
    image_base64: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="A reference picture in base64; a data URL is taken too."
    )


class CreateJob(Camel):
    """The body of `POST /batch/create`."""

    type: Literal["character", "food", "product"]
    requests: Annotated[tuple[WantedPicture, ...], Field(min_length=1)]
    display_name: Title | None = None


class CreatedJob(Camel):
    id: str
    status: Literal["pending", "completed", "failed"]
    type: str
    request_count: int
    credit_cost: Credits
    message: str


class JobStatus(Camel):
    id: str
    status: Literal["pending", "completed", "failed"]
    type: str
    created_at: datetime
    results: list[str]
    errors: list[str]
    success_count: int
    fail_count: int
    request_count: int


class PastJob(Camel):
    id: str
    status: Literal["pending", "completed", "failed"]
    type: str
    created_at: datetime
    request_count: int
    success_count: int
    credit_cost: Credits


@router.post(
    "/create",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.WRITE)],
    responses=ASKING,
    openapi_extra=described(CreateJob),
)
async def create_job(
    request: Request, who: Who, house: House, response: Response, idempotency_key: IdempotencyKey = None
) -> CreatedJob:
    """Ask for pictures of one kind, each with a prompt and perhaps a reference picture."""
    # A body with pictures is large: the framework would read it before anybody has asked who sends it.
    body = read(CreateJob, await request.body())
    settings = house.settings
    count, most = len(body.requests), settings.batch_create_max
    if count > most:
        message = f"{count} requests; at most {most} in one batch (PRESSROOM_BATCH_CREATE_MAX)"
        raise invalid([Reason(field="requests", message=message)])
    images = [
        CreateImage(prompt=wanted.prompt, input_images=await _stored(house, wanted, place))
        for place, wanted in enumerate(body.requests)
    ]
    asked = CreateBatch(
        providers=settings.batch_create_providers,
        mode=Mode.BATCH,
        category=Category(body.type),
        images=tuple(images),
        title=body.display_name,
        profile="none",
    )
    made = await ask_for(asked, who, house, response, idempotency_key)
    batch = await owned(house, who.owner, made.id)
    return CreatedJob(
        id=batch.id,
        status=_status(batch, []),
        type=_type(batch),
        request_count=count,
        credit_cost=_cost(batch, settings),
        message="Batch job created. Processing may take up to 24 hours (usually much faster).",
    )


async def _stored(house: House, wanted: WantedPicture, place: int) -> tuple[str, ...]:
    """The name of a request's reference picture, once it is stored; none where there is none."""
    if wanted.image_base64 is None:
        return ()
    try:
        data = await asyncio.to_thread(from_base64, wanted.image_base64)
        stored = await store_picture(house, data)
    # What is no base64 is a `ValueError`, and so is `NotAnImage`.
    except ValueError as error:
        field = f"requests.{place}.imageBase64"
        raise invalid([Reason(field=field, message=f"no picture in base64: {error}")]) from error
    return (stored.name,)


@router.get("/status/{batch_id}", responses=answers(HTTPStatus.NOT_FOUND))
async def job_status(batch_id: str, owner: Caller, house: House, request: Request) -> JobStatus:
    """How far a batch is, with addresses of the pictures that there are and a line for each that failed."""
    batch = await owned(house, owner, batch_id)
    if not _is_of_here(batch):
        raise not_found("batch", batch_id)
    images = await house.database.images.of_batch(batch_id, with_deleted=True)
    failed = [image for image in images if image.ended in (ImageState.FAILED, ImageState.CANCELLED)]
    refused = [f"{reason.field}: {reason.message}" for reason in batch.reasons]
    return JobStatus(
        id=batch.id,
        status=_status(batch, images),
        type=_type(batch),
        created_at=batch.created_at,
        results=[picture_url(house, request, image) for image in images if image.file is not None],
        errors=[*refused, *(f"Request {image.index + 1}: {_why(image)}" for image in failed)],
        success_count=sum(image.ended in IMAGE_READY for image in images),
        fail_count=len(failed) if images else batch.request.image_count * bool(refused),
        request_count=batch.request.image_count,
    )


@router.get("/history")
async def job_history(owner: Caller, house: House) -> list[PastJob]:
    """The newest batches, the newest first."""
    settings = house.settings
    batches = await house.database.batches.in_categories(owner, _CATEGORIES, Mode.BATCH, limit=LISTED_AT_MOST)
    counts = await house.database.images.counts_of_many([batch.id for batch in batches])
    listed: list[PastJob] = []
    for batch in batches:
        ready = sum(count for state, count in counts[batch.id].items() if state in IMAGE_READY)
        listed.append(
            PastJob(
                id=batch.id,
                status=_ended(batch, ready),
                type=_type(batch),
                created_at=batch.created_at,
                request_count=batch.request.image_count,
                success_count=ready,
                credit_cost=_cost(batch, settings),
            )
        )
    return listed


def _is_of_here(batch: BatchDocument) -> bool:
    return batch.request.mode is Mode.BATCH and batch.request.category in _CATEGORIES


def _status(batch: BatchDocument, images: list[ImageDocument]) -> Literal["pending", "completed", "failed"]:
    return _ended(batch, sum(image.ended in IMAGE_READY for image in images))


def _ended(batch: BatchDocument, ready: int) -> Literal["pending", "completed", "failed"]:
    """`completed` when anything was made, as it always was: `failCount` tells the rest."""
    if batch.state not in BATCH_OVER:
        return "pending"
    return "completed" if ready and batch.state is not BatchState.REJECTED else "failed"


def _type(batch: BatchDocument) -> str:
    return f"batch-{batch.request.category}"


def _why(image: ImageDocument) -> str:
    return image.error.message if image.error else f"it was {image.ended}"


def _cost(batch: BatchDocument, settings: GatewaySettings) -> Credits:
    """A JSON number, as it always was."""
    cost = as_credits(price_of(batch.request, Mode.BATCH, settings.credit_prices) * batch.request.image_count)
    return int(cost) if cost == cost.to_integral() else float(cost)
