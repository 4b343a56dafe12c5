"""Approve and reject: one image, several, or all of a batch that wait for it.

One function decides for all three, so that the rules and the events are the same. Each image is one write with its
event in it; a process that dies in the middle of several has reviewed some of them, and the same call again finds
those unchanged and does the rest.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Body

from pressroom.contracts.api import Image
from pressroom.contracts.events import ImageApproved, ImageEvent, ImageRejected
from pressroom.contracts.image_requests import (
    IMAGES_AT_ONCE_MAX,
    Decision,
    RejectImage,
    ReviewedImage,
    ReviewedImages,
    ReviewImage,
    ReviewImages,
    ReviewOutcome,
)
from pressroom.contracts.requests import PublishTarget
from pressroom.contracts.vocabulary import ImageState, Scope
from pressroom.runtime.service import Service
from pressroom.state.documents import ImageDocument

from ..access import Caller, GuardedRouter, requires
from ..batches.batches import owned as owned_batch
from ..edge.problems import Refusal, answers, conflict, not_found, problem_of
from ..house import House
from .images import owned, shown

router = GuardedRouter("/v1/images", "images", Scope.READ)

_AT_ONCE = 16
_REVIEW = answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
_BECOMES = {Decision.APPROVE: ImageState.APPROVED, Decision.REJECT: ImageState.REJECTED}


Rules = Mapping[str, tuple[PublishTarget, ...]]
"""What each batch has made of its approved images, by the batch's id."""


@dataclass(frozen=True)
class Review:
    """One decision of one reviewer, and what follows from it."""

    house: Service
    reviewer: str
    decision: Decision
    reason: str | None = None

    async def of(self, image: ImageDocument, rules: Rules) -> tuple[ImageDocument, bool]:
        """The image as it is then, and whether this changed it. Raises a 409 `Refusal`, or a 404 one where the image
        was deleted in this moment."""
        if self.decision is Decision.APPROVE and image.is_placeholder:
            raise conflict(
                "image-is-placeholder",
                "Nobody made this image; a placeholder stands for it and is never published. Ask for the image again.",
            )
        wanted = _BECOMES[self.decision]
        reviewed = await self.house.database.images.transition(
            image.id,
            wanted,
            changes={"reviewer": self.reviewer, "review_reason": self.reason},
            increments={"version": 1},
            messages=[self.house.outbox.event(self._told(image, rules))],
        )
        if reviewed is not None:
            await self.house.outbox.publish(self.house.database.images, reviewed)
            return reviewed, True
        found = await owned(self.house, image.owner, image.id)
        if found.state is not wanted:
            raise conflict("image-not-reviewable", f"The image is {found.state}; it cannot become {wanted}.")
        return found, False

    def _told(self, image: ImageDocument, rules: Rules) -> ImageEvent:
        if self.decision is Decision.REJECT:
            return ImageRejected(
                batch_id=image.batch_id,
                image_id=image.id,
                index=image.index,
                reviewer=self.reviewer,
                reason=self.reason,
            )
        return ImageApproved(
            batch_id=image.batch_id,
            image_id=image.id,
            index=image.index,
            reviewer=self.reviewer,
            publish=rules.get(image.batch_id, ()),
        )


@router.post("/{image_id}/approve", dependencies=[requires(Scope.REVIEW)], responses=_REVIEW)
async def approve_image(image_id: str, owner: Caller, house: House) -> Image:
    """Say yes. The batch's `auto_publish` products are made of it. Approving twice is approving once."""
    return await _reviewed(image_id, Review(house, owner, Decision.APPROVE))


@router.post("/{image_id}/reject", dependencies=[requires(Scope.REVIEW)], responses=_REVIEW)
async def reject_image(
    image_id: str, owner: Caller, house: House, body: Annotated[RejectImage | None, Body()] = None
) -> Image:
    """Say no. A rejected image may still be approved later; an approved one cannot be rejected any more."""
    return await _reviewed(image_id, Review(house, owner, Decision.REJECT, body.reason if body else None))


async def _reviewed(image_id: str, review: Review) -> Image:
    image = await owned(review.house, review.reviewer, image_id)
    rules = await review.house.database.batches.publishing_rules([image.batch_id])
    reviewed, _ = await review.of(image, rules)
    return await shown(review.house, reviewed)


@router.post(
    "/review",
    dependencies=[requires(Scope.REVIEW)],
    responses=answers(HTTPStatus.NOT_FOUND),
)
async def review_images(body: ReviewImages, owner: Caller, house: House) -> ReviewedImages:
    """Approve or reject several images, or all of a batch that were not reviewed yet. Each is decided by itself: one
    that is refused, with its problem, keeps no other from being reviewed."""
    if body.batch_id is not None and body.decision is not None:
        await owned_batch(house, owner, body.batch_id)
        found, left = await house.database.images.awaiting_review(
            body.batch_id, placeholders=body.decision is Decision.REJECT, limit=IMAGES_AT_ONCE_MAX
        )
        wanted = [ReviewImage(image_id=image.id, decision=body.decision, reason=body.reason) for image in found]
    else:
        wanted, left = list(body.decisions or ()), 0
        found = await house.database.images.owned_images(owner, [one.image_id for one in wanted])
    images = {image.id: image for image in found}
    rules = await house.database.batches.publishing_rules({image.batch_id for image in found})
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(asked: ReviewImage) -> ReviewedImage:
        async with places:
            return await _outcome(asked, images.get(asked.image_id), house, owner, rules)

    items = tuple(await asyncio.gather(*(one(asked) for asked in wanted)))
    counts = Counter(item.outcome for item in items)
    return ReviewedImages(
        reviewed=counts[ReviewOutcome.REVIEWED],
        unchanged=counts[ReviewOutcome.UNCHANGED],
        refused=counts[ReviewOutcome.REFUSED],
        left=left,
        items=items,
    )


async def _outcome(
    asked: ReviewImage, image: ImageDocument | None, house: Service, reviewer: str, rules: Rules
) -> ReviewedImage:
    try:
        if image is None:
            raise not_found("image", asked.image_id)
        reviewed, is_new = await Review(house, reviewer, asked.decision, asked.reason).of(image, rules)
    except Refusal as refusal:
        problem = problem_of(refusal, f"/v1/images/{asked.image_id}")
        return ReviewedImage(image_id=asked.image_id, outcome=ReviewOutcome.REFUSED, problem=problem)
    outcome = ReviewOutcome.REVIEWED if is_new else ReviewOutcome.UNCHANGED
    return ReviewedImage(image_id=asked.image_id, outcome=outcome, state=reviewed.state)
