"""An image's files: the print file and the thumbnail, streamed from here, or by redirect from the blob store itself.

A redirect names an address that the store's own signature opens for a while (`PRESSROOM_PRESIGNED_LIFETIME_S`); who
has it needs no token. A folder cannot sign, and a store that cannot at this moment does not either: then the file is
streamed, so that a caller who follows redirects gets it in any case.
"""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Response
from fastapi.responses import RedirectResponse

from pressroom.contracts.facts import FileFacts
from pressroom.contracts.vocabulary import Scope
from pressroom.runtime.errors import StoreUnavailable
from pressroom.runtime.logs import get_logger
from pressroom.state.documents import ImageDocument

from ..access import Caller, GuardedRouter
from ..edge.problems import Refusal, answers, conflict
from ..house import House
from ..stored_files import KEPT_BY_ITS_OWNER, Asked, Conditions, Content, answer_with
from .images import owned

router = GuardedRouter("/v1/images", "images", Scope.READ)

log = get_logger(__name__)

Presigned = Annotated[
    bool | None,
    Query(
        description="Answer with a redirect to an address that opens by itself for a while, where the blob store can "
        "sign one; else, and from a folder, the file. PRESSROOM_PRESIGNED_CONTENT when absent."
    ),
]


def _picture(description: str, media_type: str) -> dict[int | str, dict[str, Any]]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        200: {"description": description, "content": {media_type: binary}},
        206: {"description": "The range that was asked for.", "content": {media_type: binary}},
        304: {"description": "Not Modified"},
        307: {"description": "It is at `Location`, for a while."},
        **answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE),
    }


@router.head("/{image_id}/content", include_in_schema=False)
@router.get("/{image_id}/content", response_class=Response, responses=_picture("The print file.", "image/png"))
async def get_content(
    image_id: str, owner: Caller, house: House, asked: Conditions, presigned: Presigned = None
) -> Response:
    """The print file."""
    image = await owned(house, owner, image_id)
    return await _file(house, image, image.file, asked, presigned)


@router.head("/{image_id}/thumbnail", include_in_schema=False)
@router.get("/{image_id}/thumbnail", response_class=Response, responses=_picture("At most 512 px.", "image/webp"))
async def get_thumbnail(
    image_id: str, owner: Caller, house: House, asked: Conditions, presigned: Presigned = None
) -> Response:
    """A small picture to review by."""
    image = await owned(house, owner, image_id)
    return await _file(house, image, image.thumbnail, asked, presigned)


async def _file(
    house: House, image: ImageDocument, file: FileFacts | None, asked: Asked, presigned: bool | None
) -> Response:
    if file is None:
        raise conflict("image-not-ready", f"The image is {image.state}; it has no files.")
    settings = house.settings
    if settings.presigned_content if presigned is None else presigned:
        address = await _signed(house, file.key, asked.method, settings.presigned_lifetime_s)
        if address is not None:
            headers = {"Cache-Control": "no-store"}
            return RedirectResponse(address, status_code=HTTPStatus.TEMPORARY_REDIRECT, headers=headers)
    try:
        return await answer_with(house, Content.of(file), asked, KEPT_BY_ITS_OWNER)
    except FileNotFoundError as error:
        raise Refusal(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "file-missing",
            f"The file {file.key} is not in the blob store (PRESSROOM_BLOB_URL).",
        ) from error


async def _signed(house: House, key: str, method: str, lifetime_s: int) -> str | None:
    try:
        return await house.blobs.signed_url(key, method, lifetime_s)
    except StoreUnavailable as error:
        log.warning("content.not_signed", key=key, error=str(error), next="the file is streamed")
        return None
