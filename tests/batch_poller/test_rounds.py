"""When a provider's list is read in place of single questions, how far, and what follows from it."""

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from pressroom.batch_poller.gemini import GeminiBatches
from pressroom.batch_poller.provider_jobs import VendorJob, VendorJobState
from pressroom.batch_poller.rounds import LIST_PAGE, Rounds, pages_worth
from pressroom.batch_poller.schedule import Pace, interval_s
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.batch_poller.tracking import COLLECTING
from pressroom.contracts.vocabulary import ProviderJobState, ProviderName
from pressroom.state.documents import ProviderJobDocument

from ..house import House

AGE = timedelta(minutes=45)
GATE = f"list:{ProviderName.GEMINI}"


class Listing(GeminiBatches):
    """Gemini whose list is what the test says; counts the pages that are read of it."""

    def __init__(self, settings: BatchPollerSettings, listed: Sequence[Sequence[VendorJob]]) -> None:
        super().__init__(settings)
        self._listed = listed
        self.pages_read = 0

    async def pages(self) -> AsyncGenerator[tuple[VendorJob, ...]]:
        for page in self._listed:
            self.pages_read += 1
            yield tuple(page)


def settings_of(house: House) -> BatchPollerSettings:
    return BatchPollerSettings(**house.values, provider_requests_per_second=1000)


def rounds_of(house: House, provider: Listing, worker: str = "poller") -> Rounds:
    settings = settings_of(house)
    pace = Pace(house.database.gates, settings.provider_requests_per_second, settings.lease_s)
    providers = {provider.name: provider}
    return Rounds(house.database, providers, pace, settings, _nobody_told, lambda _job, _seen: None, worker=worker)


async def _nobody_told(_job: str) -> None:
    return None


async def in_flight(house: House, count: int, *, due: int | None = None, age: timedelta = AGE) -> list[str]:
    """Jobs at Gemini, the first of them the newest, of which the first `due` are to be looked at now; their ids."""
    now, names = datetime.now(UTC), [f"job-{age.seconds}-{number}" for number in range(count)]
    for number, name in enumerate(names):
        submitted_at = now - age - timedelta(seconds=number)
        is_due = due is None or number < due
        await house.database.provider_jobs.insert(
            ProviderJobDocument(
                _id=name,
                created_at=submitted_at,
                updated_at=submitted_at,
                state=ProviderJobState.SUBMITTED,
                batch_id="batch",
                provider=ProviderName.GEMINI,
                image_count=1,
                vendor_name=f"batches/{name}",
                submitted_at=submitted_at,
                next_poll_at=now if is_due else now + AGE,
            )
        )
    return names


def seen(name: str, *, ended_at: datetime | None = None) -> VendorJob:
    state = VendorJobState.RUNNING if ended_at is None else VendorJobState.SUCCEEDED
    return VendorJob(f"batches/{name}", name, state, f"BATCH_STATE_{state.upper()}", ended_at=ended_at)


async def job_of(house: House, name: str) -> ProviderJobDocument:
    job = await house.database.provider_jobs.get(name)
    assert job is not None
    return job


@pytest.mark.parametrize(
    ("places", "pages"),
    [
        ([], 0),
        ([0, 1, 2, 3], 0),
        ([0, 1, 2, 3, 4], 1),
        (range(LIST_PAGE), 1),
        (range(20 * LIST_PAGE), 20),
        # One old job does not have nineteen more pages read.
        ([*range(LIST_PAGE), 19 * LIST_PAGE], 1),
        # Ten on the first page pay for themselves alone, ten on the third page not for two.
        ([*range(10), *range(2 * LIST_PAGE, 2 * LIST_PAGE + 6)], 1),
        ([*range(10), *range(2 * LIST_PAGE, 2 * LIST_PAGE + 10)], 3),
    ],
)
def test_a_list_is_read_as_far_as_it_saves_most(places: Sequence[int], pages: int) -> None:
    assert pages_worth(places) == pages


async def test_what_a_list_answers_for_is_due_again_after_half_its_interval(house: House) -> None:
    names = await in_flight(house, 10)
    provider = Listing(settings_of(house), [[seen(name) for name in names]])
    assert await rounds_of(house, provider).once()
    half_s = interval_s(AGE.total_seconds(), settings_of(house)) / 2
    for name in names:
        job = await job_of(house, name)
        assert job.is_running
        assert half_s <= (job.next_poll_at - job.updated_at).total_seconds() <= half_s * 1.06
    assert provider.pages_read == 1


async def test_a_list_is_read_no_further_than_to_the_last_job_that_is_due(house: House) -> None:
    names = await in_flight(house, 10, due=5)
    pages = [[seen(name) for name in names[:5]], [seen(name) for name in names[5:]]]
    provider = Listing(settings_of(house), pages)
    assert await rounds_of(house, provider).once()
    assert provider.pages_read == 1


async def test_jobs_that_are_not_on_the_list_are_looked_for_once_and_then_asked_about(house: House) -> None:
    names = await in_flight(house, 10)
    provider = Listing(settings_of(house), [[seen("somebody-elses")]] * 5)
    rounds = rounds_of(house, provider)
    for _ in range(3):
        assert await rounds.once()
    # No more pages than the requests that they were to save.
    assert provider.pages_read == 2
    due = {"_id": {"$in": names}, "next_poll_at": {"$lte": datetime.now(UTC)}}
    assert await house.database.provider_jobs.raw.count_documents(due) == 10


async def test_a_job_that_was_asked_about_may_be_listed_again(house: House) -> None:
    names = await in_flight(house, 10)
    provider = Listing(settings_of(house), [[]])
    rounds = rounds_of(house, provider)
    assert await rounds.once()
    for name in names:
        await house.database.provider_jobs.change(name, {"next_poll_at": datetime.now(UTC)})
    assert await rounds.once()
    assert provider.pages_read == 2


async def test_a_date_that_was_set_while_a_list_was_read_stays(house: House) -> None:
    """As by who wants the job cancelled, or by a webhook."""
    names = await in_flight(house, 10)
    wished_at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)

    class Late(Listing):
        async def pages(self) -> AsyncGenerator[tuple[VendorJob, ...]]:
            await house.database.provider_jobs.ask_to_cancel(names[3], wished_at)
            async for page in super().pages():
                yield page

    assert await rounds_of(house, Late(settings_of(house), [[seen(name) for name in names]])).once()
    due_at = [(await job_of(house, name)).next_poll_at for name in names]
    assert due_at[3] == wished_at
    assert all(due > datetime.now(UTC) for due in due_at[:3] + due_at[4:])


async def test_of_many_that_ended_the_first_is_collected_first(house: House) -> None:
    names, now = await in_flight(house, 6), datetime.now(UTC)
    ends = [now - timedelta(seconds=60 - 10 * number) for number in (3, 0, 4, 1, 2)]
    page = [seen(name, ended_at=at) for name, at in zip(names, ends, strict=False)]
    # By the provider's clock, which may be ahead of ours, or without a time zone.
    page.append(seen(names[5], ended_at=(now + timedelta(hours=1)).replace(tzinfo=None)))
    provider = Listing(settings_of(house), [page])
    assert await rounds_of(house, provider).once()
    taken: list[str] = []
    while claim := await house.database.provider_jobs.claim_due("next_poll_at", COLLECTING, worker="x", lease_s=60):
        taken.append(claim.id)
    assert taken == [names[place] for place in (1, 3, 4, 0, 2, 5)]


async def test_while_one_poller_lists_the_others_ask_nothing(house: House) -> None:
    await in_flight(house, 10)
    provider = Listing(settings_of(house), [[]])
    rounds = rounds_of(house, provider)
    await house.database.gates.enter(GATE, "another poller", places=1, interval_s=0, lease_s=60)
    assert not await rounds.once()
    assert provider.pages_read == 0
    await house.database.gates.leave(GATE, "another poller", gap_s=0)
    assert await rounds.once()
    assert provider.pages_read == 1
