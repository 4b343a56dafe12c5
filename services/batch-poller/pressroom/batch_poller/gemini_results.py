"""The lines of a Gemini job's output, each read into one `ResultRow`, whatever is in it.

A line that is torn, misshapen or refused becomes a row with an error, so that one bad row never hides the others.
Reading has no effect outside: a process that dies in the middle reads from the beginning again.
"""

import json

from pydantic import ValidationError

from pressroom.runtime.errors import (
    ApiFailed,
    AuthFailed,
    InvalidRequest,
    RateLimited,
    TimedOut,
    WorkError,
    report_of,
)
from pressroom.runtime.vendors.gemini import VENDOR, Refusal, Wire
from pressroom.runtime.vendors.gemini_content import Answer, picture_of, text_of, whole_text_of

from .provider_jobs import ResultRow, Tokens
from .result_lines import key_of_bad_line, why_unreadable

_ERRORS_BY_CODE: dict[int, type[WorkError]] = {
    3: InvalidRequest,
    4: TimedOut,
    5: InvalidRequest,
    7: AuthFailed,
    8: RateLimited,
    9: InvalidRequest,
    16: AuthFailed,
    400: InvalidRequest,
    401: AuthFailed,
    403: AuthFailed,
    404: InvalidRequest,
    408: TimedOut,
    429: RateLimited,
    504: TimedOut,
}
"""A row's error has gRPC's code or HTTP's (`google.rpc.Code`); what is not here is a fault of the vendor's."""


class Metadata(Wire):
    key: str | None = None


class ResultLine(Wire):
    """`key` stands at the top in a file and under `metadata` in an inline result."""

    key: str | None = None
    metadata: Metadata | None = None
    response: Answer | None = None
    error: Refusal | str | None = None
    status: Refusal | None = None


def row_of_line(line: bytes, *, texts: bool = False) -> ResultRow:
    """One line of the output file as a row; never raises for what is in the line."""
    try:
        parsed = ResultLine.model_validate_json(line)
    except ValidationError as error:
        why = report_of(ApiFailed(why_unreadable(VENDOR, line, error)))
        return ResultRow(key=key_of_bad_line(line, "key"), error=why)
    return row_of(parsed, texts=texts)


def row_of_inline(value: object, *, texts: bool = False) -> ResultRow:
    """One inline result as a row; never raises for what is in it."""
    return row_of_line(json.dumps(value).encode(), texts=texts)


def row_of(line: ResultLine, *, texts: bool = False) -> ResultRow:
    key = line.key or (line.metadata.key if line.metadata else None)
    tokens = _tokens_of(line.response)
    try:
        if key is None:
            raise ApiFailed("Gemini returned a row without a key, so nobody knows whose it is")
        answer = _answer(line)
        if texts:
            return ResultRow(key=key, text=whole_text_of(answer), tokens=tokens)
        data, media_type = picture_of(answer)
        return ResultRow(key=key, data=data, media_type=media_type, text=text_of(answer))
    except WorkError as error:
        return ResultRow(key=key, text=text_of(line.response), tokens=tokens, error=report_of(error))


def _answer(line: ResultLine) -> Answer:
    answer = line.response
    refusal = line.error or (answer.error if answer else None) or (line.status if answer is None else None)
    if refusal is not None:
        raise _error_of_row(refusal)
    if answer is None:
        raise ApiFailed("Gemini returned a row with neither a response nor an error; ask for this one again")
    return answer


def _tokens_of(answer: Answer | None) -> Tokens | None:
    """Thoughts are billed as what is written (ai.google.dev, "Gemini Developer API pricing")."""
    usage = answer.usage_metadata if answer else None
    if usage is None:
        return None
    written = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return Tokens(read=usage.prompt_token_count or 0, written=written)


def _error_of_row(refusal: Refusal | str) -> WorkError:
    if isinstance(refusal, str):
        return ApiFailed(f"Gemini failed at this row: {refusal}")
    error_type = _ERRORS_BY_CODE.get(refusal.code or 0, ApiFailed)
    return error_type(f"Gemini failed at this row: {refusal.said()}")
