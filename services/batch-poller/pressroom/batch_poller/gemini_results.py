"""The lines of a Gemini job's output, each read into one `ResultRow`, whatever is in it.

A line that is torn, misshapen or refused becomes a row with an error, so that one bad row never hides the others.
Reading has no effect outside: a process that dies in the middle reads from the beginning again.
"""

import json
import re
from collections.abc import AsyncIterable, AsyncIterator

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
from pressroom.runtime.vendors.gemini import Refusal, Wire
from pressroom.runtime.vendors.gemini_content import Answer, picture_of, text_of

from .provider_jobs import ResultRow

LINE_MAX_BYTES = 128 * 2**20
"""A 4K picture is some 40 MB in base64; a line three times as long is no result."""

_HEAD_BYTES = 4096
_KEY_FIRST = re.compile(rb'\s*\{\s*"key"\s*:\s*("(?:[^"\\]|\\.)*")')

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


async def lines_of(chunks: AsyncIterable[bytes], max_bytes: int = LINE_MAX_BYTES) -> AsyncIterator[bytes]:
    """The lines of a byte stream without their ends, empty ones left out, the last with or without an end.

    Of a line that is longer than `max_bytes` only the beginning comes, which reads as a torn line.
    """
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        pieces = chunk.split(b"\n")
        for number, piece in enumerate(pieces):
            if number:
                if line := b"".join(parts).strip():
                    yield line
                parts, size = [], 0
            size += len(piece)
            if size > max_bytes:
                parts = [b"".join(parts)[:_HEAD_BYTES] or piece[:_HEAD_BYTES]]
            else:
                parts.append(piece)
    if line := b"".join(parts).strip():
        yield line


def row_of_line(line: bytes) -> ResultRow:
    """One line of the output file as a row; never raises for what is in the line."""
    try:
        parsed = ResultLine.model_validate_json(line)
    except ValidationError as error:
        return ResultRow(key=_key_of_bad_line(line), error=report_of(ApiFailed(_explain(line, error))))
    return row_of(parsed)


def row_of_inline(value: object) -> ResultRow:
    """One inline result as a row; never raises for what is in it."""
    return row_of_line(json.dumps(value).encode())


def row_of(line: ResultLine) -> ResultRow:
    key = line.key or (line.metadata.key if line.metadata else None)
    try:
        if key is None:
            raise ApiFailed("Gemini returned a row without a key, so nobody knows whose picture it is")
        return _picture(key, line)
    except WorkError as error:
        return ResultRow(key=key, text=text_of(line.response), error=report_of(error))


def _picture(key: str, line: ResultLine) -> ResultRow:
    answer = line.response
    refusal = line.error or (answer.error if answer else None) or (line.status if answer is None else None)
    if refusal is not None:
        raise _error_of_row(refusal)
    if answer is None:
        raise ApiFailed("Gemini returned a row with neither a response nor an error; ask for this image again")
    data, media_type = picture_of(answer)
    return ResultRow(key=key, data=data, media_type=media_type, text=text_of(answer))


def _error_of_row(refusal: Refusal | str) -> WorkError:
    if isinstance(refusal, str):
        return ApiFailed(f"Gemini failed at this row: {refusal}")
    error_type = _ERRORS_BY_CODE.get(refusal.code or 0, ApiFailed)
    return error_type(f"Gemini failed at this row: {refusal.said()}")


def _key_of_bad_line(line: bytes) -> str | None:
    """The key of a line that cannot be read as a whole: whole JSON of a strange shape, or a torn beginning."""
    try:
        return Metadata.model_validate_json(line).key
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
    return f"Gemini returned a row of {len(line)} bytes that cannot be read ({where or 'line'}: {first['msg']})"
