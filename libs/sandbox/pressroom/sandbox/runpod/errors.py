"""Refusals of RunPod's API: a status and `{"error": "..."}`."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from pressroom.sandbox.core.wire import json_response


class RunPodRefusalError(Exception):
    """A request that RunPod refuses; raised anywhere below a handler."""

    def __init__(self, status: int, message: str | None = None) -> None:
        self.status = status
        self.message = message or HTTPStatus(status).phrase.lower()
        super().__init__(self.message)

    def response(self) -> Response:
        return json_response({"error": self.message}, self.status)


async def answer_refusal(_request: Request, refusal: Exception) -> Response:
    """The exception handler of the RunPod routes."""
    if not isinstance(refusal, RunPodRefusalError):
        raise refusal
    return refusal.response()


def no_such_job() -> RunPodRefusalError:
    return RunPodRefusalError(404, "request does not exist")
