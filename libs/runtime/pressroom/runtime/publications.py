"""Asking for a publication: by a person, or by a batch's rule when its image is approved.

One image is on one platform as one product type at most once: the document's id says all three.
"""

from datetime import UTC, datetime

from pressroom.contracts.identifiers import publication_id
from pressroom.contracts.jobs import PublishImage
from pressroom.contracts.requests import PublishTarget
from pressroom.contracts.vocabulary import PublicationState
from pressroom.state.database import Database
from pressroom.state.documents import ImageDocument, PublicationDocument
from pressroom.state.image_deletion import add_publication, revive_publication

from .outbox import Outbox


async def request_publication(
    database: Database, outbox: Outbox, image: ImageDocument, target: PublishTarget, *, again: bool
) -> PublicationDocument:
    """The publication of an approved image; made, with its job, unless it is there. `again` revives a failed one.
    Raises `NotApproved`, of an image that was deleted in this moment too."""
    identity = publication_id(image.id, target.platform, target.product_type)
    now = datetime.now(UTC)
    job = PublishImage(batch_id=image.batch_id, image_id=image.id, publication_id=identity, platform=target.platform)
    document = PublicationDocument(
        _id=identity,
        created_at=now,
        updated_at=now,
        outbox=(outbox.job(job),),
        state=PublicationState.REQUESTED,
        owner=image.owner,
        batch_id=image.batch_id,
        image_id=image.id,
        platform=target.platform,
        product_type=target.product_type,
        title=target.title or image.title,
        description=image.description,
        tags=image.tags,
    )
    existing = await database.publications.get(identity)
    if existing is None:
        await add_publication(database, document)
    elif again and existing.state is PublicationState.FAILED:
        await revive_publication(database, existing, [outbox.job(job)])
    stored = await database.publications.get(identity)
    assert stored is not None, "a publication is never deleted"
    await outbox.publish(database.publications, stored)
    return stored
