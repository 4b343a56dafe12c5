"""Bodies that are read without regard to their content type, as of a webhook once its sender is known, or of an old
client: what is wrong is refused, each field by its name."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], body: bytes) -> Model:
    """Raises what the application answers with 422."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found: list[dict[str, Any]] = [
            {**problem, "loc": ("body", *problem["loc"])} for problem in error.errors(include_input=False)
        ]
        raise RequestValidationError(found) from error


def described(model: type[BaseModel]) -> dict[str, Any]:
    """Such a body in the OpenAPI document, for a route's `openapi_extra`."""
    schema = model.model_json_schema()
    definitions: dict[str, Any] = schema.pop("$defs", {})
    content = {"application/json": {"schema": _without_references(schema, definitions)}}
    return {"requestBody": {"required": True, "content": content}}


def _without_references(part: object, definitions: Mapping[str, Any]) -> Any:
    """What a reference means stands in its place, because the document keeps its schemas elsewhere."""
    if isinstance(part, list):
        return [_without_references(item, definitions) for item in cast("list[object]", part)]
    if not isinstance(part, dict):
        return part
    members = cast("dict[str, object]", part)
    reference = members.get("$ref")
    if isinstance(reference, str):
        return _without_references(definitions[reference.rpartition("/")[2]], definitions)
    return {name: _without_references(value, definitions) for name, value in members.items()}
