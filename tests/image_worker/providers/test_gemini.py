"""Gemini one picture at a time, against the sandbox: the suite of all providers, what is Gemini's own, and Google's SDK
asking the same sandbox for the same kind of picture."""

import base64
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, ClassVar

import pytest
from google import genai
from google.genai import types
from pydantic.alias_generators import to_camel

from pressroom.contracts.capabilities import nearest_size
from pressroom.image_worker.gemini import GeminiPictureSettings, GeminiProvider
from pressroom.image_worker.gemini import provider as gemini_provider
from pressroom.runtime.errors import (
    ApiFailed,
    AuthFailed,
    InvalidRequest,
    ModelGone,
    Moderated,
    OutOfCredit,
    RateLimited,
    WorkError,
)
from pressroom.runtime.vendors.gemini_content import nearest_image_size

from ...vendor_sandbox import GEMINI_KEY, VendorSandbox
from .calls import CallBackstage, CallConformance
from .conformance import Heard, Trouble, a_picture, draw, picture_of, same_picture
from .relay import Relay

GENERATE = ":generateContent"
NO_CREDIT: dict[str, Any] = {
    "error": {
        "code": 429,
        "message": "Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.",
        "status": "RESOURCE_EXHAUSTED",
    }
}


class GeminiBackstage(CallBackstage[GeminiProvider]):
    vendor = "gemini"
    asks = shows = GENERATE
    wishes: ClassVar = {
        Trouble.MODERATED: {"prompt": "a fox [sandbox:moderated]"},
        Trouble.FAILED_AT_PROVIDER: {"prompt": "a fox [sandbox:no-image]"},
        Trouble.BAD_REQUEST: {"input_images": (a_picture()[:-20],)},
    }
    misconfigured: ClassVar = {
        Trouble.BAD_KEY: {"gemini_api_key": "wrong-key"},
        Trouble.DEAD_MODEL: {"gemini_model": "gemini-of-last-year-image"},
    }
    answers: ClassVar = {Trouble.NO_CREDIT: (429, NO_CREDIT)}

    def make(self, settings: dict[str, Any]) -> GeminiProvider:
        return GeminiProvider(GeminiPictureSettings(**settings))

    def made(self) -> int:
        return int(str(self.vendors.stats("gemini")["images_made"]))

    def heard(self) -> Heard:
        body: dict[str, Any] = self.relay.seen[-1].json()
        words, *pictures = body["contents"][0]["parts"]
        assert all("inlineData" in part for part in pictures)
        return Heard(words["text"], seed=body["generationConfig"]["seed"], input_images=len(pictures))


@pytest.fixture
async def backstage(vendors: VendorSandbox, relay: Relay) -> AsyncIterator[GeminiBackstage]:
    settings: dict[str, object] = {"gemini_url": relay.url, "gemini_api_key": GEMINI_KEY}
    async with aclosing(GeminiBackstage(vendors, relay, settings)) as stage:
        yield stage


class TestGemini(CallConformance):
    provider_name = GeminiProvider.name
    vendor = "Gemini"
    key_setting = "PRESSROOM_GEMINI_API_KEY"
    model_setting = "PRESSROOM_GEMINI_MODEL"
    exact_size = False
    # It has 21:9 lying and only 9:16 standing, so what is wanted as 9:21 comes a third too wide.
    ratio_tolerance = 1 / 3


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


async def test_a_draft_is_not_the_picture(backstage: GeminiBackstage, relay: Relay) -> None:
    draft, picture = a_picture(1), a_picture(2)
    relay.answer(200, an_answer(inline(draft, thought=True), {"text": "Here it is."}, inline(picture)))

    assert (await draw(backstage)).data == picture


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
        b'{"candidates": "many"}',
        b'{"candidates": [',
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
async def test_an_answer_without_a_picture_is_gemini_s_failure(
    backstage: GeminiBackstage, relay: Relay, body: object
) -> None:
    relay.answer(200, body)

    with pytest.raises(ApiFailed, match="Gemini"):
        await draw(backstage)


# What is refused


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
