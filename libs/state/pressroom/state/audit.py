"""Do the events tell the same story as the documents? A fold over EVENTS, compared with MongoDB.

Pure: it is fed events and documents and knows neither stream nor database. An event seen twice under one id counts
once (the stream delivers at least once); two different events for what may happen once are a drift.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from pressroom.contracts import events
from pressroom.contracts.cloudevents import ReceivedEvent
from pressroom.contracts.facts import BatchCounts
from pressroom.contracts.vocabulary import (
    BatchState,
    ImageState,
    LaneState,
    NoticeState,
    ProviderJobState,
    PublicationState,
)

from .documents import (
    BatchDocument,
    Document,
    ImageDocument,
    LaneDocument,
    NoticeDocument,
    ProviderJobDocument,
    PublicationDocument,
    WebhookDocument,
)
from .machines import IMAGE_READY, IMAGE_SETTLED, PROVIDER_JOB_FINAL


@dataclass(frozen=True)
class Drift:
    """One disagreement between what was told and what is stored."""

    entity: str
    id: str
    told: str
    stored: str


@dataclass
class _Story:
    """What the events told of one entity."""

    facts: list[str] = field(default_factory=list[str])
    details: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


class Fold:
    """Feed it every event in the stream's order, then compare."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self.events = 0
        self._batches: dict[str, _Story] = defaultdict(_Story)
        self._images: dict[str, _Story] = defaultdict(_Story)
        self._publications: dict[str, _Story] = defaultdict(_Story)
        self._provider_jobs: dict[str, _Story] = defaultdict(_Story)
        self._notices: dict[str, _Story] = defaultdict(_Story)
        self._webhooks: dict[str, _Story] = defaultdict(_Story)
        self._lanes: dict[str, _Story] = defaultdict(_Story)
        self._counts: dict[str, BatchCounts] = {}

    def feed(self, event: ReceivedEvent) -> None:
        if event.id in self._seen:
            return
        self._seen.add(event.id)
        self.events += 1
        data = event.data
        match data:
            case events.BatchRejected(conflict=True) | events.ProviderJobWish() | events.BatchWish():
                pass
            case events.BatchCompleted():
                self._counts[data.batch_id] = data.counts
                self._batches[data.batch_id].facts.append(data.fact)
            case events.ImageGenerated():
                story = self._images[data.image_id]
                story.facts.append(data.fact)
                story.details["sha256"].append(data.file.sha256)
            case events.ImageEvent():
                self._images[data.image_id].facts.append(data.fact)
            case events.TextGenerated():
                story = self._images[data.text_id]
                story.facts.append(data.fact)
                story.details["text"].append(_digest(data.text))
            case events.TextEvent():
                self._images[data.text_id].facts.append(data.fact)
            case events.ImagePublished():
                story = self._publications[data.publication_id]
                story.facts.append(data.fact)
                story.details["external_id"].append(data.external_id)
            case events.PublicationEvent():
                self._publications[data.publication_id].facts.append(data.fact)
            case events.ProviderJobFinished():
                story = self._provider_jobs[data.provider_job_id]
                story.facts.append(data.fact)
                story.details["state"].append(str(data.state))
            case events.ProviderJobEvent():
                self._provider_jobs[data.provider_job_id].facts.append(data.fact)
            case events.NoticeEvent():
                self._notices[data.notice_id].facts.append(data.fact)
            case events.WebhookReceived():
                self._webhooks[data.webhook_id].facts.append(data.fact)
            case events.LaneEvent():
                self._lanes[data.lane].facts.append(data.fact)
            case events.BatchEvent():
                self._batches[data.batch_id].facts.append(data.fact)
            case _:
                pass

    def batch(self, batch: BatchDocument, images: Iterable[ImageDocument]) -> list[Drift]:
        """Compare one batch and all its images."""
        story = self._batches.pop(batch.id, _Story())
        told = _last(story, {"accepted", "rejected", "completed", "cancelled"}) or _last(
            story, {"requested", "scheduled"}
        )
        drifts = _compare("batch", batch, told, str(batch.state))
        rows = list(images)
        for image in rows:
            drifts += self._image(image)
        if batch.state in (BatchState.ACCEPTED, BatchState.COMPLETED) and len(rows) != batch.request.image_count:
            drifts.append(Drift("batch", batch.id, f"{batch.request.image_count} images", f"{len(rows)} images"))
        counts = self._counts.get(batch.id)
        if batch.state is BatchState.COMPLETED and counts is not None and counts != counts_of(rows):
            drifts.append(Drift("batch", batch.id, f"counts {counts}", f"counts {counts_of(rows)}"))
        return drifts

    def _image(self, image: ImageDocument) -> list[Drift]:
        story = self._images.pop(image.id, _Story())
        drifts = _unsent(image, "image")
        told = _last(story, {"generated", "failed", "approved", "rejected", "deleted"})
        # Nobody is told that an image is cancelled, or made again after it failed.
        is_silent = image.state is ImageState.CANCELLED or image.state not in IMAGE_SETTLED
        expected = {None, "failed"} if is_silent else {str(image.state)}
        if told not in expected:
            drifts.append(Drift("image", image.id, told or "nothing", str(image.state)))
        if story.facts.count("generated") > 1:
            drifts.append(Drift("image", image.id, f"generated {story.facts.count('generated')} times", "once"))
        if image.text is not None and story.details["text"] != [_digest(image.text)]:
            drifts.append(Drift("image", image.id, "another text", "its text"))
        if image.state in IMAGE_READY and image.file and story.details["sha256"] != [image.file.sha256]:
            drifts.append(Drift("image", image.id, f"file {story.details['sha256']}", f"file {image.file.sha256}"))
        return drifts

    def publication(self, publication: PublicationDocument) -> list[Drift]:
        story = self._publications.pop(publication.id, _Story())
        final = publication.state in (PublicationState.PUBLISHED, PublicationState.FAILED)
        told = _last(story, {"published", "failed"})
        stored = str(publication.state) if final else None
        drifts = _unsent(publication, "publication")
        if final and told != stored:
            drifts.append(Drift("publication", publication.id, told or "nothing", str(publication.state)))
        if not final and told == "published":
            drifts.append(Drift("publication", publication.id, told, str(publication.state)))
        told_ids = set(story.details["external_id"])
        if publication.external_id and told_ids != {publication.external_id}:
            drifts.append(Drift("publication", publication.id, f"ids {sorted(told_ids)}", publication.external_id))
        return drifts

    def provider_job(self, job: ProviderJobDocument) -> list[Drift]:
        story = self._provider_jobs.pop(job.id, _Story())
        drifts = _unsent(job, "provider job")
        if job.state in PROVIDER_JOB_FINAL:
            if story.details["state"] != [str(job.state)]:
                drifts.append(Drift("provider job", job.id, f"finished as {story.details['state']}", str(job.state)))
        elif "finished" in story.facts:
            drifts.append(Drift("provider job", job.id, "finished", str(job.state)))
        for fact, stored_at in (("started", job.started_at), ("deleted", job.deleted_at)):
            count = story.facts.count(fact)
            if count != (stored_at is not None):
                stored = "once" if stored_at is not None else "never"
                drifts.append(Drift("provider job", job.id, f"{fact} {count} times", stored))
        was_submitted = job.state in (
            ProviderJobState.SUBMITTED,
            ProviderJobState.COLLECTING,
            ProviderJobState.SUCCEEDED,
        )
        if was_submitted and story.facts.count("submitted") != 1:
            count = story.facts.count("submitted")
            drifts.append(Drift("provider job", job.id, f"submitted {count} times", str(job.state)))
        return drifts

    def notice(self, notice: NoticeDocument) -> list[Drift]:
        """Each delivery is told, and so is each giving up; one that waits may have been asked for again since."""
        story = self._notices.pop(notice.id, _Story())
        told = _last(story, {"delivered", "failed"})
        is_final = notice.state in (NoticeState.DELIVERED, NoticeState.FAILED)
        return _compare("notice", notice, told, str(notice.state) if is_final else told)

    def webhook(self, webhook: WebhookDocument) -> list[Drift]:
        """What was told once is an event once."""
        told = self._webhooks.pop(webhook.id, _Story()).facts
        drifts = _unsent(webhook, "webhook")
        if told != ["received"]:
            drifts.append(Drift("webhook", webhook.id, f"received {len(told)} times", "once"))
        return drifts

    def lane(self, lane: LaneDocument) -> list[Drift]:
        story = self._lanes.pop(lane.id, _Story())
        last = _last(story, {"paused", "closed", "resumed"})
        # A lane that was never served is closed from the beginning, of which nobody is told.
        begun_as = LaneState.CLOSED if lane.state is LaneState.CLOSED and lane.service is None else LaneState.OPEN
        told = {None: str(begun_as), "resumed": "open"}.get(last, last)
        return _compare("lane", lane, told, str(LaneState(lane.state)))

    def orphans(self) -> list[Drift]:
        """What the events told of and no document is about; call it last. A rejected batch need not have one."""
        drifts: list[Drift] = []
        for entity, stories in (
            ("batch", self._batches),
            ("image", self._images),
            ("publication", self._publications),
            ("provider job", self._provider_jobs),
            ("notice", self._notices),
            ("webhook", self._webhooks),
            ("lane", self._lanes),
        ):
            for identity, story in stories.items():
                refused = entity == "batch" and story.facts[-1:] == ["rejected"]
                if story.facts and not refused:
                    drifts.append(Drift(entity, identity, ", ".join(story.facts), "nothing"))
        return drifts


def counts_of(images: Iterable[ImageDocument]) -> BatchCounts:
    """How a batch's images stand, as `BatchCompleted` tells it."""
    rows = list(images)
    states = [image.ended for image in rows]
    return BatchCounts(
        requested=len(states),
        generated=sum(state in IMAGE_READY for state in states),
        failed=states.count(ImageState.FAILED),
        cancelled=states.count(ImageState.CANCELLED),
        placeholders=sum(image.is_placeholder and image.ended in IMAGE_READY for image in rows),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _last(story: _Story, facts: set[str]) -> str | None:
    return next((fact for fact in reversed(story.facts) if fact in facts), None)


def _unsent(document: Document, entity: str) -> list[Drift]:
    waiting = [message.subject for message in document.outbox]
    return [Drift(entity, document.id, "not yet published", ", ".join(waiting))] if waiting else []


def _compare(entity: str, document: Document, told: str | None, stored: str | None) -> list[Drift]:
    drifts = _unsent(document, entity)
    if told != stored:
        drifts.append(Drift(entity, document.id, told or "nothing", stored or "nothing"))
    return drifts
