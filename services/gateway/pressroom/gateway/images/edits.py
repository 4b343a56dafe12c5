"""`PATCH /v1/images/{id}`: what people say of an image. It is one write, of the version that its author has seen where
`If-Match` names one; without it the last word counts, field by field."""

from http import HTTPStatus

from fastapi import Response

from pressroom.contracts.api import Image
from pressroom.contracts.image_requests import EditImage
from pressroom.contracts.vocabulary import Scope

from ..access import Caller, GuardedRouter, requires
from ..edge.problems import answers
from ..etags import IfMatch, demand_match, etag_of
from ..house import House
from .images import VERSIONED, owned, shown

router = GuardedRouter("/v1/images", "images", Scope.READ)


@router.patch(
    "/{image_id}",
    dependencies=[requires(Scope.WRITE)],
    responses=VERSIONED | answers(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
)
async def edit_image(
    image_id: str, body: EditImage, owner: Caller, house: House, response: Response, if_match: IfMatch = None
) -> Image:
    """Say what an image is called, what it shows, what it belongs to, and whether you like it. Products that were asked
    for before stay as they are."""
    said = body.model_dump(exclude_unset=True)
    edited = None
    while edited is None:
        image = await owned(house, owner, image_id)
        demand_match(if_match, image.version)
        if all(getattr(image, name) == value for name, value in said.items()):
            edited = image
        else:
            seen = None if if_match is None else image.version
            edited = await house.database.images.edit(image.id, said, seen=seen)
    response.headers["ETag"] = etag_of(edited.version)
    return await shown(house, edited)
