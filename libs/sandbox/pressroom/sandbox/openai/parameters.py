"""What a request asks for, read as strictly as the API reads it: unknown parameters refused, values from its lists.
There is no seed, so the same request is another picture each time."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pressroom.sandbox.core.wire import Json, JsonObject, as_int, is_int
from pressroom.sandbox.openai.errors import (
    USER_ERROR,
    OpenAIRefusalError,
    invalid_value,
    missing,
    no_such_model,
    not_one_of,
    unknown_parameter,
    wrong_type,
)
from pressroom.sandbox.openai.inputs import Inputs
from pressroom.sandbox.openai.sizes import Size, draws_any_size, read_size

LONGEST_PROMPT = 32_000
MOST_PICTURES = 10

QUALITIES = ("low", "medium", "high", "auto")
BACKGROUNDS = ("transparent", "opaque", "auto")
FORMATS = ("png", "webp", "jpeg")
MODERATIONS = ("low", "auto")
FIDELITIES = ("high", "low")

COMMON = frozenset(
    {"model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression", "moderation"}
    | {"user", "safety_identifier", "stream", "partial_images"}
)
GENERATION_PARAMETERS = COMMON
EDIT_PARAMETERS = COMMON | {"input_fidelity"}
"""Beside the files `image`, `image[]` and `mask`."""

MARKER = re.compile(r"\[sandbox:([a-z-]+)\]")


@dataclass(frozen=True)
class Asked:
    """One request, understood; `auto` is already decided."""

    model: str
    prompt: str
    count: int
    size: Size
    quality: str
    transparent: bool
    output_format: str
    compression: int
    inputs: Inputs

    @property
    def markers(self) -> frozenset[str]:
        return frozenset(MARKER.findall(self.prompt))

    @property
    def background(self) -> str:
        return "transparent" if self.transparent else "opaque"


def read_parameters(
    body: JsonObject, known: frozenset[str], models: tuple[str, ...], inputs: Inputs | None = None
) -> Asked:
    """What the body asks; `OpenAIRefusalError` for what the API refuses. `inputs` are the files of an edit."""
    for name in body:
        if name not in known:
            raise unknown_parameter(name)
    given: JsonObject = {name: value for name, value in body.items() if value is not None}
    prompt = _prompt(given)
    model = _model(given, models)
    _refuse_streams(given)
    if "input_fidelity" in given:
        _check_fidelity(given, model)
    output_format = _one_of(given, "output_format", FORMATS, "png")
    background = _one_of(given, "background", BACKGROUNDS, "auto")
    if background == "transparent" and output_format == "jpeg":
        raise invalid_value("Transparent background is not supported for output format 'jpeg'.", "background")
    _one_of(given, "moderation", MODERATIONS, "auto")
    quality = _one_of(given, "quality", QUALITIES, "auto")
    inputs = inputs or Inputs()
    return Asked(
        model=model,
        prompt=prompt,
        count=_integer(given, "n", 1, MOST_PICTURES, 1),
        size=read_size(model, _text(given, "size", "auto"), inputs.images[0].facts if inputs.images else None),
        quality="high" if quality == "auto" else quality,
        transparent=background == "transparent",
        output_format=output_format,
        compression=_compression(given, output_format),
        inputs=inputs,
    )


def _prompt(given: JsonObject) -> str:
    if "prompt" not in given:
        raise missing("prompt")
    prompt = _text(given, "prompt", "")
    if not prompt:
        raise OpenAIRefusalError(
            400,
            "Invalid 'prompt': empty string. Expected a string with minimum length 1, but got an empty string instead.",
            param="prompt",
            code="empty_string",
        )
    if len(prompt) > LONGEST_PROMPT:
        raise OpenAIRefusalError(
            400,
            f"Invalid 'prompt': string too long. Expected a string with maximum length {LONGEST_PROMPT}, but got a "
            f"string with length {len(prompt)} instead.",
            param="prompt",
            code="string_above_max_length",
        )
    return prompt


def _model(given: JsonObject, models: tuple[str, ...]) -> str:
    if "model" not in given:
        raise missing("model")
    model = _text(given, "model", "")
    if model not in models:
        raise no_such_model(model)
    if not makes_images(model):
        raise invalid_value(f"The model '{model}' makes no images.", "model")
    return model


def makes_images(model: str) -> bool:
    return "image" in model


def _refuse_streams(given: JsonObject) -> None:
    if given.get("stream") not in (None, False, "false") or given.get("partial_images") not in (None, 0, "0"):
        raise invalid_value("The sandbox does not support streaming.", "stream")


def _check_fidelity(given: JsonObject, model: str) -> None:
    if draws_any_size(model):
        raise OpenAIRefusalError(
            400,
            f"The model '{model}' does not support the 'input_fidelity' parameter.",
            kind=USER_ERROR,
            param="input_fidelity",
            code="invalid_input_fidelity_model",
        )
    _one_of(given, "input_fidelity", FIDELITIES, "low")


def _compression(given: JsonObject, output_format: str) -> int:
    compression = _integer(given, "output_compression", 0, 100, 100)
    if output_format == "png" and compression != 100:
        raise invalid_value("Compression less than 100 is not supported for PNG output format.", "output_compression")
    return compression


def _text(given: JsonObject, param: str, default: str) -> str:
    value = given.get(param, default)
    if not isinstance(value, str):
        raise wrong_type(param, "a string", _named(value))
    return value


def _one_of(given: JsonObject, param: str, allowed: tuple[str, ...], default: str) -> str:
    value = _text(given, param, default)
    if value not in allowed:
        raise not_one_of(value, param, allowed)
    return value


def _integer(given: JsonObject, param: str, lowest: int, highest: int, default: int) -> int:
    """A whole number in JSON, or one in the text of a form's field."""
    value = given.get(param, default)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
        value = int(value)
    if not is_int(value):
        raise wrong_type(param, "an integer", _named(value))
    number = as_int(value)
    if number < lowest:
        raise _out_of_bounds(param, f"below minimum value. Expected a value >= {lowest}", number, "below_min")
    if number > highest:
        raise _out_of_bounds(param, f"above maximum value. Expected a value <= {highest}", number, "above_max")
    return number


def _out_of_bounds(param: str, what: str, number: int, code: str) -> OpenAIRefusalError:
    message = f"Invalid '{param}': integer {what}, but got {number} instead."
    return OpenAIRefusalError(400, message, param=param, code=f"integer_{code}_value")


def _named(value: Json) -> str:
    """What the API calls a value's type."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "an array" if isinstance(value, list) else "an object" if isinstance(value, dict) else "a string"
