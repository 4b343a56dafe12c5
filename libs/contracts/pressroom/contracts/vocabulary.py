"""The words that cross process boundaries as enumerations: who makes, where it goes, how it stands, why it failed."""

from enum import StrEnum


class ProviderName(StrEnum):
    """What makes pixels."""

    STUDIO = "studio"
    COMFYUI = "comfyui"
    RUNPOD = "runpod"
    GEMINI = "gemini"
    OPENAI = "openai"
    FLUX = "flux"
    DIFFUSERS = "diffusers"
    PLACEHOLDER = "placeholder"


class Mode(StrEnum):
    """How a batch is made: one image at a time, or as a provider's asynchronous job. `auto` is asked for only: which of
    the two it becomes is settled when the batch is stored."""

    REALTIME = "realtime"
    BATCH = "batch"
    AUTO = "auto"


class TextKind(StrEnum):
    """What a text is for. All but `plain` come as JSON with fields of their own (`pressroom.contracts.texts`)."""

    PLAIN = "plain"
    IMAGE_PROMPTS = "image_prompts"
    PRODUCT_LISTING = "product_listing"
    BLOG_POST = "blog_post"


class Category(StrEnum):
    """What a picture is made for, by which it is priced in credits. `text` is that of all texts, and of no picture."""

    CHARACTER = "character"
    FOOD = "food"
    PRODUCT = "product"
    TEXT_TO_IMAGE = "text_to_image"
    TEXT = "text"


class LedgerKind(StrEnum):
    """Why credits moved. `capture`: what was held for an image is spent, as it was made; `release`: given back."""

    TOPUP = "topup"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    ADJUSTMENT = "adjustment"


class Priority(StrEnum):
    """Within a lane `urgent` is taken before `normal` before `bulk`. Listed in that order."""

    URGENT = "urgent"
    NORMAL = "normal"
    BULK = "bulk"


class Fallback(StrEnum):
    """What an image gets when every provider has given it up."""

    PLACEHOLDER = "placeholder"


class AdapterKind(StrEnum):
    """What a model is adapted with: weights added to its layers, or a word of its own."""

    LORA = "lora"
    EMBEDDING = "embedding"


class TryOutcome(StrEnum):
    """How one call of a provider ended. `unknown`: nobody heard the answer, and it may have been billed."""

    MADE = "made"
    FAILED = "failed"
    UNKNOWN = "unknown"


class PlatformName(StrEnum):
    """Where a publication appears."""

    PRINTIFY = "printify"
    SHOPIFY = "shopify"


class ProductType(StrEnum):
    """What an image is printed on."""

    T_SHIRT = "t-shirt"
    HOODIE = "hoodie"
    MUG = "mug"
    POSTER = "poster"


class NoticeKind(StrEnum):
    """What a caller is told of its batch. `failed`: it was refused, or ended with nothing made. `half_done`: half of
    its images have ended, well or badly."""

    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    HALF_DONE = "half_done"


class NoticeChannel(StrEnum):
    """How a caller is told."""

    WEBHOOK = "webhook"
    MAIL = "mail"


class ErrorKind(StrEnum):
    """Why something failed; each kind has one policy (`pressroom.runtime.policies`). `budget`: a cap in money did not
    leave what it would have cost, so it was not asked for."""

    RATE_LIMIT = "rate_limit"
    NETWORK = "network"
    API_ERROR = "api_error"
    VALIDATION = "validation"
    AUTH = "auth"
    TIMEOUT = "timeout"
    MODERATION = "moderation"
    BUDGET = "budget"
    UNKNOWN = "unknown"


class BatchState(StrEnum):
    """`scheduled`: it was asked for, for later."""

    SCHEDULED = "scheduled"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class ImageState(StrEnum):
    """`finishing`: the provider's bytes are stored and paid for; the print file is being made of them. `deleted`: taken
    away for good; what it cost and how it ended still counts."""

    PLANNED = "planned"
    QUEUED = "queued"
    GENERATING = "generating"
    FINISHING = "finishing"
    GENERATED = "generated"
    APPROVED = "approved"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETED = "deleted"


class PublicationState(StrEnum):
    REQUESTED = "requested"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    FAILED = "failed"


class ProviderJobState(StrEnum):
    """`collecting`: the provider is done, its results are being read."""

    PLANNED = "planned"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    COLLECTING = "collecting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class NoticeState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


class LaneState(StrEnum):
    """`paused` ends by itself, `closed` when somebody has mended what its reason names."""

    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"


class Role(StrEnum):
    """Who a user is here. What each may is in `pressroom.contracts.roles`."""

    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a call may do. `operate`: look after lanes and see everybody's events; `admin`: users and their roles."""

    READ = "read"
    WRITE = "write"
    REVIEW = "review"
    PUBLISH = "publish"
    OPERATE = "operate"
    ADMIN = "admin"


class SignIn(StrEnum):
    """How a caller said who it is. `open`: it did not, and this instance asks nobody; `instance_token`: by
    `PRESSROOM_API_TOKEN`; `password`: by a token that a login gave; `single_sign_on`: by somebody else's token."""

    OPEN = "open"
    INSTANCE_TOKEN = "instance_token"  # noqa: S105 the name of a way, not a secret
    API_KEY = "api_key"
    PASSWORD = "password"  # noqa: S105 the name of a way, not a secret
    SINGLE_SIGN_ON = "single_sign_on"
