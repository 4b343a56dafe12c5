"""A lane whose key, model or credit is gone: one image finds it out, the others wait, and somebody is told once."""

import asyncio
from typing import Any

import pytest

from pressroom.contracts.events import LaneClosed
from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.subjects import JOBS_STREAM, event_filter, job_consumer
from pressroom.contracts.vocabulary import BatchState, ImageState, LaneState, Priority, ProviderName
from pressroom.image_worker.app import build
from pressroom.image_worker.providers import GenerationRequest
from pressroom.image_worker.settings import ImageWorkerSettings
from pressroom.runtime.errors import AuthFailed, ModelGone, Moderated, OutOfCredit, RateLimited, WorkError
from pressroom.runtime.lanes import Lanes

from ..gateway.serving import fields_named_in, problem_of, serving
from ..house import House, eventually, running
from .stand_ins import Told, facts, failing, image_in, image_when, lane_is, when, worker

GONE = [
    AuthFailed("401: set PRESSROOM_OPENAI_API_KEY"),
    OutOfCredit("402: pay at the vendor's"),
    ModelGone("404: set PRESSROOM_OPENAI_MODEL"),
]


def openai(answer: Any = None) -> Told:
    return Told(ProviderName.OPENAI, answer, model="gpt-image-2", is_billed=True, grade="low")


def studio(answer: Any = None, **capabilities: Any) -> Told:
    return Told(ProviderName.STUDIO, answer, **capabilities)


async def nothing_is_paused(house: House, lane: str) -> bool:
    consumers = [job_consumer(GenerateImage, lane, priority) for priority in Priority]
    return not any([(await house.js.consumer_info(JOBS_STREAM, name)).paused for name in consumers])


@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
async def test_what_every_image_would_meet_closes_the_lane_once_and_harms_no_other(
    house: House, error: WorkError
) -> None:
    broken = openai(failing(error))
    async with worker(house, broken), worker(house, broken):
        found_out = await house.request(provider="openai")
        await house.completed(found_out.id)
        await lane_is(house, "openai", LaneState.CLOSED)
        (told,) = await house.events(event_filter(LaneClosed))
        assert isinstance(told.data, LaneClosed)
        assert (told.data.lane, told.data.reason) == ("openai", str(error))
    assert (await house.image(f"{found_out.id}-0000")).state is ImageState.FAILED
    assert (await house.audit()).drifts == ()


async def test_images_that_wait_are_made_when_the_lane_is_opened(house: House) -> None:
    """The lane has made images quickly, so the next one is fetched ahead: it waits too."""
    hold = asyncio.Event()
    key_is_good = True

    async def until_the_key_is_gone(_request: GenerationRequest) -> None:
        if len(provider.asked) == 2:
            await hold.wait()
        if not key_is_good:
            raise AuthFailed("401: set PRESSROOM_OPENAI_API_KEY")

    provider = openai(until_the_key_is_gone)
    async with worker(house, provider):
        warm = await house.request(provider="openai")
        await house.completed(warm.id)
        batch = await house.request(provider="openai", count=4, max_concurrent=4)
        await when(lambda: provider.generating == 1)
        # The one that is fetched ahead is claimed.
        await image_when(house, f"{batch.id}-0001", lambda image: image.state is ImageState.GENERATING)
        key_is_good = False
        hold.set()
        await lane_is(house, "openai", LaneState.CLOSED)
        failed = await image_in(house, f"{batch.id}-0000", ImageState.FAILED)

        async def the_others_wait() -> bool:
            counts = await house.database.images.counts(batch.id)
            return counts == {ImageState.FAILED: 1, ImageState.QUEUED: 3}

        await eventually(the_others_wait)
        assert len(provider.asked) == 2
        key_is_good = True
        await Lanes(house.database, house.client, house.outbox, GenerateImage).open("openai")
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.FAILED] + [ImageState.GENERATED] * 3
    assert [image.failures for image in images[1:]] == [0, 0, 0]
    assert len(await house.dead()) == 1
    assert failed.error is not None
    assert (await facts(house, "lane.closed"), await facts(house, "lane.resumed")) == (1, 1)
    assert await nothing_is_paused(house, "openai")
    assert (await house.audit()).drifts == ()


async def test_a_batch_that_asks_for_a_closed_lane_is_refused_with_the_open_ones(house: House) -> None:
    async with worker(house, openai(failing(GONE[1])), studio()), serving(house) as gateway:
        found_out = await house.request(provider="openai")
        await house.completed(found_out.id)
        await lane_is(house, "openai", LaneState.CLOSED)
        answer = await gateway.http.post("/v1/batches", json={"provider": "openai", "prompt": "a cat"})
        problem = problem_of(answer, 422, "invalid-request")
        assert fields_named_in(problem) == ["provider"]
        (error,) = problem["errors"]
        assert "402: pay at the vendor's" in error["message"]
        assert "open lanes: studio" in error["message"]
        by_event = await house.request(provider="openai")
        rejected = await house.batch_in(by_event.id, BatchState.REJECTED)
        assert "open lanes: studio" in rejected.reasons[0].message
        # Who names another one too is served by that.
        both = await house.request(provider=None, providers=["openai", "studio"])
        (image,) = await house.completed(both.id)
    assert image.provider is ProviderName.STUDIO


async def test_a_model_that_the_batch_chose_itself_closes_nothing(house: House) -> None:
    async def only_the_old_one(request: GenerationRequest) -> None:
        if request.model == "gpt-image-99":
            raise ModelGone("404: there is no gpt-image-99")

    async with worker(house, openai(only_the_old_one)):
        wrong = await house.request(provider="openai", model="gpt-image-99")
        (image,) = await house.completed(wrong.id)
        assert image.state is ImageState.FAILED
        right = await house.request(provider="openai")
        (made,) = await house.completed(right.id)
    assert made.state is ImageState.GENERATED
    assert await facts(house, "lane.closed") == 0


async def test_a_batch_whose_chosen_model_meets_a_dead_key_does_close_the_lane(house: House) -> None:
    async with worker(house, openai(failing(AuthFailed("401")))):
        batch = await house.request(provider="openai", model="gpt-image-99")
        await house.completed(batch.id)
        await lane_is(house, "openai", LaneState.CLOSED)


async def test_a_moderated_image_closes_nothing(house: House) -> None:
    async with worker(house, openai(failing(Moderated("refused")))):
        batch = await house.request(provider="openai")
        await house.completed(batch.id)
        lane = await house.database.lanes.get("openai")
    assert lane is not None
    assert lane.state is LaneState.OPEN


async def test_a_worker_that_starts_again_opens_the_lane_and_goes_on(house: House) -> None:
    async with worker(house, openai(failing(GONE[0]))):
        batch = await house.request(provider="openai", count=2)
        await image_in(house, f"{batch.id}-0000", ImageState.FAILED)
        await lane_is(house, "openai", LaneState.CLOSED)
    async with worker(house, openai()):
        images = await house.completed(batch.id)
        lane = await house.database.lanes.get("openai")
    assert [image.state for image in images] == [ImageState.FAILED, ImageState.GENERATED]
    assert lane is not None
    assert (lane.state, lane.reason) == (LaneState.OPEN, None)
    assert await nothing_is_paused(house, "openai")
    assert (await facts(house, "lane.closed"), await facts(house, "lane.resumed")) == (1, 1)
    assert (await house.audit()).drifts == ()


async def test_a_person_opens_the_lane_over_http_and_it_goes_on(house: House) -> None:
    broken = True

    async def until_it_is_paid(_request: GenerationRequest) -> None:
        if broken:
            raise GONE[1]

    async with worker(house, openai(until_it_is_paid)), serving(house) as gateway:
        batch = await house.request(provider="openai", count=2)
        await image_in(house, f"{batch.id}-0000", ImageState.FAILED)
        await lane_is(house, "openai", LaneState.CLOSED)
        broken = False
        answer = await gateway.http.post("/v1/providers/openai/open")
        assert (answer.status_code, answer.json()["state"]) == (200, "open")
        images = await house.completed(batch.id)
        # A sweep that had read the lane as closed may shut it for a moment, and takes that back.
        assert await eventually(lambda: nothing_is_paused(house, "openai"))
    assert [image.state for image in images] == [ImageState.FAILED, ImageState.GENERATED]
    assert (await house.audit()).drifts == ()


async def test_a_lane_that_closes_while_others_are_being_made_there_lets_them_end(house: House) -> None:
    hold = asyncio.Event()

    async def one_is_refused(request: GenerationRequest) -> None:
        if request.image_id.endswith("-0001"):
            raise AuthFailed("401")
        await hold.wait()

    provider = openai(one_is_refused)
    async with worker(house, provider, lane_policies={"openai": {"at_once": 2}}):
        batch = await house.request(provider="openai", count=2, max_concurrent=2)
        await image_in(house, f"{batch.id}-0001", ImageState.FAILED)
        hold.set()
        images = await house.completed(batch.id)
    assert [image.state for image in images] == [ImageState.GENERATED, ImageState.FAILED]


async def test_one_429_holds_all_workers_back_and_then_they_go_on(house: House) -> None:
    async def limited_once(_request: GenerationRequest) -> None:
        if len(first.asked) + len(second.asked) == 1:
            raise RateLimited("429", retry_after_s=1.5)

    first, second = openai(limited_once), openai(limited_once)
    async with worker(house, first), worker(house, second):
        batch = await house.request(provider="openai", count=6, max_concurrent=1)
        await lane_is(house, "openai", LaneState.PAUSED)
        until = (await house.database.lanes.get("openai")).paused_until  # type: ignore[union-attr]
        images = await house.completed(batch.id)
        await lane_is(house, "openai", LaneState.OPEN)
    assert until is not None
    assert all(image.tries[0].began_at >= until for image in images)
    assert [image.failures for image in images] == [0] * 6
    assert (await facts(house, "lane.paused"), await facts(house, "lane.resumed")) == (1, 1)
    assert await nothing_is_paused(house, "openai")
    assert (await house.audit()).drifts == ()


async def test_an_image_that_was_fetched_ahead_does_not_ask_a_lane_that_is_paused(house: House) -> None:
    hold = asyncio.Event()

    async def limited_in_the_end(_request: GenerationRequest) -> None:
        if len(provider.asked) == 2:
            await hold.wait()
            raise RateLimited("429", retry_after_s=1.0)

    provider = openai(limited_in_the_end)
    async with worker(house, provider):
        warm = await house.request(provider="openai")
        await house.completed(warm.id)
        batch = await house.request(provider="openai", count=2, max_concurrent=2)
        await when(lambda: provider.generating == 1)
        await image_when(house, f"{batch.id}-0001", lambda image: image.state is ImageState.GENERATING)
        hold.set()
        await lane_is(house, "openai", LaneState.PAUSED)
        paused = (await house.database.lanes.get("openai")).paused_until  # type: ignore[union-attr]
        images = await house.completed(batch.id)
    assert paused is not None
    assert min(attempt.began_at for image in images for attempt in image.tries) >= paused


async def test_a_lane_of_a_worker_without_the_key_stays_open_for_another_that_has_it(house: House) -> None:
    await house.open_lane(ProviderName.FLUX)  # Served by another worker a moment ago.
    settings = ImageWorkerSettings(**{**house.values, "image_worker_lanes": ("flux", "studio")})
    assert settings.flux_api_key is None
    async with running(build(settings)):
        lane = await house.database.lanes.get("flux")
    assert lane is not None
    assert (lane.state, lane.served_by) == (LaneState.OPEN, "test")
