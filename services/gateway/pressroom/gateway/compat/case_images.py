"""`/api/case-images`: batches of pictures of a case's suspects and its scene, as older scripts asked for them.

The scripts' batch file, progress file, error report and statistics are their documented interface; these addresses are
ours, as the documentation has command lines alone. What a case is, is said once: `PUT /v1/subjects/{caseId}` with parts
of the roles `suspect` and `scene`. Prompts are made by the recipe `case`, Pressroom's or the caller's own. A batch is
one of `/v1/batches`; nothing here can lose what that keeps.
"""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from http import HTTPStatus
from operator import itemgetter
from typing import Annotated, Literal, NamedTuple, Self

from fastapi import Query, Response
from pydantic import BeforeValidator, Field, StrictBool, model_validator

from pressroom.contracts.api import CreateBatch, CreateImage, RetryBatch
from pressroom.contracts.costs import SomeCost
from pressroom.contracts.facts import Reason
from pressroom.contracts.finishing import NO_PROFILE
from pressroom.contracts.identifiers import new_id
from pressroom.contracts.recipes import REASONS_MAX, CannotCompose, Recipe, Subject, compose
from pressroom.contracts.requests import IMAGES_CEILING, BatchRequest, ImageRequest, PlainName
from pressroom.contracts.vocabulary import BatchState, ImageState, Scope
from pressroom.runtime.admission import TurnTaken
from pressroom.runtime.estimates import Estimates
from pressroom.state.documents import BatchDocument

from ..access import Caller, GuardedRouter, Who, requires
from ..accounts.principal import Principal
from ..batches.batches import ASKING, BATCH_OVER, ask_for, asked_before, owned, wish_of
from ..batches.control import resume_batch
from ..batches.retries import make_again
from ..edge.problems import answers, conflict, invalid, not_found
from ..house import House
from ..idempotency import IdempotencyKey
from ..recipes import usable
from ..settings import GatewaySettings
from .camel import Camel
from .case_reports import SCENE, ErrorReport, ImageType, Progress, Roles, progress_of, report_of, statistics_of

router = GuardedRouter("/api/case-images", "case images", Scope.READ)

KIND = "case"
TAG = "case-images"
"""What batches of here are known by."""

DELAY_AFTER_ERROR_S = 5.0
CASES_MAX = 1000
BATCHES_LISTED = 5000
SUSPECT_ONLY: tuple[ImageType, ...] = ("suspect",)
SCENE_ONLY: tuple[ImageType, ...] = ("scene",)
_ROLES = SUSPECT_ONLY + SCENE_ONLY


class WantedImage(Camel):
    """One image of the batch file."""

    type: ImageType
    case_id: PlainName
    suspect_id: PlainName | None = None
    retries: Annotated[int, Field(ge=1, le=100, strict=True)] = 3

    @model_validator(mode="after")
    def _names_the_suspect(self) -> Self:
        if (self.type == "suspect") != (self.suspect_id is not None):
            raise ValueError("'suspectId' goes with the type 'suspect', and is needed there")
        return self


class Options(Camel):
    """`delay` in milliseconds, between two images."""

    delay: Annotated[int, Field(ge=0, le=3_600_000, strict=True)] = 2000
    max_concurrent: Annotated[int, Field(ge=1, le=100, strict=True)] = 1
    stop_on_error: StrictBool = Field(default=False, description="Pause when an image fails, until it is resumed.")


class CaseBatch(Camel):
    """The batch file: `images`; or in their place `caseId` with a `type`, as the scripts' options had it."""

    images: Annotated[tuple[WantedImage, ...], Field(min_length=1, max_length=1000)] | None = None
    case_id: PlainName | None = None
    type: Literal["all", "suspects", "scene"] = "all"
    options: Options = Options()
    max_cost: SomeCost | None = Field(default=None, description="US dollars; refused where the estimate is beyond it.")

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if (self.images is None) == (self.case_id is None):
            raise ValueError("give either 'images' or 'caseId', and not both")
        return self


class Validation(Camel):
    valid: bool
    errors: list[str]


class CostEstimate(Camel):
    """In US dollars; None where nobody knows the price."""

    image_count: int
    cost_per_image: float | None
    estimated_cost: float | None
    max_cost: float | None
    within_limit: bool


class MissingImage(Camel):
    type: ImageType
    suspect_id: str | None = None


class MissingImages(Camel):
    case_id: str
    missing: list[MissingImage]


def _as_written(day: object) -> object:
    """Only as RFC 3339 writes a day: a number would be seconds since 1970."""
    if isinstance(day, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
        raise ValueError("a day is written as 2026-11-21")
    return day


Day = Annotated[date, BeforeValidator(_as_written)]
CaseId = Annotated[PlainName | None, Query(alias="caseId", description="One case; all of yours when absent.")]


@router.post(
    "/batches",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WRITE)],
    responses=ASKING,
    response_model_exclude_none=True,
)
async def create_batch(
    body: CaseBatch, who: Who, house: House, response: Response, idempotency_key: IdempotencyKey = None
) -> Progress:
    """Ask for the images of the batch file, one after another. Everything is looked at before anything is made."""
    wish = wish_of(body)
    before = await asked_before(house, who.owner, idempotency_key, wish, response)
    if before is not None:
        return await _progress(before, house)
    return await _begun(_wishes(body), body, wish, who, house, response, idempotency_key)


@router.post("/validate")
async def validate(body: CaseBatch, owner: Caller, house: House) -> Validation:
    """Whether every image of the batch file could be asked for: its case and suspect are there, its prompt fits."""
    _, wrong = await _wanted(_wishes(body), owner, house)
    return Validation(valid=not wrong, errors=[reason.message for reason in wrong])


@router.post("/estimate")
async def estimate(body: CaseBatch, owner: Caller, house: House) -> CostEstimate:
    """What the batch would cost. Nothing is made."""
    wanted, wrong = await _wanted(_wishes(body), owner, house)
    if wrong:
        raise invalid(wrong)
    request = BatchRequest.model_validate(_batch(wanted, body, house.settings).model_dump(exclude={"recipe", "parts"}))
    told = await Estimates(house.database, house.core_settings).of(request, owner)
    cost, count = told.cost_usd, told.image_count
    return CostEstimate(
        image_count=count,
        cost_per_image=None if cost is None else float(cost / count),
        estimated_cost=None if cost is None else float(cost),
        max_cost=None if body.max_cost is None else float(body.max_cost),
        within_limit=body.max_cost is None or (cost is not None and cost <= Decimal(body.max_cost)),
    )


@router.get("/batches/{batch_id}", responses=answers(HTTPStatus.NOT_FOUND), response_model_exclude_none=True)
async def progress(batch_id: str, owner: Caller, house: House) -> Progress:
    """The progress file of a batch."""
    return await _progress(await _of_here(batch_id, owner, house), house)


@router.get("/batches/{batch_id}/report", responses=answers(HTTPStatus.NOT_FOUND), response_model_exclude_none=True)
async def error_report(batch_id: str, owner: Caller, house: House) -> ErrorReport:
    """The error report of a batch."""
    batch = await _of_here(batch_id, owner, house)
    images = await house.database.images.of_batch(batch.id, with_deleted=True)
    return report_of(batch, images, await _roles(batch, house))


@router.post(
    "/batches/{batch_id}/resume",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WRITE)],
    responses={**answers(HTTPStatus.NOT_FOUND), **ASKING},
    response_model_exclude_none=True,
)
async def resume(batch_id: str, owner: Caller, house: House) -> Progress:
    """Let a batch go on that stopped on an error, or make again what failed of one that is over."""
    batch = await _of_here(batch_id, owner, house)
    if batch.paused_at is not None and batch.state not in BATCH_OVER:
        await resume_batch(batch_id, owner, house)
    if batch.state is BatchState.COMPLETED and await house.database.images.has_any(batch.id, (ImageState.FAILED,)):
        await make_again(house, batch, RetryBatch(), new_id("retry"))
    return await _progress(await _of_here(batch_id, owner, house), house)


@router.get("/missing", response_model_exclude_none=True, responses=answers(HTTPStatus.NOT_FOUND))
async def missing_images(owner: Caller, house: House, case_id: CaseId = None) -> list[MissingImages]:
    """Who of your cases has no image, made or on its way; cases that lack none are left out. Looks at the first 1000 of
    your cases by name; at another where `caseId` names it."""
    return [
        MissingImages(
            case_id=case.name,
            missing=[
                MissingImage(type=part.role, suspect_id=part.name if part.role == "suspect" else None)
                for part in case.parts
                if part.role in _ROLES and part.name in names
            ],
        )
        async for case, names in _lacking(case_id, owner, house)
    ]


@router.post(
    "/missing",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[requires(Scope.WRITE)],
    responses={**answers(HTTPStatus.NOT_FOUND), **ASKING},
    response_model_exclude_none=True,
)
async def make_missing_images(
    who: Who, house: House, response: Response, case_id: CaseId = None, idempotency_key: IdempotencyKey = None
) -> Progress:
    """Ask for all that is missing, as one batch: what `GET` of the same address tells."""
    wish = f"missing {case_id or ''}"
    while True:
        before = await asked_before(house, who.owner, idempotency_key, wish, response)
        if before is not None:
            return await _progress(before, house)
        # Before the look, so that of two that saw the same missing in one moment one asks for it, and the other looks
        # again.
        turn = await house.database.batches.next_turn(who.owner)
        lacking = [one async for one in _lacking(case_id, who.owner, house)]
        if not lacking:
            # The same wish, sent twice in one moment, may have asked for all since.
            before = await asked_before(house, who.owner, idempotency_key, wish, response)
            if before is None:
                raise conflict("nothing-missing", "Every suspect and every scene has an image, made or on its way.")
            return await _progress(before, house)
        wishes = [_Wish(case.name, _ROLES, frozenset(parts)) for case, parts in lacking]
        try:
            return await _begun(wishes, None, wish, who, house, response, idempotency_key, turn)
        except TurnTaken:
            continue


@router.get(
    "/statistics",
    response_class=Response,
    responses={200: {"description": "A line for each batch.", "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def statistics(
    owner: Caller,
    house: House,
    begin: Annotated[Day | None, Query(alias="from", description="The first day, in UTC.")] = None,
    end: Annotated[Day | None, Query(alias="to", description="The last day, in UTC.")] = None,
) -> Response:
    """Batches of cases as CSV, oldest first, 5000 at most: how many images, how many failed, minutes and seconds,
    dollars."""
    first = None if begin is None else datetime.combine(begin, time(), UTC)
    after = None if end is None or end == date.max else datetime.combine(end + timedelta(days=1), time(), UTC)
    batches = await house.database.batches.tagged(owner, TAG, since=first, before=after, limit=BATCHES_LISTED)
    names = [batch.id for batch in batches]
    counts = await house.database.images.counts_of_many(names)
    costs = await house.database.images.costs_microusd(names)
    text = statistics_of([(batch, counts[batch.id], costs[batch.id]) for batch in batches])
    headers = {"Content-Disposition": 'attachment; filename="stats.csv"'}
    return Response(text, media_type="text/csv", headers=headers)


_TOO_MANY = Reason(field="images", message=f"more than {IMAGES_CEILING} images, the most of a batch")


class _Wish(NamedTuple):
    """The parts of a case with one of `roles`; only those with one of `names`, where there are any."""

    case_id: str
    roles: Sequence[str]
    names: frozenset[str] = frozenset()

    def parts(self, case: Subject) -> list[str]:
        return [
            part.name for part in case.parts if part.role in self.roles and (not self.names or part.name in self.names)
        ]

    def not_there(self, case: Subject) -> Reason:
        if self.roles == SUSPECT_ONLY and self.names:
            return Reason(field="images", message=f"Suspect not found: {', '.join(self.names)} in {case.name}")
        if self.roles == SCENE_ONLY:
            return Reason(field="images", message=f"Scene not found in {case.name}")
        message = f"'{case.name}' has no parts with the roles {' and '.join(self.roles)} (PUT /v1/subjects/{case.name})"
        return Reason(field="caseId", message=message)


def _wishes(body: CaseBatch) -> list[_Wish]:
    """What a batch file asks for, in order."""
    if body.case_id is not None:
        return [_Wish(body.case_id, {"all": _ROLES, "suspects": SUSPECT_ONLY, "scene": SCENE_ONLY}[body.type])]
    return [
        _Wish(image.case_id, (image.type,), frozenset([image.suspect_id] if image.suspect_id else []))
        for image in body.images or ()
    ]


async def _wanted(wishes: Sequence[_Wish], owner: str, house: House) -> tuple[list[ImageRequest], list[Reason]]:
    """The prompts of all images, in the order of the wishes, or what is wrong. A case is read and composed once,
    however often it is named, and nothing more is when there are more pictures than a batch may have."""
    recipe = await usable(house, owner, KIND)
    assert recipe is not None, "one comes with Pressroom"
    of_case: dict[str, list[int]] = {}
    for place, wish in enumerate(wishes):
        of_case.setdefault(wish.case_id, []).append(place)
    absent: list[Reason] = []
    wrong: list[Reason] = []
    made: dict[int, list[ImageRequest]] = {}
    count = 0
    for name, places in of_case.items():
        known = await house.database.subjects.get(owner, name)
        if known is None:
            absent.append(Reason(field="caseId", message=f"Case not found: {name} (PUT /v1/subjects/{name})"))
            continue
        try:
            of_wishes = _composed(recipe, known.shown, [wishes[place] for place in places])
        except CannotCompose as error:
            wrong += error.reasons
            if len(wrong) >= REASONS_MAX:
                break
            continue
        count += sum(map(len, of_wishes))
        if count > IMAGES_CEILING:
            wrong.append(_TOO_MANY)
            break
        made.update(zip(places, of_wishes, strict=True))
    return [image for place in sorted(made) for image in made[place]], [*absent, *wrong]


def _composed(recipe: Recipe, case: Subject, wishes: Sequence[_Wish]) -> list[list[ImageRequest]]:
    """The pictures of one case for each of the wishes. Raises `CannotCompose`."""
    parts = [wish.parts(case) for wish in wishes]
    absent = [wish.not_there(case) for wish, found in zip(wishes, parts, strict=True) if not found]
    if absent:
        raise CannotCompose(absent)
    pictures: dict[str | None, list[tuple[int, ImageRequest]]] = {}
    for place, image in enumerate(compose(recipe, case, [name for names in parts for name in names])):
        pictures.setdefault(image.part, []).append((place, image.model_copy(update={"subject": case.name})))
    if sum(len(pictures[name]) for names in parts for name in names) > IMAGES_CEILING:
        raise CannotCompose([_TOO_MANY])
    found = [[picture for name in names for picture in pictures[name]] for names in parts]
    return [[image for _, image in sorted(of_wish, key=itemgetter(0))] for of_wish in found]


async def _begun(
    wishes: Sequence[_Wish],
    body: CaseBatch | None,
    wish: str,
    who: Principal,
    house: House,
    response: Response,
    key: str | None,
    turn: int | None = None,
) -> Progress:
    """Ask for it, by the options of `body` where there is one. Raises a `Refusal`, and `TurnTaken`."""
    wanted, wrong = await _wanted(wishes, who.owner, house)
    if wrong:
        raise invalid(wrong)
    made = await ask_for(_batch(wanted, body, house.settings), who, house, response, key, wish=wish, turn=turn)
    return await _progress(await owned(house, who.owner, made.id), house)


def _batch(wanted: Sequence[ImageRequest], body: CaseBatch | None, settings: GatewaySettings) -> CreateBatch:
    options = Options() if body is None else body.options
    cases = {image.subject for image in wanted}
    return CreateBatch(
        providers=settings.case_providers,
        images=tuple(CreateImage.model_validate(image.model_dump()) for image in wanted),
        subject=next(iter(cases)) if len(cases) == 1 else None,
        tags=(TAG,),
        width=1024,
        height=1024,
        profile=NO_PROFILE,
        max_attempts=max(image.retries for image in body.images) if body and body.images else 3,
        max_concurrent=options.max_concurrent,
        stop_on_error=options.stop_on_error,
        delay_s=options.delay / 1000,
        delay_after_error_s=DELAY_AFTER_ERROR_S if options.delay else 0.0,
        max_cost=None if body is None else body.max_cost,
    )


async def _of_here(batch_id: str, owner: str, house: House) -> BatchDocument:
    batch = await owned(house, owner, batch_id)
    if TAG not in batch.request.tags:
        raise not_found("batch", batch_id)
    return batch


async def _progress(batch: BatchDocument, house: House) -> Progress:
    images = await house.database.images.of_batch(batch.id, with_deleted=True)
    return progress_of(batch, images, await _roles(batch, house), datetime.now(UTC))


async def _roles(batch: BatchDocument, house: House) -> Roles:
    """What the parts of the batch's cases are now."""
    roles: dict[tuple[str, str], ImageType] = {}
    for name in {image.subject or batch.request.subject for image in batch.request.wanted()} - {None}:
        known = await house.database.subjects.get(batch.owner, str(name))
        for part in known.parts if known is not None else ():
            roles[str(name), part.name] = "scene" if part.role == SCENE else "suspect"
    return roles


async def _lacking(case_id: str | None, owner: str, house: House) -> AsyncIterator[tuple[Subject, frozenset[str]]]:
    """Cases of which a part has no image, with the names of those parts."""
    cases = await _cases(case_id, owner, house)
    # Before the images: what is planned in between is seen as these.
    awaited = await house.database.batches.parts_awaited(owner)
    for case in cases:
        there = await house.database.images.parts_shown(owner, case.name)
        names = frozenset(
            part.name
            for part in case.parts
            if part.role in _ROLES and part.name not in there and (case.name, part.name) not in awaited
        )
        if names:
            yield case, names


async def _cases(case_id: str | None, owner: str, house: House) -> list[Subject]:
    if case_id is None:
        return [case.shown for case in await house.database.subjects.page(owner, kind=KIND, limit=CASES_MAX)]
    known = await house.database.subjects.get(owner, case_id)
    if known is None:
        raise not_found("case", case_id)
    return [known.shown]
