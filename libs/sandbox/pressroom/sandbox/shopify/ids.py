"""Shopify's global ids: `gid://shopify/Product/7000000001`."""

from __future__ import annotations

import re

from graphql import GraphQLError

from pressroom.sandbox.core.store import Store

PATTERN = re.compile(r"gid://shopify/([A-Za-z]+)/([A-Za-z0-9-]+)(?:\?.*)?")
FIRST_NUMBER = 7_000_000_001


def new_id(store: Store, type_name: str) -> str:
    return f"gid://shopify/{type_name}/{store.next_number(f'shopify.{type_name}', FIRST_NUMBER)}"


def type_of(global_id: str) -> str:
    """The type that an id names, or nothing when it is no id."""
    found = PATTERN.fullmatch(global_id)
    return found[1] if found else ""


def number_of(global_id: str) -> str:
    found = PATTERN.fullmatch(global_id)
    return found[2] if found else ""


def check_id(global_id: str, *types: str) -> str:
    """The id, when it is one of these types; the top-level error that Shopify gives when it is not."""
    if type_of(global_id) not in types:
        raise GraphQLError(f"Invalid global id '{global_id}'", extensions={"code": "RESOURCE_NOT_FOUND"})
    return global_id
