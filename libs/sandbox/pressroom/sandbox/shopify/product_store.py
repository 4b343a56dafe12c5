"""Where products are kept, and how one is found: by id, handle or custom id."""

from __future__ import annotations

from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.wire import JsonObject, as_object, as_objects, as_text
from pressroom.sandbox.shopify.ids import check_id
from pressroom.sandbox.shopify.metafields import custom_id

PRODUCTS = "shopify.products"
CUSTOM_IDS = "shopify.custom_ids"


def find_product(store: Store, product_id: str) -> JsonObject | None:
    return store.get(PRODUCTS, product_id)


def find_by_handle(store: Store, handle: str) -> JsonObject | None:
    rows = store.find(PRODUCTS, "handle", handle)
    return rows[0].body if rows else None


def find_by_custom_id(store: Store, identity: tuple[str, str, str]) -> JsonObject | None:
    owner = store.get(CUSTOM_IDS, "/".join(identity))
    return find_product(store, as_text(owner["product"])) if owner is not None else None


def save_product(store: Store, product: JsonObject) -> None:
    """Stores the product and what it is found by; called inside a transaction."""
    product_id = as_text(product["id"])
    old = find_product(store, product_id)
    for identity in _custom_ids(old) if old is not None else []:
        store.delete(CUSTOM_IDS, identity)
    for identity in _custom_ids(product):
        store.put(CUSTOM_IDS, identity, {"product": product_id})
    store.put(PRODUCTS, product_id, product)


def remove_product(store: Store, product: JsonObject) -> None:
    for identity in _custom_ids(product):
        store.delete(CUSTOM_IDS, identity)
    store.delete(PRODUCTS, as_text(product["id"]))


def _custom_ids(product: JsonObject) -> list[str]:
    return [
        f"{as_text(one['namespace'])}/{as_text(one['key'])}/{as_text(one['value'])}"
        for one in as_objects(product["_metafields"])
        if one["type"] == "id"
    ]


def find_by_identifier(store: Store, identifier: JsonObject) -> JsonObject | None:
    """What `{id}`, `{handle}` or `{customId}` names."""
    if identifier.get("id") is not None:
        return find_product(store, check_id(as_text(identifier["id"]), "Product"))
    if identifier.get("handle") is not None:
        return find_by_handle(store, as_text(identifier["handle"]))
    return find_by_custom_id(store, custom_id(store, "PRODUCT", as_object(identifier.get("customId"))))
