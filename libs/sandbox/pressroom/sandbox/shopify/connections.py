"""Relay connections: a page of things with their cursors. A cursor is a thing's id, so that it stays valid while
others come and go."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from graphql import GraphQLError

from pressroom.sandbox.core.wire import JsonObject, as_int, as_text, is_int, json_list
from pressroom.sandbox.shopify.resolving import plain

MOST = 250
"""Shopify, "Pagination": at most 250 nodes to a page."""

for _thing in [
    "Product",
    "ProductVariant",
    "Media",
    "Metafield",
    "MetafieldDefinition",
    "Publication",
    "ResourcePublication",
    "ResourcePublicationV2",
    "Blog",
    "Article",
    "File",
]:
    plain(f"{_thing}Connection", "edges nodes pageInfo")
    plain(f"{_thing}Edge", "cursor node")
plain("PageInfo", "endCursor hasNextPage hasPreviousPage startCursor")


def connect(things: Sequence[JsonObject], arguments: JsonObject) -> JsonObject:
    """The page that `first`/`after` or `last`/`before` ask for; `GraphQLError` when they ask for no page."""
    ordered = list(reversed(things)) if arguments.get("reverse") is True else list(things)
    first, last = arguments.get("first"), arguments.get("last")
    if not is_int(first) and not is_int(last):
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
    if is_int(first) and is_int(last):
        raise GraphQLError("providing both first and last is not supported", extensions={"code": "BAD_REQUEST"})
    size = as_int(first) if is_int(first) else as_int(last)
    if not 0 <= size <= MOST:
        raise GraphQLError(f"a page has between 0 and {MOST} nodes; {size} were asked for")
    start, end = _bounds(ordered, arguments)
    if is_int(first):
        chosen_start, chosen_end = start, min(end, start + size)
    else:
        chosen_start, chosen_end = max(start, end - size), end
    nodes = ordered[chosen_start:chosen_end]
    edges: list[JsonObject] = [{"cursor": _cursor(node), "node": node} for node in nodes]
    return {
        "edges": json_list(edges),
        "nodes": json_list(nodes),
        "pageInfo": {
            "hasNextPage": chosen_end < len(ordered),
            "hasPreviousPage": chosen_start > 0,
            "startCursor": _cursor(nodes[0]) if nodes else None,
            "endCursor": _cursor(nodes[-1]) if nodes else None,
        },
    }


def _bounds(ordered: Sequence[JsonObject], arguments: JsonObject) -> tuple[int, int]:
    places = {_cursor(thing): place for place, thing in enumerate(ordered)}
    start, end = 0, len(ordered)
    after, before = as_text(arguments.get("after")), as_text(arguments.get("before"))
    for cursor in (after, before):
        if cursor and cursor not in places:
            raise GraphQLError("Invalid cursor for current pagination sort.", extensions={"code": "BAD_REQUEST"})
    if after:
        start = places[after] + 1
    if before:
        end = places[before]
    return start, max(start, end)


def _cursor(thing: JsonObject) -> str:
    return base64.b64encode(as_text(thing.get("id")).encode()).decode()
