"""What was lost and what was done twice, by the database, the event stream and the vendors' side."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from pressroom.cli.connection import settings_of
from pressroom.cli.data_folder import InstanceFacts
from pressroom.contracts.credits import Millicredits
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState, PlatformName, PublicationState
from pressroom.runtime.audit import AuditReport, audit
from pressroom.runtime.credits import FIELD as CREDITS
from pressroom.state.accounts import AccountDocument
from pressroom.state.budgets import BudgetDocument
from pressroom.state.database import Database, DatabaseError
from pressroom.state.documents import BatchDocument, ImageDocument, PublicationDocument
from pressroom.state.machines import IMAGE_SETTLED

from .overspend import overspent
from .paid_jobs import read_made, reckon

_POLL_S = 0.5
_REPEATED = {PlatformName.PRINTIFY: "duplicate_fingerprints", PlatformName.SHOPIFY: "duplicate_products"}
_PUBLICATION_FINAL = frozenset({PublicationState.PUBLISHED, PublicationState.FAILED})


@dataclass
class Books:
    """Everything that the database has."""

    batches: dict[str, BatchDocument]
    images: list[ImageDocument]
    publications: dict[str, PublicationDocument]
    accounts: list[AccountDocument]
    budgets: list[BudgetDocument]

    def unfinished(self, acknowledged: Mapping[str, int]) -> list[str]:
        """What still has to happen, in words; empty when everything is at its end."""
        waiting = [f"batch {batch} is not there" for batch in acknowledged if batch not in self.batches]
        waiting += [
            f"batch {one.id} is {one.state}"
            for one in self.batches.values()
            if not one.completed_at and not self.is_unpaid(one.id)
        ]
        waiting += [f"{one.held} thousandths of a credit are held of {one.id}" for one in self.accounts if one.held]
        waiting += [
            f"image {image.id} is {image.state}"
            for image in self.images
            if image.state not in IMAGE_SETTLED or image.state is ImageState.GENERATED
        ]
        for image in self.images:
            if image.state is ImageState.APPROVED:
                waiting += self._unpublished(image)
        return waiting

    def is_unpaid(self, batch_id: str) -> bool:
        """Whether it was refused since its owner had too few credits, which is its end."""
        batch = self.batches.get(batch_id)
        reasons = batch.reasons if batch is not None and batch.state is BatchState.REJECTED else ()
        return bool(reasons) and all(reason.field == CREDITS for reason in reasons)

    def failed(self) -> list[str]:
        """What was given up, in words. Nothing was asked that could not be made, but for what a cap left nothing."""
        images = [
            f"image {image.id}: {image.error}"
            for image in self.images
            if image.state is ImageState.FAILED and not self._is_over_cap(image)
        ]
        publications = [
            f"publication {one.id}: {one.error}"
            for one in self.publications.values()
            if one.state is PublicationState.FAILED
        ]
        return images + publications

    def published(self, platform: PlatformName) -> int:
        states = [one.state for one in self.publications.values() if one.platform is platform]
        return states.count(PublicationState.PUBLISHED)

    def _is_over_cap(self, image: ImageDocument) -> bool:
        is_capped = self.batches[image.batch_id].request.max_cost is not None
        return is_capped and image.error is not None and image.error.kind is ErrorKind.BUDGET

    def _unpublished(self, image: ImageDocument) -> list[str]:
        wanted = self.batches[image.batch_id].request.auto_publish
        found = {one.platform: one for one in self.publications.values() if one.image_id == image.id}
        return [
            f"image {image.id} is not at {target.platform}"
            for target in wanted
            if target.platform not in found or found[target.platform].state not in _PUBLICATION_FINAL
        ]


@dataclass
class Verdict:
    """`complaints` has a line for everything that is counted here but `images` and `unsure`: jobs that are there twice
    because a worker died before it had stored what it asked for, and that are counted as perhaps paid."""

    images: int
    duplicates: int
    lost: int
    doubled_products: int
    drift: int
    overspend: int
    unsure: int
    complaints: list[str] = field(default_factory=list[str])

    @property
    def clean(self) -> bool:
        return not self.complaints


async def read_books(facts: InstanceFacts) -> Books:
    database = Database(facts.mongo_url, facts.mongo_database)
    try:
        return Books(
            batches={batch.id: batch async for batch in database.batches.stream({})},
            images=[image async for image in database.images.stream({})],
            publications={one.id: one async for one in database.publications.stream({})},
            accounts=[one async for one in database.ledger.every_account()],
            budgets=await database.budgets.every(),
        )
    finally:
        database.close()


async def drained(facts: InstanceFacts, acknowledged: Mapping[str, int], within_s: float) -> list[str]:
    """Wait until everything is at its end; what is not, when that takes longer than `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            waiting = (await read_books(facts)).unfinished(acknowledged)
        except DatabaseError as error:
            waiting = [f"the database does not answer: {error}"]
        if not waiting or time.monotonic() > deadline:
            return waiting
        await asyncio.sleep(_POLL_S)


async def judge(
    facts: InstanceFacts,
    acknowledged: Mapping[str, int],
    given: Mapping[str, Millicredits],
    quiet_within_s: float,
) -> Verdict:
    """Compare what was acknowledged, the credits that were `given`, the database, the stream and the sandbox."""
    books = await read_books(facts)
    report = await _audit(facts, quiet_within_s)
    async with httpx.AsyncClient(base_url=facts.sandbox_url or "") as http:
        stats = (await http.get("/_sandbox/stats")).raise_for_status().json()
        sold = await read_made(http, stats)
    paid = reckon(books.images, sold)
    overspend = overspent(books.accounts, given, books.batches, books.budgets, books.images, sold)
    lost = [*books.unfinished(acknowledged), *books.failed()]
    wanted = sum(count for batch, count in acknowledged.items() if not books.is_unpaid(batch))
    made = sum(len([image for image in books.images if image.batch_id == batch]) for batch in acknowledged)
    lost += [f"{wanted - made} images were never planned"] * (wanted != made)
    twice = int(stats["gemini"]["images_made_twice"])
    doubled, missing = 0, 0
    for platform, repeated in _REPEATED.items():
        products = int(stats[platform]["products"])
        doubled += max(int(stats[platform][repeated]), products - books.published(platform))
        missing += max(0, books.published(platform) - products)
    lost += [f"{missing} publications have no product"] * bool(missing)
    lost += paid.missing
    complaints = [
        *lost,
        *paid.doubled,
        *overspend,
        *(f"{one.entity} {one.id}: told {one.told}, stored {one.stored}" for one in report.drifts),
    ]
    complaints += [f"Gemini made {twice} images twice: {stats['gemini']['made_twice']}"] * bool(twice)
    complaints += [f"{doubled} products are there twice: {stats}"] * bool(doubled)
    return Verdict(
        images=len(books.images),
        duplicates=twice + len(paid.doubled),
        lost=len(lost),
        doubled_products=doubled,
        drift=len(report.drifts),
        overspend=len(overspend),
        unsure=paid.unsure,
        complaints=complaints,
    )


async def _audit(facts: InstanceFacts, quiet_within_s: float) -> AuditReport:
    """The audit once the outboxes are empty; its last word when that does not come."""
    deadline = time.monotonic() + quiet_within_s
    while True:
        report = await audit(settings_of(facts))
        if not report.drifts or time.monotonic() > deadline:
            return report
