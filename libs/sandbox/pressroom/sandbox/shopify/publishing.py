"""Publications (where a product can be sold) and publishing. Only an ACTIVE product can be published."""

from __future__ import annotations

from pressroom.sandbox.core.wire import Json, JsonObject, as_object, as_objects, as_text, json_list
from pressroom.sandbox.shopify.connections import connect
from pressroom.sandbox.shopify.ids import check_id
from pressroom.sandbox.shopify.product_store import PRODUCTS, find_product
from pressroom.sandbox.shopify.resolving import Call, plain, resolver
from pressroom.sandbox.shopify.shop import finder, shop
from pressroom.sandbox.shopify.times import read_time, write_time
from pressroom.sandbox.shopify.user_errors import UserRefusalError

ONLINE_STORE = "gid://shopify/Publication/7000000101"
PUBLICATIONS: tuple[JsonObject, ...] = tuple(
    {
        "id": publication_id,
        "name": name,
        "autoPublish": False,
        "supportsFuturePublishing": name == "Online Store",
        "catalog": {
            "id": publication_id.replace("Publication", "AppCatalog"),
            "title": name,
            "status": "ACTIVE",
        },
    }
    for publication_id, name in ((ONLINE_STORE, "Online Store"), ("gid://shopify/Publication/7000000102", "Shop"))
)

plain("Publication", "id name autoPublish supportsFuturePublishing catalog")
plain("Catalog", "id title status")
plain("AppCatalog", "id title status")
plain("Publishable", "publishedOnPublication availablePublicationsCount resourcePublicationsCount")
plain("Publishable", "resourcePublicationsV2 resourcePublications")
plain("PublishablePublishPayload", "publishable userErrors")
plain("PublishableUnpublishPayload", "publishable userErrors")
plain("ResourcePublication", "isPublished publication publishDate publishable")
plain("ResourcePublicationV2", "isPublished publication publishDate publishable")


@resolver("QueryRoot", "publications")
def publications(_call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    return connect(PUBLICATIONS, arguments)


def _find_publication(_call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    return next((one for one in PUBLICATIONS if one["id"] == arguments.get("id")), None)


finder("Publication", _find_publication)
resolver("QueryRoot", "publication")(_find_publication)
resolver("PublishablePublishPayload", "shop")(shop)
resolver("PublishableUnpublishPayload", "shop")(shop)


@resolver("Mutation", "publishablePublish")
def publishable_publish(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    return _change(call, arguments, publish=True)


@resolver("Mutation", "publishableUnpublish")
def publishable_unpublish(call: Call, _source: JsonObject, arguments: JsonObject) -> Json:
    return _change(call, arguments, publish=False)


def _change(call: Call, arguments: JsonObject, *, publish: bool) -> JsonObject:
    product_id = check_id(as_text(arguments.get("id")), "Product")
    try:
        with call.store.transaction():
            product = find_product(call.store, product_id)
            if product is None:
                raise UserRefusalError(["id"], "Resource does not exist")
            if publish and product["status"] != "ACTIVE":
                raise UserRefusalError(["id"], "Product must be active to be published")
            published = dict(as_object(product["_publications"]))
            for place, wanted in enumerate(as_objects(arguments.get("input"))):
                publication_id = as_text(wanted.get("publicationId"))
                if all(one["id"] != publication_id for one in PUBLICATIONS):
                    raise UserRefusalError(["input", str(place), "publicationId"], "Publication does not exist")
                if publish:
                    published[publication_id] = as_text(wanted.get("publishDate")) or write_time(call.now)
                else:
                    published.pop(publication_id, None)
            changed: JsonObject = {**product, "_publications": published}
            call.store.put(PRODUCTS, product_id, changed)
    except UserRefusalError as refusal:
        return {"publishable": None, "userErrors": [refusal.body]}
    return {"publishable": changed, "userErrors": []}


def _is_public(call: Call, product: JsonObject, date: str) -> bool:
    return product["status"] == "ACTIVE" and read_time(date) <= call.now


@resolver("Product", "publishedOnPublication")
def published_on_publication(call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    date = as_object(source["_publications"]).get(as_text(arguments.get("publicationId")))
    return isinstance(date, str) and _is_public(call, source, date)


def _rows(call: Call, source: JsonObject, arguments: JsonObject) -> list[JsonObject]:
    only_published = arguments.get("onlyPublished") is not False
    rows: list[JsonObject] = []
    for publication_id, date in as_object(source["_publications"]).items():
        public = _is_public(call, source, as_text(date))
        if public or not only_published:
            rows.append(
                {
                    "id": f"{as_text(source['id'])}:{publication_id}",
                    "isPublished": public,
                    "publication": _find_publication(call, {}, {"id": publication_id}),
                    "publishDate": date,
                    "publishable": source,
                }
            )
    return rows


@resolver("Product", "resourcePublicationsV2")
def resource_publications_v2(call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    return connect(_rows(call, source, arguments), arguments)


resolver("Product", "resourcePublications")(resource_publications_v2)


@resolver("Product", "resourcePublicationsCount")
def resource_publications_count(call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    return {"count": len(_rows(call, source, arguments)), "precision": "EXACT"}


resolver("Product", "availablePublicationsCount")(resource_publications_count)


@resolver("Product", "publishedAt")
def published_at(call: Call, source: JsonObject, _arguments: JsonObject) -> Json:
    date = as_object(source["_publications"]).get(ONLINE_STORE)
    return date if isinstance(date, str) and _is_public(call, source, date) else None


@resolver("Product", "unpublishedPublications")
def unpublished_publications(_call: Call, source: JsonObject, arguments: JsonObject) -> Json:
    published = as_object(source["_publications"])
    return connect([one for one in PUBLICATIONS if as_text(one["id"]) not in published], arguments)


def is_published(product: JsonObject) -> bool:
    """Whether the product stands anywhere for buyers (for the statistics; dates in the future count)."""
    return product["status"] == "ACTIVE" and bool(json_list(as_object(product["_publications"])))
