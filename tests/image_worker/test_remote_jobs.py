"""Jobs that a provider keeps: whatever becomes of the workers, an image has one, and what may be paid is counted."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pressroom.contracts.events import BatchCancelled
from pressroom.contracts.vocabulary import BatchState, ImageState, TryOutcome
from pressroom.image_worker import asking
from pressroom.image_worker.providers import GenerationRequest, RemoteJobOver
from pressroom.runtime.errors import ApiFailed, Moderated, NetworkFailed, RateLimited, TimedOut
from pressroom.runtime.settling import Settling
from pressroom.state.budgets import Scope
from pressroom.state.documents import ImageDocument

from ..house import House
from .stand_ins import Jobs, Vendor, image_in, image_when, never, when, worker

PRICE = 30_000
"""Of one small picture of flux-2-pro, by the built-in table."""


async def kill_the_taker(house: House, image_id: str) -> None:
    """As a killed worker leaves an image: being made, by nobody, its lease run out, its message to be offered again."""
    image = await house.image(image_id)
    long_ago = image.created_at.replace(year=2020)
    lease = {"token": "dead", "worker": "dead", "expires_at": long_ago}
    await house.database.images.change(image_id, {"state": "generating", "lease": lease})


def outcomes(image: ImageDocument) -> list[tuple[TryOutcome, int, int]]:
    return [(attempt.outcome, attempt.calls, attempt.cost_microusd) for attempt in image.tries]


MADE = (TryOutcome.MADE, 1, PRICE)
PERHAPS_PAID = (TryOutcome.UNKNOWN, 1, PRICE)


async def test_a_job_is_asked_for_once_and_paid_by_the_table(house: House) -> None:
    vendor = Vendor(finishes=True)
    async with worker(house, Jobs(vendor)):
        batch = await house.request(provider="flux")
        (image,) = await house.completed(batch.id)
    assert outcomes(image) == [MADE]
    assert (image.state, image.remote, image.cost_microusd) == (ImageState.GENERATED, None, PRICE)
    assert (vendor.refs, vendor.finds) == (["job-0"], [])


async def test_a_worker_killed_between_submit_and_result_asks_for_no_second_job(house: House) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor)):
        batch = await house.request(provider="flux")
        image = await image_when(house, f"{batch.id}-0000", lambda image: image.remote and image.remote.ref)
    await kill_the_taker(house, image.id)
    vendor.finish()
    async with worker(house, Jobs(vendor)):
        (image,) = await house.completed(batch.id)
    assert (image.state, image.crashes) == (ImageState.GENERATED, 1)
    assert outcomes(image) == [MADE]
    assert (vendor.refs, vendor.resumed) == (["job-0"], ["job-0", "job-0"])
    assert (await house.audit()).drifts == ()


async def killed_between_intent_and_ref(house: House, vendor: Vendor, *, is_there: bool) -> str:
    """An image whose worker was killed when it had asked for a job, before it knew the job's ref."""

    async def stop_here(_request: GenerationRequest) -> None:
        await asyncio.Event().wait()

    provider = Jobs(vendor, after=stop_here) if is_there else Jobs(vendor, before=stop_here)
    async with worker(house, provider):
        batch = await house.request(provider="flux")
        image = await image_when(house, f"{batch.id}-0000", lambda image: image.remote)
        if is_there:
            await when(lambda: vendor.jobs)
    await kill_the_taker(house, image.id)
    return batch.id


@pytest.fixture(autouse=True)
def _short_grace(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] pytest calls it
    monkeypatch.setattr(asking, "SUBMIT_GRACE_S", 0.1)


async def test_a_job_whose_ref_was_never_heard_is_found_by_its_key(house: House) -> None:
    vendor = Vendor()
    batch_id = await killed_between_intent_and_ref(house, vendor, is_there=True)
    vendor.finish()
    async with worker(house, Jobs(vendor)):
        (image,) = await house.completed(batch_id)
    assert vendor.refs == ["job-0"]
    assert vendor.finds == [vendor.jobs["job-0"].key]
    assert outcomes(image) == [MADE]


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_job_that_nobody_can_find_is_counted_as_perhaps_paid_and_made_again(
    house: House, is_there: bool
) -> None:
    vendor = Vendor()
    batch_id = await killed_between_intent_and_ref(house, vendor, is_there=is_there)
    vendor.finish()
    async with worker(house, Jobs(vendor, finds=False)):
        (image,) = await house.completed(batch_id)
    assert len(vendor.finds) == 1
    assert outcomes(image) == [(TryOutcome.UNKNOWN, 1, PRICE), MADE]
    assert (image.cost_microusd, image.calls) == (2 * PRICE, 2)
    assert (await house.audit()).drifts == ()


@pytest.mark.parametrize("error", [NetworkFailed("torn"), ApiFailed("502"), TimedOut("no answer")])
async def test_a_submit_that_may_have_been_heard_is_looked_for_before_it_is_made_again(
    house: House, error: Exception
) -> None:
    vendor = Vendor(finishes=True)

    async def torn(_request: GenerationRequest) -> None:
        if len(vendor.jobs) == 1:
            raise error

    async with worker(house, Jobs(vendor, after=torn)):
        batch = await house.request(provider="flux")
        (image,) = await house.completed(batch.id)
    assert vendor.refs == ["job-0"]
    # The try that failed is told with its reason; the one job is paid once.
    assert [attempt.outcome for attempt in image.tries] == [TryOutcome.FAILED, TryOutcome.MADE]
    assert (image.cost_microusd, image.calls) == (PRICE, 1)


@pytest.mark.parametrize("error", [NetworkFailed("torn"), TimedOut("no answer")])
async def test_a_submit_of_which_nobody_can_hear_again_counts_as_one_call_that_may_be_paid(
    house: House, error: Exception
) -> None:
    vendor = Vendor(finishes=True)

    async def torn(_request: GenerationRequest) -> None:
        if len(vendor.jobs) == 1:
            raise error

    async with worker(house, Jobs(vendor, finds=False, after=torn)):
        batch = await house.request(provider="flux")
        (image,) = await house.completed(batch.id)
    assert vendor.refs == ["job-0", "job-1"]
    assert (image.cost_microusd, image.calls) == (2 * PRICE, 2)


async def test_a_submit_that_was_refused_is_not_looked_for(house: House) -> None:
    vendor = Vendor(finishes=True)
    refused: list[str] = []

    async def limited_once(request: GenerationRequest) -> None:
        if not refused:
            refused.append(request.image_id)
            raise RateLimited("429", retry_after_s=0.1)

    async with worker(house, Jobs(vendor, before=limited_once)):
        batch = await house.request(provider="flux")
        (image,) = await house.completed(batch.id)
    assert (vendor.refs, vendor.finds) == (["job-0"], [])
    assert outcomes(image) == [MADE]


async def test_a_connection_lost_while_a_job_runs_leads_back_to_the_same_job(house: House) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor)):
        batch = await house.request(provider="flux")
        await when(lambda: vendor.resumed)
        vendor.jobs["job-0"].ends_with = NetworkFailed("torn")
        vendor.finish()
        await when(lambda: len(vendor.resumed) > 1)
        vendor.jobs["job-0"].ends_with = None
        (image,) = await house.completed(batch.id)
    assert vendor.refs == ["job-0"]
    assert (image.cost_microusd, image.calls) == (PRICE, 1)


@pytest.mark.parametrize("error", [RateLimited("429", retry_after_s=0.1), ApiFailed("503")])
async def test_a_vendor_that_does_not_say_how_a_job_stands_still_has_it(house: House, error: Exception) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor)):
        batch = await house.request(provider="flux")
        await when(lambda: vendor.resumed)
        vendor.jobs["job-0"].ends_with = error
        vendor.finish()
        await when(lambda: len(vendor.resumed) > 1)
        vendor.jobs["job-0"].ends_with = None
        (image,) = await house.completed(batch.id)
    assert vendor.refs == ["job-0"]
    assert (image.cost_microusd, image.calls) == (PRICE, 1)


async def test_a_job_that_takes_too_long_is_stopped_where_it_can_be(house: House) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor), generation_timeout_s=0.3):
        batch = await house.request(provider="flux")
        await image_when(house, f"{batch.id}-0000", lambda image: image.failures == 1)
        await when(lambda: len(vendor.jobs) == 2)
        assert vendor.jobs["job-0"].is_cancelled
        vendor.finish()
        (image,) = await house.completed(batch.id)
    assert vendor.refs == ["job-0", "job-1"]
    assert not vendor.jobs["job-1"].is_cancelled
    assert outcomes(image) == [PERHAPS_PAID, MADE]
    assert image.tries[0].error is not None
    assert "PRESSROOM_GENERATION_TIMEOUT_S" in image.tries[0].error.message


async def test_a_job_that_cannot_be_stopped_is_waited_for_again(house: House) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor, cancels=False), generation_timeout_s=0.3):
        batch = await house.request(provider="flux")
        await image_when(house, f"{batch.id}-0000", lambda image: image.failures == 1)
        vendor.finish()
        (image,) = await house.completed(batch.id)
    assert vendor.refs == ["job-0"]
    assert len(vendor.resumed) >= 2
    assert (image.cost_microusd, image.calls) == (PRICE, 1)


async def test_a_submit_that_hangs_is_looked_for_also_where_jobs_can_be_stopped(house: House) -> None:
    vendor = Vendor()
    provider = Jobs(vendor, after=lambda request: never(request) if len(vendor.jobs) == 1 else asyncio.sleep(0))
    async with worker(house, provider, generation_timeout_s=0.3):
        batch = await house.request(provider="flux")
        await image_when(house, f"{batch.id}-0000", lambda image: image.failures == 1)
        vendor.finish()
        (image,) = await house.completed(batch.id)
    assert vendor.refs == ["job-0"]
    assert (image.cost_microusd, image.calls) == (PRICE, 1)


async def test_a_job_that_is_over_without_a_picture_is_followed_by_a_new_one(house: House) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor)):
        batch = await house.request(provider="flux")
        await when(lambda: vendor.resumed)
        vendor.jobs["job-0"].ends_with = RemoteJobOver(ApiFailed("the job expired"))
        vendor.finish()
        (image,) = await house.completed(batch.id)
    assert vendor.refs == ["job-0", "job-1"]
    assert outcomes(image) == [PERHAPS_PAID, MADE]
    assert image.tries[0].error is not None
    assert image.tries[0].error.message == "the job expired"


@pytest.mark.parametrize(
    ("said", "account"),
    [
        ({}, PERHAPS_PAID),
        ({"cost_microusd": 0}, (TryOutcome.FAILED, 1, 0)),
        ({"cost_microusd": 12_345}, (TryOutcome.FAILED, 1, 12_345)),
        ({"gpu_seconds": 2.5}, (TryOutcome.FAILED, 1, 2_500)),
    ],
)
async def test_a_job_that_gave_no_picture_costs_what_the_provider_says_of_it(
    house: House, tmp_path: Path, said: dict[str, Any], account: tuple[TryOutcome, int, int]
) -> None:
    vendor = Vendor()
    prices = {"price_table": by_the_second(tmp_path)} if "gpu_seconds" in said else {}
    async with worker(house, Jobs(vendor), **prices):
        batch = await house.request(provider="flux", max_cost="5", timeout_s=30)
        await when(lambda: vendor.resumed)
        vendor.jobs["job-0"].ends_with = RemoteJobOver(Moderated("refused"), **said)
        vendor.finish()
        (image,) = await house.completed(batch.id)
    assert (image.state, outcomes(image)) == (ImageState.FAILED, [account])
    budget = await house.database.budgets.get(Scope(batch_id=batch.id))
    assert budget is not None
    assert (budget.spent, budget.reserved) == (account[2], 0)
    assert (await house.audit()).drifts == ()


def by_the_second(folder: Path) -> Path:
    """A price table: a thousandth of a dollar for each second."""
    table = folder / "prices.toml"
    table.write_text(
        '[[price]]\nprovider = "flux"\nunit = "second"\nusd = 0.001\ntypical_s = 10\n'
        'source = "our contract"\nseen = 2026-11-21\n'
    )
    return table


async def test_a_job_that_was_stopped_costs_the_time_since_it_was_asked_for(house: House, tmp_path: Path) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor), price_table=by_the_second(tmp_path)):
        batch = await house.request(provider="flux", max_cost="5", max_attempts=1, timeout_s=0.5)
        (image,) = await house.completed(batch.id)
    assert vendor.jobs["job-0"].is_cancelled
    ((outcome, calls, spent),) = outcomes(image)
    assert (outcome, calls) == (TryOutcome.UNKNOWN, 1)
    # No more than its half second, and not the typical ten.
    assert 0 < spent <= 500
    budget = await house.database.budgets.get(Scope(batch_id=batch.id))
    assert budget is not None
    assert (budget.spent, budget.reserved) == (spent, 0)
    assert (await house.audit()).drifts == ()


async def test_a_job_that_was_moderated_is_the_end_of_its_image(house: House) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor)):
        batch = await house.request(provider="flux")
        await when(lambda: vendor.resumed)
        vendor.jobs["job-0"].ends_with = RemoteJobOver(Moderated("refused"))
        vendor.finish()
        (image,) = await house.completed(batch.id)
    assert (image.state, vendor.refs, image.remote) == (ImageState.FAILED, ["job-0"], None)


async def cancel(house: House, batch_id: str) -> None:
    cancelled = await house.database.batches.transition(
        batch_id, BatchState.CANCELLED, messages=[house.outbox.event(BatchCancelled(batch_id=batch_id))]
    )
    assert cancelled is not None
    await house.outbox.publish(house.database.batches, cancelled)


async def test_a_cancelled_batch_stops_its_job_at_the_provider(house: House) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor)):
        batch = await house.request(provider="flux")
        await when(lambda: vendor.resumed)
        await cancel(house, batch.id)
        image = await image_in(house, f"{batch.id}-0000", ImageState.CANCELLED)
    assert vendor.jobs["job-0"].is_cancelled
    assert image.remote is None
    assert outcomes(image) == [PERHAPS_PAID]
    assert (await house.audit()).drifts == ()


async def test_a_batch_cancelled_while_its_job_is_handed_over_stops_the_job_too(house: House) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor)):
        batch = await house.request(provider="flux")
        await when(lambda: vendor.resumed)
    await image_in(house, f"{batch.id}-0000", ImageState.QUEUED)
    await cancel(house, batch.id)
    await Settling(house.database, house.outbox).settle(batch.id)
    async with worker(house, Jobs(vendor)):
        await image_in(house, f"{batch.id}-0000", ImageState.CANCELLED)
        await when(lambda: vendor.jobs["job-0"].is_cancelled)
    assert vendor.refs == ["job-0"]


async def test_a_job_that_nobody_can_stop_any_more_is_counted_when_its_batch_is_cancelled(house: House) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor, cancels=False)):
        batch = await house.request(provider="flux")
        await when(lambda: vendor.resumed)
        await cancel(house, batch.id)
        image = await image_in(house, f"{batch.id}-0000", ImageState.CANCELLED)
    assert outcomes(image) == [PERHAPS_PAID]


async def test_a_job_that_is_given_up_while_it_may_go_on_is_counted_as_perhaps_paid(house: House) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor, cancels=False), generation_timeout_s=0.2):
        batch = await house.request(provider="flux", max_attempts=2)
        (image,) = await house.completed(batch.id)
    assert (image.state, vendor.refs) == (ImageState.FAILED, ["job-0"])
    assert (image.cost_microusd, image.calls) == (PRICE, 1)


async def test_a_worker_that_stops_in_good_order_hands_its_job_on_without_a_second_one(house: House) -> None:
    vendor = Vendor()
    async with worker(house, Jobs(vendor)):
        batch = await house.request(provider="flux")
        await when(lambda: vendor.resumed)
    image = await house.image(f"{batch.id}-0000")
    assert image.state is ImageState.QUEUED
    assert image.remote is not None
    assert image.remote.ref == "job-0"
    vendor.finish()
    async with worker(house, Jobs(vendor)):
        (image,) = await house.completed(batch.id)
    assert (image.crashes, image.failures) == (0, 0)
    assert outcomes(image) == [MADE]
    assert vendor.refs == ["job-0"]


async def test_a_worker_that_stops_while_it_asks_for_a_job_waits_for_its_ref(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SUBMIT_GRACE_S", 20)
    vendor = Vendor()
    answer = asyncio.Event()

    async def slowly(_request: GenerationRequest) -> None:
        asyncio.get_running_loop().call_later(1.2, answer.set)
        await answer.wait()

    async with worker(house, Jobs(vendor, after=slowly)):
        batch = await house.request(provider="flux")
        await when(lambda: vendor.jobs)
    image = await house.image(f"{batch.id}-0000")
    assert (image.state, image.lease) == (ImageState.QUEUED, None)
    assert image.remote is not None
    assert image.remote.ref == "job-0"
    vendor.finish()
    async with worker(house, Jobs(vendor)):
        (image,) = await house.completed(batch.id)
    assert (vendor.refs, vendor.finds) == (["job-0"], [])
    assert outcomes(image) == [MADE]
