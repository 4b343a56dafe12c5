"""Pages as Google's APIs turn them: `pageSize`, an opaque `pageToken`, and a `nextPageToken` while there is more."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from starlette.requests import Request

from pressroom.sandbox.core.wire import JsonObject
from pressroom.sandbox.gemini.errors import invalid


@dataclass(frozen=True)
class Page:
    size: int
    past_seq: int | None


def read_page(request: Request, *, default: int, highest: int) -> Page:
    size = request.query_params.get("pageSize", str(default))
    if not size.isdigit():
        raise invalid(f"Invalid value at 'page_size' (TYPE_INT32), \"{size}\"")
    token = request.query_params.get("pageToken", "")
    if not token:
        return Page(min(int(size) or default, highest), None)
    try:
        past_seq = int(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error) as wrong:
        raise invalid("Invalid page token.") from wrong
    return Page(min(int(size) or default, highest), past_seq)


def page_token(seq: int) -> str:
    return base64.urlsafe_b64encode(str(seq).encode()).decode()


def page_of(body: JsonObject, token: str) -> JsonObject:
    """A page's body; Google leaves the token out on the last page."""
    return {**body, "nextPageToken": token} if token else body
