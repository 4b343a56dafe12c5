"""Publications whose job got lost with its stream are queued again; a publication that waits properly is left alone."""

import asyncio
from datetime import UTC, datetime, timedelta

from pressroom.contracts.jobs import PublishImage
from pressroom.contracts.vocabulary import PublicationState
from pressroom.runtime.outbox import Outbox
from pressroom.state.database import Database

LOST_AFTER = timedelta(seconds=60)
SWEEP_EVERY_S = 30.0
AT_MOST = 200


async def requeue_lost(database: Database, outbox: Outbox) -> None:
    """Look every half minute, until cancelled."""
    while True:
        now = datetime.now(UTC)
        waiting = await database.publications.find(
            {
                "state": {"$in": [str(PublicationState.REQUESTED), str(PublicationState.PUBLISHING)]},
                "updated_at": {"$lt": now - LOST_AFTER},
            },
            sort=[("updated_at", 1)],
            limit=AT_MOST,
        )
        for publication in waiting:
            if publication.lease is None or publication.lease.expires_at < now:
                job = PublishImage(
                    batch_id=publication.batch_id,
                    image_id=publication.image_id,
                    publication_id=publication.id,
                    platform=publication.platform,
                )
                # Refused by the stream when the job waits there already.
                await outbox.send(outbox.job(job))
        await asyncio.sleep(SWEEP_EVERY_S)
