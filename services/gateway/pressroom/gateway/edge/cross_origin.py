"""Which pages of the web may call by script (CORS, fetch.spec.whatwg.org): those whose origins a setting names.

Tokens come in a header that a page sets itself, so no cookie is ever asked for or believed, and no page gets an answer
with somebody's credentials unasked. A page that is not named gets its answer too, which its browser does not hand out.
"""

import re
from typing import Annotated

from pydantic import AfterValidator
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware

_ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")

SENT = (
    *("Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "Prefer"),
    *("If-Match", "If-None-Match", "If-Range", "Last-Event-ID", "Range", "traceparent", "tracestate"),
)
"""What a page may send beside what each may."""

READ = (
    *("Location", "ETag", "Retry-After", "RateLimit", "RateLimit-Policy", "WWW-Authenticate"),
    *("Idempotency-Replayed", "Preference-Applied", "Content-Range", "Accept-Ranges", "Content-Disposition"),
)
"""What it may read of an answer beside what each may."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def _is_one(origin: str) -> str:
    if origin == "*":
        raise ValueError("name each origin; '*' would let every page of the web call with what its reader gives it")
    if _ORIGIN.fullmatch(origin) is None:
        raise ValueError(
            f"'{origin}' is no origin: scheme, host and port alone, in small letters, e.g. https://shop.example"
        )
    return origin


Origin = Annotated[str, AfterValidator(_is_one)]


def allow(app: Starlette, origins: tuple[str, ...]) -> None:
    """Let pages of these origins call `app`."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=SENT,
        expose_headers=READ,
        allow_credentials=False,
    )
