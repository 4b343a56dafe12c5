"""The lines of an OpenAI batch's output and error files, each read into one `ResultRow`, whatever is in it.

A line that is torn, misshapen or refused becomes a row with an error, so that one bad row never hides the others.
Reading has no effect outside: a process that dies in the middle reads from the beginning again. Source: OpenAI's "Batch
API" guide; public reports show that a refused row has no `error` but a response with the refusal in its body.
"""

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
from pressroom.runtime.vendors.openai import MODEL_SETTING, TEXT_MODEL_SETTING, VENDOR, Refusal, Wire, error_of_refusal
from pressroom.runtime.vendors.openai_images import ImagesAnswer
from pressroom.runtime.vendors.openai_texts import ResponsesAnswer

from .provider_jobs import ResultRow, Tokens
from .result_lines import HEAD_BYTES, key_of_bad_line, why_unreadable

EXPIRED_CODE = "batch_expired"
CANCELLED_CODE = "batch_cancelled"


class Body(ImagesAnswer, ResponsesAnswer):
    """An answer of either kind, or a refusal instead of one."""

    error: Refusal | str | None = None


class RowResponse(Wire):
    """`body` is text when it came from a gateway."""

    status_code: int | None = None
    body: Body | str | None = None


class ResultLine(Wire):
    custom_id: str | None = None
    response: RowResponse | None = None
    error: Refusal | str | None = None


def row_of_line(line: bytes, *, texts: bool = False) -> ResultRow | None:
    """One line as a row; never raises for what is in it. None for a row that a cancelled batch never reached: the job's
    own end says what becomes of it."""
    try:
        parsed = ResultLine.model_validate_json(line)
    except ValidationError as error:
        why = report_of(ApiFailed(why_unreadable(VENDOR, line, error)))
        return ResultRow(key=key_of_bad_line(line, "custom_id"), error=why)
    if isinstance(parsed.error, Refusal) and parsed.error.code == CANCELLED_CODE:
        return None
    return row_of(parsed, texts=texts)


def row_of(line: ResultLine, *, texts: bool = False) -> ResultRow:
    key = line.custom_id or None
    tokens = _tokens_of(line)
    try:
        if key is None:
            raise ApiFailed(f"{VENDOR} returned a row without a custom_id, so nobody knows whose it is")
        body = _body(line, texts=texts)
        if texts:
            return ResultRow(key=key, text=body.whole_text(), tokens=tokens)
        data, media_type = body.picture_and_type()
        return ResultRow(key=key, data=data, media_type=media_type)
    except WorkError as error:
        return ResultRow(key=key, tokens=tokens, error=report_of(error))


def _tokens_of(line: ResultLine) -> Tokens | None:
    body = line.response.body if line.response else None
    usage = body.usage if isinstance(body, Body) else None
    return Tokens(read=usage.input_tokens or 0, written=usage.output_tokens or 0) if usage else None


def _body(line: ResultLine, *, texts: bool) -> Body:
    if line.error is not None:
        raise _error_of_row(0, line.error, texts=texts)
    response = line.response
    if response is None:
        raise ApiFailed(f"{VENDOR} returned a row with neither a response nor an error; ask for this one again")
    status = response.status_code or 0
    body = response.body
    if isinstance(body, Body) and body.error is not None:
        raise _error_of_row(status, body.error, texts=texts)
    if status >= HTTPStatus.BAD_REQUEST or not isinstance(body, Body):
        raise _error_of_row(status, body if isinstance(body, str) else Refusal(), texts=texts)
    return body


def _error_of_row(status: int, told: Refusal | str, *, texts: bool) -> WorkError:
    """`status` is 0 where the row was never asked."""
    refusal = Refusal(message=told[:HEAD_BYTES]) if isinstance(told, str) else told
    if refusal.code == EXPIRED_CODE:
        return TimedOut(f"{VENDOR} did not come to this row before its batch expired; ask for this one again")
    code = f" {refusal.code}" if refusal.code else ""
    answered = f" with {status}" if status else ""
    said = f"{VENDOR} failed at this row{answered}{code}: {refusal.said() or 'no reason given'}"
    error = error_of_refusal(status, refusal, said)
    if isinstance(error, ModelGone):
        setting = TEXT_MODEL_SETTING if texts else MODEL_SETTING
        return ModelGone(f"{error} (set {setting}, or the batch's own model, to one that it has)")
    return error or _by_status(status, said)


def _by_status(status: int, said: str) -> WorkError:
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT):
        return TimedOut(said)
    if status == HTTPStatus.FORBIDDEN:
        return AuthFailed(said)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return InvalidRequest(said)
    return ApiFailed(said)
