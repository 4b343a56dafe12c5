"""What a caller asks for. The same model is the body of `POST /v1/batches` and the `request` of a `BatchRequested`.

Numbers here are the contract's own limits. What a deployment allows of them (images a batch, lanes that are open)
is a setting, checked where a request is admitted.
"""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from .costs import SomeCost
from .finishing import ProfileName
from .moments import GivenMoment
from .vocabulary import (
    AdapterKind,
    Category,
    Fallback,
    Mode,
    NoticeChannel,
    NoticeKind,
    PlatformName,
    Priority,
    ProductType,
    ProviderName,
    TextKind,
)

PROMPT_MAX_CHARACTERS = 4000
TITLE_MAX_CHARACTERS = 200
SIDE_MIN_PX = 64
SIDE_MAX_PX = 8192
SEED_MAX = 2**32 - 1
IMAGES_CEILING = 10_000

Prompt = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=PROMPT_MAX_CHARACTERS)]
Seed = Annotated[int, Field(ge=0, le=SEED_MAX, strict=True)]
Side = Annotated[int, Field(ge=SIDE_MIN_PX, le=SIDE_MAX_PX, strict=True)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
FileName = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}\.(png|jpg|webp)$")]
PlainName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/:-]{1,128}$")]
DelaySeconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
INPUT_IMAGES_MAX = 16
ADAPTERS_MAX = 8
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE_MAX_CHARACTERS)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


def _names_a_host(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_named = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(f"no URL that can be asked: {error}") from error
    if not is_named:
        raise ValueError("no URL that can be asked: it names no host, or the port 0")
    return url


WebUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[A-Za-z0-9._:\[\]-]{1,255}([/?][!-~]*)?$", max_length=2000),
    AfterValidator(_names_a_host),
]
"""Printable ASCII, without a user, a password or a fragment."""

EmailAddress = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
        r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        max_length=254,
    ),
]
"""The addresses of RFC 5321 (section 4.1.2) that people have: no quotes, no address literals."""

NOTIFY_MAX = 5


class PublishTarget(BaseModel):
    """One product to make of an image."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    platform: PlatformName
    product_type: ProductType
    title: Title | None = Field(default=None, description="The product's title; the prompt's beginning when absent.")


class NotifyTarget(BaseModel):
    """Whom to tell what becomes of the batch: a receiver of webhooks, or somebody by mail."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: WebUrl | None = Field(
        default=None, description="Asked with POST, signed as Standard Webhooks are; its answer is not read."
    )
    email: EmailAddress | None = None
    on: Annotated[tuple[NoticeKind, ...], Field(min_length=1, max_length=len(NoticeKind))] = Field(
        default=(NoticeKind.COMPLETED,), description="What to tell of."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (self.email is None):
            raise ValueError("give either 'url' or 'email', and not both")
        return self

    @property
    def channel(self) -> NoticeChannel:
        return NoticeChannel.MAIL if self.email is not None else NoticeChannel.WEBHOOK

    @property
    def address(self) -> str:
        """The URL, or the mail address."""
        return self.url or self.email or ""


class Adapter(BaseModel):
    """A LoRA or a textual-inversion embedding that a local model is given, by the name of its file."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: AdapterKind
    name: PlainName
    weight: Annotated[float, Field(ge=-4, le=4, allow_inf_nan=False)] = 1.0


class ImageRequest(BaseModel):
    """One wanted picture of a batch whose pictures have prompts of their own."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    prompt: Prompt
    seed: Seed | None = None
    input_images: Annotated[tuple[FileName, ...], Field(max_length=INPUT_IMAGES_MAX)] = Field(
        default=(), description="Reference pictures of this one, after those of the whole batch."
    )
    subject: PlainName | None = Field(default=None, description="Who or what this one shows; the batch's when absent.")
    part: PlainName | None = Field(default=None, description="Which part of its subject it shows, by your own name.")


OF_PICTURES = (
    "negative_prompt",
    "style",
    "genre",
    "quality_words",
    "transparent",
    "adapters",
    "workflow",
    "fallback",
    "auto_publish",
    "stop_on_error",
)
"""Fields that say nothing about a text."""


class BatchRequest(BaseModel):
    """One request for images, or with `text_kind` for texts: `prompt` with `count`, or `images` with a prompt each,
    never both; made by `provider`, or by the first of `providers` that can.

    A `seed` is the first image's; the others get random ones, which are stored. Sides are in pixels, of the picture
    that the provider makes; `profile` decides the file made of it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    provider: ProviderName | None = Field(
        default=None, description="What makes the pixels: the lane that the images queue in."
    )
    providers: Annotated[tuple[ProviderName, ...], Field(max_length=len(ProviderName))] = Field(
        default=(), description="Several, in order: the next takes over an image that one has given up."
    )
    fallback: Fallback | None = Field(
        default=None, description="A marked placeholder, never published, for an image that no provider made."
    )
    mode: Mode = Field(
        default=Mode.REALTIME, description="`auto` takes the half-price way for three and more that are not urgent."
    )
    deadline_at: GivenMoment | None = Field(
        default=None, description="When it must be done: what batch mode cannot promise by then is made one by one."
    )
    schedule_at: GivenMoment | None = Field(default=None, description="Begin then, and not at once.")
    off_peak: bool = Field(default=False, description="Begin in the deployment's off-peak hours, the next ones.")
    prompt: Prompt | None = None
    count: Annotated[int, Field(ge=1, le=IMAGES_CEILING, strict=True)] = 1
    images: Annotated[tuple[ImageRequest, ...], Field(min_length=1, max_length=IMAGES_CEILING)] | None = None
    text_kind: TextKind | None = Field(
        default=None, description="Texts of this kind instead of pictures, one for each prompt; in mode `batch`."
    )
    instructions: Prompt | None = Field(
        default=None, description="What holds for every text of the batch: language, tone, length, what to leave out."
    )
    negative_prompt: Prompt | None = None
    style: Words = Field(default="", description="Added to each prompt as `…, <style> style`.")
    genre: Words = Field(default="", description="Added to each prompt as `…, <genre> theme`.")
    quality_words: Words | None = Field(
        default=None, description="Added at the end of each prompt; the deployment's own words when absent."
    )
    transparent: bool = Field(default=False, description="A transparent background, from providers that have it.")
    input_images: Annotated[tuple[FileName, ...], Field(max_length=INPUT_IMAGES_MAX)] = Field(
        default=(), description="Reference pictures: names of stored files, as `/files` has them."
    )
    adapters: Annotated[tuple[Adapter, ...], Field(max_length=ADAPTERS_MAX)] = ()
    workflow: PlainName | None = Field(
        default=None, description="The workflow template of a ComfyUI or RunPod lane; its default when absent."
    )
    model: ModelName | None = Field(
        default=None, description="The provider's model; its setting's default when absent."
    )
    width: Side = 1024
    height: Side = 1280
    steps: Annotated[int, Field(ge=1, le=150, strict=True)] = 30
    guidance: Annotated[float, Field(ge=0, le=30)] = 2.0
    seed: Seed | None = None
    profile: ProfileName = Field(default="t-shirt", description="The print file that is made: see `/v1/profiles`.")
    priority: Priority = Priority.NORMAL
    max_concurrent: Annotated[int, Field(ge=1, le=IMAGES_CEILING, strict=True)] = Field(
        default=1, description="How many images of this batch may be in the lane at once."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100, strict=True)] | None = Field(
        default=None, description="How often each provider may fail on one image; the lane's setting when absent."
    )
    timeout_s: Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)] | None = Field(
        default=None, description="How long one image may take; the lane's setting when absent."
    )
    stop_on_error: bool = Field(
        default=False, description="Pause the batch when an image fails, until it is resumed; in mode `realtime`."
    )
    delay_s: DelaySeconds = Field(default=0.0, description="Pause between two images of this batch.")
    delay_after_error_s: DelaySeconds = Field(default=0.0, description="The same after an image that failed.")
    auto_publish: Annotated[tuple[PublishTarget, ...], Field(max_length=20)] = Field(
        default=(), description="Products to make of every image as soon as it is approved."
    )
    subject: PlainName | None = Field(
        default=None, description="Who or what is pictured, by your own name for it: a character, a case, a product."
    )
    title: Title | None = None
    tags: Annotated[tuple[Tag, ...], Field(max_length=50)] = ()
    notify: Annotated[tuple[NotifyTarget, ...], Field(max_length=NOTIFY_MAX)] = Field(
        default=(), description="Whom to tell when the batch ends, or is half done."
    )
    category: Category = Field(
        default=Category.TEXT_TO_IMAGE, description="What the pictures are made for: their price in credits."
    )
    max_cost: SomeCost | None = Field(
        default=None, description="US dollars that providers may take for the whole batch; what is beyond is not made."
    )

    def what_is_unclear(self) -> str | None:
        """Why nobody knows what to make; None where it is said in one way."""
        is_said_once = (self.prompt is None) != (self.images is None)
        return None if is_said_once else "give either 'prompt' (with 'count') or 'images', and not both"

    @model_validator(mode="after")
    def _one_way_to_say_what(self) -> Self:
        if (self.provider is None) == (not self.providers):
            raise ValueError("give either 'provider' or 'providers', and not both")
        if len(set(self.providers)) != len(self.providers):
            raise ValueError("'providers' names the same one twice")
        if unclear := self.what_is_unclear():
            raise ValueError(unclear)
        if self.images is not None and self.count != 1:
            raise ValueError("'count' goes with 'prompt'; with 'images' the list says how many")
        if self.images is not None and self.seed is not None:
            raise ValueError("'seed' goes with 'prompt'; with 'images' each image has its own")
        targets = [(target.platform, target.product_type) for target in self.auto_publish]
        if len(set(targets)) != len(targets):
            raise ValueError("'auto_publish' names the same platform and product type twice")
        if len({target.address for target in self.notify}) != len(self.notify):
            raise ValueError("'notify' names the same address twice")
        return self

    @model_validator(mode="after")
    def _priced_as_what_it_is(self) -> Self:
        if self.text_kind is None and self.category is Category.TEXT:
            raise ValueError("the category 'text' goes with 'text_kind'")
        if self.text_kind is not None and self.category not in (Category.TEXT, Category.TEXT_TO_IMAGE):
            raise ValueError(f"the category '{self.category}' goes with pictures, and 'text_kind' asks for texts")
        return self

    @model_validator(mode="after")
    def _texts_are_no_pictures(self) -> Self:
        if self.text_kind is None:
            if self.instructions is not None:
                raise ValueError("'instructions' goes with 'text_kind'; say it in the prompt of a picture")
            return self
        fields = type(self).model_fields
        for name in OF_PICTURES:
            if getattr(self, name) != fields[name].get_default():
                raise ValueError(f"'{name}' goes with pictures, and 'text_kind' asks for texts")
        return self

    @property
    def candidates(self) -> tuple[ProviderName, ...]:
        """Who may make the images, in the order of preference."""
        return (self.provider,) if self.provider is not None else self.providers

    @property
    def priced_as(self) -> Category:
        """The category that credits are counted by."""
        return self.category if self.text_kind is None else Category.TEXT

    @property
    def image_count(self) -> int:
        """How many pictures are wanted."""
        return len(self.images) if self.images is not None else self.count

    def pictures_shown(self) -> frozenset[int]:
        """How many reference pictures there are for one of the wanted: each number that occurs."""
        common = len(self.input_images)
        return frozenset(common + len(image.input_images) for image in self.images or ()) or frozenset({common})

    def wanted(self) -> tuple[ImageRequest, ...]:
        """Every wanted picture, in order; a seed of `None` is to be chosen by whoever plans the batch."""
        if self.images is not None:
            return self.images
        if self.prompt is None:
            raise ValueError("a batch request without prompts cannot exist")
        first = ImageRequest(prompt=self.prompt, seed=self.seed)
        return (first, *(ImageRequest(prompt=self.prompt) for _ in range(self.count - 1)))
