"""`/files`: the blob store's files by their content, for a print shop that fetches large ones itself.

No token is asked for, because a print shop has none: a file's name is the SHA-256 of its content, so only who has the
file, or was told of it, can ask for it. Nothing can be listed.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse

from .house import House
from .problems import answers, not_found
from .stored_files import FOREVER, stream_file

router = APIRouter(prefix="/files", tags=["files"])

_MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}

Folder = Annotated[str, Path(pattern=r"^[0-9a-f]{2}$")]
Name = Annotated[str, Path(pattern=r"^[0-9a-f]{64}\.(png|jpg|webp)$", description="The SHA-256 of the content.")]


@router.get(
    "/{folder}/{name}",
    response_class=StreamingResponse,
    responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
)
async def get_file(folder: Folder, name: Name, house: House) -> StreamingResponse:
    """One file; set PRESSROOM_PRINTIFY_UPLOAD_URL_BASE to this gateway's public address and `/files`."""
    headers = {"Cache-Control": f"public, {FOREVER}"}
    try:
        return await stream_file(house, f"{folder}/{name}", _MEDIA_TYPES[name.rpartition(".")[2]], headers)
    except FileNotFoundError as error:
        raise not_found("file", name) from error
