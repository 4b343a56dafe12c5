"""Printify tells of orders, products and the shop (developers.printify.com, "Webhooks", 2026-11): `order:*`,
`product:deleted`, `product:publish:started`, `shop:disconnected`.

Signed is the raw body (`X-Pfy-Signature: sha256=<hex>`), in which topic and message id are. Anything but a 2xx makes
Printify tell again.
"""

import hashlib
import hmac
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pressroom.contracts.vocabulary import PlatformName

from ..bodies import read
from ..house import House
from .refusals import nothing_here
from .shop_messages import MESSAGE_ID_PATTERN, TOPIC_PATTERN, ShopMessage, hear

# Left out of the schema, as nobody but Printify calls it.
router = APIRouter(prefix="/webhooks/printify", include_in_schema=False)

Id = Annotated[str, StringConstraints(pattern=MESSAGE_ID_PATTERN)] | Annotated[int, Field(ge=0, lt=2**63)]


class Resource(BaseModel):
    """What a message is about. Of its data nothing is read."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Id
    type: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]


class PrintifyTold(BaseModel):
    """What is read of a message."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[str, StringConstraints(pattern=MESSAGE_ID_PATTERN)]
    type: Annotated[str, StringConstraints(pattern=TOPIC_PATTERN)]
    resource: Resource


@router.post("", response_class=Response)
async def shop_told(request: Request, house: House) -> Response:
    """Each message becomes one `WebhookReceived`."""
    settings = house.settings
    if settings.printify_webhook_secret is None:
        raise nothing_here()
    body = await request.body()
    key = settings.printify_webhook_secret.get_secret_value().encode()
    right = b"sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest().encode()
    if not hmac.compare_digest(right, request.headers.get("x-pfy-signature", "").encode()):
        raise nothing_here()
    told = read(PrintifyTold, body)
    external_id = str(told.resource.id)
    message = ShopMessage(
        platform=PlatformName.PRINTIFY,
        id=told.id,
        topic=told.type,
        external_id=external_id,
        product_ids={external_id} if told.resource.type == "product" else (),
    )
    return await hear(house, message, body)
