"""Lanes on a real server: what the document says is what JetStream does, whoever else looks after the lane."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pressroom.contracts.capabilities import Capabilities
from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.subjects import JOBS_STREAM, job_consumer
from pressroom.contracts.vocabulary import LaneState, Priority
from pressroom.runtime.lanes import SERVED_WITHIN, Lanes
from pressroom.state.documents import LaneDocument, LaneService

from ..house import House, eventually

SERVICE = LaneService(capabilities=Capabilities(prompt_max_characters=1000), timeout_s=120, max_attempts=3)
SHUT = dict.fromkeys(Priority, True)
FREE = dict.fromkeys(Priority, False)


@pytest.fixture
def lanes(house: House) -> Lanes:
    return Lanes(house.database, house.client, house.outbox, GenerateImage)


async def lane(house: House, name: str = "studio") -> LaneDocument:
    document = await house.database.lanes.get(name)
    assert document is not None
    return document


async def shut(house: House, name: str = "studio") -> dict[Priority, bool]:
    """Which of the lane's consumers JetStream holds back."""
    return {
        priority: bool((await house.js.consumer_info(JOBS_STREAM, job_consumer(GenerateImage, name, priority))).paused)
        for priority in Priority
    }


async def told(house: House) -> list[str]:
    return [event.type.split(".")[2] for event in await house.events("pressroom.event.lane.>")]


async def test_a_pause_holds_every_priority_and_ends_by_itself(house: House, lanes: Lanes) -> None:
    await lanes.pause("studio", 0.5, "429")
    paused = await lane(house)
    assert (paused.state, paused.reason, await shut(house)) == (LaneState.PAUSED, "429", SHUT)

    async def opened() -> bool:
        await lanes.sweep_once("studio")
        return (await lane(house)).state is LaneState.OPEN

    await eventually(opened)
    assert await shut(house) == FREE
    assert await told(house) == ["paused", "resumed"]
    assert (await house.audit()).drifts == ()


async def test_a_shorter_pause_shortens_none_and_is_not_told(house: House, lanes: Lanes) -> None:
    await lanes.pause("studio", 600, "long")
    before = (await lane(house)).paused_until
    await lanes.pause("studio", 1, "short")
    after = await lane(house)
    assert (after.paused_until, after.reason) == (before, "long")
    assert await told(house) == ["paused"]


async def test_a_longer_pause_takes_the_place_of_a_shorter_one(house: House, lanes: Lanes) -> None:
    await lanes.pause("studio", 1, "short")
    await lanes.pause("studio", 600, "long")
    until = (await lane(house)).paused_until
    assert until is not None
    assert until > datetime.now(UTC) + timedelta(seconds=500)
    assert (await lane(house)).reason == "long"


async def test_a_lane_is_closed_and_told_once_however_many_find_it_broken(house: House, lanes: Lanes) -> None:
    await asyncio.gather(*(lanes.close("studio", f"no credit, says {number}") for number in range(8)))
    assert ((await lane(house)).state, await shut(house)) == (LaneState.CLOSED, SHUT)
    assert await told(house) == ["closed"]
    assert (await house.audit()).drifts == ()


async def test_a_rate_limit_does_not_make_a_closed_lane_one_that_opens_by_itself(house: House, lanes: Lanes) -> None:
    await lanes.close("studio", "no credit")
    await lanes.pause("studio", 0.1, "429")
    document = await lane(house)
    assert (document.state, document.reason) == (LaneState.CLOSED, "no credit")
    assert await told(house) == ["closed"]


async def test_a_paused_lane_that_is_closed_stays_so_when_its_pause_is_over(house: House, lanes: Lanes) -> None:
    await lanes.pause("studio", 0.1, "429")
    await lanes.close("studio", "no credit")
    assert (await lane(house)).paused_until is None
    await lanes.sweep_once("studio")
    assert ((await lane(house)).state, await shut(house)) == (LaneState.CLOSED, SHUT)


@pytest.mark.parametrize("how", ["pause", "close"])
async def test_opening_leaves_nothing_paused(house: House, lanes: Lanes, how: str) -> None:
    await (lanes.pause("studio", 600, "429") if how == "pause" else lanes.close("studio", "no credit"))
    assert await lanes.open("studio")
    document = await lane(house)
    assert (document.state, document.paused_until, document.reason) == (LaneState.OPEN, None, None)
    assert await shut(house) == FREE
    assert not await lanes.open("studio")
    assert (await told(house))[-1:] == ["resumed"]
    assert (await told(house)).count("resumed") == 1


class Interrupted(Lanes):
    """Looks after lanes, and lets something else happen in the moment before it holds the consumers back."""

    meanwhile: Callable[[], Any] | None = None
    afterwards: Callable[[], Any] | None = None
    """The same in the moment after it lets them go on."""

    async def _pause_consumers(self, lane: str, until: datetime | None) -> None:
        if until is not None and self.meanwhile is not None:
            step, self.meanwhile = self.meanwhile, None
            await step()
        await super()._pause_consumers(lane, until)
        if until is None and self.afterwards is not None:
            step, self.afterwards = self.afterwards, None
            await step()


@pytest.mark.parametrize("how", ["paused", "closed"])
async def test_a_sweep_that_looked_before_somebody_opened_the_lane_leaves_nothing_paused(
    house: House, lanes: Lanes, how: str
) -> None:
    await (lanes.pause("studio", 600, "429") if how == "paused" else lanes.close("studio", "no credit"))
    sweeper = Interrupted(house.database, house.client, house.outbox, GenerateImage)
    sweeper.meanwhile = lambda: lanes.open("studio")
    await sweeper.sweep_once("studio")
    assert ((await lane(house)).state, await shut(house)) == (LaneState.OPEN, FREE)


@pytest.mark.parametrize("how", ["paused", "closed"])
async def test_a_sweep_amid_an_opening_leaves_nothing_paused(house: House, lanes: Lanes, how: str) -> None:
    """It shuts the consumers after they were let go on, and reads the document before that says open."""
    await (lanes.pause("studio", 600, "429") if how == "paused" else lanes.close("studio", "no credit"))
    opener = Interrupted(house.database, house.client, house.outbox, GenerateImage)
    opener.afterwards = lambda: lanes.sweep_once("studio")
    assert await opener.open("studio")
    assert ((await lane(house)).state, await shut(house)) == (LaneState.OPEN, FREE)


@pytest.mark.parametrize("how", ["pause", "close"])
async def test_a_lane_that_is_opened_in_the_moment_it_is_shut_leaves_nothing_paused(
    house: House, lanes: Lanes, how: str
) -> None:
    shutter = Interrupted(house.database, house.client, house.outbox, GenerateImage)
    shutter.meanwhile = lambda: lanes.open("studio")
    await (shutter.pause("studio", 600, "429") if how == "pause" else shutter.close("studio", "no credit"))
    assert ((await lane(house)).state, await shut(house)) == (LaneState.OPEN, FREE)


@pytest.mark.parametrize("how", ["paused", "closed"])
async def test_who_died_between_the_document_and_the_consumers_is_followed_by_the_sweep(
    house: House, lanes: Lanes, how: str
) -> None:
    await (lanes.pause("studio", 600, "429") if how == "paused" else lanes.close("studio", "no credit"))
    await lanes._pause_consumers("studio", None)  # pyright: ignore[reportPrivateUsage] as who died left them
    await lanes.sweep_once("studio")
    assert await shut(house) == SHUT


async def test_only_a_closed_lane_is_reopened_by_a_worker_that_starts(house: House, lanes: Lanes) -> None:
    await lanes.pause("studio", 600, "429")
    await lanes.reopen("studio")
    assert ((await lane(house)).state, await shut(house)) == (LaneState.PAUSED, SHUT)
    await lanes.close("studio", "no credit")
    await lanes.reopen("studio")
    assert ((await lane(house)).state, await shut(house)) == (LaneState.OPEN, FREE)


async def test_a_worker_without_the_key_does_not_close_a_lane_that_another_serves(house: House, lanes: Lanes) -> None:
    await lanes.announce("flux", SERVICE, worker="with the key")
    await lanes.cannot_serve("flux", "set PRESSROOM_FLUX_API_KEY", worker="without")
    document = await lane(house, "flux")
    assert (document.state, document.reason, document.served_by) == (LaneState.OPEN, None, "with the key")
    assert await told(house) == []


async def test_a_worker_that_lost_its_key_closes_the_lane_that_it_served_itself(house: House, lanes: Lanes) -> None:
    await lanes.announce("flux", SERVICE, worker="the only one")
    await lanes.cannot_serve("flux", "set PRESSROOM_FLUX_API_KEY", worker="the only one")
    document = await lane(house, "flux")
    assert (document.state, document.reason) == (LaneState.CLOSED, "set PRESSROOM_FLUX_API_KEY")
    assert await told(house) == ["closed"]


async def test_a_lane_whose_worker_is_long_gone_is_closed_by_one_without_the_key(house: House, lanes: Lanes) -> None:
    await lanes.announce("flux", SERVICE, worker="gone")
    long_ago = datetime.now(UTC) - 2 * SERVED_WITHIN
    await house.database.lanes.change("flux", {"served_at": long_ago})
    await lanes.cannot_serve("flux", "set PRESSROOM_FLUX_API_KEY", worker="without")
    assert (await lane(house, "flux")).state is LaneState.CLOSED


async def test_a_lane_that_nobody_ever_served_is_closed_from_the_beginning_and_nobody_is_told(
    house: House, lanes: Lanes
) -> None:
    await lanes.cannot_serve("flux", "set PRESSROOM_FLUX_API_KEY", worker="without")
    await lanes.cannot_serve("flux", "set PRESSROOM_FLUX_API_KEY, please", worker="without")
    document = await lane(house, "flux")
    assert (document.state, document.reason) == (LaneState.CLOSED, "set PRESSROOM_FLUX_API_KEY, please")
    assert await told(house) == []
    assert (await house.audit()).drifts == ()


async def test_the_first_worker_with_the_key_opens_it_and_that_is_told(house: House, lanes: Lanes) -> None:
    await lanes.cannot_serve("flux", "set PRESSROOM_FLUX_API_KEY", worker="without")
    await lanes.announce("flux", SERVICE, worker="with the key")
    assert (await lane(house, "flux")).state is LaneState.OPEN
    assert await told(house) == ["resumed"]
    assert (await house.audit()).drifts == ()


async def test_a_worker_killed_while_it_opens_its_lane_leaves_what_was_told(
    house: House, lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lanes.cannot_serve("flux", "set PRESSROOM_FLUX_API_KEY", worker="without")

    async def killed(*_args: object, **_kwargs: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(house.database.lanes, "change", killed)
        with pytest.raises(asyncio.CancelledError):
            await lanes.announce("flux", SERVICE, worker="with the key")
    assert (await house.audit()).drifts == ()
    await lanes.announce("flux", SERVICE, worker="its successor")
    assert ((await lane(house, "flux")).state, await told(house)) == (LaneState.OPEN, ["resumed"])
