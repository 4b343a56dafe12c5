"""A lease that ran out while the database was away belongs to its taker first."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from pressroom.cli.servers import MongoServer
from pressroom.contracts.vocabulary import LaneState
from pressroom.state.collection import Claim
from pressroom.state.database import Database
from pressroom.state.documents import LaneDocument

from ..house import eventually

BECOMES = {LaneState.OPEN: LaneState.PAUSED, LaneState.PAUSED: LaneState.PAUSED}
SHORT_S = 0.05


class Process:
    """One process's connection and what it takes."""

    def __init__(self, mongo: MongoServer) -> None:
        self.database = Database(mongo.url, "outage")

    async def take(self, lease_s: float) -> Claim[LaneDocument] | None:
        return await self.database.lanes.claim("one", BECOMES, worker="w", lease_s=lease_s)


@pytest.fixture
async def taker_and_other(mongo_server: MongoServer) -> AsyncIterator[tuple[Process, Process]]:
    taker, other = Process(mongo_server), Process(mongo_server)
    now = datetime.now(UTC)
    await taker.database.lanes.insert(LaneDocument(_id="one", created_at=now, updated_at=now, state=LaneState.OPEN))
    await other.database.ping()
    yield taker, other
    taker.database.close()
    other.database.close()


async def test_a_taker_that_could_not_beat_keeps_its_document(
    mongo_server: MongoServer, taker_and_other: tuple[Process, Process]
) -> None:
    taker, other = taker_and_other
    claim = await taker.take(SHORT_S)
    assert claim is not None
    mongo_server.restart()
    assert await other.take(lease_s=60) is None
    assert await taker.database.lanes.extend(claim, worker="w", lease_s=60) is not None
    beginner = Process(mongo_server)
    assert await beginner.take(lease_s=SHORT_S) is None
    beginner.database.close()


async def test_a_taker_that_died_in_the_outage_is_followed_after_a_lease_more(
    mongo_server: MongoServer, taker_and_other: tuple[Process, Process]
) -> None:
    taker, other = taker_and_other
    assert await taker.take(SHORT_S) is not None
    mongo_server.restart()
    claim = await eventually(lambda: other.take(lease_s=0.5))
    assert claim.document.crashes == 1


async def test_what_nobody_holds_is_taken_at_once_after_an_outage(
    mongo_server: MongoServer, taker_and_other: tuple[Process, Process]
) -> None:
    _, other = taker_and_other
    mongo_server.restart()
    assert await other.take(lease_s=60) is not None
