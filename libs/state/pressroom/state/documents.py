"""The documents: what MongoDB holds, as it is read. They are written only through `pressroom.state.collection`.

Every document that causes messages carries its own outbox, and every document that one taker works on carries its
lease: the state, what it caused, and who may write next are one atomic value.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.facts import (
    BatchCounts,
    ErrorReport,
    FileFacts,
    MicroDollars,
    ModeChoice,
    NoticeAttempt,
    ProviderTry,
    Reason,
)
from pressroom.contracts.finishing import Check, Credentials, ProfileName
from pressroom.contracts.requests import Adapter, BatchRequest
from pressroom.contracts.vocabulary import (
    BatchState,
    Fallback,
    ImageState,
    LaneState,
    Mode,
    NoticeChannel,
    NoticeKind,
    NoticeState,
    PlatformName,
    Priority,
    ProductType,
    ProviderJobState,
    ProviderName,
    PublicationState,
    TextKind,
)

FAILED = "failed"
"""The state of this name is the end of everything that can be given up: images, publications, provider jobs."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class OutboxMessage(Part):
    """A message that the document's last change caused and that the stream has not yet confirmed."""

    id: str
    stream: str
    subject: str
    headers: dict[str, str]
    body: str
    at: datetime


class Lease(Part):
    """Who works on the document, until when by the database's clock. The token fences every write."""

    token: str
    worker: str
    expires_at: datetime


class Document(Part):
    """What all documents have. `attempt` counts takings, `failures` those that ended in an error of the work, and
    `crashes` those of which nothing was heard again."""

    id: str = Field(alias="_id")
    created_at: datetime
    updated_at: datetime
    outbox: tuple[OutboxMessage, ...] = ()
    lease: Lease | None = None
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    error: ErrorReport | None = None

    @property
    def failed_with(self) -> ErrorReport | None:
        """Why the document was given up; None when it was not."""
        return self.error if getattr(self, "state", None) == FAILED else None


class BatchDocument(Document):
    """`released_through`: images of a lower index have been released to their lane (`pressroom.runtime.settling`).
    `swept_at`: when somebody last looked for what was left undone. `next_image_at`: the end of the pause that the batch
    asked for between its images. `request` has the mode that was settled on, `mode_choice` tells of what was asked.
    `retries`: the last of those that opened it again (`pressroom.runtime.retries`), the newest last. `failures_passed`:
    how many had failed when it was last resumed, of those that stop a batch that wants to be stopped by one. `wish`:
    what was sent, where `request` was made of it and of what is stored under names, which may be another by now.
    `turn`: of an owner's batches that were asked for by what was seen in one moment, one has it (`Batches.next_turn`).
    """

    state: BatchState
    owner: str
    request: BatchRequest
    fingerprint: str
    wish: str | None = None
    idempotency_key: str | None = None
    turn: int | None = None
    released_through: int = 0
    next_image_at: datetime | None = None
    mode_choice: ModeChoice | None = None
    regenerated_from: str | None = None
    starts_at: datetime | None = None
    reasons: tuple[Reason, ...] = ()
    retries: tuple[str, ...] = ()
    paused_at: datetime | None = None
    pause_reason: str | None = None
    failures_passed: int = 0
    swept_at: datetime
    completed_at: datetime | None = None


class RemoteJob(Part):
    """A job that a provider keeps for an image. `key` is ours, chosen before the job is asked for; `ref` is theirs,
    None until it is known: until then the job may exist or not. `vendor_id`: what a webhook called the job."""

    provider: ProviderName
    key: str
    ref: str | None = None
    vendor_id: str | None = None
    began_at: datetime


class Reservation(Part):
    """What is put aside for a call until it is known what that took, in millionths of a dollar, under each of
    `budgets`, the widest last. `job`: the provider's job that the image is a row of."""

    amount: MicroDollars
    budgets: tuple[str, ...]
    job: str | None = None
    at: datetime


class Pacing(Part):
    """What a batch says about its images in place of the lane's policy; None and 0 leave that as it is."""

    max_attempts: int | None = None
    timeout_s: float | None = None
    delay_s: float = 0.0
    delay_after_error_s: float = 0.0

    @property
    def has_delays(self) -> bool:
        return self.delay_s > 0 or self.delay_after_error_s > 0


class Removal(Part):
    """Files that a deleted image had, which go where nothing else has them: looked at again at `due_at`."""

    keys: tuple[str, ...]
    since: datetime
    due_at: datetime


class ImageDocument(Document):
    """One wanted picture, or with a `text_kind` one wanted `text`, which has no files and is not reviewed.

    `raw` are the provider's own bytes; `file` and `thumbnail` what was made of them.

    `provider` is whose turn it is, of `providers`, who are able, in order of preference. `call_began_at` is set while a
    billed call is out of which nothing is heard yet. `full_prompt` is `prompt` with everything that the batch adds.
    `retry`: the last of its batch's `retries` that planned it again. `max_cost_microusd`: what its batch may cost.
    `version` counts what people changed of it. `tags`: None where the image is from before it had any of its own.
    `publish_requests`: how often a publication was asked for, or a post shows it, which a deletion in the same moment
    meets. Of a deleted image `ended_as` is how it stood before.
    """

    state: ImageState
    batch_id: str
    index: int
    owner: str
    provider: ProviderName
    mode: Mode
    priority: Priority
    providers: tuple[ProviderName, ...] = ()
    fallback: Fallback | None = None
    subject: str | None = None
    part: str | None = None
    prompt: str
    full_prompt: str | None = None
    negative_prompt: str | None = None
    model: str | None = None
    requested_model: str | None = None
    seed: int
    width: int
    height: int
    steps: int
    guidance: float
    transparent: bool = False
    input_images: tuple[str, ...] = ()
    adapters: tuple[Adapter, ...] = ()
    workflow: str | None = None
    profile: ProfileName
    pacing: Pacing = Pacing()
    remote: RemoteJob | None = None
    call_began_at: datetime | None = None
    retry: str | None = None
    tries: tuple[ProviderTry, ...] = ()
    estimated_cost_microusd: int | None = None
    max_cost_microusd: int | None = None
    reservation: Reservation | None = None
    progress: float | None = None
    raw: FileFacts | None = None
    file: FileFacts | None = None
    thumbnail: FileFacts | None = None
    checks: tuple[Check, ...] = ()
    text_kind: TextKind | None = None
    text: str | None = None
    perceptual_hash: str | None = None
    hash_bands: tuple[str, ...] = ()
    credentials: Credentials = Credentials.NONE
    generation_ms: int = 0
    cancel_requested: bool = False
    reviewer: str | None = None
    review_reason: str | None = None
    title: str | None = None
    description: str | None = None
    tags: tuple[str, ...] | None = None
    favourite: bool = False
    version: int = 0
    regenerated_from: str | None = None
    publish_requests: int = 0
    ended_as: ImageState | None = None
    removal: Removal | None = None

    @property
    def ended(self) -> ImageState:
        """How it stands, or stood when it was deleted."""
        return self.ended_as or self.state

    @property
    def is_placeholder(self) -> bool:
        """Nobody made it: it stands for an image, and is never published."""
        return self.provider is ProviderName.PLACEHOLDER

    @property
    def sent_prompt(self) -> str:
        """The prompt as providers get it."""
        return self.full_prompt or self.prompt

    @property
    def cost_microusd(self) -> int:
        """What all tries cost, or may have."""
        return sum(attempt.cost_microusd for attempt in self.tries)

    @property
    def calls(self) -> int:
        """How many requests were made that a provider bills."""
        return sum(attempt.calls for attempt in self.tries)


class PublicationDocument(Document):
    """`intents` are the outside effects that were about to happen, `steps` the outside ids that are known of them.
    `title`, `description` and `tags` are settled when it is asked for, so that every attempt makes the same product:
    what people change of the image later is for other products. Where they are None, batch and prompt say them.
    `owner`: the image's; None in publications from before it was noted."""

    state: PublicationState
    owner: str | None = None
    batch_id: str
    image_id: str
    platform: PlatformName
    product_type: ProductType
    title: str | None = None
    description: str | None = None
    tags: tuple[str, ...] | None = None
    intents: tuple[str, ...] = ()
    steps: dict[str, str] = {}
    external_id: str | None = None
    url: str | None = None


class ProviderJobDocument(Document):
    """A provider's asynchronous job. Its id is its display name at the provider, by which it is found after a crash.

    A batch that is larger than a provider's job has several: this one's are the images from `first_index` to before
    `last_index`, which is None in jobs from before a batch could have several; with `image_ids` it has exactly those.
    `text_kind`, `instructions`, `has_references` and `transparent` are its batch's, and hold for all rows. `model` is
    settled when its input file is written. `asked_at`: when its provider was last asked to make it. `ended_at`: when it
    ended there, or was seen to have. `vendor_state` is the provider's own word. `delete_at`: when it is to be deleted
    at the provider; None when that is not wanted, or done (`deleted_at`).
    """

    state: ProviderJobState
    batch_id: str
    owner: str = "default"
    provider: ProviderName
    model: str | None = None
    image_count: int
    first_index: int = 0
    last_index: int | None = None
    image_ids: tuple[str, ...] | None = None
    text_kind: TextKind | None = None
    instructions: str | None = None
    has_references: bool = False
    transparent: bool = False
    input_file: str | None = None
    results_file: str | None = None
    vendor_name: str | None = None
    vendor_state: str | None = None
    is_running: bool = False
    started_at: datetime | None = None
    asked_at: datetime | None = None
    told_by: str | None = None
    ended_at: datetime | None = None
    deadline_at: datetime | None = None
    delete_at: datetime | None = None
    deleted_at: datetime | None = None
    cost_microusd: int = 0
    estimated_cost_microusd: int | None = None
    cancel_requested: bool = False
    submitted_at: datetime | None = None
    next_poll_at: datetime
    succeeded: int = 0
    failed: int = 0


class NoticeContent(Part):
    """What is told, as it was when the notice was made: every try tells the same. `failures`: images, or texts, that
    failed and why, the first of them."""

    at: datetime
    batch_state: BatchState
    of_texts: bool = False
    title: str | None = None
    counts: BatchCounts
    reasons: tuple[Reason, ...] = ()
    failures: tuple[Reason, ...] = ()


class NoticeDocument(Document):
    """`target` is a URL or a mail address. Before `not_before` nobody tries; at `due_at` the sweep queues it (again).
    `began_at`: the first try since it was last asked for, from which the day counts that it is tried for."""

    state: NoticeState
    batch_id: str
    owner: str
    kind: NoticeKind
    channel: NoticeChannel
    target: str
    content: NoticeContent
    attempts: tuple[NoticeAttempt, ...] = ()
    not_before: datetime
    due_at: datetime
    began_at: datetime | None = None
    delivered_at: datetime | None = None


class WebhookDocument(Document):
    """What a shop told, by ids alone. `digest`: of topic and body, which a replay under another id has too."""

    platform: PlatformName
    topic: str
    digest: str
    external_id: str | None = None


class LaneService(Part):
    """What the workers of a provider's lane say of it: what it can do, with which model, what limits it keeps."""

    capabilities: Capabilities
    model: str | None = None
    requests_per_minute: float | None = None
    in_flight: int | None = None
    timeout_s: float
    max_attempts: int


class LaneDocument(Document):
    """`service` is None while no worker has served the lane. `served_at`: when one last said that it does; `served_by`:
    which."""

    state: LaneState
    paused_until: datetime | None = None
    reason: str | None = None
    service: LaneService | None = None
    served_at: datetime | None = None
    served_by: str | None = None
