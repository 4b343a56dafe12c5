"""The documents: what MongoDB holds, as it is read. They are written only through `pressroom.state.collection`.

Every document that causes messages carries its own outbox, and every document that one taker works on carries its
lease: the state, what it caused, and who may write next are one atomic value.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from pressroom.contracts.facts import ErrorReport, FileFacts, Reason
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.vocabulary import (
    BatchState,
    FinishingProfile,
    ImageState,
    LaneState,
    Mode,
    PlatformName,
    Priority,
    ProductType,
    ProviderJobState,
    ProviderName,
    PublicationState,
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
    `swept_at`: when somebody last looked for what was left undone."""

    state: BatchState
    owner: str
    request: BatchRequest
    fingerprint: str
    idempotency_key: str | None = None
    released_through: int = 0
    reasons: tuple[Reason, ...] = ()
    swept_at: datetime
    completed_at: datetime | None = None


class ImageDocument(Document):
    """`raw` are the provider's own bytes; `file` and `thumbnail` what was made of them."""

    state: ImageState
    batch_id: str
    index: int
    owner: str
    provider: ProviderName
    mode: Mode
    priority: Priority
    prompt: str
    negative_prompt: str | None = None
    model: str | None = None
    seed: int
    width: int
    height: int
    steps: int
    guidance: float
    profile: FinishingProfile
    raw: FileFacts | None = None
    file: FileFacts | None = None
    thumbnail: FileFacts | None = None
    generation_ms: int = 0
    cancel_requested: bool = False
    reviewer: str | None = None
    review_reason: str | None = None


class PublicationDocument(Document):
    """`intents` are the outside effects that were about to happen, `steps` the outside ids that are known of them."""

    state: PublicationState
    batch_id: str
    image_id: str
    platform: PlatformName
    product_type: ProductType
    title: str | None = None
    intents: tuple[str, ...] = ()
    steps: dict[str, str] = {}
    external_id: str | None = None
    url: str | None = None


class ProviderJobDocument(Document):
    """A provider's asynchronous job. Its id is its display name at the provider, by which it is found after a crash."""

    state: ProviderJobState
    batch_id: str
    provider: ProviderName
    model: str | None = None
    image_count: int
    input_file: str | None = None
    vendor_name: str | None = None
    vendor_state: str | None = None
    cancel_requested: bool = False
    submitted_at: datetime | None = None
    next_poll_at: datetime
    succeeded: int = 0
    failed: int = 0


class LaneDocument(Document):
    state: LaneState
    paused_until: datetime | None = None
    reason: str | None = None
