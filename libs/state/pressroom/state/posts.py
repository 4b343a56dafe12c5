"""Posts: what an owner writes for a blog, each with a slug that no other of theirs has.

A change and the event that tells of it are one write, and an edit names the version that it was made of, so that two
people who edit at once do not undo each other. Of what is deleted nothing that was written stays; its id, owner,
author, dates, version, fingerprint and last message do. A post that is asked for twice under one id, as it follows
from an `Idempotency-Key`, is stored once.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import JsonValue
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from pressroom.contracts.posts import PostState

from .collection import Collection, Raw
from .documents import Document, OutboxMessage
from .transactions import Session

SLUG = "slug"
INDEXES = [
    IndexModel([("outbox.at", ASCENDING)], name="outbox", sparse=True),
    IndexModel([("owner", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="by_owner"),
    IndexModel(
        [("owner", ASCENDING), (SLUG, ASCENDING)],
        name="slug",
        unique=True,
        partialFilterExpression={SLUG: {"$type": "string"}},
    ),
    IndexModel([("image_id", ASCENDING)], name="by_image", partialFilterExpression={"image_id": {"$type": "string"}}),
]

_NOT_LISTED = {"content": 0, "metadata": 0}


class SlugTaken(Exception):
    """Another post of the same owner has it."""


class PostDocument(Document):
    """`metadata` is JSON text: its names are its owner's, and may be what a database's field cannot be called.
    `fingerprint`: of what was asked for, by which the same wish is known again. `slug`: None once it is deleted."""

    state: PostState
    owner: str
    author_id: str
    fingerprint: str
    slug: str | None
    title: str = ""
    content: str = ""
    excerpt: str = ""
    author: str = ""
    thumbnail: str | None = None
    image_id: str | None = None
    tags: tuple[str, ...] = ()
    featured: bool = False
    metadata: str = "{}"
    version: int = 1
    published_at: datetime | None = None

    @property
    def described(self) -> dict[str, JsonValue]:
        """The metadata as an object."""
        found: dict[str, JsonValue] = json.loads(self.metadata)
        return found


class Posts(Collection[PostDocument]):
    """All posts of one deployment."""

    async def add(self, post: PostDocument) -> PostDocument:
        """Store a new post; the one that has its id already is returned as it is. Raises `SlugTaken`."""
        return post if await self.insert(post) else await self.in_its_place(post)

    async def in_its_place(self, post: PostDocument) -> PostDocument:
        """What has the id of a post that could not be stored. Raises `SlugTaken` where nothing has."""
        known = await self.get(post.id)
        if known is None:
            raise SlugTaken(post.slug)
        return known

    async def page(
        self,
        owner: str,
        *,
        state: PostState | None = None,
        featured: bool | None = None,
        tag: str | None = None,
        slug: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[PostDocument]:
        """An owner's posts, newest first, from after the one that `before` (its time and id) names; without what they
        say, which may be long."""
        query: Raw = {"owner": owner, "state": {"$ne": str(PostState.DELETED)} if state is None else str(state)}
        for name, wanted in (("featured", featured), ("tags", tag), (SLUG, slug)):
            if wanted is not None:
                query[name] = wanted
        if before is not None:
            when, post_id = before
            query["$or"] = [{"created_at": {"$lt": when}}, {"created_at": when, "_id": {"$lt": post_id}}]
        rows = self.raw.find(query, projection=_NOT_LISTED, limit=limit).sort([("created_at", -1), ("_id", -1)])
        return [PostDocument.model_validate(row) async for row in rows]

    async def edit(
        self,
        post: PostDocument,
        changes: Mapping[str, Any],
        messages: Sequence[OutboxMessage] = (),
        *,
        session: Session | None = None,
    ) -> PostDocument | None:
        """Write `changes`, also of the state, where the post is still as `post`; None where it is not. Raises
        `SlugTaken`."""
        target = PostState(changes.get("state", post.state))
        try:
            return await self.transition(
                post.id,
                target,
                changes={**changes, "version": post.version + 1},
                messages=messages,
                guard={"version": post.version, "owner": post.owner},
                session=session,
            )
        except DuplicateKeyError as error:
            raise SlugTaken(changes.get(SLUG)) from error

    async def remove(self, post: PostDocument, messages: Sequence[OutboxMessage]) -> PostDocument | None:
        """Leave nothing of what was written; None where the post is not as `post` any more."""
        emptied = {name: field.get_default() for name, field in _WRITTEN.items()}
        return await self.edit(post, {**emptied, SLUG: None, "state": str(PostState.DELETED)}, messages)


_WRITTEN = {
    name: PostDocument.model_fields[name]
    for name in (
        "title", "content", "excerpt", "author", "thumbnail", "image_id", "tags", "featured", "metadata", "published_at"
    )
}  # fmt: skip
