"""Errors as RFC 9457 problem details: every refusal is `application/problem+json` and says what to do."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import nats.errors
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from pressroom.contracts.api import Problem
from pressroom.contracts.credits import CreditProblem
from pressroom.contracts.facts import Reason
from pressroom.runtime.errors import StoreUnavailable
from pressroom.runtime.logs import get_logger
from pressroom.state.database import DatabaseError

from .allowed_methods import methods_of
from .problem_types import TYPE_PREFIX
from .security_headers import ALWAYS

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
_RENAMED = {
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "Range Not Satisfiable",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content",
}
_MODELS: dict[HTTPStatus, type[Problem]] = {HTTPStatus.PAYMENT_REQUIRED: CreditProblem}
"""What has members of its own."""

_PARSING = "There was an error parsing the body"
_UNREADABLE = "it cannot be read as what its Content-Type says; JSON is in UTF-8"
_NOT_SAID_TO_BE_JSON = "send it as JSON, with 'Content-Type: application/json'"

_SCHEMAS = "#/components/schemas/{model}"

log = get_logger(__name__)


class Refusal(Exception):
    """An answer other than success. `name` is the stable part of the problem's type, `members` what the problem has
    beside the usual (RFC 9457, section 3.2)."""

    def __init__(
        self,
        status: HTTPStatus,
        name: str,
        detail: str,
        *,
        errors: Sequence[Reason] = (),
        headers: dict[str, str] | None = None,
        members: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.errors = tuple(errors)
        self.headers = headers
        self.members = members or {}


def not_found(kind: str, identity: str) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "not-found", f"There is no {kind} '{identity}'.")


def conflict(name: str, detail: str) -> Refusal:
    return Refusal(HTTPStatus.CONFLICT, name, detail)


def invalid(errors: Sequence[Reason]) -> Refusal:
    detail = "; ".join(f"{error.field}: {error.message}" for error in errors)
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors=errors)


def problem_of(refusal: Refusal, instance: str) -> Problem:
    """A refusal as a part of an answer about several things, of which `instance` is this one's path."""
    return Problem(
        type=TYPE_PREFIX + refusal.name,
        title=_title(refusal.status),
        status=refusal.status,
        detail=str(refusal),
        instance=instance,
        errors=list(refusal.errors),
    )


def install(app: FastAPI) -> None:
    """Answer every error of `app` as a problem."""

    async def refusal(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refusal)
        return _answer(request, error.status, error.name, str(error), error.errors, error.headers, error.members)

    async def wrong_body(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        found = error.errors()
        if isinstance(error.body, bytes):
            # Not read as JSON, as it does not say that it is; then nothing in it is where it should be.
            reasons = [_reason(problem) for problem in found if problem["loc"][0] != "body"]
            return await refusal(request, invalid([*reasons, Reason(field="body", message=_NOT_SAID_TO_BE_JSON)]))
        return await refusal(request, invalid([_reason(problem) for problem in found]))

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if error.status_code == HTTPStatus.BAD_REQUEST:
            # The framework's word for a body that it cannot even decode; only of forms does it say more.
            message = _UNREADABLE if error.detail == _PARSING else str(error.detail)
            return await refusal(request, invalid([Reason(field="body", message=message)]))
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            methods = methods_of(app.openapi(), request.url.path)
            error.headers = {"Allow": ", ".join(methods)} if methods else error.headers
        return answer_to(request, error)

    async def database_away(request: Request, error: Exception) -> JSONResponse:
        log.error("database.unavailable", error=str(error))
        detail = "The database does not answer. Try again; with an Idempotency-Key, a second time does no harm."
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        return _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "database-unavailable", detail, (), headers)

    async def store_away(request: Request, error: Exception) -> JSONResponse:
        log.error("blobs.unavailable", error=str(error))
        detail = "The store of files (PRESSROOM_BLOB_URL) does not answer. Try again."
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        return _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "files-unavailable", detail, (), headers)

    async def streams_away(request: Request, error: Exception) -> JSONResponse:
        log.error("streams.unavailable", error=str(error))
        detail = "The streams (PRESSROOM_NATS_URL) do not answer. Try again."
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        return _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "streams-unavailable", detail, (), headers)

    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("request.failed", path=request.url.path, exc_info=error)
        detail = "Something went wrong here; it is in the gateway's log."
        # What handles it is in front of all else that would add these.
        return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", detail, (), dict(ALWAYS))

    app.add_exception_handler(Refusal, refusal)
    app.add_exception_handler(RequestValidationError, wrong_body)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(DatabaseError, database_away)
    app.add_exception_handler(StoreUnavailable, store_away)
    app.add_exception_handler(nats.errors.Error, streams_away)
    app.add_exception_handler(Exception, unexpected)


def answer_to(request: Request, error: HTTPException) -> JSONResponse:
    """The framework's own refusals; the problem's name is that of its status."""
    status = HTTPStatus(error.status_code)
    name = _title(status).lower().replace(" ", "-")
    headers = dict(error.headers) if error.headers else None
    return _answer(request, status, name, str(error.detail), (), headers)


def _title(status: HTTPStatus) -> str:
    """As RFC 9110 names it; Python's own names changed between its versions."""
    return _RENAMED.get(status, status.phrase)


def answers(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """How these statuses stand in the OpenAPI document; `describe` puts there what they refer to."""
    return {
        int(status): {
            "description": _title(status),
            "content": {MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS.format(model=_MODELS.get(status, Problem).__name__)}}},
        }
        for status in statuses
    }


ANYWHERE = answers(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
"""What any route may answer, in the OpenAPI document."""


def describe(document: dict[str, Any]) -> None:
    """Add the schema of a problem, and of what it is made of, to an OpenAPI document."""
    for model in (Problem, *_MODELS.values()):
        problem = model.model_json_schema(mode="serialization", ref_template=_SCHEMAS)
        document["components"]["schemas"] |= {**problem.pop("$defs"), model.__name__: problem}


def _reason(problem: Any) -> Reason:
    path = [str(part) for part in problem["loc"]]
    if problem["type"] == "json_invalid" and len(path) > 1:
        # The framework's word for what is no JSON, with the place in it.
        return Reason(field="body", message=f"it is no JSON: {problem['ctx']['error']} at character {path[1]}")
    # FastAPI's first part says where it looked (body, query, path), which is not part of the field's name.
    return Reason(field=".".join(path[1:]) or path[0], message=str(problem["msg"]).removeprefix("Value error, "))


def _answer(
    request: Request,
    status: HTTPStatus,
    name: str,
    detail: str,
    errors: Sequence[Reason],
    headers: dict[str, str] | None,
    members: Mapping[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(
        type=TYPE_PREFIX + name,
        title=_title(status),
        status=status,
        detail=detail,
        instance=request.url.path,
        errors=list(errors),
    )
    body = problem.model_dump(mode="json", exclude_none=True) | dict(members or {})
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)
