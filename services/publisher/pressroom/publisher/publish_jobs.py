"""Publishing one image on one platform: the platform's steps under the job protocol.

Every intent and every outside id is in the publication's document before the next step, so a publisher that dies
anywhere is followed by one that finishes the same product.
"""

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pressroom.contracts.events import ImagePublished, PublishFailed
from pressroom.contracts.facts import ErrorReport, FileFacts
from pressroom.contracts.jobs import PublishImage
from pressroom.contracts.vocabulary import PublicationState
from pressroom.imaging.finishing import reduce
from pressroom.runtime.blobs import BlobStore
from pressroom.runtime.errors import InvalidRequest, LeaseLost
from pressroom.runtime.job_runner import Turn
from pressroom.runtime.logs import get_logger
from pressroom.runtime.outbox import Outbox
from pressroom.runtime.policies import RetryPolicy
from pressroom.state.collection import Claim
from pressroom.state.database import Database
from pressroom.state.documents import BatchDocument, ImageDocument, PublicationDocument
from pressroom.state.image_deletion import NotApproved, revive_publication

from .journal import MongoJournal
from .platforms import Platform, PublishOrder

WEB_SIDE_PX = 2048
"""Shopify takes at most 4472 px a side and 20 megapixels; a shop's page shows no more than this."""

TITLE_CHARACTERS = 80

log = get_logger(__name__)


class StoredArtwork:
    """An image's files in the blob store (`pressroom.publisher.platforms.Artwork`)."""

    def __init__(self, blobs: BlobStore, file: FileFacts) -> None:
        self._blobs = blobs
        self._file = file

    async def print_bytes(self) -> bytes:
        return await self._blobs.get(self._file.key)

    async def web_bytes(self) -> bytes:
        data = await self.print_bytes()
        return (await asyncio.to_thread(reduce, data, WEB_SIDE_PX)).data


class PublishWork:
    """The work of one platform's lane (`pressroom.runtime.job_runner.Work`)."""

    becomes: Mapping[StrEnum, StrEnum] = {
        PublicationState.REQUESTED: PublicationState.PUBLISHING,
        PublicationState.PUBLISHING: PublicationState.PUBLISHING,
    }

    guard: Mapping[str, Any] = {}

    def __init__(
        self, database: Database, blobs: BlobStore, outbox: Outbox, platform: Platform, retry_policy: RetryPolicy
    ) -> None:
        self.collection = database.publications
        self._retry_policy = retry_policy
        self._database = database
        self._blobs = blobs
        self._outbox = outbox
        self._platform = platform

    def document_id(self, job: PublishImage) -> str:
        return job.publication_id

    def retry_policy(self, document: PublicationDocument) -> RetryPolicy:
        return self._retry_policy

    def seen(self, claim: Claim[PublicationDocument]) -> Mapping[str, Any]:
        return {}

    async def perform(self, claim: Claim[PublicationDocument], turn: Turn) -> None:
        publication = claim.document
        log.info("publication.begun", platform=str(publication.platform), product_type=str(publication.product_type))
        order = await self._order(publication)
        published = await self._platform.publish(order, MongoJournal(self.collection, claim))
        event = ImagePublished(
            batch_id=publication.batch_id,
            publication_id=publication.id,
            image_id=publication.image_id,
            platform=publication.platform,
            product_type=publication.product_type,
            external_id=published.external_id,
            url=published.url,
        )
        done = await self.collection.transition(
            publication.id,
            PublicationState.PUBLISHED,
            changes={"external_id": published.external_id, "url": published.url, "error": None},
            messages=[self._outbox.event(event)],
            token=claim.token,
        )
        if done is None:
            raise LeaseLost(publication.id)
        await self._outbox.publish(self.collection, done)
        log.info("publication.published", external_id=published.external_id, url=published.url)

    async def _order(self, publication: PublicationDocument) -> PublishOrder:
        image = await self._database.images.get(publication.image_id)
        batch = await self._database.batches.get(publication.batch_id)
        if image is None or image.file is None or batch is None:
            raise InvalidRequest(f"the image {publication.image_id} has no file to publish")
        return PublishOrder(
            publication_id=publication.id,
            image_id=image.id,
            product_type=publication.product_type,
            title=title_of(publication, image, batch),
            description=publication.description or image.prompt,
            tags=batch.request.tags if publication.tags is None else publication.tags,
            print_file=image.file,
            artwork=StoredArtwork(self._blobs, image.file),
        )

    async def give_back(self, claim: Claim[PublicationDocument], error: ErrorReport | None, *, failed: bool) -> None:
        changes: dict[str, object] = {"failures": claim.document.failures + (1 if failed else 0)}
        if error is not None:
            changes["error"] = error.model_dump()
        await self.collection.transition(
            claim.id,
            PublicationState.REQUESTED,
            changes=changes,
            guard={"state": str(PublicationState.PUBLISHING)},
            token=claim.token,
        )

    async def give_up(self, claim: Claim[PublicationDocument], error: ErrorReport) -> bool:
        publication = claim.document
        event = PublishFailed(
            batch_id=publication.batch_id,
            publication_id=publication.id,
            image_id=publication.image_id,
            platform=publication.platform,
            product_type=publication.product_type,
            attempt=publication.attempt,
            error=error,
        )
        await self.collection.transition(
            publication.id,
            PublicationState.FAILED,
            changes={"error": error.model_dump()},
            messages=[self._outbox.event(event)],
            token=claim.token,
        )
        return True

    async def cancel(self, claim: Claim[PublicationDocument]) -> bool:
        """A publication is never cancelled in the middle: half a product in a shop helps nobody."""
        return False

    async def revive(self, document: PublicationDocument) -> bool:
        """Where its image was deleted meanwhile, there is nothing to make a product of."""
        try:
            return await revive_publication(self._database, document, ())
        except NotApproved:
            return False

    async def settle(self, document: PublicationDocument) -> None:
        await self._outbox.publish(self.collection, document)


def title_of(publication: PublicationDocument, image: ImageDocument, batch: BatchDocument) -> str:
    """What was settled when it was asked for, else the batch's title, else the prompt's beginning, cut at a word."""
    given = publication.title or batch.request.title
    if given:
        return given
    words = " ".join(image.prompt.split())
    if len(words) <= TITLE_CHARACTERS:
        return words
    return words[: TITLE_CHARACTERS + 1].rsplit(" ", 1)[0][:TITLE_CHARACTERS]
