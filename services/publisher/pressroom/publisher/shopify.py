"""Publishing at Shopify, once: the picture in the media library, the product, the sales channels.

The product is upserted by `productSet` with a handle of our own: a handle needs no setup in the shop, where a
`customId` needs a metafield definition and the scope to make one. The handle ends in a hash of the publication's id, so
it meets no product that somebody else made, and it is in the journal before the product is, so that it stays what it
was. A process that dies after the effect and before its record upserts the same product again; putting it on its sales
channels may be repeated freely, and is.
"""

from pressroom.contracts.vocabulary import PlatformName
from pressroom.runtime.errors import ApiFailed, InvalidRequest

from .platforms import Journal, Published, PublishOrder
from .product_text import decimal_price, handle_of, html_paragraphs
from .settings import PublisherSettings
from .shopify_admin import ShopifyAdmin
from .shopify_documents import PUBLISH_PRODUCT, SALES_CHANNELS, SET_PRODUCT
from .shopify_media import ShopifyMedia
from .shopify_wire import PublishProductData, SalesChannelsData, SetProductData

HANDLE, PRODUCT = "shopify-handle", "shopify-product"
"""The journal's steps, before and after `shopify_media.MEDIA`."""


class Shopify:
    """The `Platform` of Shopify."""

    name = PlatformName.SHOPIFY

    def __init__(self, settings: PublisherSettings) -> None:
        self._admin = ShopifyAdmin(settings)
        self._media = ShopifyMedia(settings, self._admin)
        self._prices_cents = settings.shopify_prices_cents
        self._channel_names = settings.shopify_publications
        self._channel_ids: tuple[str, ...] | None = None

    async def aclose(self) -> None:
        await self._media.aclose()
        await self._admin.aclose()

    async def publish(self, order: PublishOrder, journal: Journal) -> Published:
        channel_ids = await self._sales_channels()
        product_id = journal.recall(PRODUCT) or await self._set_product(order, journal)
        url = await self._publish_product(product_id, channel_ids)
        return Published(external_id=product_id, url=url)

    async def _set_product(self, order: PublishOrder, journal: Journal) -> str:
        handle = journal.recall(HANDLE)
        if handle is None:
            handle = handle_of(order.title, order.publication_id)
            await journal.record(HANDLE, handle)
        file_id = await self._media.ready_file(order, journal)
        await journal.intend(PRODUCT)
        variables = {"identifier": {"handle": handle}, "input": self._product_input(order, handle, file_id)}
        product = (await self._admin.run(SET_PRODUCT, variables, SetProductData)).product_set.product
        if product is None:
            raise ApiFailed("Shopify made no product and did not say why")
        await journal.record(PRODUCT, product.id)
        return product.id

    def _product_input(self, order: PublishOrder, handle: str, file_id: str) -> dict[str, object]:
        """Whole, as `productSet` deletes what a list leaves out. Printed on demand, so its stock is not counted."""
        option, value = "Title", "Default Title"
        return {
            "handle": handle,
            "title": order.title,
            "descriptionHtml": html_paragraphs(order.description),
            "productType": order.product_type.capitalize(),
            "tags": list(order.tags),
            "status": "ACTIVE",
            "files": [{"id": file_id}],
            "productOptions": [{"name": option, "values": [{"name": value}]}],
            "variants": [
                {
                    "optionValues": [{"optionName": option, "name": value}],
                    "price": decimal_price(self._prices_cents[order.product_type]),
                    "sku": order.publication_id,
                    "inventoryItem": {"tracked": False},
                }
            ],
        }

    async def _sales_channels(self) -> tuple[str, ...]:
        """The ids of the channels that the settings name, asked for once."""
        if self._channel_ids is None:
            known: dict[str, str] = {}
            after: str | None = None
            while True:
                page = (await self._admin.run(SALES_CHANNELS, {"after": after}, SalesChannelsData)).publications
                known.update({channel.name: channel.id for channel in page.nodes})
                after = page.page_info.end_cursor
                if not page.page_info.has_next_page or after is None:
                    break
            missing = [name for name in self._channel_names if name not in known]
            if missing:
                raise InvalidRequest(
                    f"the shop has no sales channel {', '.join(missing)}: set PRESSROOM_SHOPIFY_PUBLICATIONS to some "
                    f"of {', '.join(known) or 'none'}"
                )
            self._channel_ids = tuple(known[name] for name in self._channel_names)
        return self._channel_ids

    async def _publish_product(self, product_id: str, channel_ids: tuple[str, ...]) -> str | None:
        """Without sales channels the product stays in the shop's administration."""
        if not channel_ids:
            return None
        variables = {"id": product_id, "input": [{"publicationId": channel_id} for channel_id in channel_ids]}
        published = (await self._admin.run(PUBLISH_PRODUCT, variables, PublishProductData)).publishable_publish
        return published.publishable.online_store_url if published.publishable else None
