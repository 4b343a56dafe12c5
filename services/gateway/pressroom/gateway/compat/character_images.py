"""`/api/image-generation`: the interface of a platform that makes pictures of its users' characters.

A character is the `subject` of batches: its images are those of the caller's batches that name it, numbered in the
order in which they were asked for, so that a number never changes. What no provider made is a marked placeholder.
"""

import re
from datetime import datetime
from typing import Annotated

from fastapi import Path, Request, Response
from pydantic import AliasChoices, BaseModel, Field, StringConstraints

from pressroom.contracts.api import CreateBatch
from pressroom.contracts.finishing import NO_PROFILE
from pressroom.contracts.requests import TITLE_MAX_CHARACTERS, PlainName, Prompt, Seed, Side, Words
from pressroom.contracts.vocabulary import Category, Fallback, Scope
from pressroom.state.documents import BatchDocument
from pressroom.state.machines import IMAGE_READY

from ..access import Caller, GuardedRouter, Who, requires
from ..batches.batches import ASKING, BATCH_OVER, ask_for, over
from ..bodies import described, read
from ..house import House
from ..idempotency import IdempotencyKey
from .camel import Camel
from .picture_urls import picture_url

router = GuardedRouter("/api/image-generation", "character images", Scope.READ)

QUANTITY_MAX = 100
LISTED_AT_MOST = 1000


class Generate(Camel):
    """The body of `POST /api/image-generation/generate`. `numImages` is an older name of `quantity`."""

    character_id: PlainName
    character_name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=TITLE_MAX_CHARACTERS)] = ""
    prompt: Prompt
    negative_prompt: Prompt | None = None
    style: Words = ""
    quantity: Annotated[
        int, Field(ge=1, le=QUANTITY_MAX, validation_alias=AliasChoices("quantity", "numImages", "num_images"))
    ] = 1
    width: Side = 1024
    height: Side = 1536
    seed: Seed | None = None


class GeneratedPictures(Camel):
    image_url: str | None = None
    image_urls: list[str]
    generated_count: int
    used_embedding: bool = False
    prompt: str
    style: str
    character_id: str
    batch_id: str
    filenames: list[str]
    placeholder_count: int


class GeneratedAnswer(BaseModel):
    """`success` is False when nothing was made; `error` says why."""

    success: bool
    data: GeneratedPictures
    error: str | None = None


class CharacterImage(Camel):
    url: str
    public_id: str
    created_at: datetime
    filename: str


class CharacterImages(Camel):
    images: list[CharacterImage]
    total_count: int
    character_id: str


class CharacterAnswer(BaseModel):
    success: bool = True
    data: CharacterImages


@router.post(
    "/generate",
    dependencies=[requires(Scope.WRITE)],
    responses=ASKING,
    response_model_exclude_none=True,
    openapi_extra=described(Generate),
)
async def generate(
    request: Request, who: Who, house: House, response: Response, idempotency_key: IdempotencyKey = None
) -> GeneratedAnswer:
    """Ask for pictures of a character, made together; answers when they are done."""
    asked = read(Generate, await request.body())
    settings = house.settings
    body = CreateBatch(
        providers=settings.generate_providers,
        fallback=Fallback.PLACEHOLDER,
        prompt=asked.prompt,
        negative_prompt=asked.negative_prompt,
        style=asked.style,
        count=asked.quantity,
        width=asked.width,
        height=asked.height,
        seed=asked.seed,
        profile=NO_PROFILE,
        category=Category.CHARACTER,
        subject=asked.character_id,
        title=asked.character_name or None,
        max_concurrent=asked.quantity,
    )
    made = await ask_for(body, who, house, response, idempotency_key)
    batch = await over(house, who.owner, made.id, settings.generate_wait_s, request)
    return await _generated(house, request, batch, asked)


async def _generated(house: House, request: Request, batch: BatchDocument, asked: Generate) -> GeneratedAnswer:
    images = [image for image in await house.database.images.of_batch(batch.id) if image.state in IMAGE_READY]
    urls = [picture_url(house, request, image) for image in images]
    numbers = await house.database.images.numbered(batch.owner, asked.character_id)
    name = asked.character_name or asked.character_id
    data = GeneratedPictures(
        image_url=urls[0] if urls else None,
        image_urls=urls,
        generated_count=len(urls),
        prompt=images[0].sent_prompt if images else asked.prompt,
        style=asked.style,
        character_id=asked.character_id,
        batch_id=batch.id,
        filenames=[_filename(name, numbers[image.id]) for image in images],
        placeholder_count=sum(image.is_placeholder for image in images),
    )
    if urls:
        return GeneratedAnswer(success=True, data=data)
    reasons = "; ".join(f"{reason.field}: {reason.message}" for reason in batch.reasons)
    waiting = f"not done yet; ask /v1/batches/{batch.id}, or for the character's images later"
    error = reasons or ("No images were generated" if batch.state in BATCH_OVER else waiting)
    return GeneratedAnswer(success=False, data=data, error=error)


@router.get("/character/{character_id}")
async def character_images(
    character_id: Annotated[PlainName, Path()], request: Request, owner: Caller, house: House
) -> CharacterAnswer:
    """The caller's images of a character, newest first, those that failed left out."""
    images = await house.database.images.page(
        owner, subject=character_id, states=tuple(IMAGE_READY), limit=LISTED_AT_MOST
    )
    found = await house.database.batches.find({"_id": {"$in": list({image.batch_id for image in images})}})
    names = {batch.id: batch.request.title or character_id for batch in found}
    numbers = await house.database.images.numbered(owner, character_id)
    listed = [
        CharacterImage(
            url=picture_url(house, request, image),
            public_id=image.id,
            created_at=image.created_at,
            filename=_filename(names[image.batch_id], numbers[image.id]),
        )
        for image in images
    ]
    return CharacterAnswer(data=CharacterImages(images=listed, total_count=len(listed), character_id=character_id))


def _filename(name: str, number: int) -> str:
    """`john_image_1`: what is neither letter nor digit is left out."""
    return f"{re.sub(r'[^a-z0-9]+', '', name.lower()) or 'character'}_image_{number}"
