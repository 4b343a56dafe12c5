"""The lines of a provider's file of results, taken apart while they arrive. A torn or misshapen line is told as what it
is, and to whom it belongs as far as its beginning can be read. Nothing is kept; a reader that dies begins again."""

import json
import re
from collections.abc import AsyncIterable, AsyncIterator
from typing import cast

from pydantic import ValidationError

LINE_MAX_BYTES = 128 * 2**20
"""A 4K picture is some 40 MB in base64; a line three times as long is no result."""

HEAD_BYTES = 4096
_STRING = rb'"(?:[^"\\]|\\.)*"'


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
                parts = [b"".join(parts)[:HEAD_BYTES] or piece[:HEAD_BYTES]]
            else:
                parts.append(piece)
    if line := b"".join(parts).strip():
        yield line


def key_of_bad_line(line: bytes, field: str) -> str | None:
    """The text in `field` of a line that cannot be read as a whole: whole JSON of a strange shape, or a torn beginning
    in which at most an `id` stands before it."""
    try:
        whole: object = json.loads(line)
    except (ValueError, RecursionError):
        return _key_of_torn_line(line[:HEAD_BYTES], field)
    key = cast("dict[str, object]", whole).get(field) if isinstance(whole, dict) else None
    return key if isinstance(key, str) and _is_text(key) else None


def _key_of_torn_line(head: bytes, field: str) -> str | None:
    first = rb'\s*\{\s*(?:"id"\s*:\s*' + _STRING + rb'\s*,\s*)?"' + field.encode() + rb'"\s*:\s*(' + _STRING + rb")"
    match = re.match(first, head)
    try:
        key = str(json.loads(match.group(1))) if match else None
    except ValueError:
        return None
    return key if key is not None and _is_text(key) else None


def _is_text(key: str) -> bool:
    """Python's JSON lets half a surrogate pair through, which no database can be asked for."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def why_unreadable(vendor: str, line: bytes, error: ValidationError) -> str:
    """What is wrong with a line, without what is in it."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{vendor} returned a row of {len(line)} bytes that cannot be read ({where or 'line'}: {first['msg']})"
