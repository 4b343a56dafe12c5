"""The image-worker as a whole, on real servers: what happens to images, whatever happens to the worker."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg

from pressroom.cli.servers import MongoServer, NatsServer
from pressroom.contracts.cloudevents import body_of, headers_for
from pressroom.contracts.events import BatchCancelled
from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.subjects import JOBS_STREAM
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState, LaneState
from pressroom.image_worker.providers import GenerationRequest
from pressroom.runtime.dead_letters import REPLAYED
from pressroom.runtime.errors import ApiFailed, InvalidRequest, Moderated, RateLimited
from pressroom.runtime.finishing import Finishing
from pressroom.runtime.lane_queue import LaneQueue
from pressroom.runtime.settling import Settling, open_again
from pressroom.state.documents import BatchDocument, ImageDocument
from pressroom.state.images import Images

from ..house import House, ReadyProvider, eventually

SLOW_WORKER = Path(__file__).parent / "slow_worker.py"


async def test_a_batch_is_made_finished_and_told(house: House) -> None:
    provider = ReadyProvider()
    async with house.worker(provider):
        batch = await house.request(count=3, seed=7)
        images = await house.completed(batch.id)

    assert [image.state for image in images] == [ImageState.GENERATED] * 3
    assert images[0].seed == 7
    assert len({image.seed for image in images}) == 3
    assert [request.seed for request in provider.asked] == [image.seed for image in images]
    file, thumbnail = images[0].file, images[0].thumbnail
    assert file is not None
    assert thumbnail is not None
    assert (file.width_px, file.height_px, file.media_type) == (64, 64, "image/png")
    assert len(await house.blobs.get(file.key)) == file.size_bytes
    told = [event.type for event in await house.events()]
    assert told[:2] == ["pressroom.batch.requested.v1", "pressroom.batch.accepted.v1"]
    assert told.count("pressroom.image.generated.v1") == 3
    assert told[-1] == "pressroom.batch.completed.v1"
    assert (await house.audit()).drifts == ()


async def test_inside_a_batch_one_image_is_made_after_the_other(house: House) -> None:
    release = asyncio.Event()

    async def wait(_request: GenerationRequest) -> None:
        await release.wait()

    provider = ReadyProvider(wait)
    async with house.worker(provider), house.worker(provider):
        batch = await house.request(count=4)
        await eventually(lambda: _true(provider.generating == 1))
        counts = await house.database.images.counts(batch.id)
        assert counts == {ImageState.GENERATING: 1, ImageState.PLANNED: 3}
        release.set()
        await house.completed(batch.id)
    assert provider.most_at_once == 1
    assert len(provider.asked) == 4


async def test_an_image_is_finished_while_the_next_is_made(house: House) -> None:
    states: list[ImageState] = []

    async def look_at_the_first(request: GenerationRequest) -> None:
        if request.image_id.endswith("-0001"):
            states.append((await house.image(request.image_id.replace("-0001", "-0000"))).state)

    provider = ReadyProvider(look_at_the_first)
    async with house.worker(provider):
        batch = await house.request(count=2, profile="t-shirt")
        await house.completed(batch.id)
    assert states == [ImageState.FINISHING]
    assert provider.most_at_once == 1


async def test_a_small_batch_does_not_wait_behind_a_large_one(house: House) -> None:
    async def breathe(_request: GenerationRequest) -> None:
        await asyncio.sleep(0.05)

    provider = ReadyProvider(breathe)
    async with house.worker(provider):
        large = await house.request(count=20)
        await eventually(lambda: _true(len(provider.asked) >= 1))
        small = await house.request(count=1)
        await house.completed(small.id)
        assert (await house.database.batches.get(large.id)).state is BatchState.ACCEPTED
        made_before = [request.image_id for request in provider.asked]
        await house.completed(large.id)
    assert len(made_before) < 20


async def _jobs_in_the_stream(house: House, count: int) -> bool:
    return (await house.js.stream_info("JOBS")).state.messages == count


async def test_urgent_goes_before_normal_before_bulk(house: House) -> None:
    hold = asyncio.Event()

    async def wait(_request: GenerationRequest) -> None:
        await hold.wait()

    provider = ReadyProvider(wait)
    priority_of = {}
    async with house.worker(provider):
        await house.request()
        await eventually(lambda: _true(len(provider.asked) == 1))
        for priority in ("bulk", "normal", "urgent"):
            batch = await house.request(priority=priority, count=2, max_concurrent=2)
            priority_of[batch.id] = priority
        # Told to the documents is not yet in the stream: the one that is being made, and six that wait.
        await eventually(lambda: _jobs_in_the_stream(house, 7))
        hold.set()
        for batch_id in priority_of:
            await house.completed(batch_id)
    taken = [priority_of[request.image_id.rsplit("-", 1)[0]] for request in provider.asked[1:]]
    assert taken == ["urgent", "urgent", "normal", "normal", "bulk", "bulk"]


async def test_an_image_whose_provider_fails_twice_is_made_at_the_third_try(house: House) -> None:
    async def fail_twice(request: GenerationRequest) -> None:
        if provider.count(request.image_id) < 3:
            raise ApiFailed("500 from the provider")

    provider = ReadyProvider(fail_twice)
    async with house.worker(provider):
        batch = await house.request()
        (image,) = await house.completed(batch.id)
    assert (image.state, image.attempt, image.failures) == (ImageState.GENERATED, 3, 2)
    assert await house.dead() == []


async def test_an_image_that_fails_three_times_is_failed_and_buried_with_its_reason(house: House) -> None:
    async def fail(_request: GenerationRequest) -> None:
        raise ApiFailed("the provider is broken")

    provider = ReadyProvider(fail)
    async with house.worker(provider):
        batch = await house.request()
        (image,) = await house.completed(batch.id)
        (letter,) = await eventually(house.dead)
    assert (image.state, image.attempt) == (ImageState.FAILED, 3)
    assert image.error is not None
    assert (image.error.kind, image.error.recoverable) == (ErrorKind.API_ERROR, True)
    assert letter.headers["Pressroom-Reason"] == "the provider is broken"
    assert letter.headers["Pressroom-Attempt"] == "3"
    assert GenerateImage.model_validate_json(letter.data).image_id == image.id
    assert (await house.audit()).drifts == ()


async def test_a_dead_letter_that_is_sent_again_makes_the_image_after_all(house: House) -> None:
    async def fail(_request: GenerationRequest) -> None:
        raise InvalidRequest("no credit")

    async with house.worker(ReadyProvider(fail)):
        batch = await house.request(count=2)
        await house.completed(batch.id)
        letters = await eventually(lambda: _at_least(house.dead(), 2))
    headers = {REPLAYED: "1"}
    await house.js.publish(letters[0].headers["Pressroom-Subject"], letters[0].data, stream="JOBS", headers=headers)
    async with house.worker(ReadyProvider()):

        async def made() -> bool:
            counts = await house.database.images.counts(batch.id)
            return counts == {ImageState.GENERATED: 1, ImageState.FAILED: 1}

        await eventually(made)
        await house.completed(batch.id)
    assert (await house.audit()).drifts == ()
    told = [event.data for event in await house.events() if event.type == "pressroom.batch.completed.v1"]
    assert [(data.counts.generated, data.counts.failed) for data in told] == [(0, 2), (1, 1)]


async def a_batch_that_failed(house: House) -> BatchDocument:
    """Of one image, and over."""

    async def fail(_request: GenerationRequest) -> None:
        raise InvalidRequest("no credit")

    async with house.worker(ReadyProvider(fail)):
        batch = await house.request()
        await house.completed(batch.id)
    return batch


async def test_a_batch_that_is_completed_as_its_image_is_made_again_is_open_until_that_is_done(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = await a_batch_that_failed(house)
    (letter,) = await eventually(house.dead)
    revive, settling, met = Images.transition, Settling(house.database, house.outbox), list[BatchState]()

    async def completed_before(self: Images, image_id: str, target: ImageState, **options: Any) -> ImageDocument | None:
        if target is ImageState.QUEUED and not met:
            await settling.settle(batch.id)
            met.append((await house.batch_in(batch.id, *BatchState)).state)
        return await revive(self, image_id, target, **options)

    monkeypatch.setattr(Images, "transition", completed_before)
    await house.js.publish(
        letter.headers["Pressroom-Subject"], letter.data, stream=JOBS_STREAM, headers={REPLAYED: "1"}
    )
    async with house.worker(ReadyProvider(), sweep_interval_s=60):
        await eventually(lambda: _is_made(house, batch.id))
        await house.completed(batch.id)
    assert met == [BatchState.COMPLETED]
    assert (await house.audit()).drifts == ()


async def test_whoever_completes_a_batch_sees_an_image_that_is_made_again_meanwhile(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = await a_batch_that_failed(house)
    await open_again(house.database, batch.id)
    count = Images.counts

    async def made_again_after(self: Images, batch_id: str) -> dict[ImageState, int]:
        found = await count(self, batch_id)
        await self.transition(f"{batch_id}-0000", ImageState.QUEUED)
        return found

    monkeypatch.setattr(Images, "counts", made_again_after)
    await Settling(house.database, house.outbox).settle(batch.id)
    assert (await house.batch_in(batch.id, *BatchState)).state is BatchState.ACCEPTED


async def test_the_audit_takes_an_image_that_was_cancelled_as_it_was_made_again(house: House) -> None:
    batch = await a_batch_that_failed(house)
    image_id = f"{batch.id}-0000"
    await open_again(house.database, batch.id)
    assert await house.database.images.transition(image_id, ImageState.QUEUED)
    await cancel(house, batch.id)
    await Settling(house.database, house.outbox).settle(batch.id)
    assert (await house.image(image_id)).state is ImageState.CANCELLED
    assert (await house.audit()).drifts == ()


async def _is_made(house: House, batch_id: str) -> bool:
    return (await house.image(f"{batch_id}-0000")).state is ImageState.GENERATED


@pytest.mark.parametrize("error", [InvalidRequest("400: no such size"), Moderated("refused")])
async def test_what_no_retry_can_mend_is_not_retried(house: House, error: Exception) -> None:
    async def fail(_request: GenerationRequest) -> None:
        raise error

    provider = ReadyProvider(fail)
    async with house.worker(provider):
        batch = await house.request()
        (image,) = await house.completed(batch.id)
    assert (image.state, len(provider.asked)) == (ImageState.FAILED, 1)
    assert image.error is not None
    assert not image.error.recoverable


async def test_a_failing_image_does_not_stop_its_batch(house: House) -> None:
    async def fail_second(request: GenerationRequest) -> None:
        if request.image_id.endswith("-0001"):
            raise InvalidRequest("this one cannot be made")

    async with house.worker(ReadyProvider(fail_second)):
        batch = await house.request(count=3)
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED, ImageState.FAILED, ImageState.GENERATED]


async def test_an_answer_that_is_no_picture_is_an_api_error(house: House) -> None:
    async def html(_request: GenerationRequest) -> bytes:
        return b"<html>502 Bad Gateway</html>"

    async with house.worker(ReadyProvider(html)):
        batch = await house.request()
        (image,) = await house.completed(batch.id)
    assert image.error is not None
    assert image.error.kind is ErrorKind.API_ERROR


async def test_a_rate_limit_pauses_the_lane_for_every_worker_and_then_it_goes_on(house: House) -> None:
    async def limited_once(_request: GenerationRequest) -> None:
        if len(provider.asked) == 1:
            raise RateLimited("429", retry_after_s=1.0)

    provider = ReadyProvider(limited_once)
    async with house.worker(provider), house.worker(provider):
        batch = await house.request(count=2, max_concurrent=2)
        await eventually(lambda: _lane_is(house, LaneState.PAUSED))
        asked_when_paused = len(provider.asked)
        images = await house.completed(batch.id)
        await eventually(lambda: _lane_is(house, LaneState.OPEN))
    assert asked_when_paused <= 2
    assert [image.failures for image in images] == [0, 0]
    told = [event.type for event in await house.events()]
    assert told.count("pressroom.lane.paused.v1") == 1
    assert told.count("pressroom.lane.resumed.v1") == 1
    assert (await house.audit()).drifts == ()


async def test_a_slow_provider_times_out_and_the_setting_is_named(house: House) -> None:
    async def for_ever(_request: GenerationRequest) -> None:
        await asyncio.Event().wait()

    async with house.worker(ReadyProvider(for_ever), generation_timeout_s=0.1, max_attempts=1):
        batch = await house.request()
        (image,) = await house.completed(batch.id)
    assert image.error is not None
    assert image.error.kind is ErrorKind.TIMEOUT
    assert "PRESSROOM_GENERATION_TIMEOUT_S" in image.error.message


async def test_a_cancelled_batch_stops_the_image_that_is_being_made(house: House) -> None:
    async def for_ever(_request: GenerationRequest) -> None:
        await asyncio.Event().wait()

    provider = ReadyProvider(for_ever)
    async with house.worker(provider):
        batch = await house.request(count=3)
        await eventually(lambda: _true(provider.generating == 1))
        cancelled = await house.database.batches.transition(
            batch.id, BatchState.CANCELLED, messages=[house.outbox.event(BatchCancelled(batch_id=batch.id))]
        )
        assert cancelled is not None
        await house.outbox.publish(house.database.batches, cancelled)

        async def all_cancelled() -> bool:
            return await house.database.images.counts(batch.id) == {ImageState.CANCELLED: 3}

        await eventually(all_cancelled)
    assert provider.generating == 0
    assert (await house.audit()).drifts == ()


async def cancel(house: House, batch_id: str) -> None:
    cancelled = await house.database.batches.transition(
        batch_id, BatchState.CANCELLED, messages=[house.outbox.event(BatchCancelled(batch_id=batch_id))]
    )
    assert cancelled is not None
    await house.outbox.publish(house.database.batches, cancelled)


async def test_an_image_that_is_made_in_the_moment_of_its_cancelling_is_finished(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = asyncio.Event()
    generated = Finishing.generated

    async def on_its_way(finishing: Finishing, *args: Any, **kwargs: Any) -> ImageDocument | None:
        writing.set()
        try:
            return await asyncio.Event().wait()
        except asyncio.CancelledError:
            # Whoever waits for a write may be cancelled; the write is not.
            await generated(finishing, *args, **kwargs)
            raise

    monkeypatch.setattr(Finishing, "generated", on_its_way)
    async with house.worker(ReadyProvider()):
        batch = await house.request()
        await writing.wait()
        await cancel(house, batch.id)

        async def ready() -> bool:
            return await house.database.images.counts(batch.id) == {ImageState.GENERATED: 1}

        await eventually(ready)
        await eventually(lambda: _no_jobs(house))
    assert (await house.audit()).drifts == ()


async def test_an_image_that_is_asked_to_stop_is_not_begun_again(house: House) -> None:
    stuck = ReadyProvider(lambda _request: asyncio.Event().wait())
    async with house.worker(stuck):
        batch = await house.request()
        await eventually(lambda: _true(stuck.generating == 1))
    # As it is when the batch is cancelled in the moment in which its image is handed back.
    await house.database.images.change(f"{batch.id}-0000", {"cancel_requested": True})
    provider = ReadyProvider()
    async with house.worker(provider):

        async def stopped() -> bool:
            return (await house.image(f"{batch.id}-0000")).state is ImageState.CANCELLED

        await eventually(stopped)
    assert provider.asked == []


async def test_a_picture_is_not_made_again_because_the_database_was_away(
    tmp_path: Path, nats_server: NatsServer, mongo_server: MongoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pressroom.state.database.SERVER_SELECTION_MS", 200)
    house = House(nats_server.url, mongo_server.url, "away", tmp_path)
    await house.open()
    hold, kept = asyncio.Event(), asyncio.Event()
    sleep, again_after_s = asyncio.sleep, 0.123
    monkeypatch.setattr("pressroom.runtime.finishing.STORE_RETRY_S", again_after_s)

    async def notice(seconds: float) -> None:
        if seconds == again_after_s:
            kept.set()
        await sleep(seconds)

    monkeypatch.setattr("pressroom.runtime.finishing.asyncio.sleep", notice)

    async def wait(_request: GenerationRequest) -> None:
        await hold.wait()

    provider = ReadyProvider(wait)
    async with house.worker(provider):
        batch = await house.request()
        await eventually(lambda: _true(provider.generating == 1))
        mongo_server.kill()
        hold.set()
        await kept.wait()
        await asyncio.to_thread(mongo_server.start)
        (image,) = await house.completed(batch.id)
    await house.close()
    assert (image.state, image.crashes, len(provider.asked)) == (ImageState.GENERATED, 0, 1)


async def test_a_picture_is_kept_in_memory_while_the_disk_is_full(house: House, tmp_path: Path) -> None:
    blobs = tmp_path / "blobs"
    provider = ReadyProvider()
    async with house.worker(provider):
        blobs.chmod(0o500)
        for child in blobs.iterdir():
            child.chmod(0o500)
        full = _Full(blobs)
        full.begin()
        batch = await house.request()
        await eventually(lambda: _true(len(provider.asked) == 1))
        await asyncio.sleep(0.1)
        full.end()
        (image,) = await house.completed(batch.id)
    assert (image.state, len(provider.asked)) == (ImageState.GENERATED, 1)


class _Full:
    """A blob folder that nothing can be written into, for root too: a file stands where the folder was."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = folder.with_name("aside")

    def begin(self) -> None:
        self._folder.chmod(0o700)
        self._folder.rename(self._aside)
        self._folder.write_text("no space")

    def end(self) -> None:
        self._folder.unlink()
        self._aside.rename(self._folder)


async def test_a_worker_that_stops_in_good_order_hands_its_image_to_another_at_once(house: House) -> None:
    async def for_ever(_request: GenerationRequest) -> None:
        await asyncio.Event().wait()

    stuck = ReadyProvider(for_ever)
    async with house.worker(stuck):
        batch = await house.request()
        await eventually(lambda: _true(stuck.generating == 1))
    async with house.worker(ReadyProvider()):
        (image,) = await house.completed(batch.id)
    assert (image.attempt, image.crashes, image.failures) == (2, 0, 0)


async def test_a_worker_killed_in_the_middle_of_an_image_makes_it_once_on_another(house: House, tmp_path: Path) -> None:
    made = tmp_path / "made.log"
    doomed = await _slow_worker(house, made, seconds=600)
    batch = await house.request()
    await eventually(lambda: _true(made.exists() and "began" in made.read_text()))
    doomed.send_signal(signal.SIGKILL)
    await doomed.wait()
    provider = ReadyProvider()
    async with house.worker(provider):
        (image,) = await house.completed(batch.id, within_s=5)
    assert (image.state, image.crashes, len(provider.asked)) == (ImageState.GENERATED, 1, 1)
    assert "ended" not in made.read_text()
    events = [event.type for event in await house.events()]
    assert events.count("pressroom.image.generated.v1") == 1
    assert (await house.audit()).drifts == ()


async def test_a_worker_killed_while_finishing_never_asks_the_provider_again(house: House) -> None:
    batch = await house.request()
    async with house.worker(ReadyProvider()):
        (image,) = await house.completed(batch.id)
    assert image.raw is not None
    # As a killed worker leaves it: the bytes stored, the lease run out, the job not acknowledged.
    await house.database.batches.change(batch.id, {"state": "accepted"})
    await house.database.images.change(image.id, {"state": "finishing", "file": None, "thumbnail": None})
    await house.outbox.send(house.outbox.job(GenerateImage(batch_id=batch.id, image_id=image.id, provider="studio")))
    provider = ReadyProvider()
    async with house.worker(provider):
        (again,) = await house.completed(batch.id)
    assert provider.asked == []
    assert again.file == image.file


async def test_a_job_that_kills_its_workers_is_given_up_as_poisonous(house: House) -> None:
    batch = await house.request()
    async with house.worker(ReadyProvider()):
        await house.completed(batch.id)
    image = (await house.database.images.of_batch(batch.id))[0]
    await house.database.batches.change(batch.id, {"state": "accepted"})
    await house.database.images.change(image.id, {"state": "queued", "crashes": 6, "raw": None})
    await house.outbox.send(house.outbox.job(GenerateImage(batch_id=batch.id, image_id=image.id, provider="studio")))
    async with house.worker(ReadyProvider()):
        (failed,) = await house.completed(batch.id)
        (letter,) = await eventually(house.dead)
    assert failed.state is ImageState.FAILED
    assert "6 times" in letter.headers["Pressroom-Reason"]


async def test_a_taker_that_lost_its_lease_cannot_write(house: House) -> None:
    taken = asyncio.Event()
    release = asyncio.Event()

    async def wait(_request: GenerationRequest) -> None:
        taken.set()
        await release.wait()

    async with house.worker(ReadyProvider(wait)):
        batch = await house.request()
        await taken.wait()
        image = (await house.database.images.of_batch(batch.id))[0]
        stolen = await house.database.images.raw.update_one({"_id": image.id}, {"$set": {"lease.token": "thief"}})
        assert stolen.modified_count == 1
        release.set()
        await asyncio.sleep(0.1)
        assert (await house.image(image.id)).state is ImageState.GENERATING
        assert (await house.image(image.id)).lease.token == "thief"


async def test_a_lane_goes_on_after_an_error_that_nobody_foresaw(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = iter([RuntimeError("nobody foresaw this")])
    take = LaneQueue.next

    async def fail_once(queue: LaneQueue) -> Msg:
        for error in errors:
            raise error
        return await take(queue)

    monkeypatch.setattr(LaneQueue, "next", fail_once)
    async with house.worker(ReadyProvider()):
        batch = await house.request()
        await house.completed(batch.id)


async def test_rubbish_in_the_job_stream_is_buried_and_the_lane_goes_on(house: House) -> None:
    await house.js.publish("pressroom.job.image.studio.normal.rubbish", b"{not json", stream="JOBS")
    ghost = GenerateImage(batch_id="gone", image_id="gone-0000", provider="studio")
    await house.js.publish(
        "pressroom.job.image.studio.normal.gone-0000",
        body_of(ghost),
        headers=headers_for(ghost.type_name(), source="test"),
        stream="JOBS",
    )
    async with house.worker(ReadyProvider()):
        batch = await house.request()
        await house.completed(batch.id)
        letters = await eventually(lambda: _at_least(house.dead(), 2))
    assert {letter.headers["Pressroom-Error-Kind"] for letter in letters} == {"validation"}


async def test_the_line_survives_the_death_of_both_servers(
    tmp_path: Path, nats_server: NatsServer, mongo_server: MongoServer
) -> None:
    house = House(nats_server.url, mongo_server.url, "survivor", tmp_path)
    await house.open()
    provider = ReadyProvider(lambda _request: _breath())
    with contextlib.ExitStack() as stack:
        stack.callback(mongo_server.kill)
        async with house.worker(provider):
            batch = await house.request(count=12)
            await eventually(lambda: _true(len(provider.asked) >= 2))
            await asyncio.to_thread(nats_server.restart)
            await eventually(lambda: _true(len(provider.asked) >= 5), within_s=40)
            await asyncio.to_thread(mongo_server.restart)
            images = await house.completed(batch.id, within_s=60)
            assert {image.state for image in images} == {ImageState.GENERATED}

            async def quiet() -> bool:
                return (await house.audit()).drifts == ()

            await eventually(quiet)
        await house.close()


async def test_the_jobs_stream_can_be_lost_and_comes_back_from_the_database(house: House) -> None:
    batch = await house.request(count=2, max_concurrent=2)
    async with house.worker(ReadyProvider()):
        await house.completed(batch.id)
    await house.database.batches.change(batch.id, {"state": "accepted", "released_through": 2})
    for image in await house.database.images.of_batch(batch.id):
        long_ago = image.created_at.replace(year=2020)
        await house.database.images.raw.update_one(
            {"_id": image.id}, {"$set": {"state": "queued", "updated_at": long_ago, "raw": None}}
        )
    await house.database.batches.raw.update_one(
        {"_id": batch.id}, {"$set": {"swept_at": batch.swept_at.replace(year=2020)}}
    )
    async with house.worker(ReadyProvider()):
        images = await house.completed(batch.id)
    assert {image.state for image in images} == {ImageState.GENERATED}


async def _breath() -> None:
    await asyncio.sleep(0.05)


async def _true(condition: bool) -> bool:
    return condition


async def _at_least(letters: "asyncio.Future[list[object]]", count: int) -> list[object] | None:
    found = await letters
    return found if len(found) >= count else None


async def _lane_is(house: House, state: LaneState) -> bool:
    lane = await house.database.lanes.get("studio")
    return lane is not None and lane.state is state


async def _slow_worker(house: House, made: Path, *, seconds: float) -> asyncio.subprocess.Process:
    environment = {f"PRESSROOM_{name.upper()}": str(value) for name, value in house.values.items()}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(SLOW_WORKER),
        str(made),
        str(seconds),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def _no_jobs(house: House) -> bool:
    return (await house.js.stream_info(JOBS_STREAM)).state.messages == 0
