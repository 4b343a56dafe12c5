"""Shopify tells of orders and products (shopify.dev, "Deliver webhooks through HTTPS", 2026-10).

Signed is the raw body and nothing else (`X-Shopify-Hmac-SHA256`, base64): topic and message id are in headers that are
not, so nothing here hangs on them beyond what an event says. Anything but a 2xx within five seconds makes Shopify tell
again, eight times in four hours.
"""

import base64
import hashlib
import hmac
import re
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pressroom.contracts.facts import Reason
from pressroom.contracts.vocabulary import PlatformName

from ..bodies import read
from ..edge.problems import invalid
from ..house import House
from .refusals import nothing_here
from .shop_messages import MESSAGE_ID_PATTERN, PUBLICATIONS_AT_MOST, TOPIC_PATTERN, ShopMessage, hear

# Left out of the schema, as nobody but Shopify calls it.
router = APIRouter(prefix="/webhooks/shopify", include_in_schema=False)

Id = Annotated[int, Field(ge=0, lt=2**63)]


class Line(BaseModel):
    """A line of an order; one without a product is a tip, or a product that is gone."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    product_id: Id | None = None


class ShopifyTold(BaseModel):
    """What is read of a message: ids."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Id | Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:/_.-]{1,128}$")] | None = None
    line_items: tuple[Line, ...] = ()


@router.post("", response_class=Response)
async def shop_told(request: Request, house: House) -> Response:
    """Each message becomes one `WebhookReceived`."""
    settings = house.settings
    if settings.shopify_webhook_secret is None:
        raise nothing_here()
    body, headers = await request.body(), request.headers
    key = settings.shopify_webhook_secret.get_secret_value().encode()
    right = base64.b64encode(hmac.new(key, body, hashlib.sha256).digest())
    if not hmac.compare_digest(right, headers.get("x-shopify-hmac-sha256", "").encode()):
        raise nothing_here()
    told = read(ShopifyTold, body)
    topic = _header(request, "X-Shopify-Topic", TOPIC_PATTERN)
    message_id = _header(request, "X-Shopify-Webhook-Id", MESSAGE_ID_PATTERN)
    products = {line.product_id for line in told.line_items[:PUBLICATIONS_AT_MOST] if line.product_id is not None}
    if topic.startswith("products/") and isinstance(told.id, int):
        products.add(told.id)
    message = ShopMessage(
        platform=PlatformName.SHOPIFY,
        id=message_id,
        topic=topic,
        external_id=None if told.id is None else str(told.id),
        product_ids={f"gid://shopify/Product/{product}" for product in products},
    )
    return await hear(house, message, body)


def _header(request: Request, name: str, pattern: str) -> str:
    value = request.headers.get(name, "")
    if not re.fullmatch(pattern, value):
        raise invalid([Reason(field=name, message=f"must match {pattern}")])
    return value
