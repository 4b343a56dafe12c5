"""Refusals in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}` (platform.openai.com, "Error codes").
Every answer carries `x-request-id`, the refusals too."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.wire import JsonObject, json_list, json_response

INVALID_REQUEST = "invalid_request_error"
USER_ERROR = "image_generation_user_error"
"""The type of what the image model itself refuses, as public reports of GPT Image errors show it."""


class OpenAIRefusalError(Exception):
    """A request that OpenAI refuses; raised anywhere below a handler."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = INVALID_REQUEST,
        param: str | None = None,
        code: str | None = None,
        more: JsonObject | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.more = more or {}

    def body(self) -> JsonObject:
        error: JsonObject = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": {**error, **self.more}}

    def response(self) -> Response:
        return with_request_id(json_response(self.body(), self.status))


def with_request_id(response: Response) -> Response:
    response.headers["x-request-id"] = f"req_{secrets.token_hex(16)}"
    return response


async def answer_refusal(_request: Request, refusal: Exception) -> Response:
    """The exception handler of the OpenAI routes."""
    if not isinstance(refusal, OpenAIRefusalError):
        raise refusal
    return refusal.response()


def invalid_value(message: str, param: str) -> OpenAIRefusalError:
    return OpenAIRefusalError(400, message, param=param, code="invalid_value")


def not_one_of(value: str, param: str, allowed: tuple[str, ...]) -> OpenAIRefusalError:
    quoted = [f"'{one}'" for one in allowed]
    names = f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
    return invalid_value(f"Invalid value: '{value}'. Supported values are: {names}.", param)


def wrong_type(param: str, expected: str, given: str) -> OpenAIRefusalError:
    message = f"Invalid type for '{param}': expected {expected}, but got {given} instead."
    return OpenAIRefusalError(400, message, param=param, code="invalid_type")


def missing(param: str) -> OpenAIRefusalError:
    return OpenAIRefusalError(
        400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def unknown_parameter(param: str) -> OpenAIRefusalError:
    return OpenAIRefusalError(400, f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def no_such_model(model: str) -> OpenAIRefusalError:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return OpenAIRefusalError(404, message, code="model_not_found")


def no_key() -> OpenAIRefusalError:
    return OpenAIRefusalError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY).",
    )


def bad_key(key: str) -> OpenAIRefusalError:
    shown = f"{key[:4]}{'*' * 8}{key[-4:]}" if len(key) > 8 else "*" * len(key)
    return OpenAIRefusalError(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")


def moderated(stage: str) -> OpenAIRefusalError:
    """Refused by the safety system; `stage` is `input` (the words) or `output` (the picture that came of them)."""
    return OpenAIRefusalError(
        400,
        "Your request was rejected by the safety system. If you believe this is an error, contact us at "
        "help.openai.com and include the request ID. safety_violations=[sandbox].",
        kind=USER_ERROR,
        code="moderation_blocked",
        more={"moderation_details": {"moderation_stage": stage, "categories": json_list(["sandbox"])}},
    )


def broken() -> OpenAIRefusalError:
    return OpenAIRefusalError(
        500, "The server had an error while processing your request. Sorry about that!", kind="server_error"
    )


def rate_limited(retry_after_s: float | None) -> Response:
    """Too many requests; with `retry_after_s`, both headers that the vendor's own SDK reads."""
    again = f" Please try again in {retry_after_s:g}s." if retry_after_s is not None else ""
    message = f"Rate limit reached for images per min in organization org-sandbox.{again}"
    response = OpenAIRefusalError(429, message, kind="requests", code="rate_limit_exceeded").response()
    if retry_after_s is not None:
        response.headers["retry-after"] = f"{retry_after_s:g}"
        response.headers["retry-after-ms"] = f"{retry_after_s * 1000:g}"
    return response
