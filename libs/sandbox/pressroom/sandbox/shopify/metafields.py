"""Metafields and their definitions. A definition of type `id` makes its metafield a custom id: unique among its
owners, and what `productSet` and `productByIdentifier` find a product by."""

from __future__ import annotations

import json
import re

from graphql import GraphQLError

from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import Json, JsonObject, as_object, as_objects, as_text, canonical
from pressroom.sandbox.shopify.connections import connect
from pressroom.sandbox.shopify.ids import new_id
from pressroom.sandbox.shopify.resolving import Call, plain, resolver
from pressroom.sandbox.shopify.shop import finder
from pressroom.sandbox.shopify.times import write_time
from pressroom.sandbox.shopify.user_errors import UserRefusalError

DEFINITIONS = "shopify.metafield_definitions"

APP_NAMESPACE = "app--7000000"
TYPES = frozenset(
    [
        "boolean",
        "color",
        "date",
        "date_time",
        "dimension",
        "id",
        "json",
        "language",
        "link",
        "money",
        "multi_line_text_field",
        "number_decimal",
        "number_integer",
        "rating",
        "rich_text_field",
        "single_line_text_field",
        "url",
        "volume",
        "weight",
        "file_reference",
        "product_reference",
        "list.single_line_text_field",
        "list.number_integer",
        "list.file_reference",
        "list.product_reference",
        "list.url",
    ]
)
OWNERS = frozenset({"PRODUCT", "PRODUCTVARIANT", "ARTICLE", "BLOG", "SHOP", "COLLECTION", "PAGE", "ORDER", "CUSTOMER"})
NAME = re.compile(r"[A-Za-z0-9_-]+")

plain("Metafield", "id namespace key value type jsonValue createdAt updatedAt ownerType compareDigest description")
plain(
    "MetafieldDefinition",
    "id namespace key name description ownerType type pinnedPosition validations useAsCollectionCondition"
    " validationStatus capabilities",
)
plain("MetafieldDefinitionType", "name category")
plain("MetafieldDefinitionValidation", "name type value")
plain("MetafieldCapabilities", "uniqueValues adminFilterable")
plain("MetafieldCapabilityUniqueValues", "eligible enabled")
plain("MetafieldCapabilityAdminFilterable", "eligible enabled")
plain("MetafieldDefinitionCreatePayload", "createdDefinition userErrors")
plain("MetafieldDefinitionCreateUserError", "code field message elementIndex elementKey")


def full_namespace(namespace: Json) -> str:
    """`$app` and no namespace at all mean the app's own; `$app:x` a part of it."""
    given = as_text(namespace) or "$app"
    if given == "$app":
        return APP_NAMESPACE
    return f"{APP_NAMESPACE}--{given[5:]}" if given.startswith("$app:") else given


def find_definition(store: Store, owner: str, namespace: str, key: str) -> JsonObject | None:
    return store.get(DEFINITIONS, f"{owner}/{namespace}/{key}")


@resolver("Mutation", "metafieldDefinitionCreate")
def metafield_definition_create(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    try:
        with call.store.transaction():
            definition = _define(call, as_object(arguments.get("definition")))
    except UserRefusalError as refusal:
        return {"createdDefinition": None, "userErrors": [refusal.body]}
    return {"createdDefinition": definition, "userErrors": []}


def _define(call: Call, wanted: JsonObject) -> JsonObject:
    namespace, key, owner = (
        full_namespace(wanted.get("namespace")),
        as_text(wanted["key"]),
        as_text(wanted["ownerType"]),
    )
    type_name, name = as_text(wanted["type"]), as_text(wanted["name"])
    if owner not in OWNERS:
        raise UserRefusalError(["definition", "ownerType"], f"The sandbox knows no owner {owner}.", "INVALID")
    for field, value, shortest in (("namespace", namespace, 3), ("key", key, 2)):
        if NAME.fullmatch(value) is None:
            raise UserRefusalError(
                ["definition", field], f"{field.title()} contains invalid characters.", "INVALID_CHARACTER"
            )
        if not shortest <= len(value) <= (255 if field == "namespace" else 64):
            code = "TOO_SHORT" if len(value) < shortest else "TOO_LONG"
            raise UserRefusalError(["definition", field], f"{field.title()} has the wrong length.", code)
    if not name.strip():
        raise UserRefusalError(["definition", "name"], "Name can't be blank.", "BLANK")
    if type_name not in TYPES:
        raise UserRefusalError(["definition", "type"], f"Type {type_name} is not a valid type.", "INCLUSION")
    if find_definition(call.store, owner, namespace, key) is not None:
        raise UserRefusalError(["definition", "key"], "Key is in use for this owner type and namespace.", "TAKEN")
    is_id = type_name == "id"
    unique = is_id or as_object(as_object(wanted.get("capabilities")).get("uniqueValues")).get("enabled") is True
    definition: JsonObject = {
        "id": new_id(call.store, "MetafieldDefinition"),
        "namespace": namespace,
        "key": key,
        "name": name,
        "description": wanted.get("description"),
        "ownerType": owner,
        "type": {"name": type_name, "category": "ID" if is_id else "TEXT"},
        "pinnedPosition": 1 if wanted.get("pin") is True else None,
        "validations": wanted.get("validations") or [],
        "useAsCollectionCondition": False,
        "validationStatus": "ALL_VALID",
        "capabilities": {
            "uniqueValues": {"eligible": True, "enabled": unique},
            "adminFilterable": {"eligible": True, "enabled": False},
        },
    }
    call.store.put(DEFINITIONS, f"{owner}/{namespace}/{key}", definition)
    return definition


@resolver("QueryRoot", "metafieldDefinitions")
def metafield_definitions(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    namespace, key = arguments.get("namespace"), arguments.get("key")
    found = [
        row.body
        for row in call.store.rows(DEFINITIONS)
        if row.body["ownerType"] == arguments.get("ownerType")
        and (namespace is None or row.body["namespace"] == full_namespace(namespace))
        and (key is None or row.body["key"] == key)
    ]
    return connect(found, arguments)


@resolver("QueryRoot", "metafieldDefinition")
def metafield_definition(call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    identifier = as_object(arguments.get("identifier"))
    if identifier:
        return find_definition(
            call.store,
            as_text(identifier["ownerType"]),
            full_namespace(identifier.get("namespace")),
            as_text(identifier["key"]),
        )
    return _definition_by_id(call, source, arguments)


def _definition_by_id(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    return next((row.body for row in call.store.rows(DEFINITIONS) if row.body["id"] == arguments.get("id")), None)


finder("MetafieldDefinition", _definition_by_id)


def custom_id(store: Store, owner: str, given: JsonObject) -> tuple[str, str, str]:
    """Namespace, key and value of a custom id; the top-level error of the API when no definition of type `id` backs
    it."""
    namespace, key = full_namespace(given.get("namespace")), as_text(given["key"])
    definition = find_definition(store, owner, namespace, key)
    if definition is None or as_object(definition["type"])["name"] != "id":
        raise GraphQLError(
            "Metafield definition of type 'id' is required when using custom ids.", extensions={"code": "NOT_FOUND"}
        )
    return namespace, key, as_text(given["value"])


def set_metafields(
    call: Call, owner: str, held: list[JsonObject], given: list[JsonObject], at: list[str]
) -> list[JsonObject]:
    """The owner's metafields after a list was given: those named are set, the others are gone. `UserRefusalError` for a
    value without a type or against its definition."""
    kept: list[JsonObject] = []
    for place, wanted in enumerate(given):
        here = [*at, str(place)]
        namespace, key = full_namespace(wanted.get("namespace")), as_text(wanted.get("key"))
        if not key:
            raise UserRefusalError([*here, "key"], "Key can't be blank.", "INVALID_METAFIELD")
        if not as_text(wanted.get("value")):
            raise UserRefusalError([*here, "value"], "Value can't be blank.", "INVALID_METAFIELD")
        definition = find_definition(call.store, owner, namespace, key)
        defined = as_text(as_object(definition["type"])["name"]) if definition else ""
        type_name = as_text(wanted.get("type")) or defined
        if type_name not in TYPES:
            raise UserRefusalError(
                [*here, "type"], "Type can't be blank and must be a metafield type.", "INVALID_METAFIELD"
            )
        if defined and type_name != defined:
            raise UserRefusalError(
                [*here, "type"], f"Type must be consistent with the definition: {defined}.", "INVALID_METAFIELD"
            )
        old = next((one for one in held if one["namespace"] == namespace and one["key"] == key), None)
        kept.append(_metafield(call, owner, old, namespace, key, as_text(wanted["value"]), type_name))
    return kept


def with_custom_id(call: Call, owner: str, held: list[JsonObject], identity: tuple[str, str, str]) -> list[JsonObject]:
    """The metafields with the custom id that the thing was set by."""
    namespace, key, value = identity
    old = next((one for one in held if one["namespace"] == namespace and one["key"] == key), None)
    rest = [one for one in held if one is not old]
    return [*rest, _metafield(call, owner, old, namespace, key, value, "id")]


def _metafield(
    call: Call, owner: str, old: JsonObject | None, namespace: str, key: str, value: str, type_name: str
) -> JsonObject:
    now = write_time(call.now)
    return {
        "id": old["id"] if old else new_id(call.store, "Metafield"),
        "namespace": namespace,
        "key": key,
        "value": value,
        "type": type_name,
        "jsonValue": _json_value(value, type_name),
        "ownerType": owner,
        "description": None,
        "createdAt": old["createdAt"] if old else now,
        "updatedAt": now,
        "compareDigest": canonical([type_name, value]).hex()[:64],
    }


def _json_value(value: str, type_name: str) -> Json:
    if type_name in ("json", "boolean", "number_integer", "dimension", "money", "rating") or type_name.startswith(
        "list."
    ):
        try:
            parsed: Json = json.loads(value)
        except ValueError:
            return value
        return parsed
    return value


def metafield_of(_call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    """The resolver of `metafield(namespace:, key:)` on every owner."""
    namespace, key = full_namespace(arguments.get("namespace")), arguments.get("key")
    return next(
        (one for one in as_objects(source.get("_metafields")) if one["namespace"] == namespace and one["key"] == key),
        None,
    )


def metafields_of(_call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    """The resolver of `metafields(first:, namespace:)` on every owner."""
    namespace = arguments.get("namespace")
    held = as_objects(source.get("_metafields"))
    return connect(
        [one for one in held if namespace is None or one["namespace"] == full_namespace(namespace)], arguments
    )
