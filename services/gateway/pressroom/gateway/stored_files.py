"""A stored file as an answer: streamed from the blob store, never whole in memory."""

from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse

from pressroom.runtime.service import Service

A_YEAR_S = 365 * 24 * 60 * 60
FOREVER = f"max-age={A_YEAR_S}, immutable"
"""For `Cache-Control`: a key names its content, so it never changes."""


async def stream_file(house: Service, key: str, media_type: str, headers: dict[str, str]) -> StreamingResponse:
    """Raises `FileNotFoundError` before anything is sent."""
    pieces = house.blobs.stream(key)
    try:
        first = await anext(pieces)
    except StopAsyncIteration as error:
        raise FileNotFoundError(key) from error
    return StreamingResponse(_joined(first, pieces), media_type=media_type, headers=headers)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
