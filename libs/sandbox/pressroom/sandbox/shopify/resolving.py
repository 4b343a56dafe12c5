"""How a field of the Admin schema gets its value. Things are JSON objects under the schema's own field names, so most
fields are simply there; a field with arguments or a second lookup has a function in `RESOLVERS`. What is neither is
refused before anything is done, by a validation rule that says so plainly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphql import (
    FieldNode,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLResolveInfo,
    ValidationContext,
    ValidationRule,
    is_introspection_type,
)

from pressroom.sandbox.core.faults import Fault
from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import Json, JsonObject, as_text
from pressroom.sandbox.shopify.ids import type_of


@dataclass(frozen=True)
class Call:
    """What a resolver needs besides its parent and arguments."""

    store: Store
    settings: Settings
    base_url: str
    """This origin, `http://host:port`, without a slash."""
    now: float
    fault: Fault | None


Resolver = Callable[[Call, JsonObject, JsonObject], Json]

RESOLVERS: dict[str, Resolver] = {}
"""By `Type.field`."""
PLAIN_FIELDS: dict[str, frozenset[str]] = {}
"""By type: the fields that are read from the thing itself."""


def resolver(type_name: str, field: str) -> Callable[[Resolver], Resolver]:
    """Registers the function that answers this field."""

    def register(function: Resolver) -> Resolver:
        RESOLVERS[f"{type_name}.{field}"] = function
        return function

    return register


def plain(type_name: str, fields: str) -> None:
    """Declares the fields (by spaces) that things of this type carry under their own names."""
    PLAIN_FIELDS[type_name] = PLAIN_FIELDS.get(type_name, frozenset()) | frozenset(fields.split())


def supports(type_name: str, field: str) -> bool:
    return field in PLAIN_FIELDS.get(type_name, frozenset()) or f"{type_name}.{field}" in RESOLVERS


def resolve_field(source: JsonObject | None, info: GraphQLResolveInfo[Call], **arguments: Json) -> Json:
    """The field resolver of every execution."""
    known = RESOLVERS.get(f"{info.parent_type.name}.{info.field_name}")
    if known is not None:
        return known(info.context, source or {}, arguments)
    return (source or {}).get(info.field_name)


def resolve_type(source: JsonObject, _info: object, abstract: GraphQLAbstractType) -> str:
    """Which type a Node, Media, File or Publishable is: its global id says it."""
    name = as_text(source.get("__typename")) or type_of(as_text(source.get("id")))
    if not name:
        raise GraphQLError(f"The sandbox does not know which {abstract.name} this is.")
    return name


def unsupported(what: str) -> GraphQLError:
    return GraphQLError(
        f"The sandbox does not support {what}; the real Admin API does.", extensions={"code": "SANDBOX_UNSUPPORTED"}
    )


class SupportedFieldsRule(ValidationRule):
    """Refuses documents that select what the sandbox has no answer for, before any effect."""

    context: ValidationContext

    def enter_field(self, node: FieldNode, *_args: object) -> None:
        parent = self.context.get_parent_type()
        name = node.name.value
        if parent is None or name.startswith("__") or is_introspection_type(parent):
            return
        if name not in getattr(parent, "fields", {}):
            return
        if not supports(parent.name, name):
            refusal = unsupported(f"{parent.name}.{name}")
            self.context.report_error(GraphQLError(refusal.message, node, extensions=refusal.extensions))
