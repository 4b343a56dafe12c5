"""JSON as it comes off the wire, read without trusting its shape. Every reader answers a value of the asked type or
None, so that a vendor's own validation decides what a wrong type means there; nothing here raises on bad data, except
`parse`, which raises `ValueError` on bytes that are no JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TypeAlias

from starlette.responses import Response

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]


def parse(raw: bytes | str) -> Json:
    """The JSON value in `raw`; `ValueError` when there is none."""
    value: Json = json.loads(raw)
    return value


def dump(value: Json) -> str:
    """One line of JSON, as the vendors send it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def canonical(value: Json) -> bytes:
    """The same bytes for the same value, whatever the order of its keys: what fingerprints are taken of."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()


def as_object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def as_objects(value: Json) -> list[JsonObject]:
    return [item for item in as_list(value) if isinstance(item, dict)]


def as_text(value: Json, default: str = "") -> str:
    return value if isinstance(value, str) else default


def as_int(value: Json, default: int = 0) -> int:
    """A whole number; `True` is no number here, though Python thinks that it is."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def as_float(value: Json, default: float = 0.0) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def is_int(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def json_list(values: Iterable[Json]) -> list[Json]:
    """A list that the type checker knows to hold any JSON (lists are invariant)."""
    return list(values)


def json_response(value: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(dump(value).encode(), status, headers, media_type="application/json")
