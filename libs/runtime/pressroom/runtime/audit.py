"""`pressroom audit`: fold the whole EVENTS stream and compare it with MongoDB."""

from dataclasses import dataclass

import nats

from pressroom.contracts.subjects import ALL_EVENTS, EVENTS_STREAM
from pressroom.state.audit import Drift, Fold
from pressroom.state.database import Database

from .broker import PUBLISH_TIMEOUT_S
from .settings import Settings
from .tail import EVERYTHING, tail

IDLE_S = 2.0


@dataclass(frozen=True)
class AuditReport:
    """What was compared, and every disagreement. `complete`: the stream still has its oldest event."""

    events: int
    unreadable: int
    batches: int
    images: int
    publications: int
    provider_jobs: int
    complete: bool
    drifts: tuple[Drift, ...]


async def audit(settings: Settings) -> AuditReport:
    """Read everything and compare. Meaningful while nothing is under way: what is being done counts as drift."""
    client = await nats.connect(
        settings.nats_url,
        token=settings.nats_token.get_secret_value() if settings.nats_token else None,
        name="pressroom-audit",
    )
    database = Database(settings.mongo_url, settings.mongo_database)
    try:
        js = client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        state = (await js.stream_info(EVENTS_STREAM)).state
        fold = Fold()
        unreadable = 0
        if state.messages:
            async for tailed in tail(js, ALL_EVENTS, EVERYTHING, idle_s=IDLE_S, follow=False):
                if tailed is None:
                    continue
                if tailed.event is None:
                    unreadable += 1
                else:
                    fold.feed(tailed.event)
                if tailed.sequence >= state.last_seq:
                    break
        return await _compare(fold, database, unreadable=unreadable, complete=state.first_seq <= 1)
    finally:
        database.close()
        await client.close()


async def _compare(fold: Fold, database: Database, *, unreadable: int, complete: bool) -> AuditReport:
    drifts: list[Drift] = []
    batches = images = publications = jobs = 0
    async for batch in database.batches.stream({}):
        rows = await database.images.of_batch(batch.id)
        batches, images = batches + 1, images + len(rows)
        drifts += fold.batch(batch, rows)
    async for publication in database.publications.stream({}):
        publications += 1
        drifts += fold.publication(publication)
    async for job in database.provider_jobs.stream({}):
        jobs += 1
        drifts += fold.provider_job(job)
    async for lane in database.lanes.stream({}):
        drifts += fold.lane(lane)
    drifts += fold.orphans()
    return AuditReport(
        events=fold.events,
        unreadable=unreadable,
        batches=batches,
        images=images,
        publications=publications,
        provider_jobs=jobs,
        complete=complete,
        drifts=tuple(drifts),
    )
