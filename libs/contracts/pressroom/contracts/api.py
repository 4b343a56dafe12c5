"""What the HTTP API answers. Bodies that come in are in `pressroom.contracts.requests`."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .capabilities import Capabilities
from .costs import SomeCost
from .facts import ErrorReport, Fact, FileFacts, ModeChoice, NonNegative, NoticeAttempt, ProviderTry, Reason
from .finishing import Check, Credentials
from .requests import IMAGES_CEILING, NOTIFY_MAX, BatchRequest, ImageRequest, NotifyTarget, PlainName, PublishTarget
from .vocabulary import (
    BatchState,
    ImageState,
    LaneState,
    Mode,
    NoticeChannel,
    NoticeKind,
    NoticeState,
    PlatformName,
    ProductType,
    ProviderName,
    PublicationState,
    TextKind,
)

Item = TypeVar("Item")


def _to_the_millisecond(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Moment = Annotated[datetime, AfterValidator(_to_the_millisecond)]
"""As precise as it is stored, so that the first answer and every later one say the same."""


Dollars = Annotated[Decimal, Field(description="US dollars, exact, as text.")]


class CreateImage(ImageRequest):
    model_config = ConfigDict(extra="forbid")


class CreatePublishTarget(PublishTarget):
    model_config = ConfigDict(extra="forbid")


class CreateNotifyTarget(NotifyTarget):
    model_config = ConfigDict(extra="forbid")


class CreateBatch(BatchRequest):
    """The body of `POST /v1/batches`. A field that it does not know is refused: more likely a slip than a wish."""

    model_config = ConfigDict(extra="forbid")

    # Frozen models cannot be assigned to, so narrowing a field's type is safe here.
    images: tuple[CreateImage, ...] | None = Field(default=None, min_length=1, max_length=IMAGES_CEILING)  # pyright: ignore[reportIncompatibleVariableOverride] frozen
    auto_publish: tuple[CreatePublishTarget, ...] = Field(default=(), max_length=20)  # pyright: ignore[reportIncompatibleVariableOverride] frozen
    notify: tuple[CreateNotifyTarget, ...] = Field(default=(), max_length=NOTIFY_MAX)  # pyright: ignore[reportIncompatibleVariableOverride] frozen
    recipe: PlainName | None = Field(
        default=None, description="Makes `images` of your `subject`, in place of 'prompt' or 'images'."
    )
    parts: Annotated[tuple[PlainName, ...], Field(max_length=IMAGES_CEILING)] = Field(
        default=(), description="With `recipe`: only the pictures of these parts of the subject."
    )

    def what_is_unclear(self) -> str | None:
        if self.recipe is None:
            return "'parts' goes with 'recipe'" if self.parts else super().what_is_unclear()
        if self.subject is None:
            return "'recipe' needs a 'subject'"
        if self.prompt is not None or self.images is not None or self.count != 1 or self.seed is not None:
            return "'recipe' says what to make; leave out 'prompt', 'count', 'seed' and 'images'"
        return None


class CreateProviderJob(CreateBatch):
    """The body of `POST /v1/provider-jobs`: a batch, whose mode is `batch` and need not be said."""

    mode: Mode = Mode.BATCH  # pyright: ignore[reportIncompatibleVariableOverride] frozen


class RetryBatch(BaseModel):
    """The body of `POST /v1/batches/{id}/retry`: how the images, or texts, that failed are made again, and by whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal[Mode.REALTIME, Mode.BATCH] | None = Field(
        default=None,
        description="`realtime`, or `batch` for a new provider job of exactly those; when absent, `realtime` for "
        "images and `batch` for texts, which are made no other way.",
    )
    provider: ProviderName | None = Field(
        default=None, description="The first of the batch's own providers that can, when absent."
    )
    max_cost: SomeCost | None = Field(
        default=None,
        description="US dollars that the whole batch may cost from now on; its own `max_cost` when absent.",
    )


class PauseBatch(BaseModel):
    """The body of `POST /v1/batches/{id}/pause`."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="paused by its owner", min_length=1, max_length=500)


class Progress(Fact):
    """How many images of a batch stand where. `ready` counts generated, approved and rejected ones. A deleted image
    counts as it stood before."""

    requested: NonNegative
    ready: NonNegative
    failed: NonNegative
    cancelled: NonNegative
    by_state: dict[ImageState, int]
    deleted: NonNegative = Field(default=0, description="How many of them are not there any more.")


class Batch(Fact):
    id: str
    owner: str
    state: BatchState
    request: BatchRequest
    progress: Progress
    regenerated_from: str | None = Field(default=None, description="The image that it makes another of.")
    starts_at: Moment | None = Field(default=None, description="When a scheduled batch begins.")
    mode_choice: ModeChoice | None = Field(
        default=None, description="Which way was chosen, and why, where the request left it open."
    )
    paused_at: Moment | None = None
    pause_reason: str | None = Field(default=None, description="Why no more of its images are begun.")
    cost_usd: Dollars = Field(description="What providers took so far, or may have taken.")
    reasons: tuple[Reason, ...] = ()
    created_at: Moment
    updated_at: Moment
    completed_at: Moment | None = None


class ProviderJobStatus(StrEnum):
    """How a provider's job stands, in people's words: `submitted` until the provider has it, then as the provider says;
    `collecting` while its results are brought home."""

    SUBMITTED = "submitted"
    PENDING = "pending"
    RUNNING = "running"
    COLLECTING = "collecting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class ProviderJob(Fact):
    """One asynchronous job at a provider. `vendor_name` and `vendor_state` are the provider's own words."""

    id: str = Field(description="Also its display name at the provider.")
    batch_id: str
    provider: ProviderName
    model: str | None = None
    state: ProviderJobStatus
    vendor_name: str | None = None
    vendor_state: str | None = None
    requested: NonNegative
    succeeded: NonNegative
    failed: NonNegative
    input_file: str | None = Field(default=None, description="The provider's name of the file with the requests.")
    output_file: str | None = Field(default=None, description="The provider's name of the file with the results.")
    estimated_cost_usd: Dollars | None = Field(default=None, description="None when the price table does not know.")
    cost_usd: Dollars
    deadline_at: Moment | None = None
    cancel_requested: bool = False
    delete_requested: bool = Field(default=False, description="It is to be deleted at the provider and is not yet.")
    error: ErrorReport | None = Field(default=None, description="The last thing that went wrong, or why it failed.")
    recommendation: str | None = Field(default=None, description="What to do about it.")
    created_at: Moment
    updated_at: Moment
    submitted_at: Moment | None = None
    next_look_at: Moment | None = Field(default=None, description="When the provider is asked next; None at its end.")
    deleted_at: Moment | None = None


class BatchWithJobs(Batch):
    """A batch and the provider jobs that make it. More may follow of a large one: `GET /v1/provider-jobs?batch=`."""

    provider_jobs: tuple[str, ...]


class Publication(Fact):
    """One image on one platform as one product type."""

    id: str
    image_id: str
    batch_id: str
    platform: PlatformName
    product_type: ProductType
    title: str | None
    state: PublicationState
    attempt: NonNegative
    external_id: str | None = None
    url: str | None = None
    error: ErrorReport | None = None
    created_at: Moment
    updated_at: Moment


class Notice(Fact):
    """What one target is told of a batch, and every try to deliver it, oldest first."""

    id: str = Field(description="The `webhook-id`, or the beginning of the Message-ID: the same at every try.")
    batch_id: str
    kind: NoticeKind
    channel: NoticeChannel
    target: str = Field(description="The URL, or the mail address.")
    state: NoticeState
    attempts: tuple[NoticeAttempt, ...] = ()
    next_attempt_at: Moment | None = Field(default=None, description="While it waits to be tried again.")
    error: ErrorReport | None = Field(default=None, description="Why it was given up.")
    created_at: Moment
    updated_at: Moment
    delivered_at: Moment | None = None


class Image(Fact):
    id: str
    batch_id: str
    index: NonNegative
    state: ImageState
    prompt: str
    full_prompt: str = Field(description="The prompt with style, genre and quality words, as providers get it.")
    subject: str | None = Field(default=None, description="Who or what it shows, as the batch called it.")
    part: str | None = Field(default=None, description="Which part of its subject it shows.")
    seed: int
    provider: ProviderName
    model: str | None = None
    placeholder: bool = Field(description="Nobody made it; a marked picture stands for it and is never published.")
    attempt: NonNegative
    progress: float | None = Field(default=None, description="How much of the generation is done, 0..1, if known.")
    tries: tuple[ProviderTry, ...] = ()
    calls: NonNegative = Field(description="Requests that a provider bills.")
    estimated_cost_usd: Dollars | None = Field(default=None, description="None when the price table does not know.")
    cost_usd: Dollars
    checks: tuple[Check, ...] = ()
    credentials: Credentials
    error: ErrorReport | None = None
    file: FileFacts | None = None
    thumbnail: FileFacts | None = None
    title: str | None = Field(default=None, description="Of products made of it; None: its batch's.")
    description: str | None = Field(default=None, description="Of products made of it; None: its prompt.")
    tags: tuple[str, ...] = ()
    favourite: bool = False
    regenerated_from: str | None = Field(default=None, description="The image that this is another of.")
    version: NonNegative = Field(default=0, description="Counts what people changed, reviews too; its ETag.")
    publications: tuple[Publication, ...] = ()
    created_at: Moment
    updated_at: Moment


class Text(Fact):
    """One text of a batch that asks for texts."""

    id: str
    batch_id: str
    index: NonNegative
    state: ImageState
    kind: TextKind
    prompt: str
    provider: ProviderName
    model: str | None = None
    text: str | None = Field(default=None, description="As the model wrote it; JSON for a kind that has fields.")
    fields: dict[str, Any] | None = Field(default=None, description="The same as an object, for such a kind.")
    tries: tuple[ProviderTry, ...] = ()
    cost_usd: Dollars
    error: ErrorReport | None = None
    created_at: Moment
    updated_at: Moment


class ProviderPrice(Fact):
    """What one image of 1024 x 1024 pixels costs, and where that is from."""

    usd: Dollars
    unit: str
    source: str
    seen: date


class Provider(Fact):
    """One provider's lane: whether it takes images and why not, what it can do, its limits, its price, its backlog."""

    name: ProviderName
    state: LaneState
    reason: str | None = None
    paused_until: Moment | None = None
    modes: tuple[Mode, ...]
    model: str | None = None
    capabilities: Capabilities | None = Field(default=None, description="None while no worker has served it.")
    requests_per_minute: float | None = None
    in_flight: int | None = None
    timeout_s: float | None = None
    max_attempts: int | None = None
    price: ProviderPrice | None = Field(default=None, description="None when the price table does not know.")
    is_free: bool = Field(description="It runs on a machine of one's own.")
    waiting: NonNegative = 0
    taken: NonNegative = 0
    served_at: Moment | None = None


class StoredFile(Fact):
    """An uploaded picture. `name` goes into a batch's `input_images`."""

    name: str
    width_px: NonNegative
    height_px: NonNegative
    size_bytes: NonNegative


class Page(BaseModel, Generic[Item]):
    """A part of a list, newest first unless said otherwise. Pass `next_cursor` as `cursor` for the part after it."""

    items: list[Item]
    next_cursor: str | None = None


class Problem(BaseModel):
    """RFC 9457 problem details (`application/problem+json`); `errors` names each field and the limit that it broke."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    errors: list[Reason] = []
