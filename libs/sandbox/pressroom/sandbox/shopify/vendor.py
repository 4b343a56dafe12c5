"""Shopify as a vendor of the sandbox: the GraphQL endpoint, the token grant, the bucket of staged uploads and the CDN
under `/shopify`; its statistics."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ExceptionHandler

from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Store
from pressroom.sandbox.core.vendor import Card
from pressroom.sandbox.core.wire import (
    Json,
    JsonObject,
    as_float,
    as_list,
    as_object,
    as_objects,
    as_text,
    json_response,
    parse,
)
from pressroom.sandbox.shopify.articles import ARTICLES, ensure_first_blog
from pressroom.sandbox.shopify.endpoint import Endpoint
from pressroom.sandbox.shopify.media import FILES
from pressroom.sandbox.shopify.product_store import PRODUCTS
from pressroom.sandbox.shopify.publishing import is_published
from pressroom.sandbox.shopify.staged import StagedUploads

VERSION = "2026-10"
TOKENS = "shopify.tokens"
ADMIN = "/shopify/admin"
ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
BAD_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"  # noqa: S105 a message


class Shopify:
    """The stand-in for one shop on myshopify.com."""

    name = "shopify"
    prefixes: tuple[str, ...] = (f"{ADMIN}/", "/shopify/staged/")

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._endpoint = Endpoint(settings, store)
        self._staged = StagedUploads(store)

    async def start(self) -> None:
        ensure_first_blog(self._store, time.time())

    async def stop(self) -> None:
        """Nothing runs beside the requests."""

    def reset(self) -> None:
        self._staged.blobs.clear()
        self._endpoint.refill()
        ensure_first_blog(self._store, time.time())

    def exception_handlers(self) -> Mapping[type[Exception], ExceptionHandler]:
        return {}

    def refuse(self, status: int, retry_after_s: float | None, *, throttled: bool) -> Response:
        if throttled:
            return self._endpoint.throttled(0)
        messages = {
            404: "Not Found",
            429: "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service.",
            503: "Service Unavailable",
        }
        response = json_response({"errors": messages.get(status, "Internal Server Error")}, status)
        if retry_after_s is not None:
            response.headers["Retry-After"] = f"{retry_after_s:.1f}"
        return response

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route(f"{ADMIN}/api/{VERSION}/graphql.json", self._graphql, methods=["POST"]),
            Route(f"{ADMIN}/oauth/access_token", self._grant, methods=["POST"]),
            Route("/shopify/staged/", self._staged.post, methods=["POST"]),
            Route("/shopify/staged/{key:path}", self._staged.put, methods=["PUT"]),
            Route("/shopify/cdn/files/{filename}", self._cdn, methods=["GET"]),
            Route(f"{ADMIN}/{{rest:path}}", self._nothing_here, methods=ANY_METHOD),
        ]

    def stats(self) -> JsonObject:
        shop_products = [row.body for row in self._store.rows(PRODUCTS)]
        fingerprints = [self._fingerprint(product) for product in shop_products]
        return {
            "products": len(shop_products),
            "published": sum(is_published(product) for product in shop_products),
            "duplicate_products": len(fingerprints) - len(set(fingerprints)),
            "files": self._store.count(FILES),
            "articles": self._store.count(ARTICLES),
        }

    def _fingerprint(self, product: JsonObject) -> tuple[str, ...]:
        """What is the same product to a person: its title and its pictures' bytes."""
        files = [self._store.get(FILES, as_text(one)) or {} for one in as_list(product["_media"])]
        return (as_text(product["title"]), *sorted(as_text(file.get("blob")) for file in files))

    def collections(self) -> Mapping[str, Sequence[JsonObject]]:
        return {
            name: [row.body for row in self._store.rows(f"shopify.{name}", newest_first=True)]
            for name in ("products", "files", "articles", "blogs", "metafield_definitions")
        }

    def cards(self, limit: int) -> Sequence[Card]:
        cards: list[Card] = []
        for row in self._store.rows(PRODUCTS, newest_first=True, limit=limit):
            product = row.body
            variants = as_objects(product["_variants"])
            cards.append(
                Card(
                    kind="product",
                    title=as_text(product["title"]),
                    subtitle=f"{len(variants)} variants · from ${_lowest_price(variants):.2f}",
                    picture=self._picture(as_list(product["_media"])[:1]),
                    state="published" if is_published(product) else as_text(product["status"]).lower(),
                )
            )
        for row in self._store.rows(ARTICLES, newest_first=True, limit=limit):
            image = as_object(row.body["image"])
            cards.append(
                Card(
                    kind="article",
                    title=as_text(row.body["title"]),
                    subtitle=f"{as_text(row.body['_blog_title'])} · {as_text(row.body['_author'])}",
                    picture="/shopify" + as_text(image.get("url")).partition("/shopify")[2] if image else "",
                    state="published" if row.body["isPublished"] else "draft",
                )
            )
        return cards

    def _picture(self, media: list[Json]) -> str:
        for one in media:
            file = self._store.get(FILES, as_text(one))
            if file is not None and file["blob"]:
                return f"/shopify/cdn/files/{quote(as_text(file['filename']))}"
        return ""

    async def _graphql(self, request: Request) -> Response:
        if not self._knows(request.headers.get("x-shopify-access-token", "")):
            return json_response({"errors": BAD_TOKEN}, 401)
        try:
            body = parse(await request.body())
        except ValueError:
            return json_response({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        return await asyncio.to_thread(self._endpoint.answer, as_object(body), request)

    def _knows(self, token: str) -> bool:
        if secrets.compare_digest(token.encode(), self._settings.shopify_token.encode()):
            return True
        granted = self._store.get(TOKENS, token)
        return granted is not None and as_float(granted["expires_at"]) > time.time()

    async def _grant(self, request: Request) -> Response:
        """The client_credentials grant, by form or by JSON."""
        raw = await request.body()
        given: JsonObject = {}
        if request.headers.get("content-type", "").startswith("application/json"):
            with contextlib.suppress(ValueError):
                given = as_object(parse(raw))
        else:
            given = {name: values[0] for name, values in parse_qs(raw.decode("utf-8", "replace")).items()}
        if given.get("grant_type") != "client_credentials":
            return json_response({"error": "unsupported_grant_type"}, 400)
        asked = f"{as_text(given.get('client_id'))}:{as_text(given.get('client_secret'))}"
        right = f"{self._settings.shopify_client_id}:{self._settings.shopify_client_secret}"
        if not secrets.compare_digest(asked.encode(), right.encode()):
            return json_response({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        token = f"shpat_{secrets.token_hex(16)}"
        life = self._settings.shopify_token_seconds
        self._store.put(TOKENS, token, {"expires_at": time.time() + life})
        scope = "write_products,write_files,write_content,write_publications"
        return json_response({"access_token": token, "scope": scope, "expires_in": int(life)})

    async def _cdn(self, request: Request) -> Response:
        rows = self._store.find(FILES, "filename", request.path_params["filename"])
        content = self._staged.blobs.read(as_text(rows[0].body["blob"])) if rows and rows[0].body["blob"] else None
        if content is None:
            return Response("no such file", 404)
        return Response(content, media_type=as_text(rows[0].body["mime_type"]) or "application/octet-stream")

    async def _nothing_here(self, request: Request) -> Response:
        message = f"The sandbox speaks {ADMIN}/api/{VERSION}/graphql.json only; {request.url.path} is not there."
        return json_response({"errors": message}, 404)


def _lowest_price(variants: list[JsonObject]) -> float:
    return min((float(as_text(one["price"])) for one in variants), default=0.0)
