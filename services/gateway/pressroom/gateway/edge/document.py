"""The API's OpenAPI document: beside what the framework says of each route, what holds for many of them alike.

Made from the routes alone, without any connection, and the same every time.
"""

import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, cast

from . import problems
from .examples import EXAMPLES

_OLDER = ("/api/", "/batch/")
"""Where the interfaces of older systems are, whose routes are named like others."""

_WITH_A_BODY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
"""What is answered to a body, whatever is in it."""


_SCHEMA = "#/components/schemas/"

_RETRY_AFTER = {
    "Retry-After": {
        "description": "After how many seconds to come again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    }
}


def complete(document: dict[str, Any], security_schemes: dict[str, Any]) -> None:
    """Add to the framework's document what it does not know. `security_schemes`: those that routes name."""
    document["components"]["securitySchemes"] = security_schemes
    problems.describe(document)
    _name_schemas(document)
    for (method, path), bodies in EXAMPLES.items():
        media_type = document["paths"][path][method]["requestBody"]["content"]["application/json"]
        media_type["examples"] = {name: {"value": body} for name, body in bodies.items()}
    for path, operation in _operations(document):
        operation["operationId"] = _name_of(path, operation)
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
        if "requestBody" in operation:
            _may_answer(operation, *_WITH_A_BODY)
        for status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            if str(int(status)) in operation["responses"]:
                operation["responses"][str(int(status))]["headers"] = _RETRY_AFTER


def _name_schemas(document: dict[str, Any]) -> None:
    """Where two models have one name, the framework names both by all of their modules. Generators go by the title, so
    each gets one of its own: the contracts' models keep their names, others have their module's before them."""
    schemas = document["components"]["schemas"]
    for old in [name for name in schemas if name.startswith("pressroom__")]:
        *packages, module, model = old.split("__")
        new = model if "contracts" in packages else "".join(word.title() for word in module.split("_")) + model
        assert new not in schemas, f"two models are called {new}"
        schemas[new] = schemas.pop(old) | {"title": new}
        _refer_to(document, _SCHEMA + old, _SCHEMA + new)


def _refer_to(part: Any, old: str, new: str) -> None:
    inner: Iterable[Any] = ()
    if isinstance(part, dict):
        members = cast("dict[str, Any]", part)
        if members.get("$ref") == old:
            members["$ref"] = new
        inner = members.values()
    elif isinstance(part, list):
        inner = cast("list[Any]", part)
    for one in inner:
        _refer_to(one, old, new)


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
