"""Products and their publishing. A product is locked from `publish.json` until its shop says how that went: in a shop
of type API that is the client (`publishing_succeeded.json`, `publishing_failed.json`); in a shop that is connected to
a sales channel Printify does it itself, a moment later. A locked product refuses to be changed or published again."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass

from pressroom.sandbox.core.store import Row, Store
from pressroom.sandbox.core.wire import (
    Json,
    JsonObject,
    as_float,
    as_int,
    as_object,
    as_objects,
    as_text,
    canonical,
    json_list,
)
from pressroom.sandbox.printify.errors import invalid, locked, not_found
from pressroom.sandbox.printify.uploads import Uploads
from pressroom.sandbox.printify.validation import Checked, check_product

PRODUCTS = "printify.products"

CONNECTED_PUBLISH_S = 1.0
"""How long the connected sales channel takes to take a product over."""
SETTINGS = ("title", "description", "images", "variants", "tags", "keyFeatures", "shipping_template")


@dataclass(frozen=True)
class Shop:
    id: int
    title: str
    sales_channel: str
    connected: bool
    """Whether Printify publishes by itself; otherwise the shop is of type API."""


SHOPS = (
    Shop(5432101, "Sandbox API shop", "custom_integration", connected=False),
    Shop(5432102, "Sandbox shop connected to Shopify", "shopify", connected=True),
)


class Products:
    """The products of one sandbox, all shops together."""

    def __init__(self, store: Store, uploads: Uploads) -> None:
        self._store = store
        self._uploads = uploads

    def create(self, shop: Shop, body: JsonObject) -> JsonObject:
        checked = check_product(body, self._uploads.find)
        product_id = secrets.token_hex(12)
        now = time.time()
        product: JsonObject = {
            "id": product_id,
            "shop_id": shop.id,
            "created_at": now,
            "published_times": 0,
            "external": None,
            "locked_at": None,
            **self._fields(checked, now),
        }
        self._store.put(PRODUCTS, product_id, product)
        return product

    def _fields(self, checked: Checked, now: float) -> JsonObject:
        return {
            "title": checked.title,
            "description": checked.description,
            "blueprint_id": checked.blueprint.id,
            "print_provider_id": checked.provider_id,
            "variants": json_list(checked.variants),
            "print_areas": json_list(checked.print_areas),
            "updated_at": now,
            "fingerprint": self._fingerprint(checked),
        }

    def _fingerprint(self, checked: Checked) -> str:
        """What is the same product to a person: blueprint, provider and the printed pixels, whatever their upload
        ids."""
        pixels = {
            as_text((self._uploads.find(as_text(image["id"])) or {}).get("sha256"))
            for area in checked.print_areas
            for placeholder in as_objects(area["placeholders"])
            for image in as_objects(placeholder["images"])
        }
        return hashlib.sha256(canonical([checked.blueprint.id, checked.provider_id, *sorted(pixels)])).hexdigest()

    def find(self, shop: Shop, product_id: str) -> JsonObject:
        product = self._store.get(PRODUCTS, product_id)
        if product is None or product["shop_id"] != shop.id:
            raise not_found(f"Product {product_id}")
        return self._settled(shop, product)

    def _settled(self, shop: Shop, product: JsonObject) -> JsonObject:
        """A connected shop takes its products over without being asked."""
        locked_at = product["locked_at"]
        if not shop.connected or locked_at is None or time.time() - as_float(locked_at) < CONNECTED_PUBLISH_S:
            return product
        number = self._store.next_number("printify.external", 8_100_000_000_001)
        return self._change(
            product,
            locked_at=None,
            external={"id": str(number), "handle": f"https://connected.example/products/{product['id']}"},
        )

    def _change(self, product: JsonObject, **changes: Json) -> JsonObject:
        changed: JsonObject = {**product, **changes}
        self._store.put(PRODUCTS, as_text(product["id"]), changed)
        return changed

    def update(self, shop: Shop, product_id: str, body: JsonObject) -> JsonObject:
        """Changes the given fields; the whole must still be a product."""
        product = self.find(shop, product_id)
        if product["locked_at"] is not None:
            raise locked()
        for name in ("blueprint_id", "print_provider_id"):
            if name in body and body[name] != product[name]:
                raise invalid(f"{name}: The {name} of a product cannot be changed.")
        merged: JsonObject = {**product, **body}
        if "variants" in body:
            merged["variants"] = json_list(_merged(as_objects(product["variants"]), as_objects(body["variants"])))
        checked = check_product(merged, self._uploads.find)
        return self._change(product, **self._fields(checked, time.time()))

    def delete(self, shop: Shop, product_id: str) -> None:
        self.find(shop, product_id)
        self._store.delete(PRODUCTS, product_id)

    def publish(self, shop: Shop, product_id: str, body: JsonObject) -> None:
        product = self.find(shop, product_id)
        if product["locked_at"] is not None:
            raise locked()
        for name, value in body.items():
            if name not in SETTINGS:
                raise invalid(f"{name}: Unknown publishing property.")
            if not isinstance(value, bool):
                raise invalid(f"{name}: The {name} field must be true or false.")
        for name in ("title", "description", "images", "variants", "tags"):
            if name not in body:
                raise invalid(f"{name}: The {name} field is required.")
        self._change(product, locked_at=time.time(), published_times=as_int(product["published_times"]) + 1)

    def succeeded(self, shop: Shop, product_id: str, body: JsonObject) -> None:
        product = self.find(shop, product_id)
        external = as_object(body.get("external"))
        if not as_text(external.get("id")) or not as_text(external.get("handle")):
            raise invalid("external: The external id and the external handle are required and must be strings.")
        if product["locked_at"] is None and product["external"] is None:
            raise invalid("The product is not being published.")
        self._change(product, locked_at=None, external={"id": external["id"], "handle": external["handle"]})

    def failed(self, shop: Shop, product_id: str, body: JsonObject) -> None:
        product = self.find(shop, product_id)
        if not as_text(body.get("reason")):
            raise invalid("reason: The reason field is required.")
        self._change(product, locked_at=None, failure=as_text(body["reason"]))

    def unpublish(self, shop: Shop, product_id: str) -> None:
        product = self.find(shop, product_id)
        self._change(product, locked_at=None, external=None)

    def page(self, shop: Shop, limit: int, page: int) -> tuple[list[JsonObject], int]:
        """One page of the shop's products, newest first, and how many there are in all."""
        mine = [row for row in self.rows() if row.body["shop_id"] == shop.id]
        shown = mine[(page - 1) * limit : page * limit]
        return [self._settled(shop, row.body) for row in shown], len(mine)

    def rows(self) -> list[Row]:
        return self._store.rows(PRODUCTS, newest_first=True)


def _merged(old: list[JsonObject], given: list[JsonObject]) -> list[JsonObject]:
    """An update names the variants that it changes; the others stay as they are."""
    by_id = {as_int(variant["id"]): variant for variant in old}
    by_id.update({as_int(variant.get("id"), -1): variant for variant in given})
    return list(by_id.values())
