"""How many jobs wait in each lane and how many are being done, as the work queue's consumers count them."""

from nats.js import JetStreamContext
from pydantic import BaseModel, ConfigDict

from pressroom.contracts.subjects import JOBS_STREAM


class LaneBacklog(BaseModel):
    """One lane over all its priorities."""

    model_config = ConfigDict(frozen=True)

    lane: str
    waiting: int
    taken: int


async def backlog(js: JetStreamContext) -> list[LaneBacklog]:
    """Every lane, by name. A durable is called `<kind>-<lane>-<priority>`."""
    waiting: dict[str, int] = {}
    taken: dict[str, int] = {}
    for consumer in await js.consumers_info(JOBS_STREAM):
        lane = consumer.name.rpartition("-")[0]
        waiting[lane] = waiting.get(lane, 0) + (consumer.num_pending or 0)
        taken[lane] = taken.get(lane, 0) + (consumer.num_ack_pending or 0)
    return [LaneBacklog(lane=lane, waiting=waiting[lane], taken=taken[lane]) for lane in sorted(waiting)]
