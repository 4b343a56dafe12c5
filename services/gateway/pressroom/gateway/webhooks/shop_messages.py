"""What a shop told becomes a document with its event, in one write: a process that dies before it leaves the shop to
tell again, one that dies after it leaves the event to the relay.

The same message makes neither a second time, whether the shop repeats it (its id) or somebody replays it under another
id (topic and body, as the body alone is signed). Of the body only ids are kept: orders are about people. The event goes
out after the answer, since a shop waits five seconds.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import Response
from starlette.background import BackgroundTask

from pressroom.contracts.events import PublicationRef, WebhookReceived
from pressroom.contracts.identifiers import webhook_id
from pressroom.contracts.vocabulary import PlatformName
from pressroom.runtime.logs import get_logger
from pressroom.runtime.service import Service
from pressroom.state.documents import WebhookDocument

PUBLICATIONS_AT_MOST = 500
"""That one event names; an order at Shopify has as many lines."""

TOPIC_PATTERN = r"^[A-Za-z0-9_:/.-]{1,128}$"
MESSAGE_ID_PATTERN = r"^[A-Za-z0-9_-]{1,128}$"

log = get_logger(__name__)


@dataclass(frozen=True)
class ShopMessage:
    """What is read of a message. `product_ids` are the products that it is about, as the platform's publications have
    them in `external_id`."""

    platform: PlatformName
    id: str
    topic: str
    external_id: str | None
    product_ids: Collection[str]


async def hear(house: Service, message: ShopMessage, body: bytes) -> Response:
    """Store and tell it, unless that was done."""
    database, now = house.database, datetime.now(UTC)
    identity = webhook_id(message.platform, message.id)
    about = await database.publications.find(
        {"platform": str(message.platform), "external_id": {"$in": list(message.product_ids)}},
        limit=PUBLICATIONS_AT_MOST,
    )
    event = WebhookReceived(
        webhook_id=identity,
        platform=message.platform,
        topic=message.topic,
        external_id=message.external_id,
        publications=tuple(PublicationRef(batch_id=found.batch_id, publication_id=found.id) for found in about),
    )
    document = WebhookDocument(
        _id=identity,
        created_at=now,
        updated_at=now,
        outbox=(house.outbox.event(event),),
        platform=message.platform,
        topic=message.topic,
        digest=hashlib.sha256(message.topic.encode() + b"\n" + body).hexdigest(),
        external_id=message.external_id,
    )
    if not await database.webhooks.insert(document):
        return Response(status_code=HTTPStatus.OK)
    log.info("webhook.received", platform=str(message.platform), topic=message.topic, webhook=identity)
    publish = BackgroundTask(house.outbox.publish, database.webhooks, document)
    return Response(status_code=HTTPStatus.OK, background=publish)
