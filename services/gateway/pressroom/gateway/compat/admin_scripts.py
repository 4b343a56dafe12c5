"""`/api/admin`: an admin's requests for images and blog posts, one alone or a file of them, as the scripts sent them.

The scripts' files and results are their documented interface; these addresses are ours, as the documentation names
none. A file is worked off one request after another, and one that fails does not hold up the rest. Each is a batch or a
post of `/v1`, so a gateway that dies in the middle has lost none that was begun; the same `Idempotency-Key` again goes
on where it was, and makes nothing twice.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Body, Query, Request, Response
from pydantic import Field, StrictBool, StringConstraints, ValidationError

from pressroom.contracts.api import CreateBatch, Moment
from pressroom.contracts.finishing import NO_PROFILE
from pressroom.contracts.posts import Content, CreatePost, Excerpt, Metadata, PostState, PostTags, WrittenState
from pressroom.contracts.requests import PROMPT_MAX_CHARACTERS, SIDE_MAX_PX, SIDE_MIN_PX, Prompt, Tag, Title, WebUrl
from pressroom.contracts.vocabulary import ProviderName, Scope
from pressroom.state.documents import BatchDocument
from pressroom.state.machines import IMAGE_READY

from ..access import GuardedRouter, Who
from ..accounts.principal import Principal
from ..batches.batches import ASKING, BATCH_OVER, ask_for, over
from ..edge.problems import Refusal, answers
from ..house import House
from ..idempotency import IdempotencyKey
from ..posts import write_post
from ..settings import ModelName
from .camel import Camel
from .picture_urls import picture_url

router = GuardedRouter("/api/admin", "admin requests", Scope.ADMIN)

REQUESTS_MAX = 100
"""In one file."""

DELAY_MAX_MS = 60_000


class ImageWish(Camel):
    """One image of `image-requests.json`."""

    prompt: Prompt
    providers: Annotated[tuple[ProviderName, ...], Field(min_length=1, max_length=len(ProviderName))] | None = Field(
        default=None, description="In order; those of /api/generate when absent."
    )
    guidance: Annotated[float, Field(ge=0, le=30, strict=True, allow_inf_nan=False)] = 2.0
    model: ModelName | None = Field(
        default=None, description="One that is no more may be named (`PRESSROOM_OLD_MODELS`)."
    )
    size: Annotated[str, StringConstraints(pattern=r"^[1-9]\d{1,3}x[1-9]\d{1,3}$")] = Field(
        default="1024x1024", description="Width and height in pixels."
    )
    tags: Annotated[tuple[Tag, ...], Field(max_length=50)] = ()


class BlogWish(Camel):
    """One post of `blog-requests.json`."""

    title: Title
    content: Content
    excerpt: Excerpt = ""
    thumbnail: WebUrl | None = None
    tags: PostTags = ()
    is_published: StrictBool = Field(default=False, description="In this store; no shop's blog is asked.")
    is_featured: StrictBool = False
    metadata: Metadata = Field(default={})


class MadeImage(Camel):
    """`duration` in milliseconds; `requestId` is its batch."""

    index: int
    success: Literal[True] = True
    id: str
    prompt: str
    provider: ProviderName
    model: str
    image_url: str
    duration: int
    request_id: str
    timestamp: Moment


class FailedImage(Camel):
    """`statusCode`: 400 for a request that cannot be made, 402 and 409 as the API has them, 502 where its providers
    gave it up, 504 for one that goes on after the wait, 503 for one that was not begun in it."""

    index: int
    success: Literal[False] = False
    prompt: str
    error: str
    status_code: int
    request_id: str | None = Field(default=None, description="Its batch, where there is one.")


class WrittenPost(Camel):
    """`requestId` is the post again."""

    index: int
    success: Literal[True] = True
    id: str
    title: str
    slug: str
    author_id: str
    is_published: bool
    is_featured: bool
    duration: int
    request_id: str
    timestamp: Moment


class FailedPost(Camel):
    index: int
    success: Literal[False] = False
    title: str
    error: str
    status_code: int


class Summary(Camel):
    """Times in milliseconds; `successRate` in percent."""

    total_requests: int
    successful: int
    failed: int
    success_rate: float
    total_time: int
    average_time: int


class ImageResults(Camel):
    """What `batch-image-results-*.json` holds."""

    timestamp: Moment
    summary: Summary
    results: list[MadeImage]
    errors: list[FailedImage]


class BlogResults(Camel):
    """What `batch-blog-results-*.json` holds."""

    timestamp: Moment
    summary: Summary
    results: list[WrittenPost]
    errors: list[FailedPost]


Done = TypeVar("Done")

Anything = dict[str, Any]
"""One request of a file, which is looked at when its turn comes, so that a wrong one does not hold up the others."""

RequestFile = Annotated[
    list[Anything],
    Body(
        min_length=1,
        max_length=REQUESTS_MAX,
        description="Requests as the call for one takes them. A wrong one is told among the errors, by its `index`.",
    ),
]
Delay = Annotated[
    int,
    Query(alias="delayBetweenRequests", ge=0, le=DELAY_MAX_MS, description="Milliseconds between two requests."),
]


@router.post("/images", responses=ASKING, response_model_exclude_none=True)
async def make_image(
    body: ImageWish, who: Who, house: House, request: Request, idempotency_key: IdempotencyKey = None
) -> MadeImage | FailedImage:
    """Make one image; answers when it is done, or has failed, which `success` tells."""
    return await _image(body, 1, who, house, request, idempotency_key, _deadline(house))


@router.post("/blogs", status_code=HTTPStatus.CREATED, responses=answers(HTTPStatus.CONFLICT))
async def make_post(body: BlogWish, who: Who, house: House, idempotency_key: IdempotencyKey = None) -> WrittenPost:
    """Write one post."""
    return await _post(body, 1, who, house, idempotency_key)


@router.post("/images/batch", response_model_exclude_none=True)
async def make_images(
    body: RequestFile,
    who: Who,
    house: House,
    request: Request,
    idempotency_key: IdempotencyKey = None,
    delay_ms: Delay = 3000,
) -> ImageResults:
    """Make the images of a file, one after another; answers when the last is done."""
    deadline = _deadline(house)

    async def one(asked: Anything, index: int) -> MadeImage | FailedImage:
        prompt = _said(asked, "prompt")
        if asyncio.get_running_loop().time() >= deadline:
            error = "not begun within PRESSROOM_GENERATE_WAIT_S; send it again"
            return FailedImage(index=index, prompt=prompt, error=error, status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        try:
            wish = ImageWish.model_validate(asked)
            return await _image(wish, index, who, house, request, _key_of(idempotency_key, index), deadline)
        except (Refusal, ValidationError) as refusal:
            error, status = _why(refusal)
            return FailedImage(index=index, prompt=prompt, error=error, status_code=status)

    began = asyncio.get_running_loop().time()
    told = await _one_by_one(body, one, delay_ms, deadline, request)
    made = [item for item in told if isinstance(item, MadeImage)]
    failed = [item for item in told if isinstance(item, FailedImage)]
    return ImageResults(
        timestamp=datetime.now(UTC), summary=_summary(len(body), len(made), began), results=made, errors=failed
    )


@router.post("/blogs/batch")
async def make_posts(
    body: RequestFile,
    who: Who,
    house: House,
    request: Request,
    idempotency_key: IdempotencyKey = None,
    delay_ms: Delay = 1000,
) -> BlogResults:
    """Write the posts of a file, one after another."""

    async def one(asked: Anything, index: int) -> WrittenPost | FailedPost:
        try:
            wish = BlogWish.model_validate(asked)
            return await _post(wish, index, who, house, _key_of(idempotency_key, index))
        except (Refusal, ValidationError) as refusal:
            error, status = _why(refusal)
            return FailedPost(index=index, title=_said(asked, "title"), error=error, status_code=status)

    began = asyncio.get_running_loop().time()
    told = await _one_by_one(body, one, delay_ms, _deadline(house), request)
    made = [item for item in told if isinstance(item, WrittenPost)]
    failed = [item for item in told if isinstance(item, FailedPost)]
    return BlogResults(
        timestamp=datetime.now(UTC), summary=_summary(len(body), len(made), began), results=made, errors=failed
    )


async def _one_by_one(
    asked: Sequence[Anything],
    one: Callable[[Anything, int], Awaitable[Done]],
    delay_ms: int,
    deadline: float,
    request: Request,
) -> list[Done]:
    """What becomes of each, in order, with a pause between two until the time is up; no more of them once nobody
    listens."""
    told: list[Done] = []
    for index, wish in enumerate(asked, 1):
        if index > 1:
            left_s = deadline - asyncio.get_running_loop().time()
            await asyncio.sleep(min(delay_ms / 1000, max(0.0, left_s)))
            if await request.is_disconnected():
                break
        told.append(await one(wish, index))
    return told


async def _image(
    wish: ImageWish, index: int, who: Principal, house: House, request: Request, key: str | None, deadline: float
) -> MadeImage | FailedImage:
    """Raises a `Refusal` for what is not begun."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    settings = house.settings
    width, _, height = wish.size.partition("x")
    body = CreateBatch(
        providers=tuple(dict.fromkeys(wish.providers or settings.generate_providers)),
        prompt=wish.prompt,
        guidance=wish.guidance,
        model=settings.old_models.get(wish.model, wish.model) if wish.model else None,
        width=_side(width),
        height=_side(height),
        tags=wish.tags,
        profile=NO_PROFILE,
    )
    made = await ask_for(body, who, house, Response(), key)
    batch = await over(house, who.owner, made.id, deadline - began, request)
    image = next(iter(await house.database.images.of_batch(batch.id)), None)
    if image is None or image.state not in IMAGE_READY or image.is_placeholder:
        error, status = _unmade(batch, image.error.message if image is not None and image.error else None)
        return FailedImage(index=index, prompt=wish.prompt, error=error, status_code=status, request_id=batch.id)
    return MadeImage(
        index=index,
        id=image.id,
        prompt=wish.prompt,
        provider=image.provider,
        model=image.model or "",
        image_url=picture_url(house, request, image),
        duration=round((loop.time() - began) * 1000),
        request_id=batch.id,
        timestamp=datetime.now(UTC),
    )


def _unmade(batch: BatchDocument, why: str | None) -> tuple[str, HTTPStatus]:
    if batch.state not in BATCH_OVER:
        return f"not done yet; ask /v1/batches/{batch.id}", HTTPStatus.GATEWAY_TIMEOUT
    if batch.reasons:
        return "; ".join(reason.message for reason in batch.reasons), HTTPStatus.BAD_REQUEST
    return why or f"the batch is {batch.state}", HTTPStatus.BAD_GATEWAY


async def _post(wish: BlogWish, index: int, who: Principal, house: House, key: str | None) -> WrittenPost:
    """Raises a `Refusal`."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    body = CreatePost(
        title=wish.title,
        content=wish.content,
        excerpt=wish.excerpt,
        thumbnail=wish.thumbnail,
        tags=wish.tags,
        featured=wish.is_featured,
        metadata=wish.metadata,
        state=WrittenState.PUBLISHED if wish.is_published else WrittenState.DRAFT,
    )
    post, _ = await write_post(body, who.owner, house, key)
    return WrittenPost(
        index=index,
        id=post.id,
        title=post.title,
        slug=post.slug or "",
        author_id=post.author_id,
        is_published=post.state is PostState.PUBLISHED,
        is_featured=post.featured,
        duration=round((loop.time() - began) * 1000),
        request_id=post.id,
        timestamp=datetime.now(UTC),
    )


def _summary(asked: int, successful: int, began: float) -> Summary:
    total = round((asyncio.get_running_loop().time() - began) * 1000)
    return Summary(
        total_requests=asked,
        successful=successful,
        failed=asked - successful,
        success_rate=round(100 * successful / asked, 1),
        total_time=total,
        average_time=round(total / asked),
    )


def _why(refusal: Refusal | ValidationError) -> tuple[str, int]:
    """In words, and as the older API's status: 400 for all that is wrong with a request."""
    if isinstance(refusal, ValidationError):
        said = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in refusal.errors(include_input=False)]
        return "; ".join(said), HTTPStatus.BAD_REQUEST
    status = HTTPStatus.BAD_REQUEST if refusal.status is HTTPStatus.UNPROCESSABLE_ENTITY else refusal.status
    return str(refusal), status


def _said(asked: Anything, name: str) -> str:
    """A field as it can be told again, whatever it was."""
    value = asked.get(name)
    text = value if isinstance(value, str) else ""
    return text[:PROMPT_MAX_CHARACTERS].encode(errors="replace").decode()


def _side(pixels: str) -> int:
    """Beyond what may be asked for, the nearest that may."""
    return min(max(int(pixels), SIDE_MIN_PX), SIDE_MAX_PX)


def _key_of(key: str | None, index: int) -> str | None:
    """Of one request of a file that has a key."""
    return None if key is None else hashlib.sha256(f"{index} {key}".encode()).hexdigest()


def _deadline(house: House) -> float:
    return asyncio.get_running_loop().time() + house.settings.generate_wait_s
