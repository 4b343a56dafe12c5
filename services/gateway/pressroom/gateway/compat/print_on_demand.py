"""`/api/generate` and what goes with it: the interface of a print-on-demand generator that answers when it is done.

Its clients send JSON under any content type, expect file names for ids, and read `status` to know how it went. A batch
that is not done within `PRESSROOM_GENERATE_WAIT_S` is answered as `processing`, and goes on; `/api/batch/{id}` tells
the rest. Everything is made, reviewed and published by the calls of `/v1`, so nothing here can lose what those keep.
"""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pressroom.contracts.api import CreateBatch, CreatePublishTarget, Image
from pressroom.contracts.finishing import BUILT_IN_PROFILES, NO_PROFILE
from pressroom.contracts.requests import Prompt, Seed, Side, Words
from pressroom.contracts.vocabulary import ImageState, PlatformName, ProductType, Scope
from pressroom.state.documents import BatchDocument, ImageDocument
from pressroom.state.machines import IMAGE_READY

from ..access import Caller, GuardedRouter, Who, requires
from ..batches.batches import ASKING, BATCH_OVER, ask_for, over, owned
from ..bodies import described, read
from ..edge.problems import answers
from ..house import House
from ..idempotency import IdempotencyKey
from ..images.images import publish_image
from ..images.reviewing import approve_image

router = GuardedRouter("/api", "print on demand", Scope.READ)

BATCH_MAX = 25
"""More are asked for in vain: the old interface made 25 of them."""

T_SHIRT = BUILT_IN_PROFILES["t-shirt"]
IMAGES_LISTED = 500


class Generate(BaseModel):
    """The body of `POST /api/generate`; sides in pixels, of the file that is made."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    prompt: Prompt
    style: Words = ""
    genre: Words = ""
    batch_size: Annotated[int, Field(ge=1, description=f"Above {BATCH_MAX} it is {BATCH_MAX}.")] = 1
    width: Side = T_SHIRT.width_px
    height: Side = T_SHIRT.height_px
    steps: Annotated[int, Field(ge=1, le=150)] = 30
    cfg_scale: Annotated[float, Field(ge=0, le=30)] = 2.0
    seed: Seed | None = None


class Generated(BaseModel):
    """How a batch went: `completed` when anything was made of it. `images` are file names, in order."""

    status: Literal["completed", "failed", "processing"]
    batch_id: str
    batch_size: int | None = None
    success_count: int | None = None
    failed_count: int
    prompt: str | None = None
    images: list[str] | None = None
    prompt_ids: list[str] | None = None
    message: str | None = None
    error: str | None = None


class ListedImage(BaseModel):
    id: str
    filename: str
    batch_index: int
    status: ImageState
    url: str = Field(description="Where the file is, once it is made.")
    metadata: dict[str, Any]


class BatchInfo(BaseModel):
    success: bool = True
    batch_id: str
    batch_size: int
    images: list[ListedImage]
    metadata: dict[str, Any]


class ListedImages(BaseModel):
    success: bool = True
    images: list[ListedImage]


class Approved(BaseModel):
    success: bool = True
    id: str
    status: ImageState


class Publish(BaseModel):
    """The body of `POST /api/publish/{id}`; an empty title is the prompt's beginning."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    platform: PlatformName
    product_type: ProductType
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""


class Published(BaseModel):
    success: bool = True
    id: str
    publication_id: str
    platform: PlatformName
    product_type: ProductType
    status: str
    url: str | None = None


_MISSING = answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


@router.post(
    "/generate",
    dependencies=[requires(Scope.WRITE)],
    responses=ASKING,
    openapi_extra=described(Generate),
    response_model_exclude_none=True,
)
async def generate(
    request: Request, who: Who, house: House, response: Response, idempotency_key: IdempotencyKey = None
) -> Generated:
    """Ask for 1 to 25 variations of a prompt, one after another; answers when they are done."""
    asked = read(Generate, await request.body())
    settings = house.settings
    is_shirt = (asked.width, asked.height) == (T_SHIRT.width_px, T_SHIRT.height_px)
    body = CreateBatch(
        providers=settings.generate_providers,
        prompt=asked.prompt,
        style=asked.style,
        genre=asked.genre,
        count=min(asked.batch_size, BATCH_MAX),
        width=asked.width,
        height=asked.height,
        steps=asked.steps,
        guidance=asked.cfg_scale,
        seed=asked.seed,
        profile="t-shirt" if is_shirt else NO_PROFILE,
    )
    made = await ask_for(body, who, house, response, idempotency_key)
    batch = await over(house, who.owner, made.id, settings.generate_wait_s, request)
    return _generated(batch, await house.database.images.of_batch(batch.id))


def _generated(batch: BatchDocument, images: list[ImageDocument]) -> Generated:
    ready = [image for image in images if image.state in IMAGE_READY]
    count = batch.request.image_count
    failed = sum(image.state in (ImageState.FAILED, ImageState.CANCELLED) for image in images)
    if batch.state in BATCH_OVER and not ready:
        why = next((image.error.message for image in images if image.error), None)
        reasons = [reason.message for reason in batch.reasons]
        said = "; ".join(reasons) or why
        error = "No images were generated" + (f": {said}" if said else "")
        return Generated(status="failed", batch_id=batch.id, failed_count=failed or count, error=error)
    is_over = batch.state in BATCH_OVER
    message = f"Generated {len(ready)} of {count} image(s)"
    return Generated(
        status="completed" if is_over else "processing",
        batch_id=batch.id,
        batch_size=count,
        success_count=len(ready),
        failed_count=failed,
        prompt=images[0].sent_prompt if images else batch.request.prompt,
        images=[_filename(image.id) for image in ready],
        prompt_ids=[image.id for image in images],
        message=message if is_over else f"{message}; ask /api/batch/{batch.id} for the rest",
    )


@router.get("/batch/{batch_id}", responses=_MISSING)
async def batch_info(batch_id: str, owner: Caller, house: House) -> BatchInfo:
    """A batch and its images, in order."""
    batch = await owned(house, owner, batch_id)
    images = await house.database.images.of_batch(batch_id)
    return BatchInfo(
        batch_id=batch.id,
        batch_size=batch.request.image_count,
        images=[_listed(image, batch) for image in images if image.text_kind is None],
        metadata={
            **_words(batch, images[0] if images else None),
            "full_prompt": images[0].sent_prompt if images else None,
            "batch_size": batch.request.image_count,
        },
    )


@router.get("/images")
async def list_images(
    owner: Caller, house: House, limit: Annotated[int, Query(ge=1, le=IMAGES_LISTED)] = IMAGES_LISTED
) -> ListedImages:
    """The newest images, each with its batch's id in its `metadata`."""
    images = await house.database.images.page(owner, limit=limit)
    found = await house.database.batches.find({"_id": {"$in": list({image.batch_id for image in images})}})
    batches = {batch.id: batch for batch in found}
    return ListedImages(images=[_listed(image, batches[image.batch_id]) for image in images])


@router.post("/approve/{image_id}", dependencies=[requires(Scope.REVIEW)], responses=_MISSING)
async def approve(image_id: str, owner: Caller, house: House) -> Approved:
    """Say yes to an image, by its id or its file name."""
    image: Image = await approve_image(_id_of(image_id), owner, house)
    return Approved(id=image.id, status=image.state)


@router.post(
    "/publish/{image_id}",
    dependencies=[requires(Scope.PUBLISH)],
    responses=_MISSING,
    openapi_extra=described(Publish),
)
async def publish(image_id: str, request: Request, owner: Caller, house: House) -> Published:
    """Make a product of an approved image; answers at once, and the same again tells how far it is."""
    asked = read(Publish, await request.body())
    target = CreatePublishTarget(platform=asked.platform, product_type=asked.product_type, title=asked.title or None)
    publication = await publish_image(_id_of(image_id), target, owner, house)
    return Published(
        id=publication.image_id,
        publication_id=publication.id,
        platform=publication.platform,
        product_type=publication.product_type,
        status=publication.state,
        url=publication.url,
    )


def _filename(image_id: str) -> str:
    return f"{image_id}.png"


def _id_of(name: str) -> str:
    return name.removesuffix(".png")


def _listed(image: ImageDocument, batch: BatchDocument) -> ListedImage:
    return ListedImage(
        id=image.id,
        filename=_filename(image.id),
        batch_index=image.index,
        status=image.state,
        url=f"/v1/images/{image.id}/content",
        metadata={
            "batch_id": batch.id,
            "batch_index": image.index,
            "batch_size": batch.request.image_count,
            **_words(batch, image),
        },
    )


def _words(batch: BatchDocument, image: ImageDocument | None) -> dict[str, Any]:
    original = image.prompt if image is not None else batch.request.prompt
    return {"original_prompt": original, "style": batch.request.style, "genre": batch.request.genre}
