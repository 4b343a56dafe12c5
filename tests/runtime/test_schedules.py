"""Batches for later: begun when their time has come, whatever was lost meanwhile; not when they are cancelled."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pressroom.contracts.events import BatchCancelled
from pressroom.contracts.subjects import SCHEDULES_STREAM
from pressroom.contracts.vocabulary import BatchState, ImageState
from pressroom.runtime.admission import Admission
from pressroom.runtime.schedules import next_off_peak
from pressroom.runtime.settings import Settings

from ..house import House, ReadyProvider

BERLIN = ZoneInfo("Europe/Berlin")


def soon(seconds: float = 1.5) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(
    ("moment", "hours", "begins"),
    [
        ("2026-11-21T03:00:00+01:00", "01:00-06:00", "2026-11-21T03:00:00+01:00"),
        ("2026-11-21T06:00:00+01:00", "01:00-06:00", "2026-11-22T01:00:00+01:00"),
        ("2026-11-21T00:59:59+01:00", "01:00-06:00", "2026-11-21T01:00:00+01:00"),
        ("2026-11-21T23:30:00+01:00", "22:00-06:00", "2026-11-21T23:30:00+01:00"),
        ("2026-11-21T05:59:00+01:00", "22:00-06:00", "2026-11-21T05:59:00+01:00"),
        ("2026-11-21T12:00:00+01:00", "22:00-06:00", "2026-11-21T22:00:00+01:00"),
        # The night in which the clocks go forward: 02:00 does not exist, and its hour is the one after.
        ("2026-03-28T12:00:00+01:00", "01:00-06:00", "2026-03-29T01:00:00+01:00"),
    ],
)
def test_off_peak_is_now_or_the_next_beginning(moment: str, hours: str, begins: str) -> None:
    assert next_off_peak(datetime.fromisoformat(moment), hours, BERLIN) == datetime.fromisoformat(begins)


async def test_a_batch_for_later_waits_and_begins_by_its_alarm(house: House) -> None:
    provider = ReadyProvider()
    async with house.worker(provider):
        batch = await house.request(schedule_at=soon())
        assert batch.state is BatchState.SCHEDULED
        assert provider.asked == []
        (image,) = await house.completed(batch.id)
    assert image.state is ImageState.GENERATED
    stored = await house.database.batches.get(batch.id)
    assert stored is not None
    assert stored.starts_at is not None
    assert image.created_at >= stored.starts_at
    told = [event.data.fact for event in await house.events()]
    assert told[:3] == ["scheduled", "requested", "accepted"]
    assert (await house.audit()).drifts == ()


async def test_an_off_peak_batch_that_begins_late_is_made_by_its_deadline_all_the_same(house: House) -> None:
    """Its hours are over by the time it is planned, and the next ones come after its deadline."""
    now = datetime.now(UTC)
    hours = f"{now - timedelta(hours=3):%H:%M}-{now - timedelta(hours=2):%H:%M}"
    settings = Settings(**{**house.values, "off_peak_hours": hours})
    batch = await house.request(off_peak=True, deadline_at=(now + timedelta(hours=1)).isoformat())
    begun = await house.database.batches.change(batch.id, {"state": str(BatchState.REQUESTED)})
    assert begun is not None
    planned = await Admission(house.database, house.outbox, settings).plan(begun)
    assert planned is not None
    assert planned.state is BatchState.ACCEPTED


async def test_a_batch_whose_alarm_was_lost_is_begun_by_the_sweep(house: House) -> None:
    batch = await house.request(schedule_at=soon(1))
    await house.js.purge_stream(SCHEDULES_STREAM)
    late = datetime.now(UTC) - timedelta(seconds=10)
    await house.database.batches.change(batch.id, {"starts_at": late})
    async with house.worker(ReadyProvider()):
        (image,) = await house.completed(batch.id)
    assert image.state is ImageState.GENERATED


async def test_a_cancelled_batch_never_begins(house: House) -> None:
    batch = await house.request(schedule_at=soon(1))
    other = await house.request(schedule_at=soon(1.2))
    cancelled = await house.database.batches.transition(
        batch.id, BatchState.CANCELLED, messages=[house.outbox.event(BatchCancelled(batch_id=batch.id))]
    )
    assert cancelled is not None
    await house.outbox.publish(house.database.batches, cancelled)
    async with house.worker(ReadyProvider()):
        await house.completed(other.id)
    assert await house.database.images.of_batch(batch.id) == []
    assert (await house.audit()).drifts == ()


async def test_a_time_that_has_passed_is_now(house: House) -> None:
    batch = await house.request(schedule_at=soon(-60))
    assert batch.state is BatchState.REQUESTED


async def test_an_open_mode_that_was_settled_is_the_same_batch_when_its_event_comes(house: House) -> None:
    async with house.worker(ReadyProvider()):
        batch = await house.request(mode="auto")
        (image,) = await house.completed(batch.id)
    assert image.state is ImageState.GENERATED
    assert await house.dead() == []
