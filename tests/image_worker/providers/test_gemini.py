"""Gemini one picture at a time, against the sandbox: the suite of all providers, what is Gemini's own, and Google's SDK
asking the same sandbox for the same kind of picture."""

import base64
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from google import genai
from google.genai import types
from pydantic.alias_generators import to_camel

from pressroom.contracts.capabilities import nearest_size
from pressroom.image_worker.configured import MAKERS
from pressroom.image_worker.gemini import GeminiPictureSettings, GeminiProvider
from pressroom.image_worker.gemini import provider as gemini_provider
from pressroom.image_worker.providers import Generation, GenerationRequest, NotConfigured
from pressroom.image_worker.settings import ImageWorkerSettings
from pressroom.runtime.errors import (
    ApiFailed,
    AuthFailed,
    InvalidRequest,
    ModelGone,
    Moderated,
    OutOfCredit,
    RateLimited,
    TimedOut,
    WorkError,
)
from pressroom.runtime.vendors.gemini_content import nearest_image_size

from ...vendor_sandbox import GEMINI_KEY, VendorSandbox
from .conformance import (
    RETRY_AFTER_S,
    Heard,
    ProviderConformance,
    Trouble,
    a_picture,
    a_request,
    changed,
    picture_of,
    same_picture,
)
from .relay import Relay, running_relay

GENERATE = ":generateContent"
DEAD_MODEL = "gemini-of-last-year-image"
SHORT_TIMEOUT_S = 1.0
FAULTS = {
    Trouble.SERVER_ERROR: "500",
    Trouble.CUT_BEFORE: "cut_before",
    Trouble.CUT_AFTER_EFFECT: "cut_after_effect",
    Trouble.NOT_A_PICTURE: "not_a_picture",
    Trouble.HTML: "html_200",
    Trouble.TRUNCATED: "truncate",
}
MARKERS = {Trouble.MODERATED: "[sandbox:moderated]", Trouble.FAILED_AT_PROVIDER: "[sandbox:no-image]"}
NO_CREDIT: dict[str, Any] = {
    "error": {
        "code": 429,
        "message": "Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.",
        "status": "RESOURCE_EXHAUSTED",
    }
}


class GeminiBackstage:
    """The provider before the sandbox, with a relay between them."""

    def __init__(self, vendors: VendorSandbox, relay: Relay) -> None:
        self._vendors = vendors
        self._relay = relay
        self._opened: list[GeminiProvider] = []
        self._settings: dict[str, object] = {}
        self._changes: dict[str, object] = {}
        self.provider = self.another()

    def another(self) -> GeminiProvider:
        settings: dict[str, Any] = {"gemini_url": self._relay.url, "gemini_api_key": GEMINI_KEY, **self._settings}
        provider = GeminiProvider(GeminiPictureSettings(**settings))
        self._opened.append(provider)
        return provider

    async def aclose(self) -> None:
        for provider in self._opened:
            await provider.aclose()

    def request(self, **changes: object) -> GenerationRequest:
        return changed(a_request(), **{**self._changes, **changes})

    def long_request(self) -> GenerationRequest:
        self._relay.hold_words = b"drawn slowly"
        return self.request(prompt="a fox in a raincoat, drawn slowly")

    def made(self) -> int:
        return int(str(self._vendors.stats("gemini")["images_made"]))

    def stopped(self) -> int:
        return 0

    def heard(self) -> Heard:
        body: dict[str, Any] = self._relay.seen[-1].json()
        words, *pictures = body["contents"][0]["parts"]
        assert all("inlineData" in part for part in pictures)
        return Heard(words["text"], seed=body["generationConfig"]["seed"], input_images=len(pictures))

    def trouble(self, trouble: Trouble) -> bool:
        if kind := FAULTS.get(trouble):
            self._vendors.fault("gemini", kind, GENERATE)
        elif marker := MARKERS.get(trouble):
            self._changes = {"prompt": f"a fox {marker}"}
        else:
            return self._arrange(trouble)
        return True

    def _arrange(self, trouble: Trouble) -> bool:
        match trouble:
            case Trouble.RATE_LIMITED:
                self._vendors.fault("gemini", "429_retry_after", GENERATE, seconds=RETRY_AFTER_S)
            case Trouble.BAD_KEY:
                self._replace(gemini_api_key="wrong-key")
            case Trouble.DEAD_MODEL:
                self._replace(gemini_model=DEAD_MODEL)
            case Trouble.BAD_REQUEST:
                self._changes = {"input_images": (a_picture()[:-20],)}
            case Trouble.SLOW:
                self._replace(gemini_timeout_s=SHORT_TIMEOUT_S)
                self._relay.hold_next = True
            case Trouble.NO_CREDIT:
                self._relay.answer(429, NO_CREDIT)
            case _:
                return False
        return True

    def _replace(self, **settings: object) -> None:
        self._settings = settings
        self.provider = self.another()


@pytest.fixture
def relay(vendors: VendorSandbox) -> Iterator[Relay]:
    with running_relay(vendors.url) as running:
        yield running


@pytest.fixture
async def backstage(vendors: VendorSandbox, relay: Relay) -> AsyncIterator[GeminiBackstage]:
    stage = GeminiBackstage(vendors, relay)
    yield stage
    await stage.aclose()


class TestGemini(ProviderConformance):
    vendor = "Gemini"
    key_setting = "PRESSROOM_GEMINI_API_KEY"
    model_setting = "PRESSROOM_GEMINI_MODEL"
    exact_size = False
    # It has 21:9 lying and only 9:16 standing, so what is wanted as 9:21 comes a third too wide.
    ratio_tolerance = 1 / 3


async def draw(backstage: GeminiBackstage, **changes: object) -> Generation:
    return await backstage.provider.generate(backstage.request(**changes), lambda _part: None)


def an_answer(*parts: dict[str, Any], **candidate: object) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": "STOP", **candidate}]}


def inline(data: bytes, **part: object) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(data).decode()}, **part}


# What is asked for


@pytest.mark.parametrize(
    ("sides", "ratio", "size"),
    [
        ((1024, 1280), "4:5", "1K"),
        ((1920, 1080), "16:9", "2K"),
        ((4500, 5400), "4:5", "4K"),
        ((64, 8192), "9:16", "4K"),
    ],
)
async def test_the_nearest_ratio_and_size_are_asked_for(
    backstage: GeminiBackstage, relay: Relay, sides: tuple[int, int], ratio: str, size: str
) -> None:
    await draw(backstage, width_px=sides[0], height_px=sides[1])

    config: Any = relay.seen[-1].json()["generationConfig"]
    assert config["imageConfig"] == {"aspectRatio": ratio, "imageSize": size}
    assert config["responseModalities"] == ["IMAGE"]


@pytest.mark.parametrize("sides", [(64, 64), (64, 1024), (1024, 64), (1024, 1280), (1448, 300), (64, 1448)])
def test_the_price_of_1k_is_for_every_wish_that_is_sent_as_1k(sides: tuple[int, int]) -> None:
    assert nearest_image_size(*sides) == "1K"
    assert max(nearest_size(gemini_provider.CAPABILITIES.sizes, *sides)) <= 1448


async def test_a_seed_beyond_gemini_s_range_is_folded(backstage: GeminiBackstage, relay: Relay) -> None:
    await draw(backstage, seed=2**32 - 1)

    config: Any = relay.seen[-1].json()["generationConfig"]
    assert config["seed"] == 2**31 - 1


async def test_what_is_unwanted_is_asked_for_in_words(backstage: GeminiBackstage) -> None:
    await draw(backstage, negative_prompt="umbrellas")

    assert backstage.heard().prompt == "a fox in a raincoat\n\nDo not show any of this: umbrellas"


async def test_reference_pictures_are_sent_by_what_they_are(backstage: GeminiBackstage, relay: Relay) -> None:
    picture = picture_of(a_picture(1))
    files = tuple(bytes(picture.write_to_buffer(suffix)) for suffix in (".png", ".jpg", ".webp"))

    await draw(backstage, input_images=files)

    body: Any = relay.seen[-1].json()
    sent = [part["inlineData"] for part in body["contents"][0]["parts"][1:]]
    assert [one["mimeType"] for one in sent] == ["image/png", "image/jpeg", "image/webp"]
    assert tuple(base64.b64decode(one["data"]) for one in sent) == files


async def test_reference_pictures_change_the_picture(backstage: GeminiBackstage) -> None:
    made = [await draw(backstage, input_images=(a_picture(number),)) for number in (1, 2)]

    assert not same_picture(made[0].data, made[1].data)


async def test_as_many_reference_pictures_as_it_says_are_taken(backstage: GeminiBackstage) -> None:
    most = backstage.provider.capabilities.input_images

    picture_of((await draw(backstage, input_images=tuple(map(a_picture, range(most))))).data)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<svg/>"])
async def test_a_reference_that_gemini_cannot_read_is_refused_before_it_is_sent(
    backstage: GeminiBackstage, relay: Relay, data: bytes
) -> None:
    with pytest.raises(InvalidRequest, match="reference picture 2 is no PNG, JPEG or WebP"):
        await draw(backstage, input_images=(a_picture(), data))

    assert relay.seen == []


async def test_too_large_reference_pictures_are_refused_before_they_are_sent(
    backstage: GeminiBackstage, relay: Relay
) -> None:
    large = a_picture() + bytes(gemini_provider.REQUEST_MAX_BYTES)

    with pytest.raises(InvalidRequest, match="fewer or smaller reference pictures"):
        await draw(backstage, input_images=(large,))

    assert relay.seen == []


async def test_the_batch_s_own_model_is_asked_and_told(backstage: GeminiBackstage, relay: Relay) -> None:
    made = await draw(backstage, model="models/gemini-3-pro-image")

    assert made.model == "gemini-3-pro-image"
    assert relay.seen[-1].path == "/v1beta/models/gemini-3-pro-image:generateContent"


async def test_a_model_s_name_never_leads_elsewhere(backstage: GeminiBackstage, relay: Relay) -> None:
    with pytest.raises(ModelGone, match="the batch's own model"):
        await draw(backstage, model="../../v1beta/batches/x")

    assert relay.seen[-1].path == "/v1beta/models/..%2F..%2Fv1beta%2Fbatches%2Fx:generateContent"


# What comes back


async def test_a_price_is_not_made_up(backstage: GeminiBackstage) -> None:
    made = await draw(backstage)

    assert (made.cost_microusd, made.gpu_seconds) == (None, None)
    assert made.model == backstage.provider.model


async def test_a_draft_is_not_the_picture(backstage: GeminiBackstage, relay: Relay) -> None:
    draft, picture = a_picture(1), a_picture(2)
    relay.answer(200, an_answer(inline(draft, thought=True), {"text": "Here it is."}, inline(picture)))

    assert (await draw(backstage)).data == picture


async def test_a_picture_of_another_size_is_handed_on(backstage: GeminiBackstage, vendors: VendorSandbox) -> None:
    vendors.fault("gemini", "other_size", GENERATE)

    image = picture_of((await draw(backstage)).data)

    assert image.width < image.height


@pytest.mark.parametrize(
    ("prompt", "error", "says"),
    [
        ("[sandbox:moderated]", Moderated, "PROHIBITED_CONTENT.*change the prompt"),
        ("[sandbox:unsafe-image]", Moderated, "IMAGE_SAFETY.*change the prompt"),
        ("[sandbox:no-image]", ApiFailed, "NO_IMAGE"),
        ("[sandbox:text-only]", ApiFailed, "it wrote: This is the sandbox's answer"),
        ("[sandbox:error]", ApiFailed, "500"),
    ],
)
async def test_no_picture_says_why(backstage: GeminiBackstage, prompt: str, error: type[WorkError], says: str) -> None:
    with pytest.raises(error, match=says):
        await draw(backstage, prompt=prompt)


async def test_a_model_that_talks_without_end_is_cut_short(backstage: GeminiBackstage, relay: Relay) -> None:
    relay.answer(200, an_answer({"text": "so " * 10_000}))

    with pytest.raises(ApiFailed) as caught:
        await draw(backstage)

    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("reason", ["SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_RECITATION"])
async def test_a_judgement_of_the_content_is_never_retried(
    backstage: GeminiBackstage, relay: Relay, reason: str
) -> None:
    relay.answer(200, {"candidates": [{"finishReason": reason, "finishMessage": "Because."}]})

    with pytest.raises(Moderated, match=f"{reason}: Because."):
        await draw(backstage)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"candidates": "many"}',
        b'{"candidates": [',
        b"<html><body>It works!</body></html>",
        b"\xff\xfe\x00",
        {"candidates": []},
        {"candidates": [{}]},
        an_answer(inline(b"")),
        an_answer(inline(b"no picture at all")),
        an_answer({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo"}}),
        an_answer({"inlineData": {"mimeType": "image/png", "data": "%%%"}}),
        an_answer({"inlineData": {"mimeType": "image/png"}}),
        an_answer(inline(a_picture(), thought=True)),
    ],
    ids=lambda body: str(body)[:40],
)
async def test_rubbish_is_gemini_s_failure_and_says_so(backstage: GeminiBackstage, relay: Relay, body: object) -> None:
    relay.answer(200, body)

    with pytest.raises(ApiFailed, match="Gemini"):
        await draw(backstage)


# What is refused


@pytest.mark.parametrize(
    ("fault", "error"),
    [("503", ApiFailed), ("504", TimedOut), ("html", ApiFailed), ("bad_json", ApiFailed), ("429", RateLimited)],
)
async def test_every_way_to_fail_has_its_kind(
    backstage: GeminiBackstage, vendors: VendorSandbox, fault: str, error: type[WorkError]
) -> None:
    vendors.fault("gemini", fault, GENERATE)

    with pytest.raises(error):
        await draw(backstage)


def exhausted(*details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED", "details": list(details)}}


def retry_info(delay: object) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


@pytest.mark.parametrize(
    ("details", "headers", "wait_s"),
    [
        ([retry_info("34s")], {}, 34),
        ([retry_info("0.5s")], {}, 0.5),
        ([retry_info("34s")], {"Retry-After": "5"}, 5),
        ([], {"Retry-After": "5"}, 5),
        ([], {}, None),
        ([retry_info("soon")], {}, None),
        ([retry_info(34)], {}, None),
        ([retry_info("9" * 30 + "s")], {}, 24 * 3600),
        (["text", None, {}], {}, None),
    ],
)
async def test_the_time_to_wait_is_read_wherever_it_is_told(
    backstage: GeminiBackstage, relay: Relay, details: list[Any], headers: dict[str, str], wait_s: float | None
) -> None:
    relay.answer(429, exhausted(*details), **headers)

    with pytest.raises(RateLimited) as caught:
        await draw(backstage)

    assert caught.value.retry_after_s == wait_s


async def test_an_empty_account_is_no_rate_limit(backstage: GeminiBackstage, relay: Relay) -> None:
    relay.answer(429, NO_CREDIT)

    with pytest.raises(OutOfCredit, match=r"pay in Google AI Studio.*PRESSROOM_GEMINI_API_KEY") as caught:
        await draw(backstage)

    assert caught.value.closes_lane


async def test_a_project_that_may_not_draw_here_closes_the_lane(backstage: GeminiBackstage, relay: Relay) -> None:
    message = "User location is not supported for the API use."
    relay.answer(400, {"error": {"code": 400, "message": message, "status": "FAILED_PRECONDITION"}})

    with pytest.raises(AuthFailed, match=f"{message}.*PRESSROOM_GEMINI_API_KEY") as caught:
        await draw(backstage)

    assert caught.value.closes_lane


async def test_a_dead_model_names_the_setting(backstage: GeminiBackstage) -> None:
    backstage.trouble(Trouble.DEAD_MODEL)

    with pytest.raises(ModelGone, match=f"'{DEAD_MODEL}' that makes pictures: set PRESSROOM_GEMINI_MODEL"):
        await draw(backstage)


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_the_provider_names_the_setting(key: str | None) -> None:
    with pytest.raises(NotConfigured, match="PRESSROOM_GEMINI_API_KEY"):
        MAKERS[GeminiProvider.name](ImageWorkerSettings(gemini_api_key=key))


async def test_a_worker_with_a_key_has_the_provider() -> None:
    provider = MAKERS[GeminiProvider.name](ImageWorkerSettings(gemini_api_key="a-key", gemini_model="a-model"))

    assert (provider.name, provider.model) == ("gemini", "a-model")
    await provider.aclose()


# The referee


def as_we_write(value: Any, name: str = "") -> Any:
    """JSON of the SDK with names in camel case and base64 in the plain alphabet: ProtoJSON takes either (protobuf.dev,
    "ProtoJSON format")."""
    if isinstance(value, dict):
        return {to_camel(key): as_we_write(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_we_write(inner) for inner in value]
    return value.translate(str.maketrans("-_", "+/")) if name == "data" else value


async def test_google_s_sdk_asks_for_the_very_same(backstage: GeminiBackstage, relay: Relay) -> None:
    """Each value of ours at its place, and no other."""
    picture = a_picture(1)
    await draw(backstage, width_px=1920, height_px=1080, seed=7, input_images=(picture,))

    options = types.HttpOptions(base_url=relay.url, api_version="v1beta")
    sdk = genai.Client(api_key=GEMINI_KEY, http_options=options)
    reply = sdk.models.generate_content(
        model=str(backstage.provider.model),
        contents=types.Content(
            role="user",
            parts=[
                types.Part.from_text(text="a fox in a raincoat"),
                types.Part.from_bytes(data=picture, mime_type="image/png"),
            ],
        ),
        config=types.GenerateContentConfig(
            response_modalities=["IMAGE"],
            seed=7,
            image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K"),
        ),
    )

    ours, theirs = relay.seen
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert ours.headers["x-goog-api-key"] == theirs.headers["x-goog-api-key"]
    assert ours.json() == as_we_write(theirs.json())
    picture_of(reply.candidates[0].content.parts[0].inline_data.data)
