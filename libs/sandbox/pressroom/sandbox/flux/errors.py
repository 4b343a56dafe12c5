"""Refusals in FastAPI's shape: `{"detail": "..."}`, or a list of what is wrong for 422."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.wire import JsonObject, json_list, json_response

DETAILS = {
    402: "Insufficient credits. Please add credits to your account.",
    403: "Not authenticated",
    404: "Not Found",
    429: "Rate limit exceeded: too many active tasks.",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class FluxRefusalError(Exception):
    """A request that BFL refuses; raised anywhere below a handler."""

    def __init__(self, status: int, errors: Sequence[JsonObject] = ()) -> None:
        super().__init__(str(status))
        self.status = status
        self.errors = list(errors)

    def response(self) -> Response:
        body: JsonObject = {"detail": json_list(self.errors) if self.errors else DETAILS[self.status]}
        return json_response(body, self.status)


async def answer_refusal(_request: Request, refusal: Exception) -> Response:
    """The exception handler of the Flux routes."""
    if not isinstance(refusal, FluxRefusalError):
        raise refusal
    return refusal.response()
