"""Workers that are killed while a vendor works for them: the next one brings the image home, and nothing is paid twice.

Every worker is a process of its own and the vendors are the sandbox, whose books are the judge: what it made, and what
it would bill, is what the image's `tries` say.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from pressroom.cli.servers import MongoServer, NatsServer
from pressroom.contracts.events import ImageGenerated
from pressroom.contracts.vocabulary import ErrorKind, ImageState, ProviderName, TryOutcome
from pressroom.state.budgets import Scope
from pressroom.state.documents import ImageDocument

from ..house import House, eventually
from ..killable import PATIENT_S, KillableService
from ..mongo_gate import mongo_gate, moves
from ..vendor_sandbox import VendorSandbox, running_sandbox
from . import stand_ins
from .killable_worker import Workers

HELD_S = 10.0
"""How long the sandbox keeps a request waiting: longer than it takes to kill who waits, on a busy machine too."""

WAITED_OUT_S = 3.0
"""The same, of a request that is waited for to its end."""

ANSWERED_AFTER_S = 1.5
"""For a call that is waited for after the worker was told to stop: well within the patience that it has then."""

FLUX_PRICE = 30_000
GEMINI_PRICE = 33_600
OPENAI_PRICE = 53_000
"""Of one picture of 1024 x 1024, by the built-in table."""


@dataclass(frozen=True)
class Vendor:
    """Where a vendor that keeps jobs is met, and what one picture costs there."""

    name: ProviderName
    submit: str
    look: str
    fetch: str
    cost_microusd: int
    calls: int
    finds: bool = False

    def __str__(self) -> str:
        return str(self.name)


FLUX = Vendor(ProviderName.FLUX, "POST /flux/v1/flux-2", "GET /flux/v1/get_result", "GET /flux/delivery", FLUX_PRICE, 1)
RUNPOD = Vendor(ProviderName.RUNPOD, "POST .*/run$", "GET .*/status/", "GET /runpod/bucket", 0, 1)
COMFYUI = Vendor(
    ProviderName.COMFYUI, "POST /comfyui/prompt", "GET /comfyui/history/", "GET /comfyui/view", 0, 0, finds=True
)

with_jobs = pytest.mark.parametrize("vendor", [FLUX, RUNPOD, COMFYUI], ids=str)
others_take_long = pytest.mark.parametrize(
    "vendor", [FLUX, *(pytest.param(vendor, marks=pytest.mark.long) for vendor in (RUNPOD, COMFYUI))], ids=str
)
"""The account of a job is kept in one place for all of them; that it is the same is looked at with `-m long`."""


@pytest.fixture(scope="module")
def sandbox_with_a_bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("vendors"), RUNPOD_OUTPUT="s3_url") as sandbox:
        yield sandbox


@pytest.fixture
def vendors(sandbox_with_a_bucket: VendorSandbox) -> VendorSandbox:
    """An empty sandbox whose RunPod leaves its pictures in a bucket, to be fetched."""
    sandbox_with_a_bucket.reset()
    return sandbox_with_a_bucket


@dataclass
class Scene:
    """A house, a vendor, and workers that come and go."""

    house: House
    vendors: VendorSandbox
    workers: Workers
    lane: ProviderName

    async def ask(self, **fields: str) -> str:
        """One image of the lane; the batch's id."""
        batch = await self.house.request(provider=str(self.lane), width=1024, height=1024, **fields)
        return batch.id

    async def caught(
        self, step: str, *, match_body: str | None = None, seconds: float = HELD_S, **settings: Any
    ) -> tuple[KillableService, str]:
        """A worker that is kept waiting at `step` with its image, and the image's batch. What is matched by its body is
        read before it waits, and so is done although nobody hears of it."""
        self.vendors.fault(self.lane, "slow", step, match_body=match_body, seconds=seconds)
        worker = await self.workers.another(**settings)
        batch_id = await self.ask()
        await self.struck()
        return worker, batch_id

    async def struck(self) -> None:
        """When the sandbox keeps somebody waiting."""

        async def look() -> bool:
            return self.vendors.strikes() > 0

        await eventually(look, PATIENT_S)

    async def counts(self, **expected: int) -> None:
        """When the vendor's books say so."""

        async def look() -> bool:
            stats = self.vendors.stats(str(self.lane))
            return {name: stats[name] for name in expected} == expected

        await eventually(look)

    async def home(self, batch_id: str) -> ImageDocument:
        (image,) = await self.house.completed(batch_id, within_s=PATIENT_S)
        assert image.state is ImageState.GENERATED, image.error
        assert (image.remote, image.call_began_at, image.lease) == (None, None, None)
        told = [event.type for event in await self.house.events()]
        assert told.count("pressroom.image.generated.v1") == 1
        assert (await self.house.audit()).drifts == ()
        return image

    def made(self) -> tuple[int, int]:
        """Jobs and pictures, as the vendor would bill them."""
        stats = self.vendors.stats(str(self.lane))
        jobs, images = stats["jobs"], stats["images"]
        assert isinstance(jobs, int)
        assert isinstance(images, int)
        return jobs, images


def outcomes(image: ImageDocument) -> list[tuple[TryOutcome, int, int]]:
    return [(attempt.outcome, attempt.calls, attempt.cost_microusd) for attempt in image.tries]


def made_once(vendor: Vendor) -> list[tuple[TryOutcome, int, int]]:
    return [(TryOutcome.MADE, vendor.calls, vendor.cost_microusd)]


@pytest.fixture
async def scene(
    house: House, vendors: VendorSandbox, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Scene]:
    """Of the lane that the test is about."""
    lane: ProviderName = request.getfixturevalue("vendor").name
    workers = Workers(house, vendors, lane, tmp_path)
    yield Scene(house, vendors, workers, lane)
    workers.end()


@with_jobs
@pytest.mark.parametrize("step", ["look", "fetch"])
async def test_a_worker_killed_once_it_knows_its_job_leaves_one_job_and_one_picture(
    scene: Scene, vendor: Vendor, step: str
) -> None:
    doomed, batch_id = await scene.caught(getattr(vendor, step))
    doomed.kill()
    await scene.workers.another()
    image = await scene.home(batch_id)
    assert scene.made() == (1, 1)
    assert outcomes(image) == made_once(vendor)
    assert (image.crashes, image.failures) == (1, 0)


@with_jobs
async def test_a_worker_killed_before_it_heard_of_its_job_counts_what_cannot_be_found(
    scene: Scene, vendor: Vendor
) -> None:
    doomed, batch_id = await scene.caught(vendor.submit, match_body=".", seconds=ANSWERED_AFTER_S)
    doomed.kill()
    await scene.counts(jobs=1)
    await scene.workers.another()
    image = await scene.home(batch_id)
    if vendor.finds:
        assert scene.made() == (1, 1)
        assert outcomes(image) == made_once(vendor)
    else:
        assert scene.made() == (2, 2)
        assert outcomes(image)[1:] == made_once(vendor)
        lost = image.tries[0]
        assert (lost.outcome, lost.calls, lost.cost_microusd) == (TryOutcome.UNKNOWN, 1, vendor.cost_microusd)
        assert image.calls == 2


@others_take_long
@pytest.mark.parametrize("step", ["look", "fetch"])
async def test_a_worker_told_to_stop_in_the_middle_hands_its_job_on(scene: Scene, vendor: Vendor, step: str) -> None:
    first, batch_id = await scene.caught(getattr(vendor, step))
    first.tell_to_stop()
    await first.stopped()
    image = await scene.house.image(f"{batch_id}-0000")
    assert (image.state, image.lease) == (ImageState.QUEUED, None)
    assert image.remote is not None
    assert image.remote.ref is not None
    await scene.workers.another()
    image = await scene.home(batch_id)
    assert scene.made() == (1, 1)
    assert outcomes(image) == made_once(vendor)
    assert (image.crashes, image.failures) == (0, 0)


@pytest.mark.long
@others_take_long
async def test_a_worker_told_to_stop_while_it_asks_for_a_job_waits_for_its_name(scene: Scene, vendor: Vendor) -> None:
    first, batch_id = await scene.caught(vendor.submit, match_body=".", seconds=ANSWERED_AFTER_S)
    first.tell_to_stop()
    await first.stopped()
    await scene.workers.another()
    image = await scene.home(batch_id)
    assert scene.made() == (1, 1)
    assert outcomes(image) == made_once(vendor)
    assert (image.crashes, image.failures) == (0, 0)


@pytest.fixture
async def fragile(
    vendors: VendorSandbox,
    nats_server: NatsServer,
    mongo_server: MongoServer,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> AsyncIterator[Scene]:
    """A scene whose servers are its own."""
    lane: ProviderName = request.getfixturevalue("vendor").name
    house = House(nats_server.url, mongo_server.url, "fragile", tmp_path)
    await house.open()
    workers = Workers(house, vendors, lane, tmp_path)
    yield Scene(house, vendors, workers, lane)
    workers.end()
    await house.close()


@pytest.mark.long
@others_take_long
async def test_nats_dies_with_the_worker_and_the_image_has_one_job(
    fragile: Scene, vendor: Vendor, nats_server: NatsServer
) -> None:
    doomed, batch_id = await fragile.caught(vendor.look)
    nats_server.kill()
    doomed.kill()
    nats_server.start()
    await fragile.workers.another()
    image = await fragile.home(batch_id)
    assert fragile.made() == (1, 1)
    assert outcomes(image) == made_once(vendor)


@others_take_long
async def test_nats_dies_under_a_worker_that_waits_and_the_image_has_one_job(
    fragile: Scene, vendor: Vendor, nats_server: NatsServer
) -> None:
    _, batch_id = await fragile.caught(vendor.look, seconds=WAITED_OUT_S)
    nats_server.kill()
    nats_server.start()
    image = await fragile.home(batch_id)
    assert fragile.made() == (1, 1)
    assert outcomes(image) == made_once(vendor)
    assert (image.crashes, image.failures) == (0, 0)


@pytest.mark.long
@pytest.mark.parametrize("vendor", [FLUX], ids=str)
@pytest.mark.parametrize("step", ["look", "fetch"])
async def test_mongod_dies_with_the_worker_and_the_image_has_one_job(
    fragile: Scene, vendor: Vendor, mongo_server: MongoServer, step: str
) -> None:
    doomed, batch_id = await fragile.caught(getattr(vendor, step))
    mongo_server.kill()
    doomed.kill()
    mongo_server.start()
    await fragile.workers.another()
    image = await fragile.home(batch_id)
    assert fragile.made() == (1, 1)
    assert outcomes(image) == made_once(vendor)


@pytest.mark.long
@pytest.mark.parametrize("vendor", [FLUX], ids=str)
async def test_mongod_is_away_while_a_job_is_asked_for_and_the_image_has_one_job(
    fragile: Scene, vendor: Vendor, mongo_server: MongoServer
) -> None:
    _, batch_id = await fragile.caught(vendor.submit, match_body=".", seconds=ANSWERED_AFTER_S)
    mongo_server.kill()
    await fragile.counts(jobs=1)
    mongo_server.start()
    image = await fragile.home(batch_id)
    assert fragile.made() == (1, 1)
    assert outcomes(image) == made_once(vendor)


@pytest.mark.long
@pytest.mark.parametrize("vendor", [FLUX, pytest.param(RUNPOD, marks=pytest.mark.long)], ids=str)
async def test_a_job_whose_name_cannot_be_stored_for_a_long_while_is_not_asked_for_again(
    fragile: Scene, vendor: Vendor, mongo_server: MongoServer
) -> None:
    worker, batch_id = await fragile.caught(vendor.submit, match_body=".", seconds=ANSWERED_AFTER_S)
    mongo_server.kill()
    # Twice as long as a write waits for the database.
    await worker.said("job.heartbeat_missed", times=2)
    mongo_server.start()
    image = await fragile.home(batch_id)
    assert fragile.made() == (1, 1)
    assert outcomes(image) == made_once(vendor)
    assert (image.crashes, image.failures) == (0, 0)


GEMINI = Vendor(ProviderName.GEMINI, "POST .*:generateContent", "", "", GEMINI_PRICE, 1)
OPENAI = Vendor(ProviderName.OPENAI, "POST /openai/v1/images/generations", "", "", OPENAI_PRICE, 1)

without_jobs = pytest.mark.parametrize("vendor", [GEMINI, OPENAI], ids=str)


def pictures(scene: Scene) -> int:
    """As the vendor would bill them."""
    name = "images_made" if scene.lane is ProviderName.GEMINI else "images"
    made = scene.vendors.stats(str(scene.lane))[name]
    assert isinstance(made, int)
    return made


def calls(scene: Scene, vendor: Vendor) -> int:
    return sum(re.search(vendor.submit, line) is not None for line in scene.vendors.lines(str(vendor.name)))


@without_jobs
async def test_a_worker_told_to_stop_in_the_middle_of_a_paid_call_waits_for_its_picture(
    scene: Scene, vendor: Vendor
) -> None:
    first, batch_id = await scene.caught(vendor.submit, seconds=ANSWERED_AFTER_S)
    first.tell_to_stop()
    await first.stopped()
    image = await scene.house.image(f"{batch_id}-0000")
    assert image.state in (ImageState.FINISHING, ImageState.GENERATED)
    assert image.raw is not None
    await scene.workers.another()
    image = await scene.home(batch_id)
    assert (calls(scene, vendor), pictures(scene)) == (1, 1)
    assert outcomes(image) == made_once(vendor)
    assert (image.crashes, image.failures) == (0, 0)


@pytest.mark.long
@without_jobs
async def test_a_worker_that_may_not_wait_for_a_paid_call_leaves_it_counted_as_perhaps_paid(
    scene: Scene, vendor: Vendor
) -> None:
    first, batch_id = await scene.caught(vendor.submit, match_body=".", seconds=ANSWERED_AFTER_S, stop_grace_s=0.1)
    first.tell_to_stop()
    await first.stopped()
    await scene.workers.another()
    image = await scene.home(batch_id)
    await lost_and_made(scene, vendor, image)
    assert (image.crashes, image.failures) == (0, 0)


@without_jobs
async def test_a_worker_killed_in_the_middle_of_a_paid_call_leaves_it_counted_as_perhaps_paid(
    scene: Scene, vendor: Vendor
) -> None:
    doomed, batch_id = await scene.caught(vendor.submit, match_body=".", seconds=ANSWERED_AFTER_S)
    doomed.kill()
    await scene.workers.another()
    image = await scene.home(batch_id)
    await lost_and_made(scene, vendor, image)
    assert (image.crashes, image.failures) == (1, 0)


async def lost_and_made(scene: Scene, vendor: Vendor, image: ImageDocument) -> None:
    """One call of which nobody heard, one that made the picture: both are told, and both are billed."""
    price = vendor.cost_microusd
    assert outcomes(image) == [(TryOutcome.UNKNOWN, 1, price), (TryOutcome.MADE, 1, price)]
    assert (image.calls, image.cost_microusd) == (2, 2 * price)
    (told,) = [event for event in await scene.house.events() if event.type == "pressroom.image.generated.v1"]
    assert isinstance(told.data, ImageGenerated)
    assert (told.data.calls, told.data.cost_microusd) == (2, 2 * price)

    async def both_made() -> bool:
        return (calls(scene, vendor), pictures(scene)) == (2, 2)

    await eventually(both_made)


@pytest.mark.long
@others_take_long
async def test_a_picture_that_is_slow_to_arrive_is_fetched_again_from_the_same_job(
    scene: Scene, vendor: Vendor
) -> None:
    scene.vendors.fault(vendor.name, "slow", vendor.fetch, seconds=HELD_S)
    await scene.workers.another(**{f"{vendor.name}_timeout_s": 1})
    batch_id = await scene.ask()
    image = await scene.home(batch_id)
    assert scene.made() == (1, 1)
    assert [attempt.outcome for attempt in image.tries] == [TryOutcome.FAILED, TryOutcome.MADE]
    assert (image.failures, image.calls, image.cost_microusd) == (1, vendor.calls, vendor.cost_microusd)


@pytest.mark.long
@pytest.mark.parametrize("vendor", [FLUX, OPENAI], ids=str)
async def test_a_worker_that_froze_and_wakes_spoils_nothing_of_who_took_over(scene: Scene, vendor: Vendor) -> None:
    step = vendor.look or vendor.submit
    scene.vendors.fault(vendor.name, "slow", step, match_body="." if vendor is OPENAI else None, seconds=0.5)
    frozen = await scene.workers.another()
    batch_id = await scene.ask()
    await scene.struck()
    frozen.freeze()
    await scene.workers.another()
    image = await scene.home(batch_id)
    frozen.wake()
    await frozen.said("job.lease_lost")
    assert await scene.house.image(image.id) == image
    assert image.crashes == 1
    if vendor is FLUX:
        assert scene.made() == (1, 1)
        assert outcomes(image) == made_once(vendor)
    else:
        await lost_and_made(scene, vendor, image)
    assert (await scene.house.audit()).drifts == ()


async def test_who_lost_an_image_does_not_stop_the_job_that_another_waits_for(house: House) -> None:
    def lost() -> float:
        labels = {"kind": "image", "lane": "flux", "outcome": "lease lost"}
        return REGISTRY.get_sample_value("pressroom_jobs_total", labels) or 0.0

    vendor, lost_before = stand_ins.Vendor(), lost()
    async with stand_ins.worker(house, stand_ins.Jobs(vendor), lease_s=30, generation_timeout_s=1):
        batch = await house.request(provider="flux")
        image_id = f"{batch.id}-0000"
        await stand_ins.when(lambda: vendor.resumed)
        taken = await house.database.images.raw.update_one({"_id": image_id}, {"$set": {"lease.token": "another"}})
        assert taken.modified_count == 1
        await stand_ins.when(lambda: lost() > lost_before)
    assert not vendor.jobs["job-0"].is_cancelled


async def budget_of(scene: Scene, batch_id: str) -> tuple[int, int]:
    """Spent, and put aside."""
    budget = await scene.house.database.budgets.get(Scope(batch_id=batch_id))
    assert budget is not None
    return budget.spent, budget.reserved


def calls_worth(vendor: Vendor, calls: int) -> str:
    return f"{vendor.cost_microusd * calls / 1_000_000:.6f}"


@pytest.mark.parametrize("vendor", [FLUX, OPENAI], ids=str)
async def test_a_worker_killed_while_it_puts_aside_what_a_call_may_cost_leaves_nothing_put_aside(
    scene: Scene, vendor: Vendor
) -> None:
    async with mongo_gate(scene.house.settings.mongo_url, (b"commitTransaction",)) as gate:
        doomed = await scene.workers.another(mongo_url=gate.url)
        batch_id = await scene.ask(max_cost=calls_worth(vendor, 1))
        await asyncio.wait_for(gate.reached.wait(), PATIENT_S)
        doomed.kill()
    # A claim waits for as long as the server keeps what the dead one left open.
    await scene.workers.another(lease_s=30)
    image = await scene.home(batch_id)
    assert outcomes(image) == made_once(vendor)
    assert await budget_of(scene, batch_id) == (vendor.cost_microusd, 0)


@pytest.mark.parametrize("vendor", [FLUX], ids=str)
async def test_a_worker_killed_before_it_counts_a_job_that_is_made_leaves_it_to_be_counted_once(
    scene: Scene, vendor: Vendor
) -> None:
    batch_id = await scene.ask(max_cost=calls_worth(vendor, 1))
    async with mongo_gate(scene.house.settings.mongo_url, moves("images", f"{batch_id}-0000", "finishing")) as gate:
        doomed = await scene.workers.another(mongo_url=gate.url)
        await asyncio.wait_for(gate.reached.wait(), PATIENT_S)
        doomed.kill()
    assert await budget_of(scene, batch_id) == (0, vendor.cost_microusd)
    await scene.workers.another()
    image = await scene.home(batch_id)
    assert (scene.made(), outcomes(image)) == ((1, 1), made_once(vendor))
    assert await budget_of(scene, batch_id) == (vendor.cost_microusd, 0)


@pytest.mark.parametrize("vendor", [OPENAI], ids=str)
async def test_a_worker_killed_in_a_paid_call_has_spent_what_it_put_aside_and_no_cap_pays_for_another(
    scene: Scene, vendor: Vendor
) -> None:
    scene.vendors.fault(vendor.name, "slow", vendor.submit, match_body=".", seconds=ANSWERED_AFTER_S)
    doomed = await scene.workers.another()
    batch_id = await scene.ask(max_cost=calls_worth(vendor, 1))
    await scene.struck()
    doomed.kill()
    await scene.workers.another()
    (image,) = await scene.house.completed(batch_id, within_s=PATIENT_S)
    assert image.state is ImageState.FAILED
    assert image.error is not None
    assert image.error.kind is ErrorKind.BUDGET
    assert outcomes(image) == [(TryOutcome.UNKNOWN, 1, vendor.cost_microusd)]
    await scene.counts(images=1)
    assert calls(scene, vendor) == 1
    assert await budget_of(scene, batch_id) == (vendor.cost_microusd, 0)
    assert (await scene.house.audit()).drifts == ()


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("vendor", [OPENAI], ids=str)
async def test_workers_killed_over_and_over_buy_no_more_than_their_batchs_cap(scene: Scene, vendor: Vendor) -> None:
    images, price = 24, vendor.cost_microusd
    # So slow that who is killed is in the middle of several calls, which are done all the same.
    scene.vendors.fault(vendor.name, "slow", vendor.submit, match_body=".", seconds=1, times=100)
    batch = await scene.house.request(
        provider=str(vendor.name),
        width=1024,
        height=1024,
        count=images,
        max_concurrent=images,
        max_cost=calls_worth(vendor, images),
    )
    for _ in range(4):
        begun = scene.vendors.strikes()
        doomed = await scene.workers.another()

        async def is_asking(before: int = begun) -> bool:
            return scene.vendors.strikes() > before

        await eventually(is_asking, PATIENT_S)
        doomed.kill()
    await scene.workers.another()
    made = await scene.house.completed(batch.id, within_s=2 * PATIENT_S)
    spent = sum(image.cost_microusd for image in made)
    assert {str(image.error.kind) for image in made if image.state is ImageState.FAILED and image.error} <= {"budget"}
    assert sum(attempt.outcome is TryOutcome.UNKNOWN for image in made for attempt in image.tries) > 0
    assert calls(scene, vendor) <= images
    assert spent <= images * price
    assert await budget_of(scene, batch.id) == (spent, 0)
    assert (await scene.house.audit()).drifts == ()
