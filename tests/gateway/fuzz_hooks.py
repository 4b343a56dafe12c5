"""What Schemathesis loads beside its settings: bodies that a schema allows are made to make sense, because one that
names two providers, or none, is refused before anything of interest is looked at."""

from typing import Any
from zlib import crc32

import schemathesis

WISHES = ("/v1/batches", "/v1/batches/estimate", "/v1/provider-jobs")
OF_PICTURES = ("negative_prompt", "quality_words", "adapters", "workflow", "fallback", "auto_publish", "transparent")


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Leaves one in three as it is, and all that is meant to be wrong."""
    is_meant_right = case.meta is not None and case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE
    is_wish = case.method == "POST" and case.path in WISHES and isinstance(case.body, dict)
    if is_wish and is_meant_right and crc32(repr(case.body).encode()) % 3:
        make_sense_of(case.body)


def make_sense_of(wish: dict[str, Any]) -> None:
    if wish.get("provider") or not wish.get("providers"):
        wish.pop("providers", None)
        wish.setdefault("provider", "studio")
    if wish.get("images"):
        for name in ("prompt", "count", "seed"):
            wish.pop(name, None)
    else:
        wish.pop("images", None)
        wish["prompt"] = wish.get("prompt") or "a quiet harbour"
    if wish.get("text_kind"):
        for name in (*OF_PICTURES, "style", "genre", "category"):
            wish.pop(name, None)
    else:
        wish.pop("instructions", None)
        if wish.get("category") == "text":
            del wish["category"]
