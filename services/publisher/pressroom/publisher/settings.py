"""The publisher's own settings, beside those that every service shares; a process that dies loses none of them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from pressroom.contracts.vocabulary import ProductType
from pressroom.runtime.settings import Settings

PriceCents = Annotated[int, Field(gt=0, le=10_000_000)]


class PrintifyProduct(BaseModel):
    """What one product type is at Printify."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    blueprint_id: Annotated[int, Field(gt=0)]
    print_provider_id: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="None: the first provider that the catalog lists for the blueprint."
    )
    price_cents: PriceCents
    colors: tuple[str, ...] = Field(
        default=(), description="Colours to offer, by the catalog's names; none: every colour that fits the limit."
    )
    coverage_min: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="Leave out variants of whose print area an uncut picture covers less than this share."
    )


PRINTIFY_PRODUCTS: dict[ProductType, PrintifyProduct] = {
    ProductType.T_SHIRT: PrintifyProduct(blueprint_id=6, price_cents=2499, colors=("Black", "White", "Navy")),
    ProductType.HOODIE: PrintifyProduct(blueprint_id=77, price_cents=4499, colors=("Black", "White", "Navy")),
    ProductType.MUG: PrintifyProduct(blueprint_id=68, price_cents=1499),
    ProductType.POSTER: PrintifyProduct(blueprint_id=282, price_cents=1999, coverage_min=0.9),
}
"""Blueprints in Printify's catalog, 2026-11: Gildan 5000 tee, Gildan 18500 hoodie, mug 11 oz, matte vertical poster."""

SHOPIFY_PRICES: dict[ProductType, int] = {kind: product.price_cents for kind, product in PRINTIFY_PRODUCTS.items()}


class PublisherSettings(Settings):
    """Where the platforms are, with what keys, and how fast they may be asked."""

    publisher_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8083, description="The port of its health and metrics."
    )
    vendor_timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=60.0, description="How long one request to a platform may take."
    )

    max_attempts: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=20,
        description="How often a publication may fail before it is given up. Nobody waits for it in front of a screen, "
        "so the publisher bears a shop's outage of a quarter of an hour.",
    )
    backoff_max_s: Annotated[float, Field(ge=0, le=3600)] = 60.0
    publishing_at_once: Annotated[int, Field(ge=1, le=100)] = Field(
        default=2, description="How many publications of one platform one publisher works on at the same time."
    )

    notice_timeout_s: Annotated[float, Field(gt=0, le=120)] = Field(
        default=10.0, description="How long a receiver of notices, or the mail server, may take to answer."
    )
    notice_retry_for_s: Annotated[float, Field(ge=0, le=30 * 86400)] = Field(
        default=86400.0, description="How long a notice that is not taken is tried again before it is given up."
    )
    notice_backoff_initial_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=5.0, description="How long a notice waits for its second try; doubled for each one after."
    )
    notice_backoff_max_s: Annotated[float, Field(gt=0, le=86400)] = Field(
        default=3600.0, description="How long it waits at most, unless the receiver asks for more."
    )
    notices_at_once: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=20,
        description="How many notices one publisher delivers at the same time by webhook, and as many by mail; at most "
        "a quarter of them to one receiver, so that a dead one leaves room.",
    )

    printify_url: str = Field(default="https://api.printify.com", description="The Printify API, without its version.")
    printify_token: SecretStr | None = Field(default=None, description="A personal access token.")
    printify_shop_id: int | None = Field(default=None, description="None: the account's only shop.")
    printify_products: dict[ProductType, PrintifyProduct] = Field(
        default_factory=lambda: dict(PRINTIFY_PRODUCTS),
        description="JSON; product types that it leaves out keep their defaults.",
    )
    printify_upload_url_base: str | None = Field(
        default=None,
        description="A public address under which the blob store's keys can be fetched. With it, print files above "
        "5 MB are fetched by Printify; without it they are sent.",
    )
    printify_product_url_base: str | None = Field(
        default=None, description="Your storefront's product address, told to Printify with the publication's id added."
    )
    printify_per_minute: Annotated[int, Field(ge=1)] = Field(
        default=600, description="Requests a minute. Printify counts an account, so divide by the number of publishers."
    )
    printify_catalog_per_minute: Annotated[int, Field(ge=1)] = Field(
        default=100, description="Requests a minute to the catalog, among the others."
    )
    printify_publish_per_half_hour: Annotated[int, Field(ge=1)] = Field(
        default=200, description="Publishing requests in thirty minutes."
    )

    shopify_shop: str | None = Field(
        default=None, pattern=r"^[a-z0-9][a-z0-9-]*$", description="The shop's name: the part before .myshopify.com."
    )
    shopify_url: str | None = Field(default=None, description="None: https://{shop}.myshopify.com")
    shopify_token: SecretStr | None = Field(default=None, description="An Admin API access token, if you have one.")
    shopify_client_id: str | None = Field(default=None, description="With the secret: tokens are asked for as needed.")
    shopify_client_secret: SecretStr | None = Field(default=None, description="The secret of that client.")
    shopify_api_version: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")] = Field(
        default="2026-10", description="The version of the Admin API."
    )
    shopify_prices_cents: dict[ProductType, PriceCents] = Field(
        default_factory=lambda: dict(SHOPIFY_PRICES),
        description="JSON, in hundredths of the shop's currency; product types that it leaves out keep their defaults.",
    )
    shopify_publications: tuple[str, ...] = Field(
        default=("Online Store",), description="JSON; names of the sales channels on which products appear."
    )
    shopify_media_timeout_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=60.0, description="How long Shopify may take to make a picture ready."
    )

    @field_validator("printify_products")
    @classmethod
    def _other_products(cls, named: dict[ProductType, PrintifyProduct]) -> dict[ProductType, PrintifyProduct]:
        return {**PRINTIFY_PRODUCTS, **named}

    @field_validator("shopify_prices_cents")
    @classmethod
    def _other_prices(cls, named: dict[ProductType, int]) -> dict[ProductType, int]:
        return {**SHOPIFY_PRICES, **named}
