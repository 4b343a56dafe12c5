"""Fields of a message in proto3 JSON: each has a camelCase and a snake_case name, and an unknown one is refused."""

from __future__ import annotations

import re

from pressroom.sandbox.core.wire import Json, JsonObject
from pressroom.sandbox.gemini.errors import invalid


def field(body: JsonObject, name: str) -> Json:
    """A field by its camelCase name, or by its snake_case one."""
    if name in body:
        return body[name]
    return body.get(re.sub(r"([A-Z])", lambda capital: "_" + capital[1].lower(), name))


def refuse_unknown(body: JsonObject, known: frozenset[str], at: str) -> None:
    """`GeminiRefusalError` for a name that the message at this place does not have; `known` is in camelCase."""
    for name in body:
        camel = re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name)
        if camel not in known:
            where = f" at '{at}'" if at else ""
            raise invalid(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.')
