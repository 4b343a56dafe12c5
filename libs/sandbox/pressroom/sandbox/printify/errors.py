"""Refusals in Printify's shape: `{"status": "error", "code", "message", "errors": {"reason", "code"}}` (Printify API
reference, "Errors")."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.wire import JsonObject, json_response

VALIDATION = 8201
LOCKED = 8252
OPERATION_FAILED = 10300


class PrintifyRefusalError(Exception):
    """A request that Printify refuses; raised anywhere below a handler."""

    def __init__(self, status: int, code: int, message: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.message = message
        self.reason = reason

    def response(self) -> Response:
        body: JsonObject = {
            "status": "error",
            "code": self.code,
            "message": self.message,
            "errors": {"reason": self.reason, "code": self.code},
        }
        return json_response(body, self.status)


async def answer_refusal(_request: Request, refusal: Exception) -> Response:
    """The exception handler of the Printify routes."""
    if not isinstance(refusal, PrintifyRefusalError):
        raise refusal
    return refusal.response()


def invalid(reason: str) -> PrintifyRefusalError:
    return PrintifyRefusalError(422, VALIDATION, "Validation failed.", reason)


def not_found(what: str) -> PrintifyRefusalError:
    return PrintifyRefusalError(404, 404, "Not found.", f"{what} was not found.")


def locked() -> PrintifyRefusalError:
    reason = "Product is disabled for editing."
    return PrintifyRefusalError(400, LOCKED, reason, reason)


def operation_failed(reason: str) -> PrintifyRefusalError:
    return PrintifyRefusalError(400, OPERATION_FAILED, "Operation failed.", reason)


def too_many(which: str) -> PrintifyRefusalError:
    """Over a rate limit; Printify documents no Retry-After, and none is sent."""
    return PrintifyRefusalError(429, 429, "Too Many Requests.", f"The limit of {which} is reached.")
