"""A place in a lane's limits, held while a provider works on an image: so many at once, so many a minute, for all
workers together.

The place is a lease in MongoDB (`pressroom.state.gates`). A worker that dies gives it back by dying; one that cannot
reach the database waits, since nobody could count it.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pressroom.contracts.vocabulary import ProviderName
from pressroom.state.database import DatabaseError
from pressroom.state.gates import Gates

from . import metrics
from .errors import NotYet
from .lane_policies import LaneRules
from .tasks import end

_ASK_AGAIN_S = 0.2
_STAYS_PER_LEASE = 3


@dataclass
class Place:
    """`failed` is set by who holds it: the lane's pause after an error follows then."""

    failed: bool = False


class LaneGate:
    """One lane's gate, as one worker passes it."""

    def __init__(self, gates: Gates, lane: ProviderName, rules: LaneRules, *, lease_s: float) -> None:
        self._gates = gates
        self._lane = lane
        self._rules = rules
        self._lease_s = lease_s

    @asynccontextmanager
    async def place(self, holder: str) -> AsyncGenerator[Place]:
        """Wait for a place and hold it for the block; `holder` names who does, an image say."""
        place = Place()
        if not self._rules.has_gate:
            yield place
            return
        await self._enter(holder)
        staying = asyncio.create_task(self._stay(holder))
        try:
            yield place
        except NotYet:
            raise
        except Exception:
            place.failed = True
            raise
        finally:
            await end([staying])
            gap_s = max(self._rules.delay_s, self._rules.delay_after_error_s if place.failed else 0.0)
            # Not given back, it runs out.
            with contextlib.suppress(DatabaseError):
                await self._gates.leave(self._lane, holder, gap_s=gap_s)

    async def _enter(self, holder: str) -> None:
        began = time.monotonic()
        while True:
            entry = await self._gates.enter(
                self._lane,
                holder,
                places=self._rules.in_flight,
                interval_s=self._rules.interval_s,
                lease_s=self._lease_s,
            )
            if entry.is_inside:
                metrics.LANE_WAIT_SECONDS.labels(str(self._lane)).observe(time.monotonic() - began)
                return
            # Spread, so that those who wait do not all ask in the same moment.
            await asyncio.sleep(max(entry.wait_s, _ASK_AGAIN_S * random.uniform(0.5, 1.5)))  # noqa: S311 - no secret

    async def _stay(self, holder: str) -> None:
        while True:
            await asyncio.sleep(self._lease_s / _STAYS_PER_LEASE)
            with contextlib.suppress(DatabaseError):
                await self._gates.stay(self._lane, holder, lease_s=self._lease_s)
