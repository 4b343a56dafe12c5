"""What a caller asks for. The same model is the body of `POST /v1/batches` and the `request` of a `BatchRequested`.

Numbers here are the contract's own limits. What a deployment allows of them (images a batch, lanes that are open)
is a setting, checked where a request is admitted.
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from .vocabulary import FinishingProfile, Mode, PlatformName, Priority, ProductType, ProviderName

PROMPT_MAX_CHARACTERS = 4000
SIDE_MIN_PX = 64
SIDE_MAX_PX = 8192
SEED_MAX = 2**32 - 1
IMAGES_CEILING = 10_000

Prompt = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=PROMPT_MAX_CHARACTERS)]
Seed = Annotated[int, Field(ge=0, le=SEED_MAX, strict=True)]
Side = Annotated[int, Field(ge=SIDE_MIN_PX, le=SIDE_MAX_PX, strict=True)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


class PublishTarget(BaseModel):
    """One product to make of an image."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    platform: PlatformName
    product_type: ProductType
    title: Title | None = Field(default=None, description="The product's title; the prompt's beginning when absent.")


class ImageRequest(BaseModel):
    """One wanted picture of a batch whose pictures have prompts of their own."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    prompt: Prompt
    seed: Seed | None = None


class BatchRequest(BaseModel):
    """One request for images: `prompt` with `count`, or `images` with a prompt each, never both.

    A `seed` is the first image's; the others get random ones, which are stored. Sides are in pixels, of the picture
    that the provider makes; `profile` decides the file made of it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    provider: ProviderName = Field(description="What makes the pixels: the lane that the images queue in.")
    mode: Mode = Mode.REALTIME
    prompt: Prompt | None = None
    count: Annotated[int, Field(ge=1, le=IMAGES_CEILING, strict=True)] = 1
    images: Annotated[tuple[ImageRequest, ...], Field(min_length=1, max_length=IMAGES_CEILING)] | None = None
    negative_prompt: Prompt | None = None
    model: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/:-]{1,128}$")] | None = Field(
        default=None, description="The provider's model; its setting's default when absent."
    )
    width: Side = 1024
    height: Side = 1280
    steps: Annotated[int, Field(ge=1, le=150, strict=True)] = 30
    guidance: Annotated[float, Field(ge=0, le=30)] = 2.0
    seed: Seed | None = None
    profile: FinishingProfile = FinishingProfile.T_SHIRT
    priority: Priority = Priority.NORMAL
    max_concurrent: Annotated[int, Field(ge=1, le=IMAGES_CEILING, strict=True)] = Field(
        default=1, description="How many images of this batch may be in the lane at once."
    )
    auto_publish: Annotated[tuple[PublishTarget, ...], Field(max_length=20)] = Field(
        default=(), description="Products to make of every image as soon as it is approved."
    )
    title: Title | None = None
    tags: Annotated[tuple[Tag, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _one_way_to_say_what(self) -> Self:
        if (self.prompt is None) == (self.images is None):
            raise ValueError("give either 'prompt' (with 'count') or 'images', and not both")
        if self.images is not None and self.count != 1:
            raise ValueError("'count' goes with 'prompt'; with 'images' the list says how many")
        if self.images is not None and self.seed is not None:
            raise ValueError("'seed' goes with 'prompt'; with 'images' each image has its own")
        targets = [(target.platform, target.product_type) for target in self.auto_publish]
        if len(set(targets)) != len(targets):
            raise ValueError("'auto_publish' names the same platform and product type twice")
        return self

    @property
    def image_count(self) -> int:
        """How many pictures are wanted."""
        return len(self.images) if self.images is not None else self.count

    def wanted(self) -> tuple[ImageRequest, ...]:
        """Every wanted picture, in order; a seed of `None` is to be chosen by whoever plans the batch."""
        if self.images is not None:
            return self.images
        if self.prompt is None:
            raise ValueError("a batch request without prompts cannot exist")
        first = ImageRequest(prompt=self.prompt, seed=self.seed)
        return (first, *(ImageRequest(prompt=self.prompt) for _ in range(self.count - 1)))
