"""Refusals in Google's error shape (google.rpc.Status as JSON; https://google.aip.dev/193)."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.wire import JsonObject, json_list, json_response

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
RPC_CODES = {
    "CANCELLED": 1,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
}
"""google.rpc.Code: what stands in `code` inside an operation's or a row's error, where no HTTP status exists."""


class GeminiRefusalError(Exception):
    """A request that Gemini refuses; raised anywhere below a handler."""

    def __init__(
        self, status: int, message: str, details: Sequence[JsonObject] = (), *, name: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = list(details)
        self.name = name or STATUS_NAMES.get(status, "UNKNOWN")

    def body(self) -> JsonObject:
        error: JsonObject = {"code": self.status, "message": self.message, "status": self.name}
        if self.details:
            error["details"] = json_list(self.details)
        return {"error": error}

    def response(self) -> Response:
        return json_response(self.body(), self.status)


async def answer_refusal(_request: Request, refusal: Exception) -> Response:
    """The exception handler of the Gemini routes."""
    if not isinstance(refusal, GeminiRefusalError):
        raise refusal
    return refusal.response()


def invalid(message: str) -> GeminiRefusalError:
    return GeminiRefusalError(400, message)


def bad_key() -> GeminiRefusalError:
    """A key that is not valid: 400, and the reason in an ErrorInfo."""
    message = "API key not valid. Please pass a valid API key."
    return GeminiRefusalError(
        400,
        message,
        [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            },
            {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": message},
        ],
    )


def no_key() -> GeminiRefusalError:
    """No key at all: 403."""
    return GeminiRefusalError(
        403,
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
    )


def no_such_model(model: str, method: str) -> GeminiRefusalError:
    return GeminiRefusalError(
        404,
        f"models/{model} is not found for API version v1beta, or is not supported for {method}. "
        "Call ListModels to see the list of available models and their supported methods.",
    )


def exhausted(retry_after_s: float | None) -> GeminiRefusalError:
    """Too many requests; with `retry_after_s`, a RetryInfo as the API sends it."""
    details: list[JsonObject] = [
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [
                {
                    "quotaMetric": "generativelanguage.googleapis.com/generate_requests_per_model",
                    "quotaId": "GenerateRequestsPerMinutePerProjectPerModel",
                }
            ],
        }
    ]
    if retry_after_s is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_after_s:g}s"})
    return GeminiRefusalError(
        429, "You exceeded your current quota, please check your plan and billing details.", details
    )
