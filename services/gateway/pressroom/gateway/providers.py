"""`/v1/providers`: who makes images here, whether their lanes are open, and what they ask for it; `/v1/profiles`."""

from http import HTTPStatus

from pressroom.contracts.api import Provider, ProviderPrice
from pressroom.contracts.finishing import Profile
from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.vocabulary import LaneState, ProviderName, Scope
from pressroom.runtime.admission import announced
from pressroom.runtime.backlog import LaneBacklog, backlog
from pressroom.runtime.lanes import Lanes
from pressroom.runtime.modes import MODES
from pressroom.runtime.prices import FREE, price_table
from pressroom.runtime.settings import Settings
from pressroom.state.documents import LaneDocument

from .access import Caller, GuardedRouter, requires
from .edge.problems import answers, conflict
from .house import House
from .views import dollars

router = GuardedRouter("/v1", "providers", Scope.READ)

_REFERENCE_SIDE_PX = 1024
_NEVER_SERVED = "no image-worker has served it yet (PRESSROOM_IMAGE_WORKER_LANES)"


@router.get("/providers")
async def list_providers(owner: Caller, house: House) -> list[Provider]:
    """Every provider, whether its lane is open, and why not."""
    lanes = await announced(house.database)
    waiting = {lane.lane: lane for lane in await backlog(house.js)}
    return [_view(name, lanes.get(name), waiting.get(_jobs(name)), house.core_settings) for name in ProviderName]


@router.post(
    "/providers/{name}/open",
    dependencies=[requires(Scope.OPERATE)],
    responses=answers(HTTPStatus.CONFLICT),
)
async def open_provider(name: ProviderName, owner: Caller, house: House) -> Provider:
    """Open a lane that was closed or paused, because what its reason names is mended."""
    lane = await house.database.lanes.get(name)
    if lane is None or lane.service is None:
        reason = lane.reason if lane and lane.reason else _NEVER_SERVED
        raise conflict(
            "lane-not-served", f"Nobody serves the lane '{name}': {reason}. Mend that, start the worker again."
        )
    await Lanes(house.database, house.client, house.outbox, GenerateImage).open(name)
    lane = await house.database.lanes.get(name)
    return _view(name, lane, await _jobs_of(house, name), house.core_settings)


@router.get("/profiles")
async def list_profiles(owner: Caller, house: House) -> dict[str, Profile]:
    """The print files that can be asked for, by name; `none` keeps the size that was asked of the provider."""
    return house.core_settings.all_profiles()


def _jobs(name: ProviderName) -> str:
    return f"{GenerateImage.kind}-{name}"


async def _jobs_of(house: House, name: ProviderName) -> LaneBacklog | None:
    return next((lane for lane in await backlog(house.js) if lane.lane == _jobs(name)), None)


def _view(name: ProviderName, lane: LaneDocument | None, jobs: LaneBacklog | None, settings: Settings) -> Provider:
    service = lane.service if lane else None
    is_served = lane is not None and service is not None
    return Provider(
        name=name,
        state=lane.state if lane is not None and is_served else LaneState.CLOSED,
        reason=lane.reason if lane is not None and (lane.reason or is_served) else _NEVER_SERVED,
        paused_until=lane.paused_until if lane else None,
        modes=tuple(sorted(MODES[name])),
        model=service.model if service else None,
        capabilities=service.capabilities if service else None,
        requests_per_minute=service.requests_per_minute if service else None,
        in_flight=service.in_flight if service else None,
        timeout_s=service.timeout_s if service else None,
        max_attempts=service.max_attempts if service else None,
        price=_price(name, lane, settings),
        is_free=name in FREE,
        waiting=jobs.waiting if jobs else 0,
        taken=jobs.taken if jobs else 0,
        served_at=lane.served_at if lane else None,
    )


def _price(name: ProviderName, lane: LaneDocument | None, settings: Settings) -> ProviderPrice | None:
    service = lane.service if lane else None
    if service is None:
        return None
    table, grade = price_table(settings.price_table), service.capabilities.grade
    entry = table.of(name, service.model, grade, _REFERENCE_SIDE_PX)
    side = _REFERENCE_SIDE_PX
    cost = table.cost_microusd(name, service.model, width_px=side, height_px=side, grade=grade)
    if entry is None or cost is None:
        return None
    return ProviderPrice(usd=dollars(cost), unit=entry.unit, source=entry.source, seen=entry.seen)
