"""`/v1/subjects`: who or what is pictured, said once under a name of one's own, for recipes to make prompts of."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Query, Response

from pressroom.contracts.api import Page
from pressroom.contracts.recipes import Kind, PutSubject, Subject
from pressroom.contracts.requests import PlainName
from pressroom.contracts.vocabulary import Scope
from pressroom.state.subjects import SubjectDocument

from .access import Caller, GuardedRouter, requires
from .cursors import Limit
from .edge.problems import answers, not_found
from .etags import IfMatch, changed_since, demand_match, etag_of
from .house import House

router = GuardedRouter("/v1/subjects", "subjects", Scope.READ)

SubjectName = Annotated[PlainName, Path(description="Your own name for it.")]
After = Annotated[PlainName | None, Query(description="`next_cursor` of the page before.")]
EDITED = answers(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)


@router.get("")
async def list_subjects(
    owner: Caller,
    house: House,
    kind: Annotated[Kind | None, Query()] = None,
    cursor: After = None,
    limit: Limit = 50,
) -> Page[Subject]:
    """Your subjects, by name."""
    found = await house.database.subjects.page(owner, kind=kind, after=cursor, limit=limit + 1)
    shown = found[:limit]
    return Page(items=[subject.shown for subject in shown], next_cursor=shown[-1].name if len(found) > limit else None)


@router.get("/{subject_name}", responses=answers(HTTPStatus.NOT_FOUND))
async def get_subject(subject_name: SubjectName, owner: Caller, house: House, response: Response) -> Subject:
    """One subject; its ETag is that of its version."""
    return _shown(await owned(house, owner, subject_name), response)


@router.put(
    "/{subject_name}",
    dependencies=[requires(Scope.WRITE)],
    responses={201: {"description": "It is new.", "model": Subject}, **EDITED},
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
    known = await house.database.subjects.get(owner, subject_name)
    demand_match(if_match, None if known is None else known.edition)
    seen = None if if_match is None else known
    kept = await house.database.subjects.put(owner, subject_name, body.model_dump(), seen=seen)
    if kept is None:
        raise changed_since((await owned(house, owner, subject_name)).edition)
    if kept.version == 1:
        response.status_code = HTTPStatus.CREATED
    return _shown(kept, response)


@router.delete(
    "/{subject_name}", status_code=HTTPStatus.NO_CONTENT, dependencies=[requires(Scope.WRITE)], responses=EDITED
)
async def delete_subject(subject_name: SubjectName, owner: Caller, house: House, if_match: IfMatch = None) -> None:
    """Forget a subject. Its pictures stay."""
    is_gone = False
    while not is_gone:
        known = await owned(house, owner, subject_name)
        demand_match(if_match, known.edition)
        is_gone = await house.database.subjects.remove(known)


async def owned(house: House, owner: str, name: str) -> SubjectDocument:
    """The owner's subject. Raises a 404 `Refusal`, also for somebody else's."""
    subject = await house.database.subjects.get(owner, name)
    if subject is None:
        raise not_found("subject", name)
    return subject


def _shown(subject: SubjectDocument, response: Response) -> Subject:
    response.headers["ETag"] = etag_of(subject.edition)
    return subject.shown
