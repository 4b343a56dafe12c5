"""Pollers that are killed at each step of submitting a job and collecting it: one job at the provider, each image once.

Who is killed is `python -m pressroom.batch_poller` as it is. It is stopped from outside first: the sandbox keeps it
waiting for an answer, or the way to MongoDB ends at one of its writes. The sandbox's books say what was made.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest

from pressroom.batch_poller.app import build
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.cli.ports import free_port
from pressroom.contracts.events import (
    BatchCompleted,
    ImageFailed,
    ImageGenerated,
    ProviderJobFinished,
    ProviderJobSubmitted,
)
from pressroom.contracts.facts import BatchCounts
from pressroom.contracts.vocabulary import ImageState, ProviderJobState, ProviderName
from pressroom.state.documents import ProviderJobDocument

from ..house import House, eventually, running
from ..killable import PATIENT_S, KillableService, environment_of
from ..mongo_gate import confirms, mongo_gate, moves, moves_all
from ..vendor_sandbox import GEMINI_KEY, OPENAI_KEY, VendorSandbox

HELD_S = 30.0
"""How long the sandbox keeps a request waiting that nobody waits for any more: long enough on any machine."""

DONE_AFTER_S = 3.0
"""The same for a request whose work is done all the same: long enough to kill who waits, and longer than its lease."""

PROMPTS = ("a fox", "a hare [sandbox:moderated]", "an owl")
"""Two pictures and a refusal."""

SOON = {"poll_initial_s": 0.1, "due_interval_s": 0.05, "provider_create_doubt_s": 0.5}

PLANNED, SUBMITTING, SUBMITTED, COLLECTING, SUCCEEDED = (
    ProviderJobState.PLANNED,
    ProviderJobState.SUBMITTING,
    ProviderJobState.SUBMITTED,
    ProviderJobState.COLLECTING,
    ProviderJobState.SUCCEEDED,
)


@dataclass(frozen=True)
class Way:
    """How a poller comes to MongoDB, and when it has come as far as it should."""

    mongo_url: str
    reached: Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Call:
    """In the middle of a request to the provider. `is_done`: the provider does the work, and nobody hears of it;
    `is_late`: it does so some time after the poller was killed."""

    match: str
    is_done: bool = False
    is_late: bool = False
    after: int = 0

    @asynccontextmanager
    async def armed(self, scene: "Scene") -> AsyncIterator[Way]:
        scene.vendors.clear_faults()
        done_before = scene.calls_done()
        # What is matched by its body is read before it waits, and so is done although nobody hears of it.
        read = {"match_body": "."} if self.is_done or self.is_late else {}
        seconds = DONE_AFTER_S if read else HELD_S
        scene.vendors.fault(str(scene.provider), "slow", self.match, after=self.after, seconds=seconds, **read)

        async def struck() -> bool:
            return scene.vendors.strikes() > 0

        yield Way(scene.house.settings.mongo_url, lambda: eventually(struck, PATIENT_S))

        async def done() -> bool:
            return scene.calls_done() > done_before

        if self.is_done:
            await eventually(done)


@dataclass(frozen=True)
class Write:
    """Right before a write. `place`: of the document, after the batch's id; None for all of the batch's at once."""

    collection: str
    place: str | None
    state: str | None
    """The one that it writes; None for a note that a message went out."""

    @asynccontextmanager
    async def armed(self, scene: "Scene") -> AsyncIterator[Way]:
        document_id = scene.batch_id + (self.place or "")
        if self.state is None:
            words = confirms(self.collection, document_id)
        elif self.place is None:
            words = moves_all(self.collection, document_id, self.state)
        else:
            words = moves(self.collection, document_id, self.state)
        async with mongo_gate(scene.house.settings.mongo_url, words) as gate:
            yield Way(gate.url, lambda: asyncio.wait_for(gate.reached.wait(), PATIENT_S))


@dataclass(frozen=True)
class Moment:
    """When a poller is killed, and how its job is stored then. `is_long`: tried with `-m long` only, as what is left
    is hardly another thing than at the moments beside it."""

    name: str
    at: Call | Write
    left: ProviderJobState
    is_long: bool = False


JOB, FIRST, LAST = "-job-0", "-0000", "-0002"

GEMINI = (
    Moment("before the upload", Call("POST /upload/v1beta/files$"), PLANNED),
    Moment("before the upload's answer", Call(r"POST /upload/v1beta/files\?", is_done=True), PLANNED),
    Moment("before the intent", Write("provider_jobs", JOB, "submitting"), PLANNED),
    Moment("before the create", Call("POST .*:batchGenerateContent"), SUBMITTING),
    Moment("before the create's answer", Call("POST .*:batchGenerateContent", is_done=True), SUBMITTING),
    Moment("before the name is stored", Write("provider_jobs", JOB, "submitted"), SUBMITTING),
    Moment(
        "before it is noted that the submission was told", Write("provider_jobs", JOB, None), SUBMITTED, is_long=True
    ),
    Moment("before the images know", Write("images", None, "generating"), SUBMITTED, is_long=True),
    Moment("while asking how it stands", Call("GET /v1beta/batches/"), SUBMITTED),
    Moment("before its end there is stored", Write("provider_jobs", JOB, "collecting"), SUBMITTED, is_long=True),
    Moment("before the download", Call("GET /v1beta/files/.*:download"), COLLECTING, is_long=True),
    Moment("before the first picture is stored", Write("images", FIRST, "finishing"), COLLECTING, is_long=True),
    Moment("between a stored picture and generated", Write("images", FIRST, "generated"), COLLECTING),
    Moment("before it is noted that a picture was told", Write("images", FIRST, None), COLLECTING, is_long=True),
    Moment("in the middle of the results", Write("images", LAST, "finishing"), COLLECTING),
    Moment("before the job's end", Write("provider_jobs", JOB, "succeeded"), COLLECTING),
    Moment("before the batch's end", Write("batches", "", "completed"), SUCCEEDED, is_long=True),
)

OPENAI_ALONE = (
    Moment("before the upload's answer", Call("POST /openai/v1/files$", is_done=True), PLANNED),
    Moment("before the model is known", Call("GET /openai/v1/models/"), SUBMITTING),
    Moment("before the create's answer", Call("POST /openai/v1/batches$", is_done=True), SUBMITTING),
    Moment("between the pictures and the refusals", Call("GET /openai/v1/files/.*/content", after=1), COLLECTING),
)
"""Where the steps are others than Gemini's."""

OPENAI_TOO = (
    Moment("before the upload", Call("POST /openai/v1/files$"), PLANNED),
    Moment("before the create", Call("POST /openai/v1/batches$"), SUBMITTING),
    Moment("while asking how it stands", Call("GET /openai/v1/batches/"), SUBMITTED),
    Moment("before the download", Call("GET /openai/v1/files/.*/content"), COLLECTING),
    *(moment for moment in GEMINI if isinstance(moment.at, Write)),
)
"""Where they are the same."""


@dataclass
class Scene:
    """A house, a provider, and one batch of it, which every poller of the test is about."""

    house: House
    vendors: VendorSandbox
    provider: ProviderName
    folder: Path
    batch_id: str = "killed"

    async def ask(self, **fields: str) -> None:
        images = [{"prompt": prompt} for prompt in PROMPTS]
        provider = str(self.provider)
        await self.house.request(self.batch_id, provider=provider, mode="batch", prompt=None, images=images, **fields)

    async def kill_a_poller(self, moment: Moment) -> ProviderJobDocument:
        """The job as it is left."""
        async with moment.at.armed(self) as way:
            own = {"mongo_url": way.mongo_url, "batch_poller_port": free_port(), **SOON}
            environment = environment_of(self.house, self.vendors, **own)
            doomed = KillableService("batch-poller", environment, self.folder / "batch-poller.log")
            try:
                await way.reached()
            finally:
                doomed.kill()
        left = await self.house.database.provider_jobs.get(f"{self.batch_id}{JOB}")
        assert left is not None
        assert left.state is moment.left
        return left

    def calls_done(self) -> int:
        """Requests that the sandbox kept somebody waiting for, and answered."""
        requests = self.vendors.items(str(self.provider), "requests")
        return sum(request["fault"] == "slow" and request["status"] == HTTPStatus.OK for request in requests)

    async def home(self, *, crashes: int, **settings: float) -> None:
        """A poller that nobody kills brings everything home; the provider's books, ours and the events agree."""
        async with self._poller(**settings):
            images = await self.house.completed(self.batch_id, within_s=PATIENT_S)
        assert [image.state for image in images] == [ImageState.GENERATED, ImageState.FAILED, ImageState.GENERATED]
        stats = self.vendors.stats(str(self.provider))
        made = stats["images_made" if self.provider is ProviderName.GEMINI else "images"]
        assert (stats["batches"], made, stats["images_made_twice"]) == (1, 2, 0)
        (job,) = await self.house.database.provider_jobs.of_batch(self.batch_id)
        assert (job.state, job.succeeded, job.failed) == (ProviderJobState.SUCCEEDED, 2, 1)
        assert (job.crashes, job.failures, job.lease) == (crashes, 0, None)
        told = [event.data for event in await self.house.events()]
        assert sorted(event.image_id for event in told if isinstance(event, ImageGenerated)) == [
            f"{self.batch_id}{FIRST}",
            f"{self.batch_id}{LAST}",
        ]
        kinds = Counter(type(event) for event in told)
        assert [kinds[kind] for kind in (ImageFailed, ProviderJobSubmitted, ProviderJobFinished)] == [1, 1, 1]
        (completed,) = [event for event in told if isinstance(event, BatchCompleted)]
        assert completed.counts == BatchCounts(requested=3, generated=2, failed=1, cancelled=0)
        assert (await self.house.audit()).drifts == ()

    def _poller(self, **settings: float) -> AbstractAsyncContextManager[None]:
        """In this process."""
        own = {
            "gemini_url": self.vendors.url,
            "gemini_api_key": GEMINI_KEY,
            "openai_url": f"{self.vendors.url}/openai",
            "openai_api_key": OPENAI_KEY,
        }
        return running(build(BatchPollerSettings(**{**self.house.values, **own, **SOON, **settings})))


def each(moments: Iterable[Moment], *, is_long: bool = False) -> list[object]:
    marks = pytest.mark.long
    return [pytest.param(it, id=it.name, marks=marks if it.is_long or is_long else ()) for it in moments]


async def killed_once(scene: Scene, moment: Moment) -> None:
    await scene.ask()
    left = await scene.kill_a_poller(moment)
    # Whoever held nothing when it died was in the middle of nothing.
    await scene.home(crashes=0 if left.lease is None else 1)


@pytest.mark.parametrize("moment", each(GEMINI))
async def test_a_poller_killed_at_any_moment_of_a_gemini_job_leaves_one_job_and_each_image_once(
    house: House, vendors: VendorSandbox, tmp_path: Path, moment: Moment
) -> None:
    await killed_once(Scene(house, vendors, ProviderName.GEMINI, tmp_path), moment)


@pytest.mark.parametrize("moment", [*each(OPENAI_ALONE), *each(OPENAI_TOO, is_long=True)])
async def test_a_poller_killed_at_any_moment_of_an_openai_job_leaves_one_job_and_each_image_once(
    house: House, vendors: VendorSandbox, tmp_path: Path, moment: Moment
) -> None:
    await killed_once(Scene(house, vendors, ProviderName.OPENAI, tmp_path), moment)


@pytest.mark.parametrize(
    ("provider", "create"),
    [
        (ProviderName.GEMINI, "POST .*:batchGenerateContent"),
        pytest.param(ProviderName.OPENAI, "POST /openai/v1/batches$", marks=pytest.mark.long),
    ],
    ids=["gemini", "openai"],
)
async def test_a_job_that_appears_long_after_its_poller_was_killed_is_not_created_again(
    house: House, vendors: VendorSandbox, tmp_path: Path, provider: ProviderName, create: str
) -> None:
    scene = Scene(house, vendors, provider, tmp_path)
    await scene.ask()
    await scene.kill_a_poller(Moment("in the middle of a slow create", Call(create, is_late=True), SUBMITTING))
    assert vendors.items(str(provider), "batches") == []
    await scene.home(crashes=1, provider_create_doubt_s=2 * DONE_AFTER_S)

    async def has_appeared() -> bool:
        return scene.calls_done() == 1

    await eventually(has_appeared)
    assert len(vendors.items(str(provider), "batches")) == 1


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_job_whose_pollers_are_killed_at_one_moment_after_the_other_is_one_job(
    house: House, vendors: VendorSandbox, tmp_path: Path
) -> None:
    scene = Scene(house, vendors, ProviderName.GEMINI, tmp_path)
    await scene.ask()
    left = [await scene.kill_a_poller(moment) for moment in GEMINI]
    await scene.home(crashes=sum(job.lease is not None for job in left))
