"""The lines of an OpenAI batch's output and error files, each read into one `ResultRow`, whatever is in it.

A line that is torn, misshapen or refused becomes a row with an error, so that one bad row never hides the others.
Reading has no effect outside: a process that dies in the middle reads from the beginning again. Source: OpenAI's "Batch
API" guide; public reports show that a refused row has no `error` but a response with the refusal in its body.
"""

import json
import re
from http import HTTPStatus

from pydantic import ValidationError

from pressroom.runtime.errors import (
    ApiFailed,
    AuthFailed,
    InvalidRequest,
    ModelGone,
    TimedOut,
    WorkError,
    report_of,
)
from pressroom.runtime.vendors.openai import MODEL_SETTING, VENDOR, Refusal, Wire, error_of_refusal
from pressroom.runtime.vendors.openai_images import ImagesAnswer

from .provider_jobs import ResultRow

EXPIRED_CODE = "batch_expired"
CANCELLED_CODE = "batch_cancelled"

_HEAD_BYTES = 4096
_STRING = rb'"(?:[^"\\]|\\.)*"'
_KEY_FIRST = re.compile(rb'\s*\{\s*(?:"id"\s*:\s*' + _STRING + rb'\s*,\s*)?"custom_id"\s*:\s*(' + _STRING + rb")")


class Body(ImagesAnswer):
    """An answer, or a refusal instead of one."""

    error: Refusal | str | None = None


class RowResponse(Wire):
    """`body` is text when it came from a gateway."""

    status_code: int | None = None
    body: Body | str | None = None


class ResultLine(Wire):
    custom_id: str | None = None
    response: RowResponse | None = None
    error: Refusal | str | None = None


class Key(Wire):
    custom_id: str | None = None


def row_of_line(line: bytes) -> ResultRow | None:
    """One line as a row; never raises for what is in it. None for a row that a cancelled batch never reached: the job's
    own end says what becomes of it."""
    try:
        parsed = ResultLine.model_validate_json(line)
    except ValidationError as error:
        return ResultRow(key=_key_of_bad_line(line), error=report_of(ApiFailed(_explain(line, error))))
    if isinstance(parsed.error, Refusal) and parsed.error.code == CANCELLED_CODE:
        return None
    return row_of(parsed)


def row_of(line: ResultLine) -> ResultRow:
    key = line.custom_id or None
    try:
        if key is None:
            raise ApiFailed(f"{VENDOR} returned a row without a custom_id, so nobody knows whose picture it is")
        data, media_type = _picture(line)
    except WorkError as error:
        return ResultRow(key=key, error=report_of(error))
    return ResultRow(key=key, data=data, media_type=media_type)


def _picture(line: ResultLine) -> tuple[bytes, str]:
    if line.error is not None:
        raise _error_of_row(0, line.error)
    response = line.response
    if response is None:
        raise ApiFailed(f"{VENDOR} returned a row with neither a response nor an error; ask for this image again")
    status = response.status_code or 0
    body = response.body
    if isinstance(body, Body) and body.error is not None:
        raise _error_of_row(status, body.error)
    if status >= HTTPStatus.BAD_REQUEST or not isinstance(body, Body):
        raise _error_of_row(status, body if isinstance(body, str) else Refusal())
    return body.picture_and_type()


def _error_of_row(status: int, told: Refusal | str) -> WorkError:
    """`status` is 0 where the row was never asked."""
    refusal = Refusal(message=told[:_HEAD_BYTES]) if isinstance(told, str) else told
    if refusal.code == EXPIRED_CODE:
        return TimedOut(f"{VENDOR} did not come to this row before its batch expired; ask for this image again")
    code = f" {refusal.code}" if refusal.code else ""
    answered = f" with {status}" if status else ""
    said = f"{VENDOR} failed at this row{answered}{code}: {refusal.said() or 'no reason given'}"
    error = error_of_refusal(status, refusal, said)
    if isinstance(error, ModelGone):
        return ModelGone(f"{error} (set {MODEL_SETTING}, or the batch's own model, to one that it has)")
    return error or _by_status(status, said)


def _by_status(status: int, said: str) -> WorkError:
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT):
        return TimedOut(said)
    if status == HTTPStatus.FORBIDDEN:
        return AuthFailed(said)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return InvalidRequest(said)
    return ApiFailed(said)


def _key_of_bad_line(line: bytes) -> str | None:
    """The key of a line that cannot be read as a whole: whole JSON of a strange shape, or a torn beginning."""
    try:
        return Key.model_validate_json(line).custom_id
    except ValidationError:
        pass
    match = _KEY_FIRST.match(line[:_HEAD_BYTES])
    try:
        return str(json.loads(match.group(1))) if match else None
    except ValueError:
        return None


def _explain(line: bytes, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{VENDOR} returned a row of {len(line)} bytes that cannot be read ({where or 'line'}: {first['msg']})"
