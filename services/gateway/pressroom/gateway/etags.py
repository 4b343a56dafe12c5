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


def etag_of(version: int) -> str:
    """The ETag of a version that is counted."""
    return f'"{version}"'


def demand_match(if_match: str | None, version: int) -> None:
    """Raises a 412 `Refusal` where the caller has seen another version."""
    if if_match is None:
        return
    named = {tag.strip() for tag in if_match.split(",")}
    if "*" not in named and etag_of(version) not in named:
        raise changed_since(version)


def seen_version(if_match: str | None, version: int) -> int | None:
    """The version that a replacement is of, 0 where there is none yet; None when the caller does not say. Raises a 412
    `Refusal` where the caller has seen another one."""
    if if_match is not None and version == 0:
        raise changed_since(version)
    demand_match(if_match, version)
    return None if if_match is None else version


def changed_since(version: int) -> Refusal:
    """The refusal of an edit that came too late."""
    detail = f"It has changed since you looked: its ETag is {etag_of(version)}. Look again, and edit that."
    return Refusal(HTTPStatus.PRECONDITION_FAILED, "changed-since", detail, headers={"ETag": etag_of(version)})
