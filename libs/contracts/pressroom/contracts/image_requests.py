"""What is asked of images that exist, and what is answered where that is not the image itself."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from .api import Problem
from .facts import Fact, NonNegative
from .identifiers import DerivedIdentifier, Identifier
from .requests import ModelName, Prompt, Seed, Side, Tag, Title
from .vocabulary import ImageState, Mode, ProviderName

IMAGES_AT_ONCE_MAX = 500
"""In one call: answered within seconds also where every image is a write of its own to a slow disk."""

DESCRIPTION_MAX_CHARACTERS = 5000
TAGS_MAX = 50

ReviewReason = Annotated[str, StringConstraints(max_length=1000)]


Description = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=DESCRIPTION_MAX_CHARACTERS)
]


def _each_once(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tags))


class EditImage(BaseModel):
    """The body of `PATCH /v1/images/{id}`: what is absent stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Title | None = Field(
        default=None, description="Of products made of it from now on; null: its batch's title."
    )
    description: Description | None = Field(
        default=None, description="Of products made of it from now on; null: its prompt."
    )
    tags: Annotated[tuple[Tag, ...], Field(max_length=TAGS_MAX), AfterValidator(_each_once)] = Field(
        default=(),
        description="All of them; an image begins with its batch's. Products made from now on have them too.",
    )
    favourite: bool = False


class RejectImage(BaseModel):
    """The body of `POST /v1/images/{id}/reject`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: ReviewReason | None = None


class Decision(StrEnum):
    """What a reviewer says of an image."""

    APPROVE = "approve"
    REJECT = "reject"


class ReviewImage(BaseModel):
    """What is decided of one image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_id: DerivedIdentifier
    decision: Decision
    reason: ReviewReason | None = Field(default=None, description="Why it is rejected.")

    @model_validator(mode="after")
    def _says_why_not(self) -> Self:
        _refuse_reason_to_approve(self.decision, self.reason)
        return self


class ReviewImages(BaseModel):
    """The body of `POST /v1/images/review`: `decisions`, each of one image, or one `decision` for a whole batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decisions: tuple[ReviewImage, ...] | None = Field(default=None, min_length=1, max_length=IMAGES_AT_ONCE_MAX)
    batch_id: Identifier | None = Field(
        default=None,
        description="All images of this batch that are generated and not reviewed yet. Its placeholders are passed "
        "over when they are to be approved.",
    )
    decision: Decision | None = None
    reason: ReviewReason | None = Field(default=None, description="Why they are rejected.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.decisions is None) == (self.batch_id is None):
            raise ValueError("give either 'decisions' or 'batch_id' with 'decision', and not both")
        if (self.batch_id is None) != (self.decision is None):
            raise ValueError("'decision' goes with 'batch_id', and 'batch_id' with it")
        if self.decisions is not None and self.reason is not None:
            raise ValueError("'reason' goes with 'batch_id'; each of 'decisions' has its own")
        named = [one.image_id for one in self.decisions or ()]
        if len(set(named)) != len(named):
            raise ValueError("'decisions' names the same image twice")
        _refuse_reason_to_approve(self.decision, self.reason)
        return self


class RegenerateImage(BaseModel):
    """The body of `POST /v1/images/{id}/regenerate`: what is to be different from how the image was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Prompt | None = None
    seed: Seed | None = Field(default=None, description="A new one is drawn when absent.")
    provider: ProviderName | None = Field(default=None, description="The batch's own providers when absent.")
    model: ModelName | None = Field(
        default=None, description="The batch's own when absent, unless another provider is to make it."
    )
    width: Side | None = None
    height: Side | None = None
    mode: Mode = Field(default=Mode.REALTIME, description="Also of what a batch of mode `batch` has made.")


class DeleteImages(BaseModel):
    """The body of `POST /v1/images/delete`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_ids: Annotated[tuple[DerivedIdentifier, ...], Field(min_length=1, max_length=IMAGES_AT_ONCE_MAX)]


class DeletedImage(Fact):
    """What became of one image."""

    image_id: str
    deleted: bool
    problem: Problem | None = Field(default=None, description="Why it was not deleted.")


class DeletedImages(Fact):
    """What became of each image, in the order in which they were named."""

    deleted: NonNegative
    refused: NonNegative
    items: tuple[DeletedImage, ...]


class ReviewOutcome(StrEnum):
    """`unchanged`: it was decided like that before. `refused`: see the problem."""

    REVIEWED = "reviewed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class ReviewedImage(Fact):
    """What became of one decision."""

    image_id: str
    outcome: ReviewOutcome
    state: ImageState | None = Field(default=None, description="As it is now; None when it was refused.")
    problem: Problem | None = Field(default=None, description="Why it was refused.")


class ReviewedImages(Fact):
    """What became of each decision, in their order; of a batch, in that of its images."""

    reviewed: NonNegative
    unchanged: NonNegative
    refused: NonNegative
    left: NonNegative = Field(
        default=0, description="Images of a large batch that were not reached and still wait: ask again."
    )
    items: tuple[ReviewedImage, ...]


def _refuse_reason_to_approve(decision: Decision | None, reason: str | None) -> None:
    if reason is not None and decision is Decision.APPROVE:
        raise ValueError("'reason' says why an image is rejected, and this one is approved")
