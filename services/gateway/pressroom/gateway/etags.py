"""ETags of what people edit, and `If-Match` (RFC 9110, section 13.1.1): an edit that says of which version it was made
is refused where somebody else was faster. One that says nothing is made of whatever there is."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Header

from .edge.problems import Refusal

IfMatch = Annotated[
    str | None,
    Header(description="The ETag of what you have seen; refused with 412 where it has changed since.", max_length=1000),
]


Version = int | str
"""A number that is counted, or text where what is forgotten may come back and count anew."""


def etag_of(version: Version) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def demand_match(if_match: str | None, version: Version | None) -> None:
    """Raises a 412 `Refusal` where the caller has seen another version; `version`: None where there is nothing."""
    if if_match is None:
        return
    if version is None:
        detail = "There is nothing of that name any more, or there never was. Leave If-Match out to make it."
        raise Refusal(HTTPStatus.PRECONDITION_FAILED, "changed-since", detail)
    named = {tag.strip() for tag in if_match.split(",")}
    if "*" not in named and etag_of(version) not in named:
        detail = f"It has changed since you looked: its ETag is {etag_of(version)}. Look again, and edit that."
        raise Refusal(HTTPStatus.PRECONDITION_FAILED, "changed-since", detail, headers={"ETag": etag_of(version)})
