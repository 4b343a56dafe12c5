"""The `query:` argument of lists, as far as it is simple: terms `field:value` or `field:'two words'` and free words,
all of which must hold (Shopify, "API search syntax"). An `OR`, a `NOT`, brackets or a comparison are refused rather
than misread."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pressroom.sandbox.core.wire import JsonObject, as_list, as_text
from pressroom.sandbox.shopify.ids import number_of
from pressroom.sandbox.shopify.resolving import unsupported

TERM = re.compile(r"""(?:(\w+):)?(?:"([^"]*)"|'([^']*)'|(\S+))""")


def matches(thing: JsonObject, query: str, fields: Mapping[str, str]) -> bool:
    """Whether the thing fulfils the query; `fields` maps the names of the search to the names of the thing."""
    for term in TERM.finditer(query):
        name, value = term[1], next(part for part in (term[2], term[3], term[4]) if part is not None)
        if value == "AND" and name is None:
            continue
        if (name is None and value in ("OR", "NOT")) or value[:1] in "<>(-" or value.endswith((")", "*")):
            raise unsupported(f"the search {query!r}")
        if name is None:
            if value.lower() not in as_text(thing.get("title")).lower():
                return False
        elif name not in fields:
            raise unsupported(f"a search by {name!r}")
        elif not _holds(thing, fields[name], value):
            return False
    return True


def _holds(thing: JsonObject, field: str, value: str) -> bool:
    held = thing.get(field)
    if field in ("id", "_blog"):
        return value in (held, number_of(as_text(held)))
    if isinstance(held, list):
        return value.lower() in (as_text(one).lower() for one in as_list(held))
    return as_text(held).lower() == value.lower()
