"""What every image provider must do: one suite, run against each.

A provider's test file subclasses `ProviderConformance` as `Test…`, sets its class attributes and gives a `backstage`
fixture: the provider in front of a vendor (or a stand-in) that the tests can look into and get into trouble. What a
provider says that it cannot do is skipped, and checked to be true.
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import ClassVar, Protocol

import pytest
import pyvips

from pressroom.contracts.capabilities import nearest_size
from pressroom.contracts.vocabulary import ErrorKind
from pressroom.image_worker.providers import (
    Generation,
    GenerationRequest,
    ImageProvider,
    JobProvider,
    RemoteJobOver,
)
from pressroom.imaging.pictures import NotAnImage, measure
from pressroom.runtime.errors import (
    ApiFailed,
    AuthFailed,
    InvalidRequest,
    ModelGone,
    Moderated,
    NetworkFailed,
    OutOfCredit,
    RateLimited,
    TimedOut,
    WorkError,
    kind_of,
)

RETRY_AFTER_S = 7
QUICKLY_S = 3.0
"""In which a cancelled call has ended; far below what a picture that takes long takes."""


class Trouble(Enum):
    """What a provider can meet at the vendor."""

    RATE_LIMITED = auto()
    """429, to come back after `RETRY_AFTER_S`."""
    SERVER_ERROR = auto()
    CUT_BEFORE = auto()
    """The connection breaks, and nothing was done."""
    CUT_AFTER_EFFECT = auto()
    """Everything was done, then the connection breaks without an answer."""
    BAD_KEY = auto()
    DEAD_MODEL = auto()
    """The vendor has no model of the name in the settings."""
    MODERATED = auto()
    BAD_REQUEST = auto()
    """A request that the vendor finds wrong."""
    NOT_A_PICTURE = auto()
    OTHER_SIZE = auto()
    """A picture that is narrower than it was asked for."""
    HUGE_PICTURE = auto()
    """A picture that claims to have more pixels than anybody could take."""
    HTML = auto()
    """A gateway's page in place of an answer."""
    TRUNCATED = auto()
    """Half an answer."""
    SLOW = auto()
    """No answer within the time of one request."""
    FAILED_AT_PROVIDER = auto()
    """The job ends without a picture."""
    FORGOTTEN = auto()
    """The job is not known any more, whenever it is asked for from now on."""
    NO_CREDIT = auto()
    LATE_PROGRESS = auto()
    """After its end the job is told to be running, once more."""


EXPECTED: dict[Trouble, tuple[type[WorkError], ...]] = {
    Trouble.RATE_LIMITED: (RateLimited,),
    Trouble.SERVER_ERROR: (ApiFailed,),
    Trouble.CUT_BEFORE: (NetworkFailed,),
    Trouble.CUT_AFTER_EFFECT: (NetworkFailed,),
    Trouble.BAD_KEY: (AuthFailed,),
    Trouble.DEAD_MODEL: (ModelGone,),
    Trouble.MODERATED: (Moderated,),
    Trouble.BAD_REQUEST: (InvalidRequest,),
    Trouble.HTML: (ApiFailed,),
    Trouble.TRUNCATED: (NetworkFailed, ApiFailed),
    Trouble.SLOW: (TimedOut,),
    Trouble.FAILED_AT_PROVIDER: (ApiFailed,),
    Trouble.FORGOTTEN: (ApiFailed,),
    Trouble.NO_CREDIT: (OutOfCredit,),
}
PASSING = (
    Trouble.RATE_LIMITED,
    Trouble.SERVER_ERROR,
    Trouble.CUT_BEFORE,
    Trouble.CUT_AFTER_EFFECT,
    Trouble.HTML,
    Trouble.TRUNCATED,
    Trouble.SLOW,
)
"""Troubles that one call meets and the next does not."""


@dataclass(frozen=True)
class Heard:
    """What the vendor was told with the last request for a picture; None and 0 where it was told nothing."""

    prompt: str
    seed: int | None = None
    negative_prompt: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    steps: int | None = None
    guidance: float | None = None
    transparent: bool = False
    input_images: int = 0


class Backstage(Protocol):
    """A provider, and the vendor behind it. The fixture that gives it closes every provider that it made."""

    @property
    def provider(self) -> ImageProvider:
        """The provider under test. Asked for again after `trouble`, which may put another in its place."""
        ...

    def another(self) -> ImageProvider:
        """One more with the same settings, as a worker's successor has it: it remembers nothing."""
        ...

    def request(self, **changes: object) -> GenerationRequest:
        """A small picture, with some of its fields changed. After `trouble` it may be one that meets it."""
        ...

    def long_request(self) -> GenerationRequest:
        """A picture that takes long enough to be cancelled in the middle; arranged for the next call, perhaps of
        another `provider`."""
        ...

    def made(self) -> int:
        """How many pictures or jobs the vendor has begun."""
        ...

    def stopped(self) -> int:
        """How many of them it has stopped because it was told to."""
        ...

    def heard(self) -> Heard | None:
        """What the vendor was told last; None when nobody can see that."""
        ...

    def trouble(self, trouble: Trouble) -> bool:
        """Let the next calls meet it: those that ask for a picture, or for a spoiled picture, `FORGOTTEN` and
        `LATE_PROGRESS` those that ask what came of it. False when this provider cannot have that trouble."""
        ...


class ProviderConformance:
    """Subclass as `Test…` and give a `backstage` fixture."""

    vendor: ClassVar[str]
    """As every message names it."""
    key_setting: ClassVar[str] = ""
    model_setting: ClassVar[str] = ""
    exact_size: ClassVar[bool] = True
    """Whether pictures have the very pixels that were asked for; otherwise their ratio only."""
    ratio_tolerance: ClassVar[float] = 0.0
    """By how much of itself a side may be off when the vendor has a few ratios only; 1 px it may always be."""
    smallest_side_px: ClassVar[int] = 16
    """Of a picture that is smaller than asked for: the sandbox draws no shorter side."""
    can_find: ClassVar[bool] = False
    """Whether the vendor can be asked for a job whose `submit` was not heard of again."""

    # What it makes

    async def test_a_picture_of_the_wanted_ratio_that_decodes(self, backstage: Backstage) -> None:
        request = backstage.request(width_px=512, height_px=640)
        made = await backstage.provider.generate(request, ignore)

        self.assert_size(made, backstage.provider, request)
        assert made.model
        assert backstage.made() == 1

    async def test_the_same_seed_makes_the_same_picture_and_another_one_another(self, backstage: Backstage) -> None:
        if not backstage.provider.capabilities.seeds:
            pytest.skip("it takes no seeds")
        provider = backstage.provider
        first = await provider.generate(backstage.request(seed=1), ignore)
        again = await provider.generate(backstage.request(seed=1), ignore)
        other = await provider.generate(backstage.request(seed=2), ignore)

        assert same_picture(first.data, again.data)
        assert not same_picture(first.data, other.data)

    @pytest.mark.parametrize("seed", [0, 2**32 - 1])
    async def test_the_seeds_at_both_ends_are_taken(self, backstage: Backstage, seed: int) -> None:
        picture_of((await backstage.provider.generate(backstage.request(seed=seed), ignore)).data)

    @pytest.mark.parametrize("sides", [(64, 64), (1000, 1001), (1, 1), (8192, 64), (64, 8192), (4500, 5400)], ids=str)
    async def test_every_size_within_its_rules_comes_back(self, backstage: Backstage, sides: tuple[int, int]) -> None:
        rules = backstage.provider.capabilities.sizes
        width_px, height_px = (min(max(side, rules.min_side_px), rules.max_side_px) for side in sides)
        request = backstage.request(width_px=width_px, height_px=height_px)

        self.assert_size(await backstage.provider.generate(request, ignore), backstage.provider, request)

    async def test_what_it_says_it_can_reaches_the_vendor_and_nothing_else_does(self, backstage: Backstage) -> None:
        can = backstage.provider.capabilities
        request = backstage.request(
            seed=77,
            negative_prompt="blurry hands",
            steps=17,
            guidance=3.5,
            transparent=can.transparent,
            input_images=tuple(a_picture(number) for number in range(min(can.input_images, 2))),
        )
        await backstage.provider.generate(request, ignore)
        heard = backstage.heard()
        if heard is None:
            pytest.skip("nobody sees what it is told")

        assert request.prompt in heard.prompt
        assert heard.seed == (77 if can.seeds else None)
        assert heard.negative_prompt == ("blurry hands" if can.negative_prompt else None)
        assert heard.steps == (17 if can.steps else None)
        assert heard.guidance == (3.5 if can.guidance else None)
        assert heard.transparent is can.transparent
        assert heard.input_images == len(request.input_images)

    async def test_as_many_reference_pictures_as_it_says_are_taken(self, backstage: Backstage) -> None:
        most = backstage.provider.capabilities.input_images
        if not most:
            pytest.skip("it takes no reference pictures")

        picture_of((await draw(backstage, input_images=tuple(map(a_picture, range(most))))).data)

        heard = backstage.heard()
        assert heard is None or heard.input_images == most

    async def test_progress_only_rises_and_ends_at_one(self, backstage: Backstage) -> None:
        told: list[float] = []
        await backstage.provider.generate(backstage.request(), told.append)

        assert told == sorted(told)
        assert all(0 <= part <= 1 for part in told)
        if backstage.provider.capabilities.progress:
            assert told[-1] == 1
            assert len(told) > 1

    async def test_pictures_made_at_once_are_not_mixed_up(self, backstage: Backstage) -> None:
        sides = [(512, 640), (640, 512), (512, 512), (640, 320)]
        requests = [
            backstage.request(prompt=f"print number {number}", seed=number, width_px=width, height_px=height)
            for number, (width, height) in enumerate(sides)
        ]
        provider = backstage.provider
        together = await asyncio.gather(*(provider.generate(request, ignore) for request in requests))

        assert backstage.made() == len(sides)
        for request, made in zip(requests, together, strict=True):
            self.assert_size(made, provider, request)
            if provider.capabilities.seeds:
                alone = await provider.generate(request, ignore)
                assert same_picture(made.data, alone.data)

    # How it ends

    async def test_a_cancelled_call_ends_quickly_and_stops_the_vendor_where_it_can(self, backstage: Backstage) -> None:
        request = backstage.long_request()
        provider = backstage.provider
        call = asyncio.create_task(provider.generate(request, ignore))
        await until(lambda: backstage.made() == 1)
        assert not call.done(), "the picture did not take long"

        call.cancel()
        began = time.monotonic()
        await asyncio.wait([call], timeout=QUICKLY_S)

        assert call.cancelled(), f"still going on after {time.monotonic() - began:.1f} s"
        if provider.capabilities.cancel:
            await until(lambda: backstage.stopped() == 1)

    async def test_a_call_that_ran_out_of_time_leaves_the_provider_usable(self, backstage: Backstage) -> None:
        request = backstage.long_request()
        provider = backstage.provider
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await provider.generate(request, ignore)

        picture_of((await provider.generate(backstage.request(), ignore)).data)

    async def test_closing_twice_is_fine(self, backstage: Backstage) -> None:
        await backstage.provider.generate(backstage.request(), ignore)

        await backstage.provider.aclose()
        await backstage.provider.aclose()

    # What can go wrong

    @pytest.mark.parametrize("trouble", EXPECTED, ids=lambda trouble: trouble.name.lower())
    async def test_every_trouble_has_its_kind_and_names_the_vendor(
        self, backstage: Backstage, trouble: Trouble
    ) -> None:
        error = await self.meet(backstage, trouble)

        assert isinstance(error, EXPECTED[trouble]), repr(error)
        assert kind_of(error) is not ErrorKind.UNKNOWN
        assert self.vendor in str(error)
        if isinstance(error, RateLimited):
            assert error.retry_after_s == RETRY_AFTER_S
        if trouble is Trouble.BAD_REQUEST:
            assert not error.closes_lane, "the next image's request may be right"

    @pytest.mark.parametrize(
        "trouble", [Trouble.BAD_KEY, Trouble.DEAD_MODEL, Trouble.NO_CREDIT], ids=lambda trouble: trouble.name.lower()
    )
    async def test_what_a_person_has_to_mend_closes_the_lane(self, backstage: Backstage, trouble: Trouble) -> None:
        error = await self.meet(backstage, trouble)

        assert error.closes_lane
        if trouble is Trouble.BAD_KEY:
            assert self.key_setting in str(error)
        if trouble is Trouble.DEAD_MODEL:
            assert self.model_setting in str(error)

    async def test_a_dead_model_that_the_batch_named_is_not_blamed_on_the_setting(self, backstage: Backstage) -> None:
        _arrange(backstage, Trouble.DEAD_MODEL)
        request = backstage.request(model=backstage.provider.model)

        with pytest.raises(ModelGone, match="the batch's own model"):
            await backstage.provider.generate(request, ignore)

    @pytest.mark.parametrize("trouble", PASSING, ids=lambda trouble: trouble.name.lower())
    async def test_after_a_passing_trouble_the_next_call_is_well(self, backstage: Backstage, trouble: Trouble) -> None:
        await self.meet(backstage, trouble)

        picture_of((await backstage.provider.generate(backstage.request(), ignore)).data)

    async def test_what_is_no_picture_is_refused_or_handed_on_to_be_refused(self, backstage: Backstage) -> None:
        _arrange(backstage, Trouble.NOT_A_PICTURE)
        with pytest.raises((ApiFailed, pyvips.Error)) as caught:
            picture_of((await backstage.provider.generate(backstage.request(), ignore)).data)

        assert not isinstance(caught.value, ApiFailed) or self.vendor in str(caught.value)

    async def test_a_picture_of_another_size_is_handed_on(self, backstage: Backstage) -> None:
        _arrange(backstage, Trouble.OTHER_SIZE)

        image = picture_of((await draw(backstage)).data)

        assert image.width < image.height, "a square was asked for"

    async def test_a_picture_that_claims_to_be_huge_is_handed_on_to_be_refused(self, backstage: Backstage) -> None:
        _arrange(backstage, Trouble.HUGE_PICTURE)

        made = await draw(backstage)

        with pytest.raises(NotAnImage, match="60000x60000"):
            measure(made.data)

    async def test_no_message_tells_the_key(self, backstage: Backstage) -> None:
        error = await self.meet(backstage, Trouble.BAD_KEY)

        assert "wrong-key" not in str(error)

    # Jobs that outlive the worker

    async def test_it_keeps_jobs_if_it_says_so(self, backstage: Backstage) -> None:
        assert isinstance(backstage.provider, JobProvider) is backstage.provider.capabilities.keeps_jobs

    async def test_a_killed_worker_s_successor_resumes_its_job(self, backstage: Backstage) -> None:
        provider, request = _jobs(backstage.provider), backstage.request()
        ref = await provider.submit(request, _a_key())
        await provider.aclose()

        made = await _jobs(backstage.another()).resume(ref, request, ignore)

        self.assert_size(made, backstage.provider, request)
        assert backstage.made() == 1

    async def test_a_job_resumed_twice_gives_the_same_picture(self, backstage: Backstage) -> None:
        provider, request = _jobs(backstage.provider), backstage.request()
        ref = await provider.submit(request, _a_key())

        first = await provider.resume(ref, request, ignore)
        again = await provider.resume(ref, request, ignore)
        elsewhere = await _jobs(backstage.another()).resume(ref, request, ignore)

        assert same_picture(first.data, again.data)
        assert same_picture(first.data, elsewhere.data)
        assert backstage.made() == 1

    async def test_a_forgotten_job_is_over(self, backstage: Backstage) -> None:
        _arrange(backstage, Trouble.FORGOTTEN)
        provider, request = _jobs(backstage.provider), backstage.request()
        ref = await provider.submit(request, _a_key())

        with pytest.raises(RemoteJobOver) as caught:
            await provider.resume(ref, request, ignore)

        assert isinstance(caught.value.error, ApiFailed)
        assert self.vendor in str(caught.value)

    @pytest.mark.parametrize(
        "trouble", [Trouble.MODERATED, Trouble.FAILED_AT_PROVIDER], ids=lambda trouble: trouble.name.lower()
    )
    async def test_a_job_that_ended_badly_is_over_for_whoever_resumes_it(
        self, backstage: Backstage, trouble: Trouble
    ) -> None:
        _jobs(backstage.provider)
        _arrange(backstage, trouble)
        provider, request = _jobs(backstage.provider), backstage.request()
        ref = await provider.submit(request, _a_key())

        for resuming in (provider, _jobs(backstage.another())):
            with pytest.raises(RemoteJobOver) as caught:
                await resuming.resume(ref, request, ignore)
            assert isinstance(caught.value.error, EXPECTED[trouble])

    async def test_a_job_whose_submit_was_not_heard_of_is_found_where_the_vendor_can(
        self, backstage: Backstage
    ) -> None:
        provider, request, key = _jobs(backstage.provider), backstage.request(), _a_key()
        _arrange(backstage, Trouble.CUT_AFTER_EFFECT)
        with pytest.raises(NetworkFailed):
            await provider.submit(request, key)

        successor = _jobs(backstage.another())
        ref = await successor.find(request, key, None)

        assert (ref is not None) is self.can_find
        if ref is not None:
            self.assert_size(await successor.resume(ref, request, ignore), successor, request)
            assert backstage.made() == 1

    async def test_a_job_that_was_never_asked_for_is_not_found(self, backstage: Backstage) -> None:
        provider = _jobs(backstage.provider)

        assert await provider.find(backstage.request(), _a_key(), None) is None
        assert backstage.made() == 0

    async def test_a_late_word_of_progress_does_not_undo_the_end(self, backstage: Backstage) -> None:
        provider, request = _jobs(backstage.provider), backstage.request()
        ref = await provider.submit(request, _a_key())
        _arrange(backstage, Trouble.LATE_PROGRESS)

        first = await provider.resume(ref, request, ignore)
        again = await provider.resume(ref, request, ignore)

        assert same_picture(first.data, again.data)

    async def test_cancelling_a_job_that_has_ended_is_quiet(self, backstage: Backstage) -> None:
        provider, request = _jobs(backstage.provider), backstage.request()
        ref = await provider.submit(request, _a_key())
        await provider.resume(ref, request, ignore)

        await provider.cancel(ref)
        await provider.cancel(ref)

        assert backstage.stopped() == 0

    async def test_a_cancelled_job_is_over_where_it_can_be_cancelled(self, backstage: Backstage) -> None:
        request = backstage.long_request()
        provider = _jobs(backstage.provider)
        ref = await provider.submit(request, _a_key())

        await provider.cancel(ref)

        if not provider.capabilities.cancel:
            assert backstage.stopped() == 0
            return
        await until(lambda: backstage.stopped() == 1)
        with pytest.raises(RemoteJobOver):
            await provider.resume(ref, request, ignore)

    # What the tests share

    async def meet(self, backstage: Backstage, trouble: Trouble) -> WorkError:
        """The error that `generate` raises in this trouble."""
        _arrange(backstage, trouble)
        with pytest.raises(WorkError) as caught:
            await backstage.provider.generate(backstage.request(), ignore)
        return caught.value

    def assert_size(self, made: Generation, provider: ImageProvider, request: GenerationRequest) -> None:
        """The picture has the size that the provider must have asked for, or its ratio."""
        image = picture_of(made.data)
        wanted = nearest_size(provider.capabilities.sizes, request.width_px, request.height_px)
        if self.exact_size:
            assert (image.width, image.height) == wanted
            return
        scale = max(image.width, image.height) / max(wanted)
        for side, wanted_side in zip((image.width, image.height), wanted, strict=True):
            scaled = max(wanted_side * scale, self.smallest_side_px)
            assert abs(side - scaled) <= 1 + self.ratio_tolerance * scaled


def changed(request: GenerationRequest, **changes: object) -> GenerationRequest:
    """For the `request` of a backstage."""
    return replace(request, **changes)  # pyright: ignore[reportArgumentType] named by the tests


async def draw(backstage: Backstage, **changes: object) -> Generation:
    """The picture of the backstage's request, with some of its fields changed."""
    return await backstage.provider.generate(backstage.request(**changes), ignore)


def a_request() -> GenerationRequest:
    """A small picture that any provider makes."""
    return GenerationRequest(
        image_id="batch_1-0000",
        prompt="a fox in a raincoat",
        negative_prompt=None,
        model=None,
        seed=7,
        width_px=512,
        height_px=512,
        steps=4,
        guidance=2.0,
    )


def a_picture(number: int = 0) -> bytes:
    """A small PNG, another for each number."""
    return bytes((pyvips.Image.black(64, 64, bands=3) + number * 20).cast("uchar").pngsave_buffer())


def picture_of(data: bytes) -> pyvips.Image:
    """The decoded picture; raises `pyvips.Error` when it is none, or breaks off."""
    image = pyvips.Image.new_from_buffer(data, "", fail_on="error")
    return image.copy_memory()


def same_picture(one: bytes, other: bytes) -> bool:
    """Whether two files show the same: a model that computes in batches may be off by one step of brightness."""
    first, second = picture_of(one), picture_of(other)
    if (first.width, first.height, first.bands) != (second.width, second.height, second.bands):
        return False
    largest = (first.cast("short") - second.cast("short")).abs().max()
    assert isinstance(largest, float), "libvips gives more than the number only when asked to"
    return largest <= 2


def ignore(_part: float) -> None:
    """For who wants no progress."""


async def until(condition: Callable[[], bool], *, within_s: float = 15.0) -> None:
    """Wait for it; the look at a vendor blocks, so it is taken in a thread."""
    deadline = time.monotonic() + within_s
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def _arrange(backstage: Backstage, trouble: Trouble) -> None:
    if not backstage.trouble(trouble):
        pytest.skip(f"{backstage.provider.name} cannot have this trouble: {trouble.name.lower()}")


def _jobs(provider: ImageProvider) -> JobProvider:
    if not isinstance(provider, JobProvider):
        pytest.skip(f"{provider.name} keeps no jobs")
    return provider


def _a_key() -> str:
    return str(uuid.uuid4())
