"""`/v1/images`: look at pictures and publish them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query, Response

from pressroom.contracts.api import CreatePublishTarget, Image, Page, Publication
from pressroom.contracts.requests import PublishTarget, Tag
from pressroom.contracts.vocabulary import ImageState, ProviderName, Scope
from pressroom.runtime.publications import request_publication
from pressroom.runtime.service import Service
from pressroom.state.documents import ImageDocument
from pressroom.state.image_deletion import NotApproved

from ..access import Caller, GuardedRouter, Responses, requires
from ..cursors import Limit, cut, decode
from ..edge.problems import answers, conflict, not_found
from ..etags import etag_of
from ..house import House
from ..views import image_views, publication_view

router = GuardedRouter("/v1/images", "images", Scope.READ)


VERSIONED: Responses = {
    200: {"headers": {"ETag": {"description": "Of its version, for `If-Match`.", "schema": {"type": "string"}}}}
}
"""How an image's ETag stands in the OpenAPI document."""


async def owned(house: Service, owner: str, image_id: str) -> ImageDocument:
    """The owner's image. Raises a 404 `Refusal`, also for somebody else's, for a text, and for one that was deleted."""
    image = await house.database.images.owned(image_id, owner)
    if image is None or image.text_kind is not None or image.state is ImageState.DELETED:
        raise not_found("image", image_id)
    return image


async def shown(house: Service, image: ImageDocument) -> Image:
    """An image as the API shows it, with its publications."""
    return (await image_views(house.database.publications, [image]))[0]


@router.get("")
async def list_images(
    owner: Caller,
    house: House,
    state: ImageState | None = None,
    batch: str | None = None,
    provider: ProviderName | None = None,
    subject: str | None = None,
    part: str | None = None,
    favourite: bool | None = None,
    tag: Annotated[Tag | None, Query()] = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> Page[Image]:
    """All images, newest first."""
    found = await house.database.images.page(
        owner,
        states=() if state is None else (state,),
        batch_id=batch,
        provider=provider,
        subject=subject,
        part=part,
        favourite=favourite,
        tag=tag,
        before=decode(cursor),
        limit=limit + 1,
    )
    shown, next_cursor = cut(found, limit)
    return Page(
        items=await image_views(house.database.publications, shown),
        next_cursor=next_cursor,
    )


@router.get("/{image_id}", responses=VERSIONED | answers(HTTPStatus.NOT_FOUND))
async def get_image(image_id: str, owner: Caller, house: House, response: Response) -> Image:
    """One image, with its publications. Its ETag is for `If-Match`: it changes with what people change, and not with
    how far the image is."""
    image = await owned(house, owner, image_id)
    response.headers["ETag"] = etag_of(image.version)
    return await shown(house, image)


@router.post(
    "/{image_id}/publish",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.PUBLISH)],
    responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def publish_image(image_id: str, body: CreatePublishTarget, owner: Caller, house: House) -> Publication:
    """Make a product of an approved image. The same platform and product type again is the same publication;
    one that failed is tried again."""
    return await published(house, await owned(house, owner, image_id), body)


async def published(house: Service, image: ImageDocument, target: PublishTarget) -> Publication:
    """The publication of an image, asked for, or again when it failed. Raises a 404 or 409 `Refusal`."""
    if image.state is not ImageState.APPROVED:
        raise conflict("image-not-approved", f"The image is {image.state}; approve it first.")
    try:
        publication = await request_publication(house.database, house.outbox, image, target, again=True)
    except NotApproved as error:
        raise not_found("image", image.id) from error
    return publication_view(publication)
