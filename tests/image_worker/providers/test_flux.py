"""FLUX.2 at Black Forest Labs, against the sandbox."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from pressroom.contracts.vocabulary import ProviderName
from pressroom.image_worker.flux import FluxProvider, FluxSettings
from pressroom.image_worker.providers import GenerationRequest, RemoteJobOver
from pressroom.runtime.errors import (
    ApiFailed,
    InvalidRequest,
    ModelGone,
    Moderated,
    NetworkFailed,
    OutOfCredit,
    RateLimited,
)

from ...vendor_sandbox import FLUX_KEY, VendorSandbox
from .backstages import Fault
from .conformance import Heard, Trouble, draw, ignore, picture_of
from .jobs import JobBackstage, JobConformance
from .wire_tap import WireTap, tapped

SUBMIT = "POST /flux/v1/flux-2"
LOOK = "GET /flux/v1/get_result"
FETCH = "GET /flux/delivery"


class FluxBackstage(JobBackstage[FluxProvider]):
    vendor = "flux"
    asks, looks, shows = SUBMIT, LOOK, FETCH
    faults: ClassVar = {
        Trouble.HTML: Fault("html", SUBMIT),
        Trouble.NO_CREDIT: Fault("no_credit", SUBMIT),
        Trouble.FORGOTTEN: Fault("forget", LOOK, times=-1),
    }
    wishes: ClassVar = {
        Trouble.MODERATED: {"prompt": "a fox [sandbox:moderated]"},
        Trouble.FAILED_AT_PROVIDER: {"prompt": "a fox [sandbox:error]"},
        Trouble.BAD_REQUEST: {"input_images": (b"not a picture",)},
    }
    misconfigured: ClassVar = {
        Trouble.BAD_KEY: {"flux_api_key": "wrong-key"},
        Trouble.DEAD_MODEL: {"flux_model": "flux-2-gone"},
    }

    def __init__(self, vendors: VendorSandbox, tap: WireTap) -> None:
        self.tap = tap
        super().__init__(
            vendors,
            {
                "flux_url": f"{vendors.url}/flux",
                "flux_api_key": FLUX_KEY,
                "flux_poll_s": 0.05,
                "trusted_private_hosts": (urlsplit(vendors.url).hostname,),
            },
        )

    def make(self, settings: dict[str, Any]) -> FluxProvider:
        return FluxProvider(FluxSettings.model_validate(settings), not_found_patience_s=0.2)

    def long_request(self) -> GenerationRequest:
        self.fault("slow", LOOK, seconds=5)
        return self.request()

    def made(self) -> int:
        made = self.vendors.stats("flux")["jobs"]
        assert isinstance(made, int)
        return made

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


@pytest.fixture
async def backstage(vendors: VendorSandbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FluxBackstage]:
    async with aclosing(FluxBackstage(vendors, tapped(monkeypatch))) as stage:
        yield stage


class TestFlux(JobConformance):
    vendor = "Flux"
    key_setting = "PRESSROOM_FLUX_API_KEY"
    model_setting = "PRESSROOM_FLUX_MODEL"
    exact_size = False
    most_pixels = 2048 * 2048
    side_multiple = 16


async def test_the_cost_that_was_told_with_the_task_reaches_the_picture(backstage: FluxBackstage) -> None:
    ref = await backstage.a_ref(width_px=1024, height_px=1024)
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
    backstage.fault("no_credit", SUBMIT)

    with pytest.raises(OutOfCredit, match=r"dashboard\.bfl\.ai"):
        await backstage.a_ref()


async def test_the_key_goes_to_the_api_and_never_to_the_pictures(backstage: FluxBackstage) -> None:
    await draw(backstage)

    stats = backstage.vendors.stats("flux")
    assert (stats["keys_leaked"], stats["downloads"]) == (0, 1)
    assert {asked.url.host for asked in backstage.tap.requests} == {urlsplit(backstage.vendors.url).hostname}


async def test_a_polling_url_elsewhere_is_not_sent_the_key(backstage: FluxBackstage) -> None:
    backstage.fault("foreign_url", SUBMIT)
    ref = await backstage.a_ref()

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
    ref = await backstage.a_ref()
    backstage.fault("foreign_url", LOOK, times=-1)

    with pytest.raises(ApiFailed, match=r"Flux gave a URL .*169\.254\.169\.254"):
        await backstage.provider.resume(ref, backstage.request(), ignore)


async def test_a_picture_elsewhere_is_refused_unless_its_host_is_known(backstage: FluxBackstage) -> None:
    provider = backstage.another(trusted_private_hosts=())
    ref = await provider.submit(backstage.request(), "key")

    with pytest.raises(ApiFailed, match="Flux gave a URL"):
        await provider.resume(ref, backstage.request(), ignore)


async def test_a_picture_that_has_expired_ends_the_job(backstage: FluxBackstage) -> None:
    ref = await backstage.a_ref()
    backstage.fault("forget", FETCH)

    with pytest.raises(RemoteJobOver, match="expired") as caught:
        await backstage.provider.resume(ref, backstage.request(), ignore)

    # It was made, and so it was billed.
    assert caught.value.cost_microusd == round(json.loads(ref)["cost"] * 10_000) > 0


async def test_a_task_that_was_refused_is_not_billed(backstage: FluxBackstage) -> None:
    request = backstage.request(prompt="a fox [sandbox:moderated]")
    ref = await backstage.provider.submit(request, "key")

    with pytest.raises(RemoteJobOver) as caught:
        await backstage.provider.resume(ref, request, ignore)

    assert caught.value.cost_microusd == 0


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
    ref = await backstage.a_ref()
    backstage.fault(fault, FETCH)

    with pytest.raises(error, match="Flux"):
        await backstage.provider.resume(ref, backstage.request(), ignore)
    made = await backstage.provider.resume(ref, backstage.request(), ignore)

    picture_of(made.data)
    assert backstage.made() == 1


async def test_a_task_that_is_not_known_at_once_is_waited_for(backstage: FluxBackstage) -> None:
    ref = await backstage.a_ref()
    backstage.fault("forget", LOOK, times=1)

    picture_of((await backstage.provider.resume(ref, backstage.request(), ignore)).data)


@pytest.mark.parametrize("model", ["../credits", "flux-2-pro/x", "no-such-model"])
async def test_a_batch_s_own_model_stays_one_part_of_the_path(backstage: FluxBackstage, model: str) -> None:
    with pytest.raises((ModelGone, InvalidRequest), match="Flux"):
        await backstage.a_ref(model=model)

    assert backstage.made() == 0
    assert [line.count("/") for line in backstage.vendors.lines("flux")] in ([3], [4])


async def test_a_cost_that_makes_no_sense_does_not_lose_the_task(backstage: FluxBackstage) -> None:
    ref = json.loads(await backstage.a_ref())
    ref["cost"] = "free of charge"

    made = await backstage.provider.resume(json.dumps(ref), backstage.request(), ignore)

    assert made.cost_microusd is None


def test_the_settings_hide_the_key() -> None:
    settings = FluxSettings(flux_api_key=SecretStr("very-secret"))

    assert "very-secret" not in repr(settings)
