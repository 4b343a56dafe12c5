"""The one way to write: guarded by the machine, fenced by the lease, atomic with its messages."""

import asyncio
from datetime import UTC, datetime

import pytest
from pymongo.errors import BulkWriteError

from pressroom.contracts.events import LanePaused
from pressroom.contracts.vocabulary import ImageState, LaneState, ProviderJobState, ProviderName
from pressroom.state.documents import ImageDocument, LaneDocument, ProviderJobDocument
from pressroom.state.machines import MACHINES, sources
from pressroom.state.outbox import event_message

from ..house import House, eventually

GENERATE = {ImageState.QUEUED: ImageState.GENERATING, ImageState.GENERATING: ImageState.GENERATING}


async def image_in(house: House, state: ImageState) -> ImageDocument:
    now = datetime.now(UTC)
    image = ImageDocument(
        _id=f"b-{state}",
        created_at=now,
        updated_at=now,
        state=state,
        batch_id=f"b-{state}",
        index=0,
        owner="default",
        provider="studio",
        mode="realtime",
        priority="normal",
        prompt="x",
        seed=1,
        width=64,
        height=64,
        steps=1,
        guidance=1,
        profile="none",
    )
    assert await house.database.images.insert(image)
    return image


async def test_a_document_moves_only_along_its_machine(house: House) -> None:
    for before in ImageState:
        image = await image_in(house, before)
        for after in ImageState:
            allowed = before in sources(house.database.images.machine, after)
            moved = await house.database.images.transition(image.id, after)
            assert (moved is not None) == allowed, f"{before} -> {after}"
            if moved is not None:
                await house.database.images.raw.update_one({"_id": image.id}, {"$set": {"state": str(before)}})


def test_every_state_of_every_machine_can_be_reached_or_is_where_it_begins() -> None:
    beginnings = {"scheduled", "requested", "planned", "pending", "open"}
    for name, machine in MACHINES.items():
        for state in machine:
            assert sources(machine, state) or state in beginnings, f"{name}: {state}"


async def test_of_twenty_takers_one_gets_the_document(house: House) -> None:
    image = await image_in(house, ImageState.QUEUED)
    claims = await asyncio.gather(
        *(house.database.images.claim(image.id, GENERATE, worker=f"w{n}", lease_s=5) for n in range(20))
    )
    assert sum(claim is not None for claim in claims) == 1
    taken = await house.image(image.id)
    assert (taken.state, taken.attempt, taken.crashes) == (ImageState.GENERATING, 1, 0)


async def test_a_lease_that_runs_out_is_a_crash_and_one_that_is_released_is_not(house: House) -> None:
    image = await image_in(house, ImageState.QUEUED)
    images = house.database.images
    first = await images.claim(image.id, GENERATE, worker="a", lease_s=60)
    assert first is not None
    assert await images.transition(image.id, ImageState.QUEUED, token=first.token) is not None
    second = await images.claim(image.id, GENERATE, worker="b", lease_s=0.05)
    assert second is not None
    assert second.document.crashes == 0
    third = await eventually(lambda: images.claim(image.id, GENERATE, worker="c", lease_s=60))
    assert (third.document.attempt, third.document.crashes) == (3, 1)


async def test_who_lost_the_lease_can_neither_write_nor_beat(house: House) -> None:
    image = await image_in(house, ImageState.QUEUED)
    images = house.database.images
    lost = await images.claim(image.id, GENERATE, worker="a", lease_s=0.05)
    assert lost is not None
    owner = await eventually(lambda: images.claim(image.id, GENERATE, worker="b", lease_s=60))
    assert await images.transition(image.id, ImageState.FINISHING, token=lost.token) is None
    assert await images.change(image.id, {"model": "x"}, token=lost.token) is None
    assert await images.extend(lost, worker="a", lease_s=60) is None
    assert await images.extend(owner, worker="b", lease_s=60) is not None


async def test_a_change_and_what_it_causes_are_one_write(house: House) -> None:
    now = datetime.now(UTC)
    lanes = house.database.lanes
    await lanes.insert(LaneDocument(_id="studio", created_at=now, updated_at=now, state=LaneState.OPEN))
    message = event_message(LanePaused(lane="studio", until="2030-01-01T00:00:00Z", reason="429"), source="test")
    paused = await lanes.transition("studio", LaneState.PAUSED, messages=[message])
    assert paused is not None
    assert [waiting.id for waiting in paused.outbox] == [message.id]
    refused = await lanes.transition("studio", LaneState.OPEN, guard={"reason": "other"}, messages=[message])
    assert refused is None
    unchanged = await lanes.get("studio")
    assert unchanged is not None
    assert len(unchanged.outbox) == 1
    await lanes.confirm("studio", [message.id])
    confirmed = await lanes.get("studio")
    assert confirmed is not None
    assert confirmed.outbox == ()


async def test_rows_that_exist_stay_as_they_are(house: House) -> None:
    image = await image_in(house, ImageState.PLANNED)
    await house.database.images.insert_missing([image.model_copy(update={"seed": 99})])
    assert (await house.image(image.id)).seed == 1


async def test_rows_that_no_majority_has_written_are_not_stored(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    unsure = BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 64, "errmsg": "waiting timed out"}]})

    async def insert_many(*_: object, **__: object) -> None:
        raise unsure

    monkeypatch.setattr(house.database.images.raw, "insert_many", insert_many, raising=False)
    with pytest.raises(BulkWriteError):
        await house.database.images.insert_missing([await image_in(house, ImageState.PLANNED)])


async def test_whoever_looks_for_due_jobs_reads_none_that_are_not_due(house: House) -> None:
    """A deployment keeps all its ended jobs, and every poller looks twice a second for those to delete."""
    jobs, now = house.database.provider_jobs, datetime.now(UTC)
    ended = ProviderJobDocument(
        _id="job",
        created_at=now,
        updated_at=now,
        state=ProviderJobState.SUCCEEDED,
        batch_id="batch",
        provider=ProviderName.GEMINI,
        image_count=1,
        next_poll_at=now,
    )
    await jobs.insert_missing([ended.model_copy(update={"id": f"job-{number}"}) for number in range(50)])
    profiled = jobs.raw.database
    await profiled.command("profile", 2)
    states = {ProviderJobState.SUCCEEDED: ProviderJobState.SUCCEEDED, ProviderJobState.FAILED: ProviderJobState.FAILED}
    assert await jobs.claim_due("delete_at", states, worker="poller", lease_s=1) is None
    await profiled.command("profile", 0)
    seen = await profiled["system.profile"].find({"ns": f"{profiled.name}.{jobs.name}"}).to_list(None)
    assert len(seen) == 2
    assert [operation["docsExamined"] for operation in seen] == [0, 0]
