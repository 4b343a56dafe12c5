"""What the HTTP API answers. Bodies that come in are in `pressroom.contracts.requests`."""

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .facts import ErrorReport, Fact, FileFacts, NonNegative, Reason
from .requests import IMAGES_CEILING, BatchRequest, ImageRequest, PublishTarget
from .vocabulary import BatchState, ImageState, PlatformName, ProductType, ProviderName, PublicationState

Item = TypeVar("Item")


def _to_the_millisecond(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Moment = Annotated[datetime, AfterValidator(_to_the_millisecond)]
"""As precise as it is stored, so that the first answer and every later one say the same."""


class CreateImage(ImageRequest):
    model_config = ConfigDict(extra="forbid")


class CreatePublishTarget(PublishTarget):
    model_config = ConfigDict(extra="forbid")


class CreateBatch(BatchRequest):
    """The body of `POST /v1/batches`. A field that it does not know is refused: more likely a slip than a wish."""

    model_config = ConfigDict(extra="forbid")

    # Frozen models cannot be assigned to, so narrowing a field's type is safe here.
    images: tuple[CreateImage, ...] | None = Field(default=None, min_length=1, max_length=IMAGES_CEILING)  # pyright: ignore[reportIncompatibleVariableOverride] frozen
    auto_publish: tuple[CreatePublishTarget, ...] = Field(default=(), max_length=20)  # pyright: ignore[reportIncompatibleVariableOverride] frozen


class RejectImage(BaseModel):
    """The body of `POST /v1/images/{id}/reject`."""

    model_config = ConfigDict(extra="forbid")

    reason: str | None = Field(default=None, max_length=1000)


class Progress(Fact):
    """How many images of a batch stand where. `ready` counts generated, approved and rejected ones."""

    requested: NonNegative
    ready: NonNegative
    failed: NonNegative
    cancelled: NonNegative
    by_state: dict[ImageState, int]


class Batch(Fact):
    id: str
    owner: str
    state: BatchState
    request: BatchRequest
    progress: Progress
    reasons: tuple[Reason, ...] = ()
    created_at: Moment
    updated_at: Moment
    completed_at: Moment | None = None


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


class Image(Fact):
    id: str
    batch_id: str
    index: NonNegative
    state: ImageState
    prompt: str
    seed: int
    provider: ProviderName
    model: str | None = None
    attempt: NonNegative
    error: ErrorReport | None = None
    file: FileFacts | None = None
    thumbnail: FileFacts | None = None
    publications: tuple[Publication, ...] = ()
    created_at: Moment
    updated_at: Moment


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
