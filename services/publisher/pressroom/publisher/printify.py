"""Publishing at Printify, once: upload the print file, make the product, publish it, tell that it is published.

Printify has no idempotency key and no search, so every step's intent is in the journal before its call and its outside
id right after. A process that dies in between is followed by a look-up: an upload is known by its file name, which is
the file's SHA-256, a product by its fingerprint (blueprint, print provider, uploaded image), publishing by the state of
the product. The choice of blueprint and provider is recorded too, since a changed setting would change the fingerprint.
"""

import base64

from pressroom.contracts.vocabulary import PlatformName
from pressroom.runtime.errors import InvalidRequest

from .platforms import Journal, Published, PublishOrder
from .printify_account import PrintifyAccount
from .printify_design import design, print_areas
from .printify_wire import Product, Shop
from .product_text import html_paragraphs
from .settings import PrintifyProduct, PublisherSettings

OFFER, UPLOAD, PRODUCT, PUBLISH = "printify-offer", "printify-upload", "printify-product", "printify-publish"
"""The journal's steps, in their order."""

API_SALES_CHANNEL = "custom_integration"
"""The sales channel of a shop of type API, where whoever publishes also has to say that it is published."""

URL_ABOVE_BYTES = 5_000_000
"""Printify wants larger files by URL (developers.printify.com, "Uploads")."""

_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg"}


class Printify:
    """The `Platform` of Printify."""

    name = PlatformName.PRINTIFY

    def __init__(self, settings: PublisherSettings) -> None:
        self._account = PrintifyAccount(settings)
        self._products = settings.printify_products
        self._upload_url_base = settings.printify_upload_url_base
        self._product_url_base = settings.printify_product_url_base

    async def aclose(self) -> None:
        await self._account.aclose()

    async def publish(self, order: PublishOrder, journal: Journal) -> Published:
        product_id = journal.recall(PRODUCT)
        if product_id is None or journal.recall(PUBLISH) is None:
            shop = await self._account.shop()
            product_id = product_id or await self._make_product(shop, order, journal)
            await self._publish_product(shop, order, journal, product_id)
        return Published(external_id=product_id, url=self._url(order))

    async def _make_product(self, shop: Shop, order: PublishOrder, journal: Journal) -> str:
        wanted = self._products[order.product_type]
        blueprint_id, provider_id = await self._offer(wanted, journal)
        variants = (await self._account.variants(blueprint_id, provider_id)).variants
        file = order.print_file
        chosen = design(wanted, variants, file.width_px, file.height_px)
        image_id = journal.recall(UPLOAD) or await self._upload(order, journal)
        if journal.was_intended(PRODUCT):
            found = await self._find_product(shop, order, blueprint_id, provider_id, image_id)
            if found is not None:
                await journal.record(PRODUCT, found.id)
                return found.id
        await journal.intend(PRODUCT)
        made = await self._account.create_product(
            shop,
            {
                "title": order.title,
                "description": html_paragraphs(order.description or order.title),
                "tags": list(order.tags),
                "blueprint_id": blueprint_id,
                "print_provider_id": provider_id,
                "variants": [
                    {"id": variant_id, "price": wanted.price_cents, "is_enabled": True}
                    for variant_id in chosen.variant_ids
                ],
                "print_areas": print_areas(chosen, image_id, file.width_px, file.height_px),
            },
        )
        await journal.record(PRODUCT, made.id)
        return made.id

    async def _offer(self, wanted: PrintifyProduct, journal: Journal) -> tuple[int, int]:
        """Blueprint and print provider, chosen once for this publication."""
        recorded = journal.recall(OFFER)
        if recorded is not None:
            blueprint_id, _, provider_id = recorded.partition(":")
            return int(blueprint_id), int(provider_id)
        provider_id = wanted.print_provider_id or await self._first_provider(wanted.blueprint_id)
        await journal.record(OFFER, f"{wanted.blueprint_id}:{provider_id}")
        return wanted.blueprint_id, provider_id

    async def _first_provider(self, blueprint_id: int) -> int:
        providers = await self._account.print_providers(blueprint_id)
        if not providers:
            raise InvalidRequest(
                f"nobody prints Printify's blueprint {blueprint_id}: set another in PRESSROOM_PRINTIFY_PRODUCTS"
            )
        return providers[0].id

    async def _upload(self, order: PublishOrder, journal: Journal) -> str:
        file = order.print_file
        suffix = _SUFFIXES.get(file.media_type)
        if suffix is None:
            raise InvalidRequest(f"Printify prints PNG and JPEG files, and this one is {file.media_type}")
        file_name = f"{file.sha256}.{suffix}"
        if journal.was_intended(UPLOAD):
            found = await self._find_upload(file_name)
            if found is not None:
                await journal.record(UPLOAD, found)
                return found
        source = await self._source(order)
        await journal.intend(UPLOAD)
        try:
            made = await self._account.upload({"file_name": file_name, **source})
        except InvalidRequest as error:
            raise InvalidRequest(f"{error}{_hint(source, file.size_bytes)}") from error
        await journal.record(UPLOAD, made.id)
        return made.id

    async def _source(self, order: PublishOrder) -> dict[str, str]:
        """Where Printify takes the file from: an address of ours if it is large and we have one, else the request."""
        if self._upload_url_base is not None and order.print_file.size_bytes > URL_ABOVE_BYTES:
            return {"url": f"{self._upload_url_base.rstrip('/')}/{order.print_file.key}"}
        return {"contents": base64.b64encode(await order.artwork.print_bytes()).decode()}

    async def _find_upload(self, file_name: str) -> str | None:
        async for upload in self._account.uploads():
            if upload.file_name == file_name:
                return upload.id
        return None

    async def _find_product(
        self, shop: Shop, order: PublishOrder, blueprint_id: int, provider_id: int, image_id: str
    ) -> Product | None:
        """By fingerprint, among those that nobody has begun to publish: this publication cannot have come that far.
        Another publication of the same file has the same fingerprint, so one with our title goes first."""
        same: Product | None = None
        async for product in self._account.products(shop):
            fingerprint = (product.blueprint_id, product.print_provider_id, product.image_ids)
            is_begun = product.is_published or product.is_locked
            if fingerprint == (blueprint_id, provider_id, frozenset({image_id})) and not is_begun:
                if product.title == order.title:
                    return product
                same = same or product
        return same

    async def _publish_product(self, shop: Shop, order: PublishOrder, journal: Journal, product_id: str) -> None:
        """A product is locked while it is being published, and knows its external id once it is."""
        is_locked = False
        if journal.was_intended(PUBLISH):
            product = await self._account.product(shop, product_id)
            if product.is_published:
                await journal.record(PUBLISH, product_id)
                return
            is_locked = product.is_locked
        await journal.intend(PUBLISH)
        if not is_locked:
            await self._account.publish(shop, product_id)
        if shop.sales_channel == API_SALES_CHANNEL:
            handle = self._url(order) or order.publication_id
            await self._account.publishing_succeeded(shop, product_id, order.publication_id, handle)
        await journal.record(PUBLISH, product_id)

    def _url(self, order: PublishOrder) -> str | None:
        if self._product_url_base is None:
            return None
        return f"{self._product_url_base.rstrip('/')}/{order.publication_id}"


def _hint(source: dict[str, str], size_bytes: int) -> str:
    """What to look at when Printify does not take a file."""
    if "url" in source:
        return " (check PRESSROOM_PRINTIFY_UPLOAD_URL_BASE: Printify has to reach it)"
    if size_bytes > URL_ABOVE_BYTES:
        return " (files above 5 MB go by address: set PRESSROOM_PRINTIFY_UPLOAD_URL_BASE)"
    return ""
