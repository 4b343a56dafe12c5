"""`POST /v1/files`: reference pictures, for a batch's `input_images`.

What is stored is a picture made anew from the pixels, upright, in sRGB, without anything else that the file carried:
no place, no camera, no hidden bytes. It is kept by its content, so the same upload twice is one file.
"""

import asyncio
from http import HTTPStatus

from fastapi import APIRouter, Request

from pressroom.contracts.api import StoredFile
from pressroom.contracts.facts import Reason
from pressroom.contracts.vocabulary import Scope
from pressroom.imaging.finishing import NotAnImage, reduce

from .access import REFUSED, Caller, requires
from .house import House
from .problems import answers, invalid

router = APIRouter(prefix="/v1/files", tags=["files"], dependencies=[requires(Scope.READ)], responses=REFUSED)

REFERENCE_SIDE_PX = 2048
"""More than any provider looks at, and little enough to send with every image of a batch."""


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.WRITE)],
    responses=answers(HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload_file(request: Request, owner: Caller, house: House) -> StoredFile:
    """Store a reference picture; the body is a PNG, JPEG or WebP file. It is reduced to 2048 px and stripped of
    everything but its pixels."""
    try:
        return await store_picture(house, await request.body())
    except NotAnImage as error:
        raise invalid([Reason(field="body", message=str(error))]) from error


async def store_picture(house: House, data: bytes) -> StoredFile:
    """A reference picture, made anew. Raises `NotAnImage`."""
    picture = await asyncio.to_thread(reduce, data, REFERENCE_SIDE_PX)
    stored = await house.blobs.put(
        picture.data, picture.media_type, width_px=picture.width_px, height_px=picture.height_px
    )
    return StoredFile(
        name=stored.key.rpartition("/")[2],
        width_px=stored.width_px,
        height_px=stored.height_px,
        size_bytes=stored.size_bytes,
    )
