"""`POST /v1/files`: reference pictures, for a batch's `input_images`.

What is stored is a picture made anew from the pixels, upright, in sRGB, without anything else that the file carried:
no place, no camera, no hidden bytes. It is kept by its content, so the same upload twice is one file, and for good.
"""

import asyncio
import base64
from http import HTTPStatus
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile

from pressroom.contracts.api import StoredFile
from pressroom.contracts.facts import Reason
from pressroom.contracts.vocabulary import Scope
from pressroom.imaging.finishing import NotAnImage, reduce

from .access import Caller, GuardedRouter, requires
from .bodies import read
from .edge.problems import invalid
from .house import House

router = GuardedRouter("/v1/files", "files", Scope.READ)

REFERENCE_SIDE_PX = 2048
"""More than any provider looks at, and little enough to send with every image of a batch."""

FORM_FIELDS_MAX = 10
"""Beside the file: what a page's form says more is left aside."""


class SentPicture(BaseModel):
    """A picture in JSON."""

    model_config = ConfigDict(extra="forbid")

    data: Annotated[str, Field(min_length=1)] = Field(description="The file in base64; a data URL is taken too.")


_BYTES = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["file"], "properties": {"file": _BYTES}}


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.WRITE)],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": _BYTES},
                "multipart/form-data": {"schema": _FORM},
                "application/json": {"schema": SentPicture.model_json_schema()},
            },
        }
    },
)
async def upload_file(request: Request, owner: Caller, house: House) -> StoredFile:
    """Store a reference picture: a PNG, JPEG or WebP file, known by its content, as the body, as the part `file` of a
    form, or in base64. It is reduced to 2048 px and stripped of everything but its pixels."""
    field, data = await _sent(request)
    try:
        return await store_picture(house, data)
    except NotAnImage as error:
        raise invalid([Reason(field=field, message=str(error))]) from error


async def _sent(request: Request) -> tuple[str, bytes]:
    """The file, and where in the request it was."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        sent = read(SentPicture, await request.body())
        try:
            return "data", await asyncio.to_thread(from_base64, sent.data)
        except ValueError as error:
            raise invalid([Reason(field="data", message=f"no base64: {error}")]) from error
    if media_type == "multipart/form-data":
        async with request.form(max_files=1, max_fields=FORM_FIELDS_MAX) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise invalid([Reason(field="file", message="the form has no file of this name")])
            return "file", await file.read()
    return "body", await request.body()


def from_base64(text: str) -> bytes:
    """The bytes of base64, or of a data URL. Raises `ValueError`."""
    return base64.b64decode(text.partition(";base64,")[2] or text, validate=True)


async def store_picture(house: House, data: bytes) -> StoredFile:
    """A reference picture, made anew. Raises `NotAnImage`."""
    picture = await asyncio.to_thread(reduce, data, REFERENCE_SIDE_PX, is_ours=False)
    stored = await house.blobs.put(
        picture.data, picture.media_type, width_px=picture.width_px, height_px=picture.height_px
    )
    name = stored.key.rpartition("/")[2]
    await house.database.uploads.note(name)
    return StoredFile(
        name=name,
        width_px=stored.width_px,
        height_px=stored.height_px,
        size_bytes=stored.size_bytes,
    )
