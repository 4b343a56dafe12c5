"""`/v1/subjects`: who or what is pictured, said once under a name of one's own, for recipes to make prompts of."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Query, Response

from pressroom.contracts.api import Page
from pressroom.contracts.recipes import Kind, PutSubject, Subject
from pressroom.contracts.requests import PlainName
from pressroom.contracts.vocabulary import Scope
from pressroom.state.subjects import SubjectDocument

from . import named
from .access import Caller, GuardedRouter, requires
from .cursors import Limit
from .edge.problems import answers
from .etags import IfMatch, etag_of
from .house import House

router = GuardedRouter("/v1/subjects", "subjects", Scope.READ)

SubjectName = Annotated[PlainName, Path(description="Your own name for it.")]
_KIND = "subject"


@router.get("")
async def list_subjects(
    owner: Caller,
    house: House,
    kind: Annotated[Kind | None, Query()] = None,
    cursor: named.After = None,
    limit: Limit = 50,
) -> Page[Subject]:
    """Your subjects, by name."""
    found = await house.database.subjects.page(owner, kind=kind, after=cursor, limit=limit + 1)
    shown = found[:limit]
    return Page(items=[subject.shown for subject in shown], next_cursor=shown[-1].name if len(found) > limit else None)


@router.get("/{subject_name}", responses=answers(HTTPStatus.NOT_FOUND))
async def get_subject(subject_name: SubjectName, owner: Caller, house: House, response: Response) -> Subject:
    """One subject; its ETag is that of its version."""
    subject = await owned(house, owner, subject_name)
    response.headers["ETag"] = etag_of(subject.edition)
    return subject.shown


@router.put(
    "/{subject_name}",
    dependencies=[requires(Scope.WRITE)],
    responses={201: {"description": "It is new.", "model": Subject}, **named.EDITED},
)
async def put_subject(
    subject_name: SubjectName,
    body: PutSubject,
    owner: Caller,
    house: House,
    response: Response,
    if_match: IfMatch = None,
) -> Subject:
    """Say who or what is pictured, in place of what was said before. Batches that were asked for stay as they are."""
    return (await named.save(house.database.subjects, owner, subject_name, body, if_match, response)).shown


@router.delete(
    "/{subject_name}", status_code=HTTPStatus.NO_CONTENT, dependencies=[requires(Scope.WRITE)], responses=named.EDITED
)
async def delete_subject(subject_name: SubjectName, owner: Caller, house: House, if_match: IfMatch = None) -> None:
    """Forget a subject. Its pictures stay."""
    await named.forget(house.database.subjects, _KIND, owner, subject_name, if_match)


async def owned(house: House, owner: str, name: str) -> SubjectDocument:
    """The owner's subject. Raises a 404 `Refusal`, also for somebody else's."""
    return await named.owned(house.database.subjects, _KIND, owner, name)
