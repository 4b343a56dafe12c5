"""Messages reach their stream once, whatever dies between the write and the word of the stream."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pressroom.contracts.events import BatchAccepted
from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.requests import BatchRequest
from pressroom.contracts.subjects import EVENTS_STREAM, event_filter
from pressroom.contracts.vocabulary import BatchState
from pressroom.runtime.admission import Admission
from pressroom.runtime.outbox import OutboxRelay
from pressroom.runtime.tail import TailedEvent, tail

from ..house import House, ReadyProvider

REQUEST = BatchRequest(provider="studio", prompt="x", width=64, height=64, profile="none")


async def test_what_a_dead_process_left_behind_is_published_by_the_relay_under_the_same_id(house: House) -> None:
    admission = Admission(house.database, house.outbox, house.settings)
    admitted = await admission.store("left", "default", REQUEST, announce=True)
    relay = OutboxRelay(house.database, house.outbox, age_s=0, interval_s=1)
    assert await relay.once() == 1
    (event,) = await house.events()
    assert event.id == admitted.batch.outbox[0].id
    assert await relay.once() == 0


async def test_the_relay_leaves_young_messages_to_who_wrote_them(house: House) -> None:
    admission = Admission(house.database, house.outbox, house.settings)
    await admission.store("young", "default", REQUEST, announce=True)
    assert await OutboxRelay(house.database, house.outbox, age_s=60, interval_s=1).once() == 0
    assert await house.events() == []


async def test_a_message_that_was_published_but_not_forgotten_is_counted_once(house: House) -> None:
    admission = Admission(house.database, house.outbox, house.settings)
    admitted = await admission.store("twice", "default", REQUEST, announce=True)
    await house.outbox.send(admitted.batch.outbox[0])
    await OutboxRelay(house.database, house.outbox, age_s=0, interval_s=1).once()
    assert len(await house.events()) == 1


async def test_a_message_that_no_stream_takes_does_not_hold_up_the_others(house: House) -> None:
    admission = Admission(house.database, house.outbox, house.settings)
    batches = house.database.batches
    stuck = (await admission.store("stuck", "default", REQUEST, announce=True)).batch
    headers = {**stuck.outbox[0].headers, "Nats-Expected-Last-Sequence": "999999"}
    refused = stuck.outbox[0].model_copy(update={"headers": headers})
    await batches.change("stuck", {"outbox": [refused.model_dump()]})
    await admission.store("waiting", "default", REQUEST, announce=True)
    assert await OutboxRelay(house.database, house.outbox, age_s=0, interval_s=1).once() == 2
    assert [event.data.story for event in await house.events()] == ["waiting"]


async def test_a_job_that_waits_already_is_not_queued_again(house: House) -> None:
    job = GenerateImage(batch_id="b", image_id="b-0000", provider="studio")
    await house.outbox.send(house.outbox.job(job))
    await house.outbox.send(house.outbox.job(job))
    assert (await house.js.stream_info("JOBS")).state.messages == 1


async def test_a_batch_that_nobody_planned_is_found_by_the_sweep(house: House) -> None:
    admission = Admission(house.database, house.outbox, house.settings)
    admitted = await admission.store("forgotten", "default", REQUEST, announce=False)
    long_ago = admitted.batch.created_at - timedelta(hours=1)
    await house.database.batches.change("forgotten", {"swept_at": long_ago})
    async with house.worker(ReadyProvider()):
        await house.completed("forgotten")


async def test_the_audit_finds_a_document_that_was_tampered_with(house: House) -> None:
    async with house.worker(ReadyProvider()):
        batch = await house.request()
        await house.completed(batch.id)
    assert (await house.audit()).drifts == ()
    await house.database.images.raw.update_one({"batch_id": batch.id}, {"$set": {"state": "failed"}})
    found = {(drift.entity, drift.told, drift.stored) for drift in (await house.audit()).drifts}
    assert ("image", "generated", "failed") in found


async def test_the_audit_finds_events_without_documents_and_documents_without_events(house: House) -> None:
    async with house.worker(ReadyProvider()):
        batch = await house.request()
        await house.completed(batch.id)
    await house.database.images.raw.delete_many({"batch_id": batch.id})
    changes = {"id": "silent", "state": BatchState.COMPLETED, "created_at": datetime.now(UTC), "outbox": ()}
    await house.database.batches.insert(batch.model_copy(update=changes))
    drifts = (await house.audit()).drifts
    assert any(drift.id == f"{batch.id}-0000" and drift.stored == "nothing" for drift in drifts)
    assert any(drift.id == "silent" and drift.told == "nothing" for drift in drifts)


async def test_the_audit_compares_only_what_the_stream_still_tells_of(house: House) -> None:
    async with house.worker(ReadyProvider()):
        batches = [await house.request() for _ in range(2)]
        for batch in batches:
            await house.completed(batch.id)
        assert (await house.audit()).complete
        # As the stream's age limit does it.
        begun = await house.js.get_msg(
            EVENTS_STREAM, seq=1, subject=event_filter(BatchAccepted, batches[1].id), next=True
        )
        await house.js.purge_stream(EVENTS_STREAM, seq=begun.seq)
        batches.append(await house.request())
        await house.completed(batches[2].id)
    report = await house.audit()
    assert (report.complete, report.drifts) == (False, ())
    await house.database.images.raw.delete_many({"batch_id": batches[2].id})
    assert (await house.audit()).drifts != ()


async def test_the_audit_takes_no_silence_for_the_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house.worker(ReadyProvider()):
        batch = await house.request(count=3)
        await house.completed(batch.id)

    async def hesitate(*place: Any, follow: bool = True, **pace: Any) -> AsyncIterator[TailedEvent | None]:
        yield None
        if follow:
            async for tailed in tail(*place, **pace):
                yield tailed

    monkeypatch.setattr("pressroom.runtime.audit.tail", hesitate)
    report = await house.audit()
    assert report.events > 0
    assert report.drifts == ()
