"""`POST /v1/images/{id}/regenerate`: another of an image, as a batch of one that knows where it is from.

It is asked for as every batch is: priced, held to every limit and cap, and once under its `Idempotency-Key`.
"""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Body, Response

from pressroom.contracts.api import Batch, CreateBatch
from pressroom.contracts.image_requests import RegenerateImage
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import Scope
from pressroom.state.documents import ImageDocument
from pressroom.state.machines import IMAGE_SETTLED

from ..access import GuardedRouter, Who, requires
from ..batches.batches import ASKING, ask_for
from ..batches.batches import owned as owned_batch
from ..edge.problems import answers, conflict
from ..house import House
from ..idempotency import IdempotencyKey
from .images import owned

router = GuardedRouter("/v1/images", "images", Scope.READ)


@router.post(
    "/{image_id}/regenerate",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WRITE)],
    responses=ASKING | answers(HTTPStatus.NOT_FOUND),
)
async def regenerate_image(
    image_id: str,
    who: Who,
    house: House,
    response: Response,
    body: Annotated[RegenerateImage | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> Batch:
    """Make another of an image, with its batch's options but for what you say. The image itself stays as it is; the new
    one is that of the batch that is answered, and says what it was `regenerated_from`."""
    image = await owned(house, who.owner, image_id)
    if image.state not in IMAGE_SETTLED:
        raise conflict("image-in-the-making", f"The image is {image.state}; wait until it is made, and ask again.")
    batch = await owned_batch(house, who.owner, image.batch_id)
    asked = another(image, batch.request, body or RegenerateImage())
    return await ask_for(asked, who, house, response, idempotency_key, regenerated_from=image.id)


def another(image: ImageDocument, request: BatchRequest, body: RegenerateImage) -> CreateBatch:
    """What is asked for: the one image as its batch's `request` wanted it, but for what `body` says. When that was to
    begin, and by when it was to be done, is left out: it was about that time."""
    own: dict[str, Any] = {"seed": body.seed}
    if body.prompt is not None:
        own["prompt"] = body.prompt
    changes: dict[str, Any] = {
        "prompt": None,
        "count": 1,
        "seed": None,
        "images": (request.wanted()[image.index].model_copy(update=own),),
        "mode": body.mode,
        "deadline_at": None,
        "schedule_at": None,
        "off_peak": False,
    }
    if body.provider is not None:
        changes |= {"provider": body.provider, "providers": ()}
        if body.provider not in request.candidates:
            # Another provider does not know the model that was chosen for the first.
            changes["model"] = None
    changes |= body.model_dump(include={"model", "width", "height"}, exclude_none=True)
    return CreateBatch.model_validate(request.model_copy(update=changes).model_dump())
