"""`DELETE /v1/images/{id}`: an image is taken away for good.

It is in no list any more, and its words and files go; that it was made, and what it cost, stays in its batch's counts,
the credits and the events. Its files go by the removal that its document asks for (`pressroom.runtime.file_removal`).
"""

import asyncio
from http import HTTPStatus

from pressroom.contracts.events import ImageDeleted
from pressroom.contracts.image_requests import DeletedImage, DeletedImages, DeleteImages
from pressroom.contracts.vocabulary import PublicationState, Scope
from pressroom.runtime.service import Service
from pressroom.state.documents import ImageDocument
from pressroom.state.image_deletion import InAPost, InTheMaking, InUse, delete_image

from ..access import Caller, GuardedRouter, requires
from ..edge.problems import Refusal, answers, conflict, not_found, problem_of
from ..house import House
from .images import owned

router = GuardedRouter("/v1/images", "images", Scope.READ)

_AT_ONCE = 16


@router.delete(
    "/{image_id}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.WRITE)],
    responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def delete(image_id: str, owner: Caller, house: House) -> None:
    """Take an image away for good, with its files. One that is being made, or is in a shop or on its way there, stays.
    Its batch stays as it was asked for, with its prompts."""
    await _delete(house, owner, await owned(house, owner, image_id))


@router.post(
    "/delete",
    dependencies=[requires(Scope.WRITE)],
)
async def delete_images(body: DeleteImages, owner: Caller, house: House) -> DeletedImages:
    """The same of several images. Each goes by itself: one that is refused, with its problem, keeps no other."""
    found = await house.database.images.owned_images(owner, body.image_ids)
    images = {image.id: image for image in found}
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(image_id: str) -> DeletedImage:
        async with places:
            try:
                if image_id not in images:
                    raise not_found("image", image_id)
                await _delete(house, owner, images[image_id])
            except Refusal as refusal:
                problem = problem_of(refusal, f"/v1/images/{image_id}")
                return DeletedImage(image_id=image_id, deleted=False, problem=problem)
        return DeletedImage(image_id=image_id, deleted=True)

    items = tuple(await asyncio.gather(*(one(image_id) for image_id in dict.fromkeys(body.image_ids))))
    deleted = sum(item.deleted for item in items)
    return DeletedImages(deleted=deleted, refused=len(items) - deleted, items=items)


async def _delete(house: Service, owner: str, image: ImageDocument) -> None:
    """Raises a 404 or 409 `Refusal`."""
    event = ImageDeleted(batch_id=image.batch_id, image_id=image.id, index=image.index, deleted_by=owner)
    try:
        left = await delete_image(house.database, image.id, house.outbox.event(event))
    except InTheMaking as error:
        raise conflict(
            "image-in-the-making",
            f"The image is {error.state}. Wait until it is made, or cancel its batch "
            f"(POST /v1/batches/{image.batch_id}/cancel) and delete it then.",
        ) from error
    except InAPost as error:
        detail = f"The image is the picture of your post '{error}'. Give the post another, or none, and delete it then."
        raise conflict("image-in-a-post", detail) from error
    except InUse as error:
        raise conflict("image-published", _why_it_stays(error)) from error
    if left is None:
        raise not_found("image", image.id)
    await house.outbox.publish(house.database.images, left)


def _why_it_stays(error: InUse) -> str:
    out = [one for one in error.publications if one.state is PublicationState.PUBLISHED]
    if out:
        places = ", ".join(f"{one.product_type} at {one.platform} ({one.url or one.external_id})" for one in out)
        return (
            f"The image is published as {places}, and stays as what a product was made from. Nothing here takes a "
            "product out of a shop: to have it sold no more, end it there."
        )
    places = ", ".join(f"{one.product_type} at {one.platform}" for one in error.publications)
    return f"The image is on its way to be published as {places}. Wait for what comes of it; if that fails, delete it."
