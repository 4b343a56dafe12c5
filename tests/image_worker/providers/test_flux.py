"""FLUX.2 at Black Forest Labs, against the sandbox."""

import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from pressroom.contracts.vocabulary import ProviderName
from pressroom.image_worker.flux import FluxProvider, FluxSettings
from pressroom.image_worker.providers import GenerationRequest, NotConfigured, RemoteJobOver
from pressroom.imaging.pictures import NotAnImage, measure
from pressroom.runtime.errors import (
    ApiFailed,
    InvalidRequest,
    ModelGone,
    Moderated,
    NetworkFailed,
    OutOfCredit,
    RateLimited,
)

from ...vendor_sandbox import VendorSandbox
from .conformance import (
    RETRY_AFTER_S,
    Heard,
    ProviderConformance,
    Trouble,
    a_picture,
    a_request,
    changed,
    picture_of,
)
from .wire_tap import WireTap, tapped

FLUX_KEY = "sandbox-flux-key"
SUBMIT = "POST /flux/v1/flux-2"
LOOK = "GET /flux/v1/get_result"
FETCH = "GET /flux/delivery"
DEAD = "flux-2-gone"

FAULTS = {
    Trouble.SERVER_ERROR: "500",
    Trouble.CUT_BEFORE: "cut_before",
    Trouble.CUT_AFTER_EFFECT: "cut_after_effect",
    Trouble.HTML: "html",
    Trouble.TRUNCATED: "truncate",
    Trouble.NO_CREDIT: "no_credit",
}
PROMPTS = {Trouble.MODERATED: "[sandbox:moderated]", Trouble.FAILED_AT_PROVIDER: "[sandbox:error]"}


class FluxBackstage:
    """The provider and the sandbox's BFL."""

    def __init__(self, vendors: VendorSandbox, tap: WireTap) -> None:
        self.vendors = vendors
        self.tap = tap
        self.settings: dict[str, object] = {
            "flux_url": f"{vendors.url}/flux",
            "flux_api_key": FLUX_KEY,
            "flux_poll_s": 0.05,
            "trusted_private_hosts": (urlsplit(vendors.url).hostname,),
        }
        self._changes: dict[str, object] = {}
        self._made: list[FluxProvider] = []
        self.provider = self.another()

    def another(self, **settings: object) -> FluxProvider:
        self.settings |= settings
        made = FluxProvider(FluxSettings.model_validate(self.settings), not_found_patience_s=0.2)
        self._made.append(made)
        return made

    def request(self, **changes: object) -> GenerationRequest:
        return changed(a_request(), **{**self._changes, **changes})

    def long_request(self) -> GenerationRequest:
        self.vendors.fault("flux", "slow", LOOK, seconds=5)
        return self.request()

    def made(self) -> int:
        made = self.vendors.stats("flux")["jobs"]
        assert isinstance(made, int)
        return made

    def stopped(self) -> int:
        return 0

    def heard(self) -> Heard:
        body = json.loads(self.tap.sent("POST", "/flux/v1/")[-1].content)
        return Heard(
            prompt=body["prompt"],
            seed=body["seed"],
            negative_prompt=body.get("negative_prompt"),
            width_px=body["width"],
            height_px=body["height"],
            steps=body.get("steps"),
            guidance=body.get("guidance"),
            input_images=sum(name.startswith("input_image") for name in body),
        )

    def trouble(self, trouble: Trouble) -> bool:
        if trouble in FAULTS:
            self.vendors.fault("flux", FAULTS[trouble], SUBMIT)
        elif trouble in PROMPTS:
            self._changes["prompt"] = f"a fox {PROMPTS[trouble]}"
        elif trouble is Trouble.RATE_LIMITED:
            self.vendors.fault("flux", "429_retry_after", SUBMIT, seconds=RETRY_AFTER_S)
        elif trouble is Trouble.SLOW:
            self.vendors.fault("flux", "slow", SUBMIT, seconds=2)
            self.provider = self.another(flux_timeout_s=0.7)
        elif trouble is Trouble.BAD_KEY:
            self.provider = self.another(flux_api_key="wrong-key")
        elif trouble is Trouble.DEAD_MODEL:
            self.provider = self.another(flux_model=DEAD)
        elif trouble is Trouble.BAD_REQUEST:
            self._changes["input_images"] = (b"not a picture",)
        elif trouble is Trouble.NOT_A_PICTURE:
            self.vendors.fault("flux", "not_a_picture", FETCH)
        elif trouble is Trouble.FORGOTTEN:
            self.vendors.fault("flux", "forget", LOOK, times=-1)
        else:
            return False
        return True

    async def aclose(self) -> None:
        for provider in self._made:
            await provider.aclose()


@pytest.fixture
async def backstage(vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FluxBackstage]:
    stage = FluxBackstage(vendors, tapped(monkeypatch))
    yield stage
    await stage.aclose()


class TestFlux(ProviderConformance):
    vendor = "Flux"
    key_setting = "PRESSROOM_FLUX_API_KEY"
    model_setting = "PRESSROOM_FLUX_MODEL"
    exact_size = False


def ignore(_part: float) -> None:
    return None


async def a_ref(backstage: FluxBackstage, **changes: object) -> str:
    return await backstage.provider.submit(backstage.request(**changes), "key")


async def test_without_a_key_it_names_the_setting() -> None:
    with pytest.raises(NotConfigured, match="PRESSROOM_FLUX_API_KEY"):
        FluxProvider(FluxSettings())


async def test_the_cost_that_was_told_with_the_task_reaches_the_picture(backstage: FluxBackstage) -> None:
    ref = await a_ref(backstage, width_px=1024, height_px=1024)
    made = await backstage.another().resume(ref, backstage.request(), ignore)

    assert made.cost_microusd == 30_000, "3 credits of a cent for flux-2-pro's first megapixel"
    assert made.model == "flux-2-pro"
    assert backstage.provider.name is ProviderName.FLUX


@pytest.mark.parametrize(("model", "is_told"), [("flux-2-flex", True), ("flux-2-pro", False)])
async def test_steps_and_guidance_reach_flex_only_and_within_its_range(
    backstage: FluxBackstage, model: str, is_told: bool
) -> None:
    provider = backstage.another(flux_model=model)
    await provider.submit(backstage.request(steps=150, guidance=0.0), "key")
    heard = backstage.heard()

    assert provider.capabilities.steps is provider.capabilities.guidance is is_told
    assert (heard.steps, heard.guidance) == ((50, 1.5) if is_told else (None, None))


@pytest.mark.parametrize("word", ["moderated", "unsafe-image"])
async def test_a_moderation_says_which_and_why(backstage: FluxBackstage, word: str) -> None:
    with pytest.raises(
        Moderated, match=r"Flux refused the content \((Request|Content) Moderated\): .*change the prompt"
    ):
        await backstage.provider.generate(backstage.request(prompt=f"a fox [sandbox:{word}]"), ignore)


async def test_an_empty_account_says_where_to_pay(backstage: FluxBackstage) -> None:
    backstage.vendors.fault("flux", "no_credit", SUBMIT)

    with pytest.raises(OutOfCredit, match=r"dashboard\.bfl\.ai"):
        await a_ref(backstage)


async def test_a_large_size_is_brought_to_four_megapixels_in_steps_of_16(backstage: FluxBackstage) -> None:
    await a_ref(backstage, width_px=4500, height_px=5400)
    heard = backstage.heard()

    assert heard.width_px is not None
    assert heard.height_px is not None
    assert heard.width_px % 16 == heard.height_px % 16 == 0
    assert 3_900_000 < heard.width_px * heard.height_px <= 2048 * 2048


async def test_all_reference_pictures_are_sent_under_names_of_their_own(backstage: FluxBackstage) -> None:
    await a_ref(backstage, input_images=tuple(a_picture(number) for number in range(8)))

    assert backstage.heard().input_images == 8


async def test_the_key_goes_to_the_api_and_never_to_the_pictures(backstage: FluxBackstage) -> None:
    await backstage.provider.generate(backstage.request(), ignore)

    stats = backstage.vendors.stats("flux")
    assert (stats["keys_leaked"], stats["downloads"]) == (0, 1)
    assert {asked.url.host for asked in backstage.tap.requests} == {urlsplit(backstage.vendors.url).hostname}


async def test_a_polling_url_elsewhere_is_not_sent_the_key(backstage: FluxBackstage) -> None:
    backstage.vendors.fault("flux", "foreign_url", SUBMIT)
    ref = await a_ref(backstage)

    with pytest.raises(
        ApiFailed, match=r"Flux gave a polling_url on 169\.254\.169\.254, which must not be sent the key"
    ):
        await backstage.provider.resume(ref, backstage.request(), ignore)

    assert len(backstage.tap.requests) == 1


@pytest.mark.parametrize(
    ("api", "polling_url", "is_asked"),
    [
        ("https://api.bfl.ai", "https://api.eu2.bfl.ai/v1/get_result?id=1", True),
        ("https://api.bfl.ai", "http://api.bfl.ai/v1/get_result?id=1", False),
        ("https://api.bfl.ai", "https://bfl.ai.example.com/v1/get_result?id=1", False),
        ("https://api.bfl.ai", "https://api.bfl.ai@example.com/", False),
        ("https://proxy.example.com", "https://api.bfl.ai/v1/get_result?id=1", False),
    ],
)
async def test_which_hosts_are_sent_the_key(
    backstage: FluxBackstage, monkeypatch: pytest.MonkeyPatch, api: str, polling_url: str, is_asked: bool
) -> None:
    provider = backstage.another(flux_url=api)
    ref = json.dumps({"id": "1", "polling_url": polling_url, "model": "flux-2-pro"})
    asked: list[str] = []

    async def send(request: object) -> None:
        asked.append(str(request))
        raise RemoteJobOver(ApiFailed("it was asked"))

    monkeypatch.setattr(provider._client, "send", send)  # pyright: ignore[reportPrivateUsage] no such host is here
    with pytest.raises((RemoteJobOver, ApiFailed)):
        await provider.resume(ref, backstage.request(), ignore)

    assert bool(asked) is is_asked


async def test_a_picture_on_a_private_address_is_refused_with_its_address(backstage: FluxBackstage) -> None:
    ref = await a_ref(backstage)
    backstage.vendors.fault("flux", "foreign_url", LOOK, times=-1)

    with pytest.raises(ApiFailed, match=r"Flux gave a URL .*169\.254\.169\.254"):
        await backstage.provider.resume(ref, backstage.request(), ignore)


async def test_a_picture_elsewhere_is_refused_unless_its_host_is_known(backstage: FluxBackstage) -> None:
    provider = backstage.another(trusted_private_hosts=())
    ref = await provider.submit(backstage.request(), "key")

    with pytest.raises(ApiFailed, match="Flux gave a URL"):
        await provider.resume(ref, backstage.request(), ignore)


async def test_a_picture_that_has_expired_ends_the_job(backstage: FluxBackstage) -> None:
    ref = await a_ref(backstage)
    backstage.vendors.fault("flux", "forget", FETCH)

    with pytest.raises(RemoteJobOver, match="expired"):
        await backstage.provider.resume(ref, backstage.request(), ignore)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("500", ApiFailed),
        ("429", RateLimited),
        ("html", ApiFailed),
        ("html_200", ApiFailed),
        ("truncate", NetworkFailed),
        ("cut_before", NetworkFailed),
        ("not_a_picture", ApiFailed),
    ],
)
async def test_a_picture_that_could_not_be_fetched_can_be_fetched_again(
    backstage: FluxBackstage, fault: str, error: type[Exception]
) -> None:
    ref = await a_ref(backstage)
    backstage.vendors.fault("flux", fault, FETCH)

    with pytest.raises(error, match="Flux"):
        await backstage.provider.resume(ref, backstage.request(), ignore)
    made = await backstage.provider.resume(ref, backstage.request(), ignore)

    picture_of(made.data)
    assert backstage.made() == 1


async def test_a_picture_of_another_size_is_handed_on(backstage: FluxBackstage) -> None:
    backstage.vendors.fault("flux", "other_size", FETCH)

    image = picture_of((await backstage.provider.generate(backstage.request(), ignore)).data)

    assert image.width < image.height, "a square was asked for"


async def test_a_picture_that_claims_to_be_huge_is_handed_on_to_be_refused(backstage: FluxBackstage) -> None:
    backstage.vendors.fault("flux", "huge_picture", FETCH)

    made = await backstage.provider.generate(backstage.request(), ignore)

    with pytest.raises(NotAnImage, match="60000x60000"):
        measure(made.data)


@pytest.mark.parametrize("fault", ["500", "429_retry_after", "html", "html_200", "truncate", "bad_json", "cut_before"])
async def test_troubles_while_looking_are_waited_out(backstage: FluxBackstage, fault: str) -> None:
    ref = await a_ref(backstage)
    backstage.vendors.fault("flux", fault, LOOK, seconds=0.1)

    picture_of((await backstage.provider.resume(ref, backstage.request(), ignore)).data)
    assert backstage.made() == 1


async def test_a_task_that_is_not_known_at_once_is_waited_for(backstage: FluxBackstage) -> None:
    ref = await a_ref(backstage)
    backstage.vendors.fault("flux", "forget", LOOK, times=1)

    picture_of((await backstage.provider.resume(ref, backstage.request(), ignore)).data)


@pytest.mark.parametrize("model", ["../credits", "flux-2-pro/x", "no-such-model"])
async def test_a_batch_s_own_model_stays_one_part_of_the_path(backstage: FluxBackstage, model: str) -> None:
    with pytest.raises((ModelGone, InvalidRequest), match="Flux"):
        await a_ref(backstage, model=model)

    assert backstage.made() == 0
    assert [line.count("/") for line in backstage.vendors.lines("flux")] in ([3], [4])


async def test_a_ref_that_cannot_be_read_ends_the_job(backstage: FluxBackstage) -> None:
    with pytest.raises(RemoteJobOver, match="Flux"):
        await backstage.provider.resume("what is this", backstage.request(), ignore)


async def test_a_cost_that_makes_no_sense_does_not_lose_the_task(backstage: FluxBackstage) -> None:
    ref = json.loads(await a_ref(backstage))
    ref["cost"] = "free of charge"

    made = await backstage.provider.resume(json.dumps(ref), backstage.request(), ignore)

    assert made.cost_microusd is None


def test_the_settings_hide_the_key() -> None:
    settings = FluxSettings(flux_api_key=SecretStr("very-secret"))

    assert "very-secret" not in repr(settings)
