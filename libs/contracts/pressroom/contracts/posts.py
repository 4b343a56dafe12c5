"""Posts of a blog, as the HTTP API takes and shows them. A post is its owner's; its slug is unique among theirs."""

import json
import re
import unicodedata
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StrictBool, StringConstraints

from .api import Moment
from .facts import Fact, NonNegative
from .identifiers import DerivedIdentifier, Identifier
from .requests import Tag, Title, WebUrl, Words

CONTENT_MAX_CHARACTERS = 400_000
SLUG_MAX_CHARACTERS = 100
METADATA_MAX_CHARACTERS = 20_000
"""As JSON."""


def _storable(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        said = json.dumps(metadata, allow_nan=False, ensure_ascii=False)
        said.encode()
    except ValueError as error:
        raise ValueError(f"it cannot be kept as JSON: {error}") from error
    if len(said) > METADATA_MAX_CHARACTERS:
        raise ValueError(f"it has {len(said)} characters as JSON; at most {METADATA_MAX_CHARACTERS} are kept")
    return metadata


Content = Annotated[str, StringConstraints(min_length=1, max_length=CONTENT_MAX_CHARACTERS)]
Excerpt = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=SLUG_MAX_CHARACTERS)]
PostTags = Annotated[tuple[Tag, ...], Field(max_length=50)]
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_storable)]


class PostState(StrEnum):
    """`deleted`: only its id is left, so that what was told of it can be looked up."""

    DRAFT = "draft"
    PUBLISHED = "published"
    DELETED = "deleted"


class WrittenState(StrEnum):
    """The states that a caller chooses."""

    DRAFT = "draft"
    PUBLISHED = "published"


class CreatePost(BaseModel):
    """The body of `POST /v1/posts`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Title
    content: Content = Field(description="Kept as it is, Markdown or HTML; nothing of it is trusted as HTML here.")
    excerpt: Excerpt = ""
    slug: Slug | None = Field(
        default=None, description="Made from the title when absent, with a number behind it where that is taken."
    )
    author: Words = Field(default="", description="Whom the reader is told.")
    thumbnail: WebUrl | None = Field(default=None, description="A picture elsewhere.")
    image_id: DerivedIdentifier | None = Field(default=None, description="The featured picture, one of your images.")
    tags: PostTags = ()
    featured: StrictBool = False
    metadata: Metadata = Field(default={}, description="Whatever you keep with it; nothing here reads it.")
    state: WrittenState = Field(
        default=WrittenState.DRAFT, description="Of the post in this store; no shop's blog hears of it."
    )


class EditPost(BaseModel):
    """The body of `PATCH /v1/posts/{id}`: what is left out stays as it is, and null takes a picture away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Title | None = None
    content: Content | None = None
    excerpt: Excerpt | None = None
    slug: Slug | None = None
    author: Words | None = None
    thumbnail: WebUrl | None = None
    image_id: DerivedIdentifier | None = None
    tags: PostTags | None = None
    featured: StrictBool | None = None
    metadata: Metadata | None = None
    state: WrittenState | None = None

    @property
    def said(self) -> dict[str, object]:
        """What changes."""
        fields = self.model_dump(include=self.model_fields_set)
        return {name: value for name, value in fields.items() if value is not None or name in MAY_BE_EMPTY}


MAY_BE_EMPTY = frozenset({"thumbnail", "image_id"})
"""What null takes away."""


class ListedPost(Fact):
    """A post as a list shows it. `version` counts the edits; it is the ETag too."""

    id: str
    owner: Identifier
    author_id: Identifier = Field(description="Who made it, as an account.")
    state: WrittenState
    title: str
    slug: str
    excerpt: str
    author: str
    thumbnail: str | None = None
    image_id: str | None = None
    tags: tuple[str, ...] = ()
    featured: bool
    version: NonNegative
    created_at: Moment
    updated_at: Moment
    published_at: Moment | None = Field(default=None, description="When it became public last; None while it is not.")


class Post(ListedPost):
    """All of it."""

    content: str
    metadata: dict[str, JsonValue]


def slug_of(title: str) -> str:
    """A title as it stands in an address: small Latin letters and digits, words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = "-".join(re.findall(r"[a-z0-9]+", plain))[:SLUG_MAX_CHARACTERS].strip("-")
    return slug or "post"


def numbered(slug: str, number: int) -> str:
    """The slug with a number behind it, where the slug itself is taken."""
    end = f"-{number}"
    return slug[: SLUG_MAX_CHARACTERS - len(end)].rstrip("-") + end
