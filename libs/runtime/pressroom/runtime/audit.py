"""`pressroom audit`: fold the whole EVENTS stream and compare it with MongoDB, each account with its ledger,
and each budget with its images."""

from dataclasses import dataclass
from datetime import datetime

import nats
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from pressroom.contracts.costs import as_dollars
from pressroom.contracts.subjects import ALL_EVENTS, EVENTS_STREAM
from pressroom.state.accounts import AccountDocument
from pressroom.state.audit import Drift, Fold
from pressroom.state.budgets import BudgetDocument
from pressroom.state.credit_audit import AccountFold
from pressroom.state.database import Database
from pressroom.state.documents import Document

from .broker import PUBLISH_TIMEOUT_S
from .settings import Settings
from .tail import EVERYTHING, tail

IDLE_S = 2.0


@dataclass(frozen=True)
class AuditReport:
    """What was compared, and every disagreement. `complete`: the stream still has its oldest event; else only what is
    younger than its first one was compared."""

    events: int
    unreadable: int
    batches: int
    images: int
    publications: int
    provider_jobs: int
    notices: int
    accounts: int
    budgets: int
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
        unreadable = read = 0
        told_since: datetime | None = None
        if state.messages:
            async for tailed in tail(js, ALL_EVENTS, EVERYTHING, idle_s=IDLE_S):
                if tailed is None:
                    # Silence is no end: a busy server that is taken for one would make drift of what it tells later.
                    if await _is_more(js, read):
                        continue
                    break
                read = tailed.sequence
                told_since = told_since or tailed.stored_at
                if tailed.event is None:
                    unreadable += 1
                else:
                    fold.feed(tailed.event)
                if tailed.sequence >= state.last_seq:
                    break
        since = None if state.first_seq <= 1 else told_since
        return await _compare(fold, database, unreadable=unreadable, since=since)
    finally:
        database.close()
        await client.close()


async def _is_more(js: JetStreamContext, after: int) -> bool:
    try:
        await js.get_msg(EVENTS_STREAM, seq=after + 1, subject=ALL_EVENTS, next=True)
    except NotFoundError:
        return False
    return True


async def _compare(fold: Fold, database: Database, *, unreadable: int, since: datetime | None) -> AuditReport:
    """`since`: what is older is not compared, as the stream has forgotten how it began."""
    drifts: list[Drift] = []
    batches = images = publications = jobs = notices = 0

    def is_told(document: Document) -> bool:
        return since is None or document.created_at >= since

    async for batch in database.batches.stream({}):
        rows = await database.images.of_batch(batch.id, with_deleted=True)
        found = fold.batch(batch, rows)
        if is_told(batch):
            batches, images = batches + 1, images + len(rows)
            drifts += found
    async for publication in database.publications.stream({}):
        found = fold.publication(publication)
        if is_told(publication):
            publications += 1
            drifts += found
    async for job in database.provider_jobs.stream({}):
        found = fold.provider_job(job)
        if is_told(job):
            jobs += 1
            drifts += found
    async for notice in database.notices.stream({}):
        found = fold.notice(notice)
        if is_told(notice):
            notices += 1
            drifts += found
    async for webhook in database.webhooks.stream({}):
        found = fold.webhook(webhook)
        if is_told(webhook):
            drifts += found
    async for lane in database.lanes.stream({}):
        found = fold.lane(lane)
        if is_told(lane):
            drifts += found
    drifts += fold.orphans()
    accounts = 0
    async for account in database.ledger.every_account():
        accounts += 1
        drifts += await _credits(account, database)
    budgets = await database.budgets.every()
    for budget in budgets:
        drifts += await _costs(budget, database)
    return AuditReport(
        events=fold.events,
        unreadable=unreadable,
        batches=batches,
        images=images,
        publications=publications,
        provider_jobs=jobs,
        notices=notices,
        accounts=accounts,
        budgets=len(budgets),
        complete=since is None,
        drifts=tuple(drifts),
    )


async def _costs(budget: BudgetDocument, database: Database) -> list[Drift]:
    """One budget beside the tries of its images that name it, and what is put aside for them. What was spent beside it
    is counted again by itself."""
    spent, reserved = await database.budgets.counted(budget.id)
    return [
        Drift("budget", budget.id, f"{name} ${as_dollars(told)}", f"{name} ${as_dollars(stored)}")
        for name, told, stored in (
            ("spent", spent, budget.spent),
            ("put aside", reserved, budget.reserved),
        )
        if told != stored
    ]


async def _credits(account: AccountDocument, database: Database) -> list[Drift]:
    """One account beside its ledger, its holds and their images."""
    fold = AccountFold(account.id)
    async for entry in database.ledger.every_entry(account.id):
        fold.feed(entry)
    async for hold in database.ledger.every_hold(account.id):
        fold.hold(hold, await database.images.fates(hold.batch_id))
    return fold.drifts(account)
