"""`/v1/posts`: posts of a blog, written, listed, edited and published in this store.

A post belongs to whoever made it. `published` is its state here and is told as an event; no shop's blog is asked.
"""

import hashlib
import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Response

from pressroom.contracts.api import Page
from pressroom.contracts.events import PostCreated, PostDeleted, PostEdited, PostEvent, PostPublished, PostWithdrawn
from pressroom.contracts.facts import Reason
from pressroom.contracts.posts import (
    CreatePost,
    EditPost,
    ListedPost,
    Post,
    PostState,
    Slug,
    WrittenState,
    numbered,
    slug_of,
)
from pressroom.contracts.requests import Tag
from pressroom.contracts.vocabulary import Scope
from pressroom.state.image_deletion import NotReady, add_post, change_post
from pressroom.state.posts import PostDocument, SlugTaken

from .access import Caller, GuardedRouter, requires
from .cursors import Limit, cut, decode
from .edge.problems import Refusal, answers, conflict, invalid, not_found
from .etags import IfMatch, demand_match, etag_of
from .house import House
from .idempotency import IdempotencyKey, id_under, key_reused, say_replayed

router = GuardedRouter("/v1/posts", "posts", Scope.READ)

NUMBERS_TRIED = 100
"""Of posts with one title; after them a slug is made of the post's id."""

EDITED = answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.WRITE)],
    responses=answers(HTTPStatus.CONFLICT),
)
async def create_post(
    body: CreatePost, owner: Caller, house: House, response: Response, idempotency_key: IdempotencyKey = None
) -> Post:
    """Write a post. Its slug is made from the title when it is not given."""
    post, is_new = await write_post(body, owner, house, idempotency_key)
    if not is_new:
        say_replayed(response)
    response.headers["Location"] = f"/v1/posts/{post.id}"
    return _shown(post, response)


async def write_post(
    body: CreatePost, owner: str, house: House, idempotency_key: str | None
) -> tuple[PostDocument, bool]:
    """The stored post, and whether it is new. Raises a 409 or 422 `Refusal`."""
    wish = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    post_id = id_under("post", owner, idempotency_key)
    known = await house.database.posts.get(post_id)
    if known is not None:
        return _the_same(known, wish, idempotency_key), False
    slugs = [body.slug] if body.slug is not None else _slugs(body.title, post_id)
    for slug in slugs:
        post = _document(body, owner, post_id, slug, wish)
        events: list[PostEvent] = [PostCreated(**_told(post))]
        if post.state is PostState.PUBLISHED:
            events.append(PostPublished(**_told(post)))
        post = post.model_copy(update={"outbox": tuple(house.outbox.event(event) for event in events)})
        try:
            stored = await add_post(house.database, post)
        except SlugTaken:
            continue
        except NotReady as error:
            raise _not_ready(error) from error
        if stored is not post:
            return _the_same(stored, wish, idempotency_key), False
        await house.outbox.publish(house.database.posts, stored)
        return stored, True
    raise _slug_taken(slugs[-1])


@router.get("")
async def list_posts(
    owner: Caller,
    house: House,
    state: WrittenState | None = None,
    featured: bool | None = None,
    tag: Annotated[Tag | None, Query()] = None,
    slug: Annotated[Slug | None, Query()] = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> Page[ListedPost]:
    """Your posts, newest first, without what they say."""
    found = await house.database.posts.page(
        owner,
        state=None if state is None else PostState(state),
        featured=featured,
        tag=tag,
        slug=slug,
        before=decode(cursor),
        limit=limit + 1,
    )
    shown, next_cursor = cut(found, limit)
    return Page(
        items=[listed_view(post) for post in shown],
        next_cursor=next_cursor,
    )


@router.get("/{post_id}", responses=answers(HTTPStatus.NOT_FOUND))
async def get_post(post_id: str, owner: Caller, house: House, response: Response) -> Post:
    """One post; its ETag is its version."""
    return _shown(await _owned(house, owner, post_id), response)


@router.patch("/{post_id}", dependencies=[requires(Scope.WRITE)], responses=EDITED)
async def edit_post(
    post_id: str, body: EditPost, owner: Caller, house: House, response: Response, if_match: IfMatch = None
) -> Post:
    """Change what the body names, also the state: `published` shows it, `draft` takes it back."""
    while True:
        post = await _owned(house, owner, post_id)
        demand_match(if_match, post.version)
        edited = await _edited(post, body, house)
        if edited is not None:
            return _shown(edited, response)
        # Somebody else was faster: it is an edit of what they left, or else of a version that is gone.


async def _edited(post: PostDocument, body: EditPost, house: House) -> PostDocument | None:
    """The post as it is after the edit; None where it was not as `post` any more."""
    changes: dict[str, Any] = {name: value for name, value in body.said.items() if value != _value_of(post, name)}
    if not changes:
        return post
    if "metadata" in changes:
        changes["metadata"] = json.dumps(body.metadata)
    events: list[PostEvent] = []
    if set(changes) - {"state"}:
        events.append(PostEdited(**_told(post), edition=post.version + 1))
    if "state" in changes:
        is_out = body.state is WrittenState.PUBLISHED
        changes |= {"state": str(body.state), "published_at": datetime.now(UTC) if is_out else None}
        events.append(PostPublished(**_told(post)) if is_out else PostWithdrawn(**_told(post)))
    told = {name: changes[name] for name in ("slug", "title") if name in changes}
    messages = [house.outbox.event(event.model_copy(update=told)) for event in events]
    try:
        edited = await change_post(house.database, post, changes, messages)
    except SlugTaken as error:
        raise _slug_taken(str(body.slug)) from error
    except NotReady as error:
        raise _not_ready(error) from error
    if edited is not None:
        await house.outbox.publish(house.database.posts, edited)
    return edited


@router.delete("/{post_id}", status_code=HTTPStatus.NO_CONTENT, dependencies=[requires(Scope.WRITE)], responses=EDITED)
async def delete_post(post_id: str, owner: Caller, house: House, if_match: IfMatch = None) -> None:
    """Remove a post for good; its slug is free again."""
    removed = None
    while removed is None:
        post = await _owned(house, owner, post_id)
        demand_match(if_match, post.version)
        removed = await house.database.posts.remove(post, [house.outbox.event(PostDeleted(**_told(post)))])
    await house.outbox.publish(house.database.posts, removed)


def listed_view(post: PostDocument) -> ListedPost:
    """A post as a list shows it."""
    return ListedPost.model_validate(post.model_dump(include=set(ListedPost.model_fields)))


def post_view(post: PostDocument) -> Post:
    """A post as the API shows it."""
    return Post(**dict(listed_view(post)), content=post.content, metadata=post.described)


def _shown(post: PostDocument, response: Response) -> Post:
    response.headers["ETag"] = etag_of(post.version)
    return post_view(post)


async def _owned(house: House, owner: str, post_id: str) -> PostDocument:
    post = await house.database.posts.owned(post_id, owner)
    if post is None or post.state is PostState.DELETED:
        raise not_found("post", post_id)
    return post


def _not_ready(error: NotReady) -> Refusal:
    return invalid([Reason(field="image_id", message=f"you have no image '{error}' that is ready")])


def _slugs(title: str, post_id: str) -> list[str]:
    """What to try, in order."""
    made_from = slug_of(title)
    numbers = range(2, NUMBERS_TRIED + 1)
    return [made_from, *(numbered(made_from, number) for number in numbers), post_id.lower().replace("_", "-")]


def _document(body: CreatePost, owner: str, post_id: str, slug: str, wish: str) -> PostDocument:
    now = datetime.now(UTC)
    is_out = body.state is WrittenState.PUBLISHED
    return PostDocument(
        _id=post_id,
        created_at=now,
        updated_at=now,
        owner=owner,
        author_id=owner,
        fingerprint=wish,
        state=PostState(body.state),
        slug=slug,
        title=body.title,
        content=body.content,
        excerpt=body.excerpt,
        author=body.author,
        thumbnail=body.thumbnail,
        image_id=body.image_id,
        tags=body.tags,
        featured=body.featured,
        metadata=json.dumps(body.metadata),
        published_at=now if is_out else None,
    )


def _value_of(post: PostDocument, name: str) -> object:
    return post.described if name == "metadata" else getattr(post, name)


def _told(post: PostDocument) -> dict[str, Any]:
    return {"post_id": post.id, "owner": post.owner, "slug": post.slug, "title": post.title}


def _the_same(post: PostDocument, wish: str, key: str | None) -> PostDocument:
    if post.state is PostState.DELETED or post.fingerprint != wish:
        said = "is of a post that was deleted" if post.state is PostState.DELETED else "came with another body before"
        raise key_reused(key, said)
    return post


def _slug_taken(slug: str) -> Exception:
    return conflict("slug-taken", f"Another of your posts has the slug '{slug}'; choose another one, or leave it out.")
