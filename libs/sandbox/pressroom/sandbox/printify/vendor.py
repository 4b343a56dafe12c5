"""Printify as a vendor of the sandbox: its routes under `/printify/v1`, its token and User-Agent, its three rate
limits, its statistics."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ExceptionHandler

from pressroom.sandbox.core.imagefile import thumbnail_webp
from pressroom.sandbox.core.limits import SlidingWindow
from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.vendor import Card
from pressroom.sandbox.core.wire import (
    Json,
    JsonObject,
    as_int,
    as_list,
    as_objects,
    as_text,
    json_list,
    json_response,
    parse,
)
from pressroom.sandbox.printify.bodies import product_body
from pressroom.sandbox.printify.catalog import BLUEPRINTS
from pressroom.sandbox.printify.catalog_routes import (
    base_url,
    get_blueprint,
    get_shipping,
    list_blueprints,
    list_offers,
    list_providers,
    list_variants,
)
from pressroom.sandbox.printify.errors import (
    OPERATION_FAILED,
    PrintifyRefusalError,
    answer_refusal,
    invalid,
    not_found,
    too_many,
)
from pressroom.sandbox.printify.mockups import draw_mockup
from pressroom.sandbox.printify.paging import MOST_PRODUCTS, MOST_UPLOADS, page_body, read_paging
from pressroom.sandbox.printify.products import PRODUCTS, SHOPS, Products, Shop
from pressroom.sandbox.printify.uploads import UPLOADS, Uploads, upload_body

Handler = Callable[[Request], Awaitable[Response]]

ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
V1 = "/printify/v1"


class Printify:
    """The stand-in for api.printify.com."""

    name = "printify"
    prefixes: tuple[str, ...] = (f"{V1}/",)

    def __init__(self, settings: Settings, store: Store) -> None:
        self._token = settings.printify_token
        self._store = store
        self._uploads = Uploads(store, settings.printify_contents_mb * 1_000_000)
        self._products = Products(store, self._uploads)
        self._requests = SlidingWindow(settings.printify_per_minute, 60)
        self._catalog_requests = SlidingWindow(settings.printify_catalog_per_minute, 60)
        self._publishings = SlidingWindow(settings.printify_publish_per_half_hour, 1800)

    async def start(self) -> None:
        """Nothing runs beside the requests."""

    async def stop(self) -> None:
        """Nothing runs beside the requests."""

    def reset(self) -> None:
        self._uploads.blobs.clear()
        for window in (self._requests, self._catalog_requests, self._publishings):
            window.clear()

    def exception_handlers(self) -> Mapping[type[Exception], ExceptionHandler]:
        return {PrintifyRefusalError: answer_refusal}

    def refuse(self, status: int, retry_after_s: float | None, *, throttled: bool) -> Response:
        if status == 429:
            response = too_many("requests").response()
        elif status == 404:
            response = not_found("The resource").response()
        else:
            response = PrintifyRefusalError(
                status, OPERATION_FAILED, "Operation failed.", "Try again later."
            ).response()
        if retry_after_s is not None:
            response.headers["Retry-After"] = f"{retry_after_s:g}"
        return response

    def routes(self) -> Sequence[BaseRoute]:
        guarded = self._guarded
        blueprint = f"{V1}/catalog/blueprints/{{blueprint_id:int}}"
        offer = f"{blueprint}/print_providers/{{provider_id:int}}"
        products = f"{V1}/shops/{{shop_id:int}}/products"
        product = f"{products}/{{product_id:str}}"
        return [
            Route(f"{V1}/shops.json", guarded(self._shops), methods=["GET"]),
            Route(f"{V1}/uploads.json", guarded(self._list_uploads), methods=["GET"]),
            Route(f"{V1}/uploads/images.json", guarded(self._add_upload), methods=["POST"]),
            Route(f"{V1}/uploads/{{upload_id}}.json", guarded(self._get_upload), methods=["GET"]),
            Route(f"{V1}/uploads/{{upload_id}}/archive.json", guarded(self._archive_upload), methods=["POST"]),
            Route(f"{V1}/catalog/blueprints.json", guarded(list_blueprints), methods=["GET"]),
            Route(f"{V1}/catalog/print_providers.json", guarded(list_providers), methods=["GET"]),
            Route(f"{blueprint}.json", guarded(get_blueprint), methods=["GET"]),
            Route(f"{blueprint}/print_providers.json", guarded(list_offers), methods=["GET"]),
            Route(f"{offer}/variants.json", guarded(list_variants), methods=["GET"]),
            Route(f"{offer}/shipping.json", guarded(get_shipping), methods=["GET"]),
            Route(f"{products}.json", guarded(self._list_products), methods=["GET"]),
            Route(f"{products}.json", guarded(self._create_product), methods=["POST"]),
            Route(f"{product}.json", guarded(self._get_product), methods=["GET"]),
            Route(f"{product}.json", guarded(self._update_product), methods=["PUT"]),
            Route(f"{product}.json", guarded(self._delete_product), methods=["DELETE"]),
            Route(f"{product}/publish.json", guarded(self._publish), methods=["POST"]),
            Route(f"{product}/publishing_succeeded.json", guarded(self._succeeded), methods=["POST"]),
            Route(f"{product}/publishing_failed.json", guarded(self._failed), methods=["POST"]),
            Route(f"{product}/unpublish.json", guarded(self._unpublish), methods=["POST"]),
            Route("/printify/preview/{upload_id}.webp", self._preview, methods=["GET"]),
            Route("/printify/mockup/blank/{blueprint_id:int}.webp", self._blank_mockup, methods=["GET"]),
            Route("/printify/mockup/{product_id}/{variant_id:int}.webp", self._mockup, methods=["GET"]),
            Route(f"{V1}/{{rest:path}}", guarded(self._nothing_here), methods=ANY_METHOD),
        ]

    def stats(self) -> JsonObject:
        products = [row.body for row in self._products.rows()]
        uploads = [row.body for row in self._store.rows(UPLOADS)]
        return {
            "uploads": len(uploads),
            "duplicate_uploads": _repeated([as_text(upload["sha256"]) for upload in uploads]),
            "products": len(products),
            "published": sum(product["external"] is not None for product in products),
            "publishing": sum(product["locked_at"] is not None for product in products),
            "publish_calls": sum(as_int(product["published_times"]) for product in products),
            "duplicate_fingerprints": _repeated([as_text(product["fingerprint"]) for product in products]),
        }

    def collections(self) -> Mapping[str, Sequence[JsonObject]]:
        return {
            "products": [row.body for row in self._products.rows()],
            "uploads": self._uploads.newest(),
        }

    def cards(self, limit: int) -> Sequence[Card]:
        cards: list[Card] = []
        for row in self._products.rows()[:limit]:
            product = row.body
            enabled = [as_int(one["id"]) for one in as_objects(product["variants"]) if one["is_enabled"]]
            blueprint = BLUEPRINTS[as_int(product["blueprint_id"])]
            state = "publishing" if product["locked_at"] is not None else "draft"
            cards.append(
                Card(
                    kind="product",
                    title=as_text(product["title"]),
                    subtitle=f"{blueprint.brand} {blueprint.model} · {len(enabled)} variants",
                    picture=f"/printify/mockup/{row.id}/{enabled[0]}.webp",
                    state="published" if product["external"] is not None else state,
                )
            )
        return cards

    def _guarded(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not secrets.compare_digest(token.encode(), self._token.encode()):
                return json_response({"message": "Unauthenticated."}, 401)
            if not request.headers.get("user-agent", "").strip():
                return json_response({"message": "The User-Agent header is required."}, 403)
            if not self._requests.admits():
                raise too_many("requests per minute")
            if request.url.path.startswith(f"{V1}/catalog/") and not self._catalog_requests.admits():
                raise too_many("catalog requests per minute")
            return await handler(request)

        return checked

    async def _shops(self, _request: Request) -> Response:
        return json_response(
            json_list({"id": shop.id, "title": shop.title, "sales_channel": shop.sales_channel} for shop in SHOPS)
        )

    async def _add_upload(self, request: Request) -> Response:
        return json_response(upload_body(await self._uploads.add(await _body(request)), base_url(request)))

    async def _get_upload(self, request: Request) -> Response:
        upload = self._uploads.find(request.path_params["upload_id"])
        if upload is None:
            raise not_found("The image")
        return json_response(upload_body(upload, base_url(request)))

    async def _archive_upload(self, request: Request) -> Response:
        if not self._store.delete(UPLOADS, request.path_params["upload_id"]):
            raise not_found("The image")
        return json_response({})

    async def _list_uploads(self, request: Request) -> Response:
        limit, page = read_paging(request, MOST_UPLOADS)
        total = self._store.count(UPLOADS)
        rows = self._store.rows(UPLOADS, newest_first=True, limit=limit, skip=(page - 1) * limit)
        shown = [upload_body({"id": row.id, **row.body}, base_url(request)) for row in rows]
        return json_response(page_body(shown, total, limit, page))

    async def _list_products(self, request: Request) -> Response:
        limit, page = read_paging(request, MOST_PRODUCTS)
        products, total = self._products.page(_shop_of(request), limit, page)
        shown = [product_body(product, base_url(request)) for product in products]
        return json_response(page_body(shown, total, limit, page))

    async def _create_product(self, request: Request) -> Response:
        product = self._products.create(_shop_of(request), await _body(request))
        return json_response(product_body(product, base_url(request)))

    async def _get_product(self, request: Request) -> Response:
        product = self._products.find(_shop_of(request), request.path_params["product_id"])
        return json_response(product_body(product, base_url(request)))

    async def _update_product(self, request: Request) -> Response:
        product_id = request.path_params["product_id"]
        product = self._products.update(_shop_of(request), product_id, await _body(request))
        return json_response(product_body(product, base_url(request)))

    async def _delete_product(self, request: Request) -> Response:
        self._products.delete(_shop_of(request), request.path_params["product_id"])
        return json_response({})

    async def _publish(self, request: Request) -> Response:
        if not self._publishings.admits():
            raise too_many("publish requests per 30 minutes")
        self._products.publish(_shop_of(request), request.path_params["product_id"], await _body(request))
        return json_response({})

    async def _succeeded(self, request: Request) -> Response:
        self._products.succeeded(_shop_of(request), request.path_params["product_id"], await _body(request))
        return json_response({})

    async def _failed(self, request: Request) -> Response:
        self._products.failed(_shop_of(request), request.path_params["product_id"], await _body(request))
        return json_response({})

    async def _unpublish(self, request: Request) -> Response:
        self._products.unpublish(_shop_of(request), request.path_params["product_id"])
        return json_response({})

    async def _preview(self, request: Request) -> Response:
        content = self._uploads.blobs.read(request.path_params["upload_id"])
        if content is None:
            return Response("no such image", 404)
        return _picture(await asyncio.to_thread(thumbnail_webp, content, 480))

    async def _blank_mockup(self, request: Request) -> Response:
        blueprint = BLUEPRINTS.get(request.path_params["blueprint_id"])
        if blueprint is None:
            return Response("no such blueprint", 404)
        return _picture(await asyncio.to_thread(draw_mockup, blueprint.kind, "White", None, None, None))

    async def _mockup(self, request: Request) -> Response:
        product = self._store.get(PRODUCTS, request.path_params["product_id"])
        variant_id: int = request.path_params["variant_id"]
        if product is None:
            return Response("no such product", 404)
        blueprint = BLUEPRINTS[as_int(product["blueprint_id"])]
        variants = blueprint.offers[as_int(product["print_provider_id"])]
        variant = next((one for one in variants if one.id == variant_id), variants[0])
        placed = _first_image(product, variant.id)
        artwork = self._uploads.blobs.read(as_text(placed["id"])) if placed is not None else None
        return _picture(
            await asyncio.to_thread(
                draw_mockup, blueprint.kind, variant.option("color"), variant.placeholders[0], artwork, placed
            )
        )

    async def _nothing_here(self, request: Request) -> Response:
        raise not_found(f"The sandbox does not support {request.method} {request.url.path} of the Printify API; it")


def _picture(webp: bytes) -> Response:
    return Response(webp, media_type="image/webp", headers={"Cache-Control": "max-age=3600"})


async def _body(request: Request) -> JsonObject:
    try:
        body: Json = parse(await request.body() or b"{}")
    except ValueError as wrong:
        raise invalid("The body is not valid JSON.") from wrong
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object.")
    return body


def _shop_of(request: Request) -> Shop:
    shop_id: int = request.path_params["shop_id"]
    shop = next((one for one in SHOPS if one.id == shop_id), None)
    if shop is None:
        raise not_found(f"Shop {shop_id}")
    return shop


def _first_image(product: JsonObject, variant_id: int) -> JsonObject | None:
    for area in as_objects(product["print_areas"]):
        if variant_id in as_list(area["variant_ids"]):
            for placeholder in as_objects(area["placeholders"]):
                for image in as_objects(placeholder["images"]):
                    return image
    return None


def _repeated(fingerprints: Sequence[str]) -> int:
    """How many are one too many."""
    return len(fingerprints) - len(set(fingerprints))
