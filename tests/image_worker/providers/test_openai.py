"""OpenAI's images against the sandbox: the suite of all providers, what is OpenAI's own, and the vendor's SDK asking
the same sandbox for the same kind of picture."""

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, ClassVar

import openai
import pytest
import pyvips

from pressroom.image_worker.openai_images import OpenAIProvider, OpenAISettings
from pressroom.image_worker.openai_images.sizes import ANY_SIZE, LEAST_PIXELS, size_for
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

from ...vendor_sandbox import OPENAI_KEY, VendorSandbox
from .calls import CallBackstage, CallConformance
from .conformance import Heard, Trouble, a_picture, draw, picture_of
from .relay import Relay

IMAGES = "/v1/images/"
NO_PICTURE: dict[str, Any] = {"created": 0, "data": []}


def refusal(code: str | None, message: str = "It says why.", **more: object) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code, **more}}


class OpenAIBackstage(CallBackstage[OpenAIProvider]):
    vendor = "openai"
    asks = shows = IMAGES
    wishes: ClassVar = {
        Trouble.MODERATED: {"prompt": "a fox [sandbox:moderated]"},
        Trouble.BAD_REQUEST: {"input_images": (a_picture()[:-20],)},
    }
    misconfigured: ClassVar = {
        Trouble.BAD_KEY: {"openai_api_key": "wrong-key"},
        Trouble.DEAD_MODEL: {"openai_model": "gpt-image-of-last-year"},
    }
    answers: ClassVar = {
        Trouble.FAILED_AT_PROVIDER: (200, NO_PICTURE),
        Trouble.NO_CREDIT: (429, refusal("insufficient_quota", type="insufficient_quota")),
    }

    def make(self, settings: dict[str, Any]) -> OpenAIProvider:
        return OpenAIProvider(OpenAISettings(**settings))

    def made(self) -> int:
        return int(str(self.vendors.stats("openai")["images"]))

    def call(self) -> dict[str, Any]:
        """What the sandbox understood of the last one."""
        return self.vendors.items("openai", "calls")[0]

    def heard(self) -> Heard:
        call = self.call()
        return Heard(call["prompt"], transparent=call["background"] == "transparent", input_images=len(call["inputs"]))


@pytest.fixture
async def backstage(vendors: VendorSandbox, relay: Relay) -> AsyncIterator[OpenAIBackstage]:
    settings: dict[str, object] = {"openai_url": f"{relay.url}/openai", "openai_api_key": OPENAI_KEY}
    async with aclosing(OpenAIBackstage(vendors, relay, settings)) as stage:
        yield stage


class TestOpenAI(CallConformance):
    provider_name = OpenAIProvider.name
    vendor = "OpenAI"
    key_setting = "PRESSROOM_OPENAI_API_KEY"
    model_setting = "PRESSROOM_OPENAI_MODEL"
    # The sandbox draws smaller pictures than it was asked for.
    exact_size = False


# What is asked for


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ((1024, 1024), (1024, 1024)),
        ((1024, 1280), (1024, 1280)),
        ((1000, 1250), (992, 1248)),
        ((640, 1024), (640, 1024)),
        ((512, 512), (816, 816)),
        ((64, 64), (816, 816)),
        ((3840, 2160), (3840, 2160)),
        ((2160, 3840), (2160, 3840)),
        ((4500, 5400), (2624, 3152)),
        ((8192, 64), (3840, 1280)),
        ((64, 8192), (1280, 3840)),
        ((8192, 8192), (2880, 2880)),
    ],
)
def test_the_nearest_size_is_asked_for(wanted: tuple[int, int], asked: tuple[int, int]) -> None:
    assert size_for("gpt-image-2", *wanted) == asked


@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-2-2026-04-21", "gpt-image-2.5-flare"])
def test_every_size_is_within_openai_s_limits(model: str) -> None:
    sides = [64, 65, 100, 333, 466, 480, 809, 810, 811, 1000, 1023, 1403, 2161, 2881, 3839, 3841, 5000, 8191, 8192]
    for width_px in sides:
        for height_px in sides:
            short, long = sorted(size_for(model, width_px, height_px))
            assert short % 16 == long % 16 == 0
            assert long <= 3840
            assert long <= 3 * short
            assert LEAST_PIXELS <= short * long <= 3840 * 2160
            assert short >= ANY_SIZE.min_side_px


@pytest.mark.parametrize("model", ["gpt-image-1.5", "gpt-image-1-mini", "chatgpt-image-latest"])
def test_the_older_models_get_one_of_their_sizes(model: str) -> None:
    wishes = [(1024, 1280), (1024, 1200), (1024, 1024), (64, 8192), (1920, 1080)]

    assert [size_for(model, *wish) for wish in wishes] == [
        (1024, 1536), (1024, 1024), (1024, 1024), (1024, 1536), (1536, 1024)
    ]  # fmt: skip


async def test_a_generation_says_everything_that_was_set(backstage: OpenAIBackstage, relay: Relay) -> None:
    backstage.replace(openai_quality="high", openai_moderation="low", openai_model="gpt-image-2-mini")

    made = await draw(backstage, width_px=1024, height_px=1280, negative_prompt="umbrellas")

    assert relay.seen[-1].path == "/openai/v1/images/generations"
    assert relay.seen[-1].json() == {
        "model": "gpt-image-2-mini",
        "prompt": "a fox in a raincoat\n\nDo not show any of this: umbrellas",
        "size": "1024x1280",
        "quality": "high",
        "background": "opaque",
        "output_format": "png",
        "moderation": "low",
        "n": 1,
    }
    assert made.model == "gpt-image-2-mini"


async def test_the_quality_is_announced_because_the_price_is_by_it(backstage: OpenAIBackstage) -> None:
    assert backstage.provider.capabilities.grade == "medium"

    backstage.replace(openai_quality="high")

    assert backstage.provider.capabilities.grade == "high"


async def test_the_batch_s_own_model_is_asked_and_told(backstage: OpenAIBackstage) -> None:
    made = await draw(backstage, model="gpt-image-1.5", width_px=1920, height_px=1080)

    assert made.model == "gpt-image-1.5"
    assert (backstage.call()["model"], backstage.call()["size"]) == ("gpt-image-1.5", "1536x1024")


async def test_reference_pictures_are_uploaded_as_they_are(
    backstage: OpenAIBackstage, vendors: VendorSandbox, relay: Relay
) -> None:
    picture = picture_of(a_picture(1))
    files = tuple(bytes(picture.write_to_buffer(suffix)) for suffix in (".png", ".jpg", ".webp"))

    picture_of((await draw(backstage, input_images=files, negative_prompt="umbrellas")).data)

    call = backstage.call()
    assert call["kind"] == "edit"
    assert [given["sha256"] for given in call["inputs"]] == [hashlib.sha256(file).hexdigest() for file in files]
    assert call["prompt"] == "a fox in a raincoat\n\nDo not show any of this: umbrellas"
    assert (call["size"], call["quality"], call["mask"]) == ("816x816", "medium", None)
    assert vendors.stats("openai") == {"calls": 1, "images": 1, "edits": 1, "refused": 0}
    assert b"moderation" not in relay.seen[-1].body
    for media_type in (b"image/png", b"image/jpeg", b"image/webp"):
        assert b"Content-Type: " + media_type in relay.seen[-1].body


async def test_the_longest_prompt_is_taken_and_a_longer_one_named(backstage: OpenAIBackstage) -> None:
    most = backstage.provider.capabilities.prompt_max_characters
    await draw(backstage, prompt="x" * most)

    with pytest.raises(InvalidRequest, match=r"prompt: Invalid 'prompt': string too long"):
        await draw(backstage, prompt="x" * (most + 1))


# What comes back


@pytest.mark.parametrize("references", [0, 1])
async def test_a_transparent_picture_has_alpha_and_another_has_not(backstage: OpenAIBackstage, references: int) -> None:
    files = tuple(map(a_picture, range(references)))
    sticker = picture_of((await draw(backstage, transparent=True, input_images=files)).data)
    print_ = picture_of((await draw(backstage, transparent=False, input_images=files)).data)

    assert sticker.hasalpha()
    assert sticker.extract_band(sticker.bands - 1).min() == 0
    assert not print_.hasalpha()


def pictures(*encoded: object) -> dict[str, Any]:
    return {"created": 0, "data": [{"b64_json": one} for one in encoded]}


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": "many"}',
        b'{"data": [',
        NO_PICTURE,
        {"created": 0, "data": None},
        {"created": 0, "data": [{"url": "https://example.com/fox.png"}]},
        pictures(None),
        pictures(""),
        pictures(7),
        pictures("%%%"),
        pictures("iVBORw0KGgo"),
        pictures(base64.b64encode(b"no picture at all").decode()),
        pictures(base64.b64encode(b"GIF89a" + bytes(50)).decode()),
    ],
    ids=lambda body: str(body)[:40],
)
async def test_an_answer_without_a_picture_is_openai_s_failure(
    backstage: OpenAIBackstage, relay: Relay, body: object
) -> None:
    relay.answer(200, body)

    with pytest.raises(ApiFailed, match="OpenAI"):
        await draw(backstage)


# What is refused


@pytest.mark.parametrize(
    ("prompt", "error", "says"),
    [
        ("[sandbox:moderated]", Moderated, "refused the prompt .*change the prompt"),
        ("[sandbox:unsafe-image]", Moderated, "refused the picture .*change the prompt"),
        ("[sandbox:error]", ApiFailed, "500"),
    ],
)
async def test_no_picture_says_why(backstage: OpenAIBackstage, prompt: str, error: type[WorkError], says: str) -> None:
    with pytest.raises(error, match=says):
        await draw(backstage, prompt=prompt)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry_after_ms": "1500"}, 1.5),
        ({"retry_after_ms": "1500", "retry_after": "2"}, 1.5),
        ({"retry_after": "2"}, 2),
        ({"retry_after_ms": "soon", "retry_after": "2"}, 2),
        ({"retry_after_ms": "nan", "retry_after": "2"}, 2),
        ({"retry_after_ms": "-5"}, 0),
        ({"retry_after_ms": "inf"}, 24 * 3600),
    ],
)
async def test_the_time_to_wait_is_the_more_exact_one(
    backstage: OpenAIBackstage, relay: Relay, headers: dict[str, str], wait_s: float | None
) -> None:
    relay.answer(429, refusal("rate_limit_exceeded", type="requests"), **headers)

    with pytest.raises(RateLimited) as caught:
        await draw(backstage)

    assert caught.value.retry_after_s == wait_s


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, refusal("insufficient_quota", type="insufficient_quota")),
        (429, refusal(None, type="insufficient_quota")),
        (400, refusal("billing_hard_limit_reached", type="image_generation_user_error")),
        (429, refusal("billing_not_active")),
        (402, b"Payment Required"),
    ],
)
async def test_an_empty_account_is_no_rate_limit_and_closes_the_lane(
    backstage: OpenAIBackstage, relay: Relay, status: int, body: object
) -> None:
    relay.answer(status, body, retry_after="1")

    with pytest.raises(OutOfCredit, match=r"pay at platform\.openai\.com.*PRESSROOM_OPENAI_API_KEY") as caught:
        await draw(backstage)

    assert caught.value.closes_lane


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (400, refusal("invalid_value", "Too odd.", param="size"), InvalidRequest, "size: Too odd"),
        (400, refusal(None, "Too odd."), InvalidRequest, "Too odd"),
        (400, refusal("content_policy_violation"), Moderated, "change the prompt"),
        (400, b"<html>Bad</html>", InvalidRequest, "<html>Bad"),
        (400, {"error": "odd"}, InvalidRequest, "odd"),
        (400, {"error": {"message": "Too odd.", "code": 7}}, InvalidRequest, "Too odd"),
        (401, b"", AuthFailed, "PRESSROOM_OPENAI_API_KEY"),
        (403, refusal(None, "Your organization must be verified."), AuthFailed, "must be verified.*_API_KEY"),
        (403, refusal("model_not_found"), ModelGone, "set PRESSROOM_OPENAI_MODEL"),
        (404, b"<html>Not here</html>", InvalidRequest, "PRESSROOM_OPENAI_URL"),
        (413, b"", InvalidRequest, "413"),
        (500, b"", ApiFailed, "500"),
    ],
)
async def test_each_refusal_tells_what_to_do(
    backstage: OpenAIBackstage, relay: Relay, status: int, body: object, error: type[WorkError], says: str
) -> None:
    relay.answer(status, body)

    with pytest.raises(WorkError, match=says) as caught:
        await draw(backstage)

    assert type(caught.value) is error


async def test_a_part_of_the_key_that_openai_repeats_is_not_told(backstage: OpenAIBackstage, relay: Relay) -> None:
    relay.answer(401, refusal("invalid_api_key", "Incorrect API key provided: sk-a****bcde."))

    with pytest.raises(AuthFailed, match="invalid_api_key") as caught:
        await draw(backstage)

    assert "bcde" not in str(caught.value)


# The referee


def the_sdk(relay: Relay) -> openai.OpenAI:
    return openai.OpenAI(api_key=OPENAI_KEY, base_url=f"{relay.url}/openai/v1", max_retries=0)


def sdk_picture(reply: openai.types.ImagesResponse) -> pyvips.Image:
    return picture_of(base64.b64decode(reply.data[0].b64_json))


async def test_openai_s_sdk_asks_for_the_very_same(backstage: OpenAIBackstage, relay: Relay) -> None:
    made = picture_of((await draw(backstage, width_px=1024, height_px=1280, transparent=True)).data)

    with the_sdk(relay) as sdk:
        reply = sdk.images.generate(
            model="gpt-image-2",
            prompt="a fox in a raincoat",
            size="1024x1280",
            quality="medium",
            background="transparent",
            output_format="png",
            moderation="auto",
            n=1,
        )

    ours, theirs = relay.seen
    assert (ours.path, ours.json()) == (theirs.path, theirs.json())
    assert ours.headers["authorization"] == theirs.headers["authorization"]
    theirs_made = sdk_picture(reply)
    assert (made.width, made.height, made.bands) == (theirs_made.width, theirs_made.height, theirs_made.bands)


async def test_openai_s_sdk_edits_the_very_same(backstage: OpenAIBackstage, relay: Relay) -> None:
    files = [a_picture(1), a_picture(2)]
    await draw(backstage, width_px=1024, height_px=1280, input_images=tuple(files))
    ours = backstage.call()

    with the_sdk(relay) as sdk:
        reply = sdk.images.edit(
            model="gpt-image-2",
            image=[(f"{place}.png", data, "image/png") for place, data in enumerate(files, start=1)],
            prompt="a fox in a raincoat",
            size="1024x1280",
            quality="medium",
            background="opaque",
            output_format="png",
        )

    theirs = backstage.call()
    own = {"id", "at"}
    assert {name: value for name, value in ours.items() if name not in own} == {
        name: value for name, value in theirs.items() if name not in own
    }
    assert form_fields(relay.seen[0].body) == form_fields(relay.seen[1].body)
    sdk_picture(reply)


def form_fields(body: bytes) -> list[bytes]:
    """The names in a form, each as often as it comes, files with their names."""
    return sorted(line for line in body.split(b"\r\n") if line.lower().startswith(b"content-disposition:"))
