"""A stored file as an answer (RFC 9110): streamed from the blob store, never whole in memory, and only the part that is
asked for. What a key names never changes, so the hash of the content is its entity tag.

One range of bytes is answered with 206; several, or what cannot be read, with the whole file (section 14.2).
"""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from fastapi.responses import StreamingResponse

from pressroom.contracts.facts import FileFacts
from pressroom.runtime.service import Service

from .edge.problems import Refusal

A_YEAR_S = 365 * 24 * 60 * 60
_FOREVER = f"max-age={A_YEAR_S}, immutable"
"""A key names its content, so it never changes."""

KEPT_BY_ALL = {"Cache-Control": f"public, {_FOREVER}"}
KEPT_BY_ITS_OWNER = {"Cache-Control": f"private, {_FOREVER}", "Vary": "Authorization, X-API-Key"}
"""Somebody else at the same browser is answered anew."""

_ENTITY_TAG = re.compile(r'"([^"]*)"')
_ONE_RANGE = re.compile(r"^bytes=\s*(\d{0,18})-(\d{0,18})\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Content:
    """A file in the blob store."""

    key: str
    media_type: str
    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, file: FileFacts) -> "Content":
        return cls(file.key, file.media_type, file.sha256, file.size_bytes)

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'


@dataclass(frozen=True)
class Asked:
    """What a call says of the file that it wants: all of it or a part, or nothing where it has it already."""

    method: str
    if_none_match: str | None
    range: str | None
    if_range: str | None

    def has_it(self, content: Content) -> bool:
        """Whether the caller has the file (section 13.1.2; the comparison is weak)."""
        said = self.if_none_match
        return said is not None and (said.strip() == "*" or content.sha256 in _ENTITY_TAG.findall(said))

    def part_of(self, content: Content) -> tuple[int, int] | None:
        """The part that is wanted, from its first byte to after its last; None for the whole. Raises a 416
        `Refusal`."""
        found = _ONE_RANGE.match(self.range or "")
        # A date is not compared (section 13.1.5): nothing here has one.
        is_for_another = self.if_range is not None and self.if_range.strip() != content.etag
        if found is None or is_for_another or self.method != "GET":
            return None
        first, last = found.groups()
        size = content.size_bytes
        if not first and not last:
            return None
        if not first:
            start, end = max(0, size - int(last)), size
        else:
            start, end = int(first), min(int(last) + 1, size) if last else size
            if last and int(last) < start:
                return None
        if start >= size:
            raise Refusal(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                "range-not-satisfiable",
                f"The file has {size} bytes; '{self.range}' is not among them.",
                headers={"Content-Range": f"bytes */{size}"},
            )
        return start, end


async def asked_by(
    request: Request,
    if_none_match: Annotated[str | None, Header(description="Entity tags of files that the caller has.")] = None,
    byte_range: Annotated[
        str | None, Header(alias="Range", description="One range of bytes: `bytes=0-499`, `bytes=500-`, `bytes=-500`.")
    ] = None,
    if_range: Annotated[
        str | None, Header(description="The entity tag of the file whose part is wanted; of another, all of it.")
    ] = None,
) -> Asked:
    return Asked(request.method, if_none_match, byte_range, if_range)


Conditions = Annotated[Asked, Depends(asked_by)]


async def answer_with(house: Service, content: Content, asked: Asked, said: Mapping[str, str]) -> Response:
    """The file, or what of it was asked for; of HEAD, what would be answered. `said`: how it may be kept. Raises
    `FileNotFoundError` before anything is sent, and a 416 `Refusal`."""
    headers = {"ETag": content.etag, **said, "Accept-Ranges": "bytes"}
    if asked.has_it(content):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    part = asked.part_of(content)
    start, end = part or (0, content.size_bytes)
    headers["Content-Length"] = str(end - start)
    if asked.method == "HEAD":
        await house.blobs.size(content.key)
        return Response(headers=headers, media_type=content.media_type)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{content.size_bytes}"
    pieces = house.blobs.stream(content.key, start, end)
    try:
        first_piece = await anext(pieces)
    except StopAsyncIteration as error:
        raise FileNotFoundError(content.key) from error
    status = HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT
    return StreamingResponse(
        _joined(first_piece, pieces), status_code=status, media_type=content.media_type, headers=headers
    )


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
