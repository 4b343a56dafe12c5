"""How much is asked of a provider at once and how soon after each other: by lane, over all workers, and by batch."""

import asyncio
import time
from typing import Any

import pytest

from pressroom.contracts.vocabulary import ImageState, Priority, ProviderName
from pressroom.image_worker.providers import GenerationRequest
from pressroom.runtime.errors import ApiFailed, InvalidRequest
from pressroom.state.documents import ImageDocument

from ..house import House, eventually
from .stand_ins import Told, failing, image_in, image_when, most_at_once, never, when, worker

EARLY_S = 0.05
"""Clocks of two processes, and what a call's beginning is late by."""


async def briefly(_request: GenerationRequest) -> None:
    await asyncio.sleep(0.15)


def openai(answer: Any = None, **capabilities: Any) -> Told:
    return Told(ProviderName.OPENAI, answer, **capabilities)


def begun(*providers: Told) -> list[float]:
    return sorted(began for provider in providers for began, _ in provider.spans)


async def test_no_more_are_in_flight_than_the_lane_allows_over_two_workers(house: House) -> None:
    first, second = openai(briefly, at_once=4), openai(briefly, at_once=4)
    policy = {"openai": {"in_flight": 2}}
    async with worker(house, first, lane_policies=policy), worker(house, second, lane_policies=policy):
        batch = await house.request(provider="openai", count=8, max_concurrent=8)
        images = await house.completed(batch.id)
    assert {image.state for image in images} == {ImageState.GENERATED}
    assert most_at_once(first, second) == 2
    assert first.asked
    assert second.asked


async def test_without_a_limit_as_many_are_in_flight_as_the_provider_takes_at_once(house: House) -> None:
    hold = asyncio.Event()

    async def wait(_request: GenerationRequest) -> None:
        await hold.wait()

    provider = openai(wait, at_once=3)
    async with worker(house, provider):
        batch = await house.request(provider="openai", count=6, max_concurrent=6)
        await when(lambda: provider.generating == 3)
        hold.set()
        await house.completed(batch.id)
    assert most_at_once(provider) == 3


async def test_a_deployment_may_ask_for_fewer_at_once(house: House) -> None:
    provider = openai(briefly, at_once=8)
    async with worker(house, provider, lane_policies={"openai": {"at_once": 1}}):
        batch = await house.request(provider="openai", count=4, max_concurrent=4)
        await house.completed(batch.id)
    assert most_at_once(provider) == 1


async def test_images_begin_no_sooner_after_each_other_than_a_minute_allows_over_two_workers(house: House) -> None:
    first, second = openai(), openai()
    policy = {"openai": {"requests_per_minute": 150}}
    async with worker(house, first, lane_policies=policy), worker(house, second, lane_policies=policy):
        asked = time.monotonic()
        batch = await house.request(provider="openai", count=6, max_concurrent=6)
        await house.completed(batch.id)
    moments = begun(first, second)
    assert [moment - asked >= number * 0.4 - EARLY_S for number, moment in enumerate(moments)] == [True] * 6


async def test_a_dead_workers_place_comes_free(house: House) -> None:
    entry = await house.database.gates.enter("openai", "somebody who died", places=1, interval_s=0, lease_s=1.5)
    assert entry.is_inside
    provider = openai()
    async with worker(house, provider, lane_policies={"openai": {"in_flight": 1}}):
        batch = await house.request(provider="openai")
        await image_in(house, f"{batch.id}-0000", ImageState.GENERATING)
        assert provider.asked == []
        (image,) = await house.completed(batch.id)
    assert (image.state, image.crashes, image.failures) == (ImageState.GENERATED, 0, 0)


async def test_a_worker_that_stops_gives_its_place_back_at_once(house: House) -> None:
    policy = {"openai": {"in_flight": 1}}
    stuck = openai(never)
    async with worker(house, stuck, lane_policies=policy, lease_s=60):
        batch = await house.request(provider="openai")
        await when(lambda: stuck.generating)
    async with worker(house, openai(), lane_policies=policy):
        (image,) = await house.completed(batch.id, within_s=10)
    assert image.state is ImageState.GENERATED


async def _was_refused(house: House) -> bool:
    gate = await house.database.gates._raw.find_one({"_id": "openai"})
    return gate is not None and not gate["is_inside"]


async def test_a_cancelled_wait_for_a_place_leaves_the_image_to_others(house: House) -> None:
    entry = await house.database.gates.enter("openai", "somebody slow", places=1, interval_s=0, lease_s=600)
    assert entry.is_inside
    policy = {"openai": {"in_flight": 1}}
    async with worker(house, openai(), lane_policies=policy):
        batch = await house.request(provider="openai")
        await image_in(house, f"{batch.id}-0000", ImageState.GENERATING)
        # Claimed is not yet waiting: it waits once it was refused a place.
        await eventually(lambda: _was_refused(house))
    image = await house.image(f"{batch.id}-0000")
    assert (image.state, image.lease, image.tries) == (ImageState.QUEUED, None, ())


@pytest.mark.parametrize(("answer", "least_s"), [(None, 0.3), (failing(InvalidRequest("400")), 0.8)])
async def test_a_lane_pauses_between_its_images_and_longer_after_an_error(
    house: House, answer: Any, least_s: float
) -> None:
    provider = openai(answer)
    policy = {"openai": {"delay_s": 0.3, "delay_after_error_s": 0.8}}
    async with worker(house, provider, lane_policies=policy):
        one, other = await house.request(provider="openai", count=2), await house.request(provider="openai")
        await house.completed(one.id)
        await house.completed(other.id)
    assert len(provider.spans) == 3
    ends = sorted(ended for _, ended in provider.spans)
    assert all(began - ended >= least_s - EARLY_S for ended, began in zip(ends, begun(provider)[1:], strict=False))


@pytest.mark.parametrize("at_once_in_the_lane", [1, 2])
async def test_a_batch_pauses_between_its_images_also_when_the_next_was_fetched_ahead(
    house: House, at_once_in_the_lane: int
) -> None:
    provider = openai(briefly)
    async with worker(house, provider):
        warm = await house.request(provider="openai")
        await house.completed(warm.id)
        provider.spans.clear()
        batch = await house.request(provider="openai", count=3, max_concurrent=at_once_in_the_lane, delay_s=0.5)
        images = await house.completed(batch.id)
    ends = sorted(ended for _, ended in provider.spans)
    pauses = [began - ended for ended, began in zip(ends, begun(provider)[1:], strict=False)]
    assert len(pauses) == 2
    assert min(pauses) >= 0.5 - EARLY_S
    assert [(image.failures, image.crashes) for image in images] == [(0, 0)] * 3


async def test_a_batchs_pause_holds_no_other_batch_up(house: House) -> None:
    provider = openai()
    async with worker(house, provider):
        slow = await house.request(provider="openai", count=2, delay_s=3600)
        await image_when(house, f"{slow.id}-0001", lambda image: image.attempt >= 1 and image.lease is None)
        quick = await house.request(provider="openai", count=3)
        await house.completed(quick.id)
        waiting = await house.image(f"{slow.id}-0001")
    assert (waiting.state, waiting.failures) == (ImageState.QUEUED, 0)


async def test_a_batch_waits_longer_after_an_image_that_failed(house: House) -> None:
    async def fail_the_first(request: GenerationRequest) -> None:
        if request.image_id.endswith("-0000"):
            raise InvalidRequest("400")

    provider = openai(fail_the_first)
    async with worker(house, provider):
        batch = await house.request(provider="openai", count=2, delay_after_error_s=0.8)
        await house.completed(batch.id)
    (_, failed), (began, _) = sorted(provider.spans)
    assert began - failed >= 0.8 - EARLY_S


@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_a_batch_says_how_often_its_images_may_fail(house: House, attempts: int) -> None:
    provider = openai(failing(ApiFailed("500")))
    async with worker(house, provider):
        batch = await house.request(provider="openai", max_attempts=attempts)
        (image,) = await house.completed(batch.id)
    assert (image.state, len(provider.asked), len(image.tries)) == (ImageState.FAILED, attempts, attempts)


async def test_a_lane_says_how_often_where_the_batch_does_not(house: House) -> None:
    provider = openai(failing(ApiFailed("500")))
    async with worker(house, provider, lane_policies={"openai": {"max_attempts": 2}}):
        batch = await house.request(provider="openai")
        await house.completed(batch.id)
    assert len(provider.asked) == 2


async def test_a_batch_says_how_long_an_image_may_take(house: House) -> None:
    async with worker(house, openai(never), generation_timeout_s=600):
        batch = await house.request(provider="openai", timeout_s=0.2, max_attempts=1)
        (image,) = await house.completed(batch.id)
    assert image.error is not None
    assert "0.2 s" in image.error.message
    assert "timeout_s" in image.error.message


async def test_never_more_than_one_is_generated_though_the_next_is_fetched_ahead(house: House) -> None:
    provider = openai(briefly)
    async with worker(house, provider):
        batch = await house.request(provider="openai", count=8, max_concurrent=8)
        await house.completed(batch.id)
    assert (most_at_once(provider), len(provider.spans)) == (1, 8)


async def claimed(house: House, batch_id: str) -> int:
    return await house.database.images.raw.count_documents({"batch_id": batch_id, "lease": {"$ne": None}})


async def fetched_ahead(house: House, provider: Told) -> tuple[str, ImageDocument]:
    """A lane that makes one image and holds the next: the batch, and the one that is claimed ahead."""
    warm = await house.request(provider="openai")
    await house.completed(warm.id)
    batch = await house.request(provider="openai", count=5, max_concurrent=5)
    await when(lambda: provider.generating == 1)
    ahead = await image_when(house, f"{batch.id}-0001", lambda image: image.lease is not None)
    return batch.id, ahead


async def test_an_urgent_image_is_overtaken_by_no_more_than_the_one_that_was_fetched_ahead(house: House) -> None:
    hold = asyncio.Event()

    async def hold_the_second(_request: GenerationRequest) -> None:
        if len(provider.asked) == 2:
            await hold.wait()

    provider = openai(hold_the_second)
    async with worker(house, provider):
        batch_id, ahead = await fetched_ahead(house, provider)
        urgent = await house.request(provider="openai", priority=str(Priority.URGENT))
        await image_in(house, f"{urgent.id}-0000", ImageState.QUEUED)
        assert await claimed(house, batch_id) == 2
        hold.set()
        await house.completed(urgent.id)
        await house.completed(batch_id)
    order = [request.image_id for request in provider.asked[1:]]
    assert order[:3] == [f"{batch_id}-0000", ahead.id, f"{urgent.id}-0000"]


@pytest.mark.parametrize("is_billed", [False, True])
async def test_what_a_stopping_worker_had_fetched_ahead_comes_back_at_once_and_unasked(
    house: House, is_billed: bool
) -> None:
    async def until_it_stops(_request: GenerationRequest) -> None:
        if len(provider.asked) == 2:
            stopping = asyncio.Event()
            asyncio.get_running_loop().call_later(1.2, stopping.set)
            await stopping.wait()

    provider = openai(until_it_stops, is_billed=is_billed)
    async with worker(house, provider, lease_s=60):
        batch_id, ahead = await fetched_ahead(house, provider)
    assert len(provider.asked) == 2
    back = await house.image(ahead.id)
    assert (back.state, back.lease, back.tries, back.call_began_at) == (ImageState.QUEUED, None, (), None)
    other = openai()
    async with worker(house, other, lease_s=60):
        images = await house.completed(batch_id)
    assert [image.crashes for image in images] == [0] * 5
    # What was paid was heard to its end; the others were made once, by the other worker.
    assert len(other.asked) == (4 if is_billed else 5)


async def test_one_worker_leaves_to_an_idle_one_what_it_need_not_fetch(house: House) -> None:
    hold = asyncio.Event()

    async def wait(_request: GenerationRequest) -> None:
        await hold.wait()

    busy, idle = openai(wait), openai(wait)
    async with worker(house, busy), worker(house, idle):
        batch = await house.request(provider="openai", count=2, max_concurrent=2)

        async def both_work() -> bool:
            return (busy.generating, idle.generating) == (1, 1)

        await eventually(both_work)
        hold.set()
        await house.completed(batch.id)
