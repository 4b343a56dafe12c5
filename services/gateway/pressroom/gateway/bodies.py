"""Bodies that are read without regard to their content type, as of a webhook once its sender is known, or of an old
client: what is wrong is refused, each field by its name."""

from typing import Any, TypeVar

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
