"""Deleting an image, and asking for a publication of one or showing it in a post: in the same moment only one is done.

Each reads image, publications and posts and writes its part in one transaction that the other's would meet at the
image, so one that is in a shop, on its way there or in a post is never deleted, and a deleted one is never published or
shown. A process that dies has done all of it or nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pressroom.contracts.posts import PostState
from pressroom.contracts.vocabulary import ImageState, PublicationState

from .database import Database
from .documents import ImageDocument, OutboxMessage, PublicationDocument
from .machines import IMAGE, IMAGE_READY
from .posts import PostDocument
from .transactions import Session


class InTheMaking(Exception):
    """The image is being made, or waits for it."""

    def __init__(self, state: ImageState) -> None:
        super().__init__(state)
        self.state = state


class InUse(Exception):
    """Publications of the image are out, or under way."""

    def __init__(self, publications: Sequence[PublicationDocument]) -> None:
        super().__init__(", ".join(publication.id for publication in publications))
        self.publications = tuple(publications)


class InAPost(Exception):
    """The image is the featured picture of the post with this slug."""


class NotApproved(Exception):
    """The image is not approved, or is not there any more."""


class NotReady(Exception):
    """The post's owner has no such image, or none that is ready, or not any more."""


async def delete_image(database: Database, image_id: str, message: OutboxMessage) -> ImageDocument | None:
    """What is left of the image, with `message` in its outbox; None when it is not there any more. Raises
    `InTheMaking`, `InUse` or `InAPost`, with nothing written."""

    async def work(session: Session) -> ImageDocument | None:
        image = database.images.read(await database.images.raw.find_one({"_id": image_id}, session=session))
        if image is None or image.state is ImageState.DELETED:
            return None
        if ImageState.DELETED not in IMAGE[image.state]:
            raise InTheMaking(image.state)
        alive = {"image_id": image_id, "state": {"$ne": str(PublicationState.FAILED)}}
        rows = database.publications.raw.find(alive, session=session)
        publications = [PublicationDocument.model_validate(row) async for row in rows]
        if publications:
            raise InUse(publications)
        shown = {"image_id": image_id, "state": {"$ne": str(PostState.DELETED)}}
        post = await database.posts.raw.find_one(shown, projection=["slug"], session=session)
        if post is not None:
            raise InAPost(str(post["slug"]))
        return await database.images.entomb(image, message, session)

    return await database.transactions.run(image_id, work)


async def add_publication(database: Database, publication: PublicationDocument) -> bool:
    """Store a new publication of an approved image; False when it is there already. Raises `NotApproved`."""

    async def work(session: Session) -> bool:
        await _ask(database, publication.image_id, session)
        if not await database.publications.insert(publication, session=session):
            raise _There
        return True

    try:
        return await database.transactions.run(publication.image_id, work)
    except _There:
        return False


async def revive_publication(
    database: Database, publication: PublicationDocument, messages: Sequence[OutboxMessage]
) -> bool:
    """Have a publication that failed tried again; False when it did not fail. Raises `NotApproved`."""

    async def work(session: Session) -> bool:
        await _ask(database, publication.image_id, session)
        revived = await database.publications.transition(
            publication.id,
            PublicationState.REQUESTED,
            changes={"failures": 0, "crashes": 0, "error": None},
            messages=messages,
            guard={"state": str(PublicationState.FAILED)},
            session=session,
        )
        return revived is not None

    return await database.transactions.run(publication.image_id, work)


async def add_post(database: Database, post: PostDocument) -> PostDocument:
    """Store a new post; the one that has its id already is returned as it is. Raises `SlugTaken`, and `NotReady`."""
    image_id = post.image_id
    if image_id is None:
        return await database.posts.add(post)

    async def work(session: Session) -> None:
        await _show(database, post.owner, image_id, session)
        if not await database.posts.insert(post, session=session):
            raise _There

    try:
        await database.transactions.run(image_id, work)
    except _There:
        return await database.posts.in_its_place(post)
    return post


async def change_post(
    database: Database, post: PostDocument, changes: Mapping[str, Any], messages: Sequence[OutboxMessage]
) -> PostDocument | None:
    """Write `changes` where the post is still as `post`; None where it is not. Raises `SlugTaken`, and `NotReady` of
    another picture."""
    image_id = changes.get("image_id")
    if image_id is None:
        return await database.posts.edit(post, changes, messages)

    async def work(session: Session) -> PostDocument | None:
        await _show(database, post.owner, image_id, session)
        return await database.posts.edit(post, changes, messages, session=session)

    return await database.transactions.run(image_id, work)


class _There(Exception):
    pass


async def _ask(database: Database, image_id: str, session: Session) -> None:
    if not await _meet(database, {"_id": image_id, "state": str(ImageState.APPROVED)}, session):
        raise NotApproved(image_id)


async def _show(database: Database, owner: str, image_id: str, session: Session) -> None:
    ready = {"$in": [str(state) for state in IMAGE_READY]}
    if not await _meet(database, {"_id": image_id, "owner": owner, "text_kind": None, "state": ready}, session):
        raise NotReady(image_id)


async def _meet(database: Database, image: dict[str, Any], session: Session) -> bool:
    """Write the image, so that a deletion in this moment meets it; False where there is none like that."""
    return (
        await database.images.raw.update_one(image, {"$inc": {"publish_requests": 1}}, session=session)
    ).matched_count == 1
