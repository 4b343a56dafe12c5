"""Batches that name several providers: who makes an image, who takes over, and what is left when nobody can."""

import asyncio
from typing import Any

import pytest

from pressroom.contracts.events import BatchAccepted, BatchCompleted, ImageFailed, ImageGenerated
from pressroom.contracts.jobs import GenerateImage
from pressroom.contracts.subjects import JOBS_STREAM, event_filter
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState, LaneState, ProviderName, TryOutcome
from pressroom.image_worker.placeholder_provider import PlaceholderProvider
from pressroom.image_worker.providers import GenerationRequest
from pressroom.runtime.dead_letters import REPLAYED
from pressroom.runtime.errors import ApiFailed, InvalidRequest, Moderated, WorkError
from pressroom.runtime.lanes import Lanes
from pressroom.state.documents import ImageDocument

from ..house import House, eventually
from .stand_ins import Told, failing, image_when, lane_is, never, when, worker

BOTH: dict[str, Any] = {"provider": None, "providers": ["openai", "studio"]}


def openai(answer: Any = None, **capabilities: Any) -> Told:
    can = {"is_billed": True, "grade": "low", **capabilities}
    return Told(ProviderName.OPENAI, answer, model="gpt-image-2", **can)


def studio(answer: Any = None, **capabilities: Any) -> Told:
    return Told(ProviderName.STUDIO, answer, **capabilities)


def lanes_of(house: House) -> Lanes:
    return Lanes(house.database, house.client, house.outbox, GenerateImage)


def tries(image: ImageDocument) -> list[tuple[ProviderName, TryOutcome]]:
    return [(attempt.provider, attempt.outcome) for attempt in image.tries]


async def test_the_first_that_is_able_and_open_makes_the_image(house: House) -> None:
    first, second = openai(), studio()
    async with worker(house, first, second):
        batch = await house.request(**BOTH, count=2)
        images = await house.completed(batch.id)
    assert [image.provider for image in images] == [ProviderName.OPENAI] * 2
    assert (len(first.asked), second.asked) == (2, [])
    (accepted,) = await house.events(event_filter(BatchAccepted))
    assert isinstance(accepted.data, BatchAccepted)
    assert accepted.data.provider is ProviderName.OPENAI


async def test_who_cannot_do_what_is_wished_is_not_asked(house: House) -> None:
    first, second = openai(), studio(transparent=True)
    async with worker(house, first, second):
        batch = await house.request(**BOTH, transparent=True)
        (image,) = await house.completed(batch.id)
    assert (image.provider, image.providers, first.asked) == (ProviderName.STUDIO, (ProviderName.STUDIO,), [])


async def test_a_batch_that_none_of_its_providers_can_make_is_refused_with_each_ones_reason(house: House) -> None:
    async with worker(house, openai(), studio()):
        batch = await house.request(**BOTH, transparent=True)
        rejected = await house.batch_in(batch.id, BatchState.REJECTED)
    assert [reason.field for reason in rejected.reasons] == ["transparent", "transparent"]
    assert ["'openai'" in rejected.reasons[0].message, "'studio'" in rejected.reasons[1].message] == [True, True]


@pytest.mark.parametrize("how", ["paused", "closed"])
async def test_a_lane_that_is_not_open_is_passed_over_when_an_image_is_queued(house: House, how: str) -> None:
    first, second = openai(), studio()
    async with worker(house, first, second):
        if how == "paused":
            await lanes_of(house).pause("openai", 600, "429")
        else:
            await lanes_of(house).close("openai", "no credit")
        batch = await house.request(**BOTH)
        (image,) = await house.completed(batch.id)
    assert (image.provider, first.asked, len(second.asked)) == (ProviderName.STUDIO, [], 1)


async def test_each_image_goes_to_who_is_open_when_its_turn_comes(house: House) -> None:
    async def pause_the_lane(_request: GenerationRequest) -> None:
        await lanes_of(house).pause("openai", 600, "429")

    first, second = openai(pause_the_lane), studio()
    async with worker(house, first, second):
        batch = await house.request(**BOTH, count=2)
        images = await house.completed(batch.id)
    assert [image.provider for image in images] == [ProviderName.OPENAI, ProviderName.STUDIO]


@pytest.mark.parametrize(
    ("error", "asked"),
    [(InvalidRequest("no such size"), 1), (Moderated("refused"), 1), (ApiFailed("500 from the vendor"), 3)],
)
async def test_the_next_takes_over_when_one_gives_up_and_why_is_kept(
    house: House, error: WorkError, asked: int
) -> None:
    first, second = openai(failing(error)), studio()
    async with worker(house, first, second):
        batch = await house.request(**BOTH)
        (image,) = await house.completed(batch.id)
    assert (image.state, image.provider, image.failures) == (ImageState.GENERATED, ProviderName.STUDIO, 0)
    assert (len(first.asked), len(second.asked)) == (asked, 1)
    assert [attempt.provider for attempt in image.tries] == [ProviderName.OPENAI] * asked + [ProviderName.STUDIO]
    assert {attempt.error.message for attempt in image.tries if attempt.error} == {str(error)}
    assert image.tries[-1].outcome is TryOutcome.MADE
    assert (await house.dead(), image.error) == ([], None)
    (told,) = await house.events(event_filter(ImageGenerated))
    assert isinstance(told.data, ImageGenerated)
    assert (told.data.provider, told.data.calls) == (ProviderName.STUDIO, asked)
    assert (await house.audit()).drifts == ()


async def test_when_none_is_left_the_image_fails_and_is_buried_once(house: House) -> None:
    first, second = openai(failing(Moderated("refused"))), studio(failing(ApiFailed("broken")))
    async with worker(house, first, second):
        batch = await house.request(**BOTH)
        (image,) = await house.completed(batch.id)
        (letter,) = await eventually(house.dead)
    assert image.state is ImageState.FAILED
    assert tries(image) == [(ProviderName.OPENAI, TryOutcome.FAILED)] + [(ProviderName.STUDIO, TryOutcome.FAILED)] * 3
    assert letter.headers["Pressroom-Reason"] == "broken"
    assert ".studio." in letter.headers["Pressroom-Subject"]
    (told,) = await house.events(event_filter(ImageFailed))
    assert isinstance(told.data, ImageFailed)
    assert (told.data.provider, told.data.error.kind) == (ProviderName.STUDIO, ErrorKind.API_ERROR)
    assert (await house.audit()).drifts == ()


async def test_a_dead_letter_sent_again_is_made_by_the_last_who_gave_up(house: House) -> None:
    second = studio(failing(Moderated("refused")))
    async with worker(house, openai(failing(Moderated("refused"))), second):
        batch = await house.request(**BOTH)
        await house.completed(batch.id)
        (letter,) = await eventually(house.dead)
    await house.js.publish(
        letter.headers["Pressroom-Subject"], letter.data, stream=JOBS_STREAM, headers={REPLAYED: "1"}
    )
    async with worker(house, openai(), studio()):
        image = await image_when(house, f"{batch.id}-0000", lambda image: image.state is ImageState.GENERATED)
        await house.completed(batch.id)
    assert (image.provider, image.tries[-1].outcome) == (ProviderName.STUDIO, TryOutcome.MADE)
    assert (await house.audit()).drifts == ()


async def send_late(house: House, image: ImageDocument, provider: ProviderName) -> None:
    """As a message of the lane that the image was in before comes, when its acknowledgement was lost."""
    job = GenerateImage(batch_id=image.batch_id, image_id=image.id, provider=provider)
    await house.outbox.send(house.outbox.job(job))


async def no_jobs(house: House) -> bool:
    return (await house.js.stream_info(JOBS_STREAM)).state.messages == 0


@pytest.mark.parametrize("end", [ImageState.GENERATED, ImageState.FAILED])
async def test_the_old_lanes_late_message_does_nothing(house: House, end: ImageState) -> None:
    first = openai(failing(Moderated("refused")))
    second = studio() if end is ImageState.GENERATED else studio(failing(Moderated("refused too")))
    async with worker(house, first, second):
        batch = await house.request(**BOTH)
        (image,) = await house.completed(batch.id)
        assert image.state is end
        await eventually(lambda: no_jobs(house))
        letters = len(await house.dead())
        await send_late(house, image, ProviderName.OPENAI)
        await eventually(lambda: no_jobs(house))
        after = await house.image(image.id)
    assert (after.attempt, after.tries, len(first.asked)) == (image.attempt, image.tries, 1)
    assert len(await house.dead()) == letters
    assert (await house.audit()).drifts == ()


async def test_the_old_lanes_late_message_goes_while_the_next_provider_is_at_work(house: House) -> None:
    first, second = openai(failing(Moderated("refused"))), studio(never)
    async with worker(house, first, second):
        batch = await house.request(**BOTH)
        await when(lambda: second.generating)
        await send_late(house, await house.image(f"{batch.id}-0000"), ProviderName.OPENAI)

        async def only_the_new_ones() -> bool:
            info = await house.js.stream_info(JOBS_STREAM, subjects_filter="pressroom.job.>")
            return [subject.split(".")[3] for subject in info.state.subjects or {}] == ["studio"]

        await eventually(only_the_new_ones)
        assert second.generating == 1
    assert len(first.asked) == 1


async def let_the_sweep_look_at_once(house: House, batch_id: str) -> None:
    batch = await house.database.batches.get(batch_id)
    assert batch is not None
    await house.database.batches.change(batch_id, {"swept_at": batch.created_at.replace(year=2020)})


async def test_an_image_that_waits_in_a_lane_which_closes_moves_to_its_next_open_lane(house: House) -> None:
    hold = asyncio.Event()

    async def wait(_request: GenerationRequest) -> None:
        await hold.wait()

    first, second = openai(wait), studio()
    async with worker(house, first, second):
        batch = await house.request(**BOTH, count=3, max_concurrent=3)
        await when(lambda: first.generating == 1)
        waiting = f"{batch.id}-0002"
        await image_when(house, waiting, lambda image: image.state is ImageState.QUEUED and image.lease is None)
        await lanes_of(house).close("openai", "no credit")
        await let_the_sweep_look_at_once(house, batch.id)
        await image_when(house, waiting, lambda image: image.state is ImageState.GENERATED)
        hold.set()
        images = await house.completed(batch.id)
        # What is left of it in the old lane does nothing when that opens again.
        await lanes_of(house).open("openai")
        await eventually(lambda: no_jobs(house))
    assert images[0].provider is ProviderName.OPENAI
    assert images[2].provider is ProviderName.STUDIO
    assert tries(images[2]) == [(ProviderName.STUDIO, TryOutcome.MADE)]
    assert {request.image_id for request in first.asked}.isdisjoint({request.image_id for request in second.asked})
    assert (await house.audit()).drifts == ()


async def test_a_call_that_may_be_paid_is_counted_where_it_was_made_when_its_image_moves(house: House) -> None:
    """A worker was stopped in the middle of a call; before another took the image, the lane was closed."""
    first = openai(never)
    async with worker(house, first, studio(), stop_grace_s=0):
        batch = await house.request(**BOTH, width=1024, height=1024)
        await when(lambda: first.generating)
    await lanes_of(house).close("openai", "no credit")
    await let_the_sweep_look_at_once(house, batch.id)
    async with worker(house, studio()):
        (image,) = await house.completed(batch.id)
    assert tries(image) == [(ProviderName.OPENAI, TryOutcome.UNKNOWN), (ProviderName.STUDIO, TryOutcome.MADE)]
    assert (image.cost_microusd, image.calls) == (6_000, 1)


async def test_an_image_of_one_provider_waits_for_its_lane(house: House) -> None:
    provider = openai()
    async with worker(house, provider, studio()):
        await lanes_of(house).pause("openai", 600, "429")
        batch = await house.request(provider="openai")
        await image_when(house, f"{batch.id}-0000", lambda image: image.state is ImageState.QUEUED)
        await lanes_of(house).close("openai", "no credit")
        await let_the_sweep_look_at_once(house, batch.id)
        swept = await house.database.batches.get(batch.id)

        async def is_swept() -> bool:
            batch_now = await house.database.batches.get(batch.id)
            return bool(batch_now and swept and batch_now.swept_at > swept.swept_at)

        await eventually(is_swept)
        assert (await house.image(f"{batch.id}-0000")).provider is ProviderName.OPENAI
        await lanes_of(house).open("openai")
        (image,) = await house.completed(batch.id)
    assert (image.state, len(provider.asked)) == (ImageState.GENERATED, 1)


async def test_an_image_that_nobody_made_becomes_a_placeholder_that_is_told_as_one(house: House) -> None:
    async def refuse_the_second(request: GenerationRequest) -> None:
        if request.image_id.endswith("-0001"):
            raise Moderated("refused")

    async with worker(house, openai(refuse_the_second), studio(failing(Moderated("refused"))), PlaceholderProvider()):
        batch = await house.request(**BOTH, count=2, fallback="placeholder")
        made, stands_in = await house.completed(batch.id)
    assert (made.is_placeholder, stands_in.is_placeholder) == (False, True)
    assert stands_in.state is ImageState.GENERATED
    assert tries(stands_in) == [
        (ProviderName.OPENAI, TryOutcome.FAILED),
        (ProviderName.STUDIO, TryOutcome.FAILED),
        (ProviderName.PLACEHOLDER, TryOutcome.MADE),
    ]
    told = [event.data for event in await house.events(event_filter(ImageGenerated))]
    flags = {data.image_id: data.placeholder for data in told if isinstance(data, ImageGenerated)}
    assert flags == {made.id: False, stands_in.id: True}
    (completed,) = await house.events(event_filter(BatchCompleted))
    assert isinstance(completed.data, BatchCompleted)
    assert (completed.data.counts.generated, completed.data.counts.placeholders) == (2, 1)
    assert await house.dead() == []
    assert (await house.audit()).drifts == ()


async def test_without_a_fallback_there_is_no_placeholder(house: House) -> None:
    async with worker(house, studio(failing(Moderated("refused"))), PlaceholderProvider()):
        batch = await house.request()
        (image,) = await house.completed(batch.id)
    assert (image.state, image.is_placeholder) == (ImageState.FAILED, False)


async def test_a_lane_that_is_closed_is_passed_over_when_an_image_is_handed_on(house: House) -> None:
    async def close_the_next(_request: GenerationRequest) -> None:
        await lanes_of(house).close("flux", "no credit")
        raise Moderated("refused")

    flux = Told(ProviderName.FLUX)
    async with worker(house, openai(close_the_next), flux, studio()):
        batch = await house.request(provider=None, providers=["openai", "flux", "studio"])
        (image,) = await house.completed(batch.id)
        await lane_is(house, "flux", LaneState.CLOSED)
    assert (image.provider, flux.asked) == (ProviderName.STUDIO, [])
