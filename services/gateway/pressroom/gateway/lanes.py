"""`/v1/lanes`: every queue of work, how much waits in it, and holding it up for a while, for operators.

What a provider's lane can do and why it is closed is in `/v1/providers`; here are those of platforms and notices too.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import Path

from pressroom.contracts.jobs import Job
from pressroom.contracts.operations import Lane, PauseLane
from pressroom.contracts.vocabulary import LaneState, Scope
from pressroom.runtime.backlog import LaneBacklog, backlog
from pressroom.runtime.lanes import Lanes
from pressroom.runtime.topology import JOB_LANES
from pressroom.state.documents import LaneDocument

from .access import GuardedRouter
from .edge.problems import answers, conflict, not_found
from .house import House

router = GuardedRouter("/v1/lanes", "operating", Scope.OPERATE)

_KINDS: dict[str, tuple[type[Job], str]] = {f"{job.kind}-{lane}": (job, lane) for job, lane in JOB_LANES}
"""By the name that its consumers begin with."""

LaneName = Annotated[str, Path(description="As the list has it, `publish-shopify` say.")]


@router.get("")
async def list_lanes(house: House) -> list[Lane]:
    """Every lane, by name. One that nobody has served yet is open: what waits in it is taken when somebody comes."""
    known = {lane.id: lane for lane in await house.database.lanes.find({})}
    return [_view(jobs, known.get(_KINDS[jobs.lane][1])) for jobs in await backlog(house.js) if jobs.lane in _KINDS]


@router.post("/{name}/pause", responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))
async def pause_lane(name: LaneName, body: PauseLane, house: House) -> Lane:
    """Nobody takes from the lane for so long; what is being done goes on. A longer pause that is in force stays."""
    lanes, lane = _lane(house, name)
    await lanes.pause(lane, body.seconds, body.reason)
    paused = await _shown(house, name)
    if paused.state is LaneState.CLOSED:
        raise conflict("lane-closed", f"The lane '{name}' is closed: {paused.reason}. There is nothing to pause.")
    return paused


@router.post("/{name}/resume", responses=answers(HTTPStatus.NOT_FOUND))
async def resume_lane(name: LaneName, house: House) -> Lane:
    """Let the lane go on now, paused or closed. Resuming one that is open changes nothing."""
    lanes, lane = _lane(house, name)
    await lanes.open(lane)
    return await _shown(house, name)


def _lane(house: House, name: str) -> tuple[Lanes, str]:
    if name not in _KINDS:
        raise not_found("lane", name)
    job, lane = _KINDS[name]
    return Lanes(house.database, house.client, house.outbox, job), lane


async def _shown(house: House, name: str) -> Lane:
    lane = await house.database.lanes.get(_KINDS[name][1])
    for jobs in await backlog(house.js):
        if jobs.lane == name:
            return _view(jobs, lane)
    raise not_found("lane", name)


def _view(jobs: LaneBacklog, lane: LaneDocument | None) -> Lane:
    return Lane(
        name=jobs.lane,
        state=lane.state if lane is not None else LaneState.OPEN,
        reason=lane.reason if lane is not None else None,
        paused_until=lane.paused_until if lane is not None else None,
        waiting=jobs.waiting,
        taken=jobs.taken,
    )
