"""`Idempotency-Key`: what is asked for twice under one key is made once.

The id of what is made follows from the key, so it is the database that sees the second time, whoever died after the
first. A key belongs to its caller, and to one kind of thing; with another body it is refused.
"""

import hashlib
from typing import Annotated

from fastapi import Header, Response

from pressroom.contracts.identifiers import new_id

from .edge.problems import Refusal, conflict

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same body makes nothing twice; with another body it is refused.",
    ),
]


def id_under(kind: str, owner: str, key: str | None) -> str:
    """The id of what `owner` asks for under `key`; a new one without a key."""
    if key is None:
        return new_id(kind)
    return f"{kind}_" + hashlib.sha256(f"{owner} {key}".encode()).hexdigest()[:32]


def key_reused(key: str | None, said: str = "came with another body before") -> Refusal:
    return conflict("idempotency-key-reused", f"The Idempotency-Key '{key}' {said}; send a new key.")


def say_replayed(response: Response) -> None:
    """It was made before, and is answered again."""
    response.headers["Idempotency-Replayed"] = "true"
