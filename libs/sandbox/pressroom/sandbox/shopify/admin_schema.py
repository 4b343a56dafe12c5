"""The real Admin schema of 2026-10, and the documents that are checked against it. It is parsed on first use (about
0.8 s and 40 MB) and kept; checked documents are kept too, because clients send the same few."""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from decimal import Decimal, InvalidOperation
from importlib import resources
from urllib.parse import urlsplit

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    ValidationRule,
    build_ast_schema,
    parse,
    specified_rules,
    validate,
)

from pressroom.sandbox.shopify.times import read_time

DOCUMENTS_KEPT = 256


class AdminSchema:
    """The schema and its checked documents; safe to use from threads."""

    def __init__(self, extra_rules: Collection[type[ValidationRule]]) -> None:
        self._rules = [*specified_rules, *extra_rules]
        self._lock = threading.Lock()
        self._schema: GraphQLSchema | None = None
        self._checked: OrderedDict[str, tuple[DocumentNode, list[GraphQLError]]] = OrderedDict()

    def schema(self) -> GraphQLSchema:
        with self._lock:
            if self._schema is None:
                self._schema = _load()
            return self._schema

    def check(self, text: str) -> tuple[DocumentNode, list[GraphQLError]]:
        """The parsed document and what is wrong with it; `GraphQLSyntaxError` when it does not parse."""
        schema = self.schema()
        with self._lock:
            if text in self._checked:
                self._checked.move_to_end(text)
                return self._checked[text]
        document = parse(text)
        found = document, validate(schema, document, self._rules, max_errors=10)
        with self._lock:
            self._checked[text] = found
            if len(self._checked) > DOCUMENTS_KEPT:
                self._checked.popitem(last=False)
        return found


def _load() -> GraphQLSchema:
    packed = resources.files("pressroom.sandbox.shopify").joinpath("data/admin-2026-10.graphql.gz").read_bytes()
    syntax = parse(gzip.decompress(packed).decode(), no_location=True)
    # The file is the vendor's own and was checked by it; graphql-core 3.3 refuses some of its deprecations.
    schema = build_ast_schema(syntax, assume_valid=True, assume_valid_sdl=True)
    for name, reader in SCALARS.items():
        scalar = schema.get_type(name)
        if isinstance(scalar, GraphQLScalarType):
            setattr(scalar, "parse_value", reader)  # noqa: B010 graphql-core names the parameter, which no caller does
    return schema


def _read_date_time(value: object) -> str:
    if isinstance(value, str):
        try:
            read_time(value)
        except ValueError as wrong:
            raise GraphQLError(f"{value!r} is not an ISO 8601 date and time.") from wrong
        return value
    raise GraphQLError("A DateTime is a string.")


def _read_number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise GraphQLError("A decimal number is a string or a number.")
    try:
        number = Decimal(str(value))
    except InvalidOperation as wrong:
        raise GraphQLError(f"{value!r} is no decimal number.") from wrong
    if not number.is_finite():
        raise GraphQLError(f"{value!r} is no decimal number.")
    return str(value)


def _read_url(value: object) -> str:
    if not isinstance(value, str) or not urlsplit(value).scheme or not urlsplit(value).netloc:
        raise GraphQLError(f"{value!r} is no absolute URL.")
    return value


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise GraphQLError("HTML is a string.")
    return value


def _read_unsigned(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).isdigit():
        raise GraphQLError("An UnsignedInt64 is a string of digits or a whole number.")
    return str(value)


SCALARS: dict[str, Callable[[object], str]] = {
    "DateTime": _read_date_time,
    "Decimal": _read_number,
    "Money": _read_number,
    "URL": _read_url,
    "HTML": _read_text,
    "UnsignedInt64": _read_unsigned,
}
