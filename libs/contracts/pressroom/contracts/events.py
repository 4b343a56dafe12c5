"""The facts, in the past tense. A fact is never refused; unknown fields are ignored, so any reader reads any writer.

Each event is a CloudEvent (`pressroom.contracts.cloudevents`): the model here is its body. `EVENT_TYPES` is the
list of all of them; a new event is a class in it and a golden JSON in the tests.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from .costs import SomeCost
from .facts import BatchCounts, ErrorReport, Fact, FileFacts, MicroDollars, NonNegative, Reason
from .finishing import Check
from .identifiers import DerivedIdentifier, Identifier
from .requests import BatchRequest, PublishTarget, Seed
from .vocabulary import (
    Mode,
    NoticeChannel,
    NoticeKind,
    PlatformName,
    ProductType,
    ProviderJobState,
    ProviderName,
    TextKind,
)


class Event(Fact):
    """A fact about one entity. `story` is the last token of its subject: one batch's story is one filter."""

    entity: ClassVar[str]
    fact: ClassVar[str]
    version: ClassVar[int] = 1

    @classmethod
    def type_name(cls) -> str:
        """The CloudEvents type, e.g. `pressroom.image.generated.v1`."""
        return f"pressroom.{cls.entity}.{cls.fact}.v{cls.version}"

    @property
    def story(self) -> str:
        raise TypeError(f"{type(self).__name__} does not say whose story it belongs to")


class BatchEvent(Event):
    """A fact in the story of one batch."""

    batch_id: Identifier

    @property
    def story(self) -> str:
        return self.batch_id


class BatchRequested(BatchEvent):
    """Somebody wants images. It comes from outside, as `WISHES` do; `request` is the body of `POST /v1/batches`."""

    entity = "batch"
    fact = "requested"
    owner: Identifier = "default"
    request: BatchRequest


class BatchScheduled(BatchEvent):
    """The batch is stored and begins at `starts_at` (RFC 3339, UTC); a `BatchRequested` follows then."""

    entity = "batch"
    fact = "scheduled"
    owner: Identifier
    image_count: NonNegative
    starts_at: str


class BatchAccepted(BatchEvent):
    """The batch is planned: its images exist and wait for their turn."""

    entity = "batch"
    fact = "accepted"
    owner: Identifier
    provider: ProviderName
    image_count: NonNegative
    regenerated_from: DerivedIdentifier | None = Field(
        default=None, description="The image of another batch that this one makes another of."
    )


class BatchRejected(BatchEvent):
    """The request was refused, with every reason. `conflict`: the id belongs to another batch, which goes on."""

    entity = "batch"
    fact = "rejected"
    conflict: bool = False
    reasons: tuple[Reason, ...]


class BatchCompleted(BatchEvent):
    """Every image is generated, failed or cancelled."""

    entity = "batch"
    fact = "completed"
    counts: BatchCounts


class BatchCancelled(BatchEvent):
    """Somebody cancelled the batch: images that were not begun will not be made."""

    entity = "batch"
    fact = "cancelled"


class BatchPaused(BatchEvent):
    """No more of the batch's images are begun until it is resumed; what was begun goes on."""

    entity = "batch"
    fact = "paused"
    reason: str


class BatchResumed(BatchEvent):
    """The batch goes on."""

    entity = "batch"
    fact = "resumed"


class BatchWish(BatchEvent):
    """What somebody wants done with a batch of theirs."""

    entity = "batch"
    owner: Identifier = "default"


class BatchCancelRequested(BatchWish):
    """Somebody wants nothing more of the batch made. `BatchCancelled` follows."""

    fact = "cancel-requested"


class BatchRetryRequested(BatchWish):
    """Somebody wants what failed of a completed batch made again, alone. Another `BatchAccepted` follows."""

    fact = "retry-requested"
    mode: Mode | None = Field(
        default=None,
        description="`realtime`, or `batch` for a new provider job of exactly those images; when absent, `batch` for "
        "texts and `realtime` for images.",
    )
    provider: ProviderName | None = Field(
        default=None, description="The first of the batch's own providers that can, when absent."
    )
    max_cost: SomeCost | None = Field(
        default=None,
        description="US dollars that the whole batch may cost from now on; its own `max_cost` when absent.",
    )


class ImageEvent(BatchEvent):
    """A fact about one image."""

    entity = "image"
    image_id: DerivedIdentifier
    index: NonNegative


class ImageGenerated(ImageEvent):
    """The image's files are stored and ready for review."""

    fact = "generated"
    provider: ProviderName
    model: str
    seed: Seed
    attempt: Annotated[int, Field(ge=1)]
    file: FileFacts
    thumbnail: FileFacts
    generation_ms: NonNegative = Field(description="From the claim to the provider's last byte.")
    placeholder: bool = Field(default=False, description="Nobody made the image; this marked one stands for it.")
    checks: tuple[Check, ...] = ()
    cost_microusd: MicroDollars = Field(default=0, description="Of all calls for this image, those that failed too.")
    calls: NonNegative = 0


class ImageFailed(ImageEvent):
    """The image was given up."""

    fact = "failed"
    provider: ProviderName
    attempt: NonNegative
    error: ErrorReport
    cost_microusd: MicroDollars = 0
    calls: NonNegative = 0


class ImageRerouted(ImageEvent):
    """A provider gave the image up, and the next of its list, or the placeholder, takes over."""

    fact = "rerouted"
    provider: ProviderName
    to: ProviderName
    error: ErrorReport


class ImageApproved(ImageEvent):
    """A person said yes. `publish` is the batch's rule for approved images."""

    fact = "approved"
    reviewer: Identifier
    publish: tuple[PublishTarget, ...] = ()


class ImageRejected(ImageEvent):
    """A person said no."""

    fact = "rejected"
    reviewer: Identifier
    reason: str | None = None


class ImageDeleted(ImageEvent):
    """A person took the image away for good. Its files go; that it was made, and what it cost, stays."""

    fact = "deleted"
    deleted_by: Identifier


class TextEvent(BatchEvent):
    """A fact about one text of a batch that asks for texts."""

    entity = "text"
    text_id: DerivedIdentifier
    index: NonNegative
    kind: TextKind
    provider: ProviderName
    attempt: NonNegative
    cost_microusd: MicroDollars = 0


class TextGenerated(TextEvent):
    """The text is stored."""

    fact = "generated"
    model: str
    text: str = Field(description="As it is, or as JSON for a kind that has fields.")


class TextFailed(TextEvent):
    """The text was given up."""

    fact = "failed"
    error: ErrorReport


class PublicationEvent(BatchEvent):
    """A fact about one image on one platform as one product type."""

    entity = "publication"
    publication_id: DerivedIdentifier
    image_id: DerivedIdentifier
    platform: PlatformName
    product_type: ProductType


class ImagePublished(PublicationEvent):
    """The product is in the shop."""

    fact = "published"
    external_id: str = Field(description="The platform's own id of the product.")
    url: str | None = None


class PublishFailed(PublicationEvent):
    """The publication was given up."""

    fact = "failed"
    attempt: NonNegative
    error: ErrorReport


class NoticeEvent(BatchEvent):
    """A fact about what one target is told of a batch."""

    entity = "notice"
    notice_id: DerivedIdentifier
    kind: NoticeKind
    channel: NoticeChannel
    attempt: Annotated[int, Field(ge=0)]


class NoticeDelivered(NoticeEvent):
    """The receiver, or the mail server, has taken it."""

    fact = "delivered"


class NoticeFailed(NoticeEvent):
    """The notice was given up; somebody may have it delivered again."""

    fact = "failed"
    error: ErrorReport


class ProviderJobEvent(BatchEvent):
    """A fact about a provider's asynchronous job."""

    entity = "provider-job"
    provider_job_id: DerivedIdentifier
    provider: ProviderName
    vendor_name: str | None = Field(description="The provider's own name of the job, e.g. `batches/123`.")


class ProviderJobSubmitted(ProviderJobEvent):
    """The provider took the job."""

    fact = "submitted"
    image_count: NonNegative


class ProviderJobStarted(ProviderJobEvent):
    """The provider said that it works on the job. One that was over before anybody looked is not told of."""

    fact = "started"


class ProviderJobFinished(ProviderJobEvent):
    """The provider's job has ended and what it made is collected."""

    fact = "finished"
    state: ProviderJobState
    succeeded: NonNegative
    failed: NonNegative


class ProviderJobDeleted(ProviderJobEvent):
    """The ended job was deleted at its provider, as somebody asked. Its images stay."""

    fact = "deleted"


class ProviderJobWish(BatchEvent):
    """What somebody wants of one provider job."""

    entity = "provider-job"
    provider_job_id: DerivedIdentifier
    owner: Identifier = "default"


class ProviderJobCancelRequested(ProviderJobWish):
    """Somebody wants the job to end. What it has made by then is delivered; `ProviderJobFinished` follows."""

    fact = "cancel-requested"


class ProviderJobDeleteRequested(ProviderJobWish):
    """Somebody wants the ended job gone from its provider's list. `ProviderJobDeleted` follows."""

    fact = "delete-requested"


class PublicationRef(Fact):
    """One of our publications, and whose it is."""

    batch_id: Identifier
    publication_id: DerivedIdentifier


class WebhookReceived(Event):
    """A shop told something by itself: an order came, a product is gone. Its story is the platform's; what was told
    beyond the ids stays at the shop, as it is about people."""

    entity = "webhook"
    fact = "received"
    webhook_id: DerivedIdentifier
    platform: PlatformName
    topic: str = Field(description="The platform's own word, e.g. `orders/create` or `order:created`.")
    external_id: str | None = Field(
        default=None, description="The platform's own id of what it is about: an order, a product, the shop."
    )
    publications: tuple[PublicationRef, ...] = Field(
        default=(), description="Those of ours that it is about: the product's own, or those that an order names."
    )

    @property
    def story(self) -> str:
        return self.platform


class PostEvent(Event):
    """A fact about one post of somebody's blog: a story of its own."""

    entity = "post"
    post_id: Identifier
    owner: Identifier
    slug: str
    title: str

    @property
    def story(self) -> str:
        return self.post_id


class PostCreated(PostEvent):
    """A post is written; one that is public from the beginning is told of by `PostPublished` too."""

    fact = "created"


class PostEdited(PostEvent):
    """Something of it is different; `edition` is the post's version after it."""

    fact = "edited"
    edition: NonNegative


class PostPublished(PostEvent):
    """It is public, as far as this store goes: no shop's blog was asked."""

    fact = "published"


class PostWithdrawn(PostEvent):
    """It is a draft again."""

    fact = "withdrawn"


class PostDeleted(PostEvent):
    """It is gone for good, and its slug is free."""

    fact = "deleted"


class LaneEvent(Event):
    """A fact about a provider's queue."""

    entity = "lane"
    lane: Identifier

    @property
    def story(self) -> str:
        return self.lane


class LanePaused(LaneEvent):
    """Nobody takes from the lane until `until` (RFC 3339, UTC)."""

    fact = "paused"
    until: str
    reason: str


class LaneClosed(LaneEvent):
    """Nobody takes from the lane until somebody has mended what `reason` names, a setting for the most part."""

    fact = "closed"
    reason: str


class LaneResumed(LaneEvent):
    """The lane is open again."""

    fact = "resumed"


EVENT_TYPES: tuple[type[Event], ...] = (
    BatchRequested,
    BatchScheduled,
    BatchAccepted,
    BatchRejected,
    BatchCompleted,
    BatchCancelled,
    BatchPaused,
    BatchResumed,
    BatchCancelRequested,
    BatchRetryRequested,
    ImageGenerated,
    ImageFailed,
    ImageRerouted,
    ImageApproved,
    ImageRejected,
    ImageDeleted,
    TextGenerated,
    TextFailed,
    ImagePublished,
    PublishFailed,
    NoticeDelivered,
    NoticeFailed,
    ProviderJobSubmitted,
    ProviderJobStarted,
    ProviderJobFinished,
    ProviderJobDeleted,
    ProviderJobCancelRequested,
    ProviderJobDeleteRequested,
    WebhookReceived,
    PostCreated,
    PostEdited,
    PostPublished,
    PostWithdrawn,
    PostDeleted,
    LanePaused,
    LaneClosed,
    LaneResumed,
)

EVENT_TYPE_BY_NAME: dict[str, type[Event]] = {event.type_name(): event for event in EVENT_TYPES}

WISHES: tuple[type[BatchEvent], ...] = (
    BatchCancelRequested,
    BatchRetryRequested,
    ProviderJobCancelRequested,
    ProviderJobDeleteRequested,
)
"""What only programs outside say, of a batch or job that there is. One that cannot be granted goes to DEAD with the
reason; what comes of one that can is told by other facts."""
