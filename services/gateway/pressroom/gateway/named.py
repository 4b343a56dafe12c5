"""What an owner keeps under a name of their own, subjects and recipes: found, saved as a whole, forgotten.

An edit that says of which version it was made (`If-Match`) is refused where somebody else was faster; one of whatever
there is (`*`, or nothing said) is made of what they left.
"""

from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import Query, Response
from pydantic import BaseModel

from pressroom.contracts.requests import PlainName
from pressroom.state.named import Named, NamedDocument

from .edge.problems import answers, not_found
from .etags import demand_match, etag_of

Doc = TypeVar("Doc", bound=NamedDocument)

After = Annotated[PlainName | None, Query(description="`next_cursor` of the page before.")]
EDITED = answers(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)


async def owned(kept: Named[Doc], kind: str, owner: str, name: str) -> Doc:
    """The owner's. Raises a 404 `Refusal`, also for somebody else's."""
    found = await kept.get(owner, name)
    if found is None:
        raise not_found(kind, name)
    return found


async def save(
    kept: Named[Doc], owner: str, name: str, body: BaseModel, if_match: str | None, response: Response
) -> Doc:
    """What is kept now; `response` says its ETag, and whether it is new. Raises a 412 `Refusal`."""
    saved = None
    while saved is None:
        known = await kept.get(owner, name)
        demand_match(if_match, None if known is None else known.edition)
        saved = await kept.put(owner, name, body.model_dump(), seen=None if if_match is None else known)
    if saved.version == 1:
        response.status_code = HTTPStatus.CREATED
    response.headers["ETag"] = etag_of(saved.edition)
    return saved


async def forget(kept: Named[Doc], kind: str, owner: str, name: str, if_match: str | None) -> None:
    """It is there no more. Raises a 404 or 412 `Refusal`."""
    is_gone = False
    while not is_gone:
        known = await owned(kept, kind, owner, name)
        demand_match(if_match, known.edition)
        is_gone = await kept.remove(known)
