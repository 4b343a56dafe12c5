"""Refusals as an aiohttp server gives them, which ComfyUI is: a line of text. Bad graphs have a shape of their own, see
`validation`."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import PlainTextResponse, Response


def refusal(status: int) -> Response:
    """`404: Not Found`, or aiohttp's page for a server that failed."""
    phrase = HTTPStatus(status).phrase
    if status == 500:
        return PlainTextResponse(f"500 {phrase}\n\nServer got itself in trouble", 500)
    return PlainTextResponse(f"{status}: {phrase}", status)
