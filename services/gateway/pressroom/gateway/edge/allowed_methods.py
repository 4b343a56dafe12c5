"""Which methods a path has: for the `Allow` of a 405 (RFC 9110, section 15.5.6), which names all of them, where the
framework names those of the first route that has the path."""

from functools import cache
from re import Pattern
from typing import Any

from starlette.routing import compile_path


def methods_of(document: dict[str, Any], path: str) -> list[str]:
    """In capitals, as an OpenAPI document has them; none where it has no such path. Of several patterns that fit, the
    one with the fewest names is meant."""
    fitting = [pattern for pattern in document["paths"] if _compiled(pattern).match(path)]
    if not fitting:
        return []
    meant = min(fitting, key=lambda pattern: pattern.count("{"))
    return sorted(method.upper() for method in document["paths"][meant])


@cache
def _compiled(path: str) -> Pattern[str]:
    return compile_path(path)[0]
