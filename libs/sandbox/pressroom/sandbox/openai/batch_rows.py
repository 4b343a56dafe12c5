"""The rows of a batch's input file: what is wrong with them before anything is made, and what one of them asks. A file
with one bad row fails whole, with up to 10 of its faults in the batch's `errors`. Source of the limits: openai-python
3.52.0, batches.create; the codes are as public reports show them, where there are any."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path

from pressroom.sandbox.core.wire import JsonObject, as_object, as_text, parse
from pressroom.sandbox.openai.errors import USER_ERROR, OpenAIRefusalError, missing
from pressroom.sandbox.openai.files import Files
from pressroom.sandbox.openai.inputs import Inputs, read_inputs
from pressroom.sandbox.openai.parameters import EDIT_PARAMETERS, GENERATION_PARAMETERS, Asked, read_parameters

GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"
RESPONSES = "/v1/responses"
ENDPOINTS = (GENERATIONS, EDITS, RESPONSES)
MOST_ROWS = 50_000
FAULTS_TOLD = 10
PICTURE_FIELDS = ("images", "mask")


def faults_of(path: Path, endpoint: str, models: tuple[str, ...]) -> tuple[int, list[JsonObject]]:
    """How many rows there are, and what is wrong with them: nothing when the batch can be made."""
    faults: list[JsonObject] = []
    seen: set[str] = set()
    first_model = ""
    rows = 0
    for line, raw in lines_of(path):
        rows += 1
        if rows > MOST_ROWS:
            return rows, [_fault("too_many_requests", f"A batch holds at most {MOST_ROWS} requests.", None, None)]
        fault = _fault_of(line, raw, endpoint, models, seen)
        if fault is not None:
            faults.append(fault)
            continue
        row = as_object(parse(raw))
        seen.add(as_text(row["custom_id"]))
        model = as_text(as_object(row["body"])["model"])
        first_model = first_model or model
        if model != first_model:
            faults.append(
                _fault("mismatched_model", "All requests of a batch name the same model.", "body.model", line)
            )
    if rows == 0:
        faults.append(_fault("empty_file", "The input file is empty.", None, None))
    return rows, faults[:FAULTS_TOLD]


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, with their numbers from 1."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, line


def model_of(path: Path) -> str | None:
    """The model of the first row, once the file was found good."""
    for _, raw in lines_of(path):
        return as_text(as_object(as_object(parse(raw))["body"])["model"]) or None
    return None


def read_row(endpoint: str, body: JsonObject, models: tuple[str, ...], files: Files) -> Asked:
    """What a row asks; `OpenAIRefusalError` for what the endpoint refuses. The pictures of an edit come by file id or
    as a data URL."""
    if endpoint == GENERATIONS:
        return read_parameters(body, GENERATION_PARAMETERS, models)
    given = body.get("images")
    if not isinstance(given, list):
        raise missing("images")
    images = [_picture(as_object(one), files) for one in given]
    mask = _picture(as_object(body["mask"]), files) if body.get("mask") is not None else None
    inputs: Inputs = read_inputs(images, mask)
    fields: JsonObject = {name: value for name, value in body.items() if name not in PICTURE_FIELDS}
    return read_parameters(fields, EDIT_PARAMETERS, models, inputs)


def _picture(reference: JsonObject, files: Files) -> bytes:
    file_id, url = as_text(reference.get("file_id")), as_text(reference.get("image_url"))
    if file_id and files.document(file_id) is not None:
        return files.path(file_id).read_bytes()
    if url.startswith("data:image/") and ";base64," in url:
        try:
            return base64.b64decode(url.partition(";base64,")[2], validate=True)
        except (ValueError, binascii.Error) as wrong:
            raise _bad_picture("its base64 is broken") from wrong
    raise _bad_picture("the sandbox takes a file_id that exists or a data URL")


def _bad_picture(why: str) -> OpenAIRefusalError:
    return OpenAIRefusalError(400, f"Invalid image: {why}.", kind=USER_ERROR, param="images", code="invalid_image_file")


def _fault_of(line: int, raw: bytes, endpoint: str, models: tuple[str, ...], seen: set[str]) -> JsonObject | None:
    try:
        row = parse(raw)
    except ValueError:
        return _fault("invalid_json_line", "This line is not parseable as valid JSON.", None, line)
    if not isinstance(row, dict):
        return _fault("invalid_json_line", "This line is no JSON object.", None, line)
    custom_id = as_text(row.get("custom_id"))
    if not custom_id:
        return _fault("missing_required_parameter", "Missing required parameter: 'custom_id'.", "custom_id", line)
    if custom_id in seen:
        return _fault(
            "duplicate_custom_id",
            "The custom_id for this request is a duplicate of another request. The custom_id parameter must be unique "
            "for each request in a batch.",
            "custom_id",
            line,
        )
    if row.get("method") != "POST":
        return _fault("invalid_method", "The HTTP method of a request must be POST.", "method", line)
    if row.get("url") != endpoint:
        return _fault(
            "invalid_url", "The URL provided for this request does not match the batch's endpoint.", "url", line
        )
    body = row.get("body")
    if not isinstance(body, dict):
        return _fault("missing_required_parameter", "Missing required parameter: 'body'.", "body", line)
    model = as_text(body.get("model"))
    if model not in models:
        return _fault(
            "model_not_found", f"The provided model '{model}' is not supported by the Batch API.", "body.model", line
        )
    return None


def _fault(code: str, message: str, param: str | None, line: int | None) -> JsonObject:
    return {"code": code, "message": message, "param": param, "line": line}
