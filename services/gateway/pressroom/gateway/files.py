"""`/files`: the blob store's files by their content, for a print shop that fetches large ones itself.

No token is asked for, because a print shop has none: a file's name is the SHA-256 of its content, so only who has the
file, or was told of it, can ask for it. Nothing can be listed.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from .edge.problems import ANYWHERE, answers, not_found
from .house import House
from .stored_files import KEPT_BY_ALL, Conditions, Content, answer_with

router = APIRouter(prefix="/files", tags=["files"], responses=ANYWHERE)

_MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}

Folder = Annotated[str, Path(pattern=r"^[0-9a-f]{2}$")]
Name = Annotated[str, Path(pattern=r"^[0-9a-f]{64}\.(png|jpg|webp)$", description="The SHA-256 of the content.")]


@router.head("/{folder}/{name}", include_in_schema=False)
@router.get(
    "/{folder}/{name}",
    response_class=Response,
    responses={
        206: {"description": "The range that was asked for."},
        304: {"description": "Not Modified"},
        **answers(HTTPStatus.NOT_FOUND, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, HTTPStatus.UNPROCESSABLE_ENTITY),
    },
)
async def get_file(folder: Folder, name: Name, house: House, asked: Conditions) -> Response:
    """One file; set PRESSROOM_PRINTIFY_UPLOAD_URL_BASE to this gateway's public address and `/files`."""
    key = f"{folder}/{name}"
    digest, _, extension = name.partition(".")
    try:
        content = Content(key, _MEDIA_TYPES[extension], digest, await house.blobs.size(key))
        return await answer_with(house, content, asked, KEPT_BY_ALL)
    except FileNotFoundError as error:
        raise not_found("file", name) from error
