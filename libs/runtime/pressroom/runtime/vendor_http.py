"""One way to talk to an outside API: httpx, with every failure turned into a `WorkError` of the right kind.

A call is never repeated here: whether a repeat is safe is known only where the intent was stored.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from .authorities import authorities
from .errors import ApiFailed, AuthFailed, InvalidRequest, NetworkFailed, RateLimited, TimedOut, WorkError

USER_AGENT = "Pressroom/0.1"
LONGEST_WAIT_S = 24 * 60 * 60.0
"""What asks for more ("inf", the year 9999) is no date that a lane could be paused until."""

ANSWER_MAX_BYTES = 256 * 2**20
"""Several large pictures as base64; more is no answer that anybody asked for, and would fill the memory."""

_EXCERPT_CHARACTERS = 500

_ENCODING_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})

Shape = TypeVar("Shape", bound=BaseModel)

ErrorReader = Callable[[httpx.Response], WorkError | None]
"""Reads a vendor's own error shape; None leaves the judgement to the status code."""


def retry_after_s(response: httpx.Response) -> float | None:
    """Seconds of a Retry-After header, as a number or a date (RFC 9110, section 10.2.3); a day at most."""
    value = response.headers.get("retry-after")
    if value is None:
        return None
    try:
        return min(max(0.0, float(value)), LONGEST_WAIT_S)
    except ValueError:
        pass
    try:
        asked_s = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        return min(max(0.0, asked_s), LONGEST_WAIT_S)
    except (TypeError, ValueError):
        return None


def error_of(response: httpx.Response, vendor: str, key_setting: str) -> WorkError:
    """The error that a response of 400 or more stands for. `key_setting` is named when the key is refused."""
    status = response.status_code
    said = f"{vendor} answered {status} to {response.request.method} {response.request.url.path}: {excerpt(response)}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(said, retry_after_s(response))
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return AuthFailed(f"{said} (check {key_setting})")
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT):
        return TimedOut(said)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ApiFailed(said)
    return InvalidRequest(said)


def excerpt(response: httpx.Response) -> str:
    """The beginning of a body that has been read, on one line."""
    try:
        text = response.text
    except httpx.ResponseNotRead:
        return "(body not read)"
    return " ".join(text.split())[:_EXCERPT_CHARACTERS] or "(empty body)"


def network_error(error: httpx.HTTPError, vendor: str) -> WorkError:
    """The error that a failed exchange stands for."""
    said = f"{vendor}: {type(error).__name__} {error}".strip()
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return NetworkFailed(f"{said}; it cannot be reached")
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{said}; no answer in time")
    return NetworkFailed(said)


class VendorClient:
    """An httpx client of one vendor.

    `send` returns a response below 400 with its body read, or raises a `WorkError`; `read_error` may look at the
    vendor's own error shape first.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        *,
        key_setting: str,
        headers: dict[str, str],
        timeout_s: float,
        read_error: ErrorReader | None = None,
    ) -> None:
        self.vendor = vendor
        self._key_setting = key_setting
        self._read_error = read_error
        self.http = httpx.AsyncClient(
            base_url=base_url,
            headers={"User-Agent": USER_AGENT, **headers},
            timeout=httpx.Timeout(timeout_s, connect=10),
            follow_redirects=False,
            verify=authorities(),
        )

    async def aclose(self) -> None:
        await self.http.aclose()

    async def send(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await self._read(await self.http.send(request, stream=True))
        except httpx.HTTPError as error:
            raise network_error(error, self.vendor) from error
        self.check(response)
        return response

    async def _read(self, response: httpx.Response) -> httpx.Response:
        """The same response with its body, which may not be endless."""
        try:
            pieces: list[bytes] = []
            size = 0
            async for piece in response.aiter_bytes():
                size += len(piece)
                if size > ANSWER_MAX_BYTES:
                    raise ApiFailed(
                        f"{self.vendor} answered more than {ANSWER_MAX_BYTES // 2**20} MB; nothing was kept"
                    )
                pieces.append(piece)
        finally:
            await response.aclose()
        # Already decoded, so what said how is left out.
        headers = [pair for pair in response.headers.multi_items() if pair[0].lower() not in _ENCODING_HEADERS]
        return httpx.Response(response.status_code, headers=headers, content=b"".join(pieces), request=response.request)

    @asynccontextmanager
    async def stream(self, request: httpx.Request) -> AsyncGenerator[httpx.Response]:
        """A response below 400 whose body is still to be read; a connection that breaks while it is read inside the
        block raises a `WorkError` like any other."""
        try:
            response = await self.http.send(request, stream=True)
            try:
                if response.status_code >= HTTPStatus.BAD_REQUEST:
                    await response.aread()
                    self.check(response)
                yield response
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise network_error(error, self.vendor) from error

    def check(self, response: httpx.Response) -> None:
        """Raise what a response of 400 or more stands for. Its body must have been read."""
        if response.status_code < HTTPStatus.BAD_REQUEST:
            return
        special = self._read_error(response) if self._read_error else None
        raise special or error_of(response, self.vendor, self._key_setting)

    def json(self, response: httpx.Response) -> object:
        """The body as JSON; a body that is none (an HTML page of a proxy, a cut answer) is an `ApiFailed`."""
        try:
            return response.json()
        except ValueError as error:
            raise ApiFailed(f"{self.vendor} answered something that is not JSON: {excerpt(response)}") from error

    def read(self, response: httpx.Response, shape: type[Shape]) -> Shape:
        """The body as a model; a body of another shape, or none at all, is an `ApiFailed` that says what differs."""
        try:
            return shape.model_validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            raise ApiFailed(
                f"{self.vendor} answered something unexpected ({where}: {first['msg']}): {excerpt(response)}"
            ) from error
