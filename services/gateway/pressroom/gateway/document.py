"""The API's OpenAPI document: beside what the framework says of each route, what holds for many of them alike.

Made from the routes alone, without any connection, and the same every time.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from . import problems

_OLDER = ("/api/", "/batch/")
"""Where the interfaces of older systems are, whose routes are named like others."""

_WITH_A_BODY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
"""What is answered to a body, whatever is in it."""


_RETRY_AFTER = {
    "Retry-After": {
        "description": "After how many seconds to come again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    }
}


def complete(document: dict[str, Any]) -> None:
    """Add to the framework's document what it does not know."""
    problems.describe(document)
    for path, operation in _operations(document):
        operation["operationId"] = _name_of(path, operation)
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
        if "requestBody" in operation:
            _may_answer(operation, *_WITH_A_BODY)
        for status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            if str(int(status)) in operation["responses"]:
                operation["responses"][str(int(status))]["headers"] = _RETRY_AFTER


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            yield path, operation


def _name_of(path: str, operation: dict[str, Any]) -> str:
    """What generated clients call it: the summary, which the framework makes of the function's name."""
    names = [*operation["tags"], operation["summary"]] if path.startswith(_OLDER) else [operation["summary"]]
    return re.sub(r"\W+", "_", " ".join(names)).lower()


def _may_answer(operation: dict[str, Any], *statuses: HTTPStatus) -> None:
    for status, answer in problems.answers(*statuses).items():
        operation["responses"].setdefault(str(status), answer)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is left out is not there, and never `null`."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**kinds[0], **{name: value for name, value in schema.items() if name != "anyOf"}}
