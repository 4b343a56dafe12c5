"""Printify's API as calls: paced by our own buckets, every failure a `WorkError`, catalog answers kept for a day.

Nothing here knows what was intended, so nothing is repeated here; a process that dies in a call leaves it to the
journal of whoever called. What is kept is in memory and is asked for again.
"""

import time
from collections.abc import AsyncIterator, Mapping
from typing import TypeVar

from pydantic import BaseModel

from pressroom.runtime.errors import AuthFailed, InvalidRequest
from pressroom.runtime.vendor_http import Shape, VendorClient

from .pacing import SlidingWindow
from .printify_wire import (
    API,
    Page,
    PrintProvider,
    PrintProviderList,
    Product,
    ProductPage,
    Shop,
    ShopList,
    Upload,
    UploadPage,
    VariantList,
)
from .settings import PublisherSettings

TOKEN_SETTING = "PRESSROOM_PRINTIFY_TOKEN"  # noqa: S105 the setting's name
CATALOG_AGE_S = 24 * 3600.0
PAGE_SIZE = 50
"""The most that a list of products gives."""

PageShape = TypeVar("PageShape", bound=Page)


class PrintifyAccount:
    """One token's view of Printify."""

    def __init__(self, settings: PublisherSettings) -> None:
        self._token = settings.printify_token
        self._shop_id = settings.printify_shop_id
        self._client = VendorClient(
            "Printify",
            settings.printify_url,
            key_setting=TOKEN_SETTING,
            headers={"Authorization": f"Bearer {self._token.get_secret_value()}"} if self._token else {},
            timeout_s=settings.vendor_timeout_s,
        )
        self._requests = SlidingWindow("Printify's requests", settings.printify_per_minute, 60)
        self._catalog_requests = SlidingWindow("Printify's catalog requests", settings.printify_catalog_per_minute, 60)
        self._publish_requests = SlidingWindow(
            "Printify's publish requests", settings.printify_publish_per_half_hour, 1800
        )
        self._kept: dict[str, tuple[float, BaseModel]] = {}

    async def aclose(self) -> None:
        await self._client.aclose()

    async def shop(self) -> Shop:
        """The shop that the settings name, or the account's only one; its sales channel says who sells."""
        shops = (await self._kept_get("/shops.json", ShopList)).root
        known = ", ".join(f"{shop.id} ({shop.title})" for shop in shops) or "none"
        if self._shop_id is None:
            if len(shops) != 1:
                raise InvalidRequest(f"set PRESSROOM_PRINTIFY_SHOP_ID to one of the account's shops: {known}")
            return shops[0]
        found = next((shop for shop in shops if shop.id == self._shop_id), None)
        if found is None:
            raise InvalidRequest(f"PRESSROOM_PRINTIFY_SHOP_ID {self._shop_id} is no shop of this account: {known}")
        return found

    async def print_providers(self, blueprint_id: int) -> tuple[PrintProvider, ...]:
        path = f"/catalog/blueprints/{blueprint_id}/print_providers.json"
        return (await self._kept_get(path, PrintProviderList, self._catalog_requests)).root

    async def variants(self, blueprint_id: int, print_provider_id: int) -> VariantList:
        path = f"/catalog/blueprints/{blueprint_id}/print_providers/{print_provider_id}/variants.json"
        return await self._kept_get(path, VariantList, self._catalog_requests)

    async def uploads(self) -> AsyncIterator[Upload]:
        """Every upload of the account, page by page."""
        async for page in self._pages("/uploads.json", UploadPage):
            for upload in page.data:
                yield upload

    async def upload(self, body: Mapping[str, object]) -> Upload:
        return await self._post("/uploads/images.json", body, Upload)

    async def products(self, shop: Shop) -> AsyncIterator[Product]:
        """Every product of a shop, page by page."""
        async for page in self._pages(f"/shops/{shop.id}/products.json", ProductPage):
            for product in page.data:
                yield product

    async def product(self, shop: Shop, product_id: str) -> Product:
        return await self._get(f"/shops/{shop.id}/products/{product_id}.json", Product)

    async def create_product(self, shop: Shop, body: Mapping[str, object]) -> Product:
        return await self._post(f"/shops/{shop.id}/products.json", body, Product)

    async def publish(self, shop: Shop, product_id: str) -> None:
        """Locks the product until its shop says how publishing went."""
        await self._publish_requests.take()
        what = {"title": True, "description": True, "images": True, "variants": True, "tags": True}
        await self._post(f"/shops/{shop.id}/products/{product_id}/publish.json", what, Empty)

    async def publishing_succeeded(self, shop: Shop, product_id: str, external_id: str, handle: str) -> None:
        body = {"external": {"id": external_id, "handle": handle}}
        await self._post(f"/shops/{shop.id}/products/{product_id}/publishing_succeeded.json", body, Empty)

    async def _pages(self, path: str, shape: type[PageShape]) -> AsyncIterator[PageShape]:
        number = 1
        while True:
            page = await self._get(path, shape, {"limit": PAGE_SIZE, "page": number})
            yield page
            if page.ends_at(number):
                return
            number += 1

    async def _kept_get(self, path: str, shape: type[Shape], window: SlidingWindow | None = None) -> Shape:
        kept = self._kept.get(path)
        if kept and kept[0] > time.monotonic() - CATALOG_AGE_S and isinstance(kept[1], shape):
            return kept[1]
        if window:
            await window.take()
        answer = await self._get(path, shape)
        self._kept[path] = (time.monotonic(), answer)
        return answer

    async def _get(self, path: str, shape: type[Shape], params: Mapping[str, int] | None = None) -> Shape:
        await self._admit()
        request = self._client.http.build_request("GET", f"{API}{path}", params=params)
        return self._client.read(await self._client.send(request), shape)

    async def _post(self, path: str, body: Mapping[str, object], shape: type[Shape]) -> Shape:
        await self._admit()
        request = self._client.http.build_request("POST", f"{API}{path}", json=body)
        return self._client.read(await self._client.send(request), shape)

    async def _admit(self) -> None:
        if self._token is None:
            raise AuthFailed(f"Printify needs a token: set {TOKEN_SETTING}")
        await self._requests.take()


class Empty(BaseModel):
    """`{}`: the whole answer of a call that only does something."""
