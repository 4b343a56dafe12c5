"""What each call of a provider cost is kept, whatever came of it; and a call that is paid is not torn off."""

import asyncio
from pathlib import Path

import pytest

from pressroom.contracts.events import BatchCancelled, ImageFailed, ImageGenerated
from pressroom.contracts.subjects import event_filter
from pressroom.contracts.vocabulary import BatchState, ErrorKind, ImageState, ProviderName, TryOutcome
from pressroom.image_worker.providers import GenerationRequest
from pressroom.runtime.errors import ApiFailed, InvalidRequest, Moderated, NetworkFailed, RateLimited, WorkError
from pressroom.state.documents import ImageDocument

from ..house import House
from .stand_ins import Told, failing, image_in, image_when, never, when, worker

PRICE = 6_000
"""Of 1024 x 1024 at gpt-image-2 in low quality, by the built-in table."""
SQUARE = {"provider": "openai", "width": 1024, "height": 1024}
MADE = (TryOutcome.MADE, 1, PRICE)
UNHEARD = (TryOutcome.UNKNOWN, 1, PRICE)


def billed(answer: object = None) -> Told:
    return Told(ProviderName.OPENAI, answer, model="gpt-image-2", is_billed=True, grade="low")  # type: ignore[arg-type]


def accounts(image: ImageDocument) -> list[tuple[TryOutcome, int, int]]:
    return [(attempt.outcome, attempt.calls, attempt.cost_microusd) for attempt in image.tries]


async def test_an_image_costs_what_was_estimated_when_the_provider_says_nothing(house: House) -> None:
    async with worker(house, billed()):
        batch = await house.request(**SQUARE)
        (image,) = await house.completed(batch.id)
    assert (image.estimated_cost_microusd, image.cost_microusd) == (PRICE, PRICE)
    assert accounts(image) == [MADE]
    (told,) = await house.events(event_filter(ImageGenerated))
    assert isinstance(told.data, ImageGenerated)
    assert (told.data.cost_microusd, told.data.calls) == (PRICE, 1)
    assert await house.database.images.costs_microusd([batch.id]) == {batch.id: PRICE}


async def test_what_the_provider_says_that_it_took_goes_before_the_table(house: House) -> None:
    provider = billed()
    provider.cost_microusd = 4_321
    async with worker(house, provider):
        batch = await house.request(**SQUARE)
        (image,) = await house.completed(batch.id)
    assert (image.estimated_cost_microusd, image.cost_microusd) == (PRICE, 4_321)


async def test_the_seconds_that_a_provider_says_are_paid_by_a_deployments_own_table(
    house: House, tmp_path: Path
) -> None:
    table = tmp_path / "prices.toml"
    table.write_text(
        '[[price]]\nprovider = "openai"\nunit = "second"\nusd = 0.001\ntypical_s = 10\n'
        'model = "gpt-image-2"\ngrade = "low"\nsource = "our contract"\nseen = 2026-11-21\n'
    )
    provider = billed()
    provider.gpu_seconds = 2.5
    async with worker(house, provider, price_table=table):
        batch = await house.request(**SQUARE)
        (image,) = await house.completed(batch.id)
    assert (image.estimated_cost_microusd, image.cost_microusd) == (10_000, 2_500)


async def test_a_price_that_nobody_knows_is_estimated_as_unknown(house: House) -> None:
    provider = Told(ProviderName.RUNPOD, model="anything", is_billed=True)
    async with worker(house, provider):
        batch = await house.request(provider="runpod")
        (image,) = await house.completed(batch.id)
    assert (image.estimated_cost_microusd, accounts(image)) == (None, [(TryOutcome.MADE, 1, 0)])


async def test_a_machine_of_ones_own_makes_no_billed_calls(house: House) -> None:
    async with worker(house, Told(ProviderName.STUDIO)):
        batch = await house.request()
        (image,) = await house.completed(batch.id)
    assert (image.estimated_cost_microusd, accounts(image)) == (0, [(TryOutcome.MADE, 0, 0)])


@pytest.mark.parametrize(
    ("error", "account"),
    [
        (NetworkFailed("torn"), UNHEARD),
        (ApiFailed("502"), UNHEARD),
        (Moderated("refused"), (TryOutcome.FAILED, 1, 0)),
        (InvalidRequest("400"), (TryOutcome.FAILED, 1, 0)),
    ],
)
async def test_a_call_that_failed_costs_only_if_it_may_have_been_done(
    house: House, error: WorkError, account: tuple[TryOutcome, int, int]
) -> None:
    async with worker(house, billed(failing(error))):
        batch = await house.request(**SQUARE, max_attempts=1)
        (image,) = await house.completed(batch.id)
    assert accounts(image) == [account]
    assert image.tries[0].error is not None
    assert (image.tries[0].error.kind, image.tries[0].error.message) == (error.kind, str(error))
    (told,) = await house.events(event_filter(ImageFailed))
    assert isinstance(told.data, ImageFailed)
    assert (told.data.calls, told.data.cost_microusd) == account[1:]


async def test_a_call_that_was_not_taken_is_no_try(house: House) -> None:
    async def limited_once(_request: GenerationRequest) -> None:
        if len(provider.asked) == 1:
            raise RateLimited("429", retry_after_s=0.1)

    provider = billed(limited_once)
    async with worker(house, provider):
        batch = await house.request(**SQUARE)
        (image,) = await house.completed(batch.id)
    assert accounts(image) == [MADE]


async def test_a_call_that_takes_too_long_may_be_paid(house: House) -> None:
    async with worker(house, billed(never)):
        batch = await house.request(**SQUARE, max_attempts=1, timeout_s=0.1)
        (image,) = await house.completed(batch.id)
    assert accounts(image) == [UNHEARD]
    assert image.tries[0].error is not None
    assert image.tries[0].error.kind is ErrorKind.TIMEOUT


async def test_an_answer_that_is_no_picture_was_paid_all_the_same(house: House) -> None:
    async def rubbish_once(_request: GenerationRequest) -> bytes | None:
        return b"<html>502</html>" if len(provider.asked) == 1 else None

    provider = billed(rubbish_once)
    async with worker(house, provider):
        batch = await house.request(**SQUARE)
        (image,) = await house.completed(batch.id)
    assert accounts(image) == [(TryOutcome.FAILED, 1, PRICE), MADE]
    assert image.tries[0].error is not None


async def test_a_worker_killed_in_the_middle_of_a_call_leaves_it_counted_as_perhaps_paid(house: House) -> None:
    async with worker(house, billed(never), stop_grace_s=0):
        batch = await house.request(**SQUARE)
        image = await image_when(house, f"{batch.id}-0000", lambda image: image.call_began_at)
        began_at = image.call_began_at
    lease = {"token": "dead", "worker": "dead", "expires_at": image.created_at.replace(year=2020)}
    await house.database.images.change(image.id, {"state": "generating", "lease": lease})
    async with worker(house, billed()):
        (image,) = await house.completed(batch.id)
    assert accounts(image) == [UNHEARD, MADE]
    assert image.tries[0].began_at == began_at
    assert (image.crashes, image.call_began_at) == (1, None)
    assert (await house.audit()).drifts == ()


async def a_while(_request: GenerationRequest, seconds: float = 2.2) -> None:
    """Longer than a lease, and than the time after which a stop is asked for again."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    await over.wait()


async def test_a_worker_that_is_told_to_stop_hears_a_paid_call_to_its_end(house: House) -> None:
    provider = billed(a_while)
    async with worker(house, provider):
        batch = await house.request(**SQUARE)
        await when(lambda: provider.generating)
    image = await house.image(f"{batch.id}-0000")
    assert image.state in (ImageState.FINISHING, ImageState.GENERATED)
    assert accounts(image) == [MADE]
    idle = billed()
    async with worker(house, idle):
        (image,) = await house.completed(batch.id)
    assert (idle.asked, image.crashes, accounts(image)) == ([], 0, [MADE])
    assert (await house.audit()).drifts == ()


async def serve_until(enough: asyncio.Event, house: House, provider: Told) -> None:
    async with worker(house, provider):
        await enough.wait()


async def test_no_other_worker_takes_an_image_whose_paid_call_is_heard_to_its_end(house: House) -> None:
    stopping, idle, enough = billed(a_while), billed(), asyncio.Event()
    async with worker(house, stopping):
        batch = await house.request(**SQUARE)
        await when(lambda: stopping.generating)
        other = asyncio.create_task(serve_until(enough, house, idle))
    (image,) = await house.completed(batch.id)
    enough.set()
    await other
    assert (idle.asked, image.crashes, accounts(image)) == ([], 0, [MADE])


async def test_a_paid_call_that_outlasts_the_grace_is_left_and_counted_as_perhaps_paid(house: House) -> None:
    provider = billed(never)
    async with worker(house, provider, stop_grace_s=0.2):
        batch = await house.request(**SQUARE)
        await when(lambda: provider.generating)
    image = await house.image(f"{batch.id}-0000")
    assert (image.state, image.lease) == (ImageState.QUEUED, None)
    async with worker(house, billed()):
        (image,) = await house.completed(batch.id)
    assert accounts(image) == [UNHEARD, MADE]
    assert (image.crashes, image.failures) == (0, 0)


async def test_a_call_that_costs_nothing_is_not_waited_for(house: House) -> None:
    provider = Told(ProviderName.STUDIO, never)
    async with worker(house, provider, stop_grace_s=600):
        batch = await house.request()
        await when(lambda: provider.generating)
    assert (await house.image(f"{batch.id}-0000")).state is ImageState.QUEUED


async def cancel(house: House, batch_id: str) -> None:
    cancelled = await house.database.batches.transition(
        batch_id, BatchState.CANCELLED, messages=[house.outbox.event(BatchCancelled(batch_id=batch_id))]
    )
    assert cancelled is not None
    await house.outbox.publish(house.database.batches, cancelled)


async def test_a_paid_call_of_a_cancelled_batch_is_heard_and_counted_though_it_outlasts_a_lease(house: House) -> None:
    provider = billed(a_while)
    async with worker(house, provider):
        batch = await house.request(**SQUARE)
        await when(lambda: provider.generating)
        await cancel(house, batch.id)
        image = await image_in(house, f"{batch.id}-0000", ImageState.GENERATED, ImageState.CANCELLED)
    assert (accounts(image), image.crashes, len(provider.asked)) == ([MADE], 0, 1)
    assert (await house.audit()).drifts == ()


async def test_a_paid_call_of_a_cancelled_batch_that_outlasts_the_grace_is_counted_too(house: House) -> None:
    provider = billed(never)
    async with worker(house, provider, stop_grace_s=0.2):
        batch = await house.request(**SQUARE)
        await when(lambda: provider.generating)
        await cancel(house, batch.id)
        image = await image_in(house, f"{batch.id}-0000", ImageState.CANCELLED)
    assert accounts(image) == [UNHEARD]
    assert (image.call_began_at, await house.database.images.costs_microusd([batch.id])) == (None, {batch.id: PRICE})
