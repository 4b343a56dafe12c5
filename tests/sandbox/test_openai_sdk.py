"""OpenAI's images, with the vendor's own SDK as the referee: what it understands is the wire format."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import httpx
import openai
import pytest
import pyvips

from .images import png, size_of
from .process import Sandbox

MODEL = "gpt-image-2"


@pytest.fixture
def sdk(sandbox: Sandbox) -> Iterator[openai.OpenAI]:
    with client(sandbox) as opened:
        yield opened


def client(sandbox: Sandbox, key: str = "sandbox-openai-key", retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=f"{sandbox.url}/openai/v1", max_retries=retries, timeout=20)


def pictures_of(reply: openai.types.ImagesResponse) -> list[bytes]:
    return [base64.b64decode(image.b64_json) for image in reply.data]


def named(name: str, content: bytes) -> tuple[str, io.BytesIO, str]:
    return (f"{name}.png", io.BytesIO(content), "image/png")


def mask_of(width: int, height: int) -> bytes:
    clear = pyvips.Image.black(width, height, bands=4).cast("uchar").copy(interpretation="srgb")
    return clear.write_to_buffer(".png")


def test_a_picture_says_what_it_is_and_what_it_cost(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    reply = sdk.images.generate(model=MODEL, prompt="a lighthouse", size="1536x864", quality="low")
    (picture,) = pictures_of(reply)
    assert size_of(picture) == (128, 72)
    assert (reply.size, reply.quality, reply.background, reply.output_format) == ("1536x864", "low", "opaque", "png")
    assert reply.created > 0
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens
    assert reply.usage.input_tokens == reply.usage.input_tokens_details.text_tokens
    assert reply.usage.output_tokens == reply.usage.output_tokens_details.image_tokens
    assert sandbox.stats()["openai"] == {"calls": 1, "images": 1, "edits": 0, "refused": 0}


def test_the_same_request_is_another_picture_each_time(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    replies = [sdk.images.generate(model=MODEL, prompt="a pear", n=2) for _ in range(2)]
    pictures = [picture for reply in replies for picture in pictures_of(reply)]
    assert len(set(pictures)) == 4
    assert sandbox.stats()["openai"]["images"] == 4


def test_what_is_auto_is_decided_in_the_answer(sdk: openai.OpenAI) -> None:
    reply = sdk.images.generate(model=MODEL, prompt="x", size="auto", quality="auto", background="auto")
    assert (reply.size, reply.quality, reply.background) == ("1024x1024", "high", "opaque")


@pytest.mark.parametrize(("output_format", "loader"), [("png", "pngload"), ("webp", "webpload"), ("jpeg", "jpegload")])
def test_a_picture_comes_in_the_asked_format(sdk: openai.OpenAI, output_format: str, loader: str) -> None:
    reply = sdk.images.generate(model=MODEL, prompt="x", output_format=output_format, background="opaque")
    (picture,) = (pyvips.Image.new_from_buffer(content, "") for content in pictures_of(reply))
    assert picture.get("vips-loader").startswith(loader)
    assert not picture.hasalpha()


@pytest.mark.parametrize("output_format", ["png", "webp"])
def test_a_transparent_picture_is_nothing_at_its_edges(sdk: openai.OpenAI, output_format: str) -> None:
    reply = sdk.images.generate(
        model=MODEL, prompt="a sticker", size="1024x1536", background="transparent", output_format=output_format
    )
    assert reply.background == "transparent"
    picture = pyvips.Image.new_from_buffer(pictures_of(reply)[0], "")
    alpha = picture[3]
    assert (picture.width, picture.height, picture.bands) == (85, 128, 4)
    edges = [alpha.crop(0, 0, 85, 3), alpha.crop(0, 125, 85, 3), alpha.crop(0, 0, 3, 128), alpha.crop(82, 0, 3, 128)]
    assert [edge.max() for edge in edges] == [0, 0, 0, 0]
    assert alpha.crop(30, 40, 20, 40).min() == 255


def test_an_edit_takes_one_picture(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    reply = sdk.images.edit(model=MODEL, image=named("fox", png(90, 60)), prompt="a fox in snow", n=2)
    assert len(pictures_of(reply)) == 2
    assert reply.size == "1536x1024"
    assert reply.usage.input_tokens_details.image_tokens > 0
    assert sandbox.stats()["openai"] == {"calls": 1, "images": 2, "edits": 1, "refused": 0}


def test_an_edit_takes_many_pictures_and_a_mask_for_the_first(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    images = [named(f"image{number}", png(48, 48, (number, 9, 9))) for number in range(16)]
    reply = sdk.images.edit(
        model=MODEL,
        image=images,
        mask=named("mask", mask_of(48, 48)),
        prompt="all of them",
        size="2048x1152",
        background="transparent",
    )
    assert size_of(pictures_of(reply)[0]) == (128, 72)
    call = httpx.get(f"{sandbox.url}/_sandbox/openai/calls").json()["items"][0]
    assert (call["kind"], len(call["inputs"]), call["mask"]["width"]) == ("edit", 16, 48)


def test_the_older_model_keeps_its_fidelity_and_its_three_sizes(sdk: openai.OpenAI) -> None:
    reply = sdk.images.edit(
        model="gpt-image-1.5", image=named("a", png()), prompt="x", size="1024x1024", input_fidelity="high"
    )
    assert reply.size == "1024x1024"
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.images.generate(model="gpt-image-1.5", prompt="x", size="1536x864")
    assert "Supported values are: '1024x1024'" in refused.value.message


def test_a_size_off_the_grid_is_a_bad_request(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.images.generate(model=MODEL, prompt="x", size="1000x1000")
    assert (refused.value.code, refused.value.param) == ("invalid_value", "size")
    assert refused.value.type == "invalid_request_error"
    assert refused.value.request_id is not None


def test_a_blocked_prompt_is_a_bad_request_and_makes_nothing(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.images.generate(model=MODEL, prompt="x [sandbox:moderated]")
    assert refused.value.code == "moderation_blocked"
    assert sandbox.stats()["openai"] == {"calls": 1, "images": 0, "edits": 0, "refused": 1}


def test_a_dead_model_and_a_bad_key_have_errors_of_their_own(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as dead:
        sdk.images.generate(model="gpt-image-1", prompt="x")
    assert dead.value.code == "model_not_found"
    with client(sandbox, "a-wrong-secret-key") as stranger, pytest.raises(openai.AuthenticationError) as refused:
        stranger.images.generate(model=MODEL, prompt="x")
    assert refused.value.code == "invalid_api_key"
    assert "wrong-secret" not in refused.value.message


def test_a_seed_is_an_unknown_parameter(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="Unknown parameter: 'seed'") as refused:
        sdk.images.generate(model=MODEL, prompt="x", extra_body={"seed": 7})
    assert refused.value.param == "seed"


def test_the_sdk_comes_back_after_a_rate_limit(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="openai", kind="429_retry_after", match="images/generations", seconds=0.05)
    with client(sandbox, retries=1) as patient:
        assert len(patient.images.generate(model=MODEL, prompt="x").data) == 1
    assert sandbox.stats()["openai"]["calls"] == 1


def test_a_rate_limit_and_a_broken_server_have_errors_of_their_own(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    sandbox.fault(vendor="openai", kind="429_retry_after", match="images", seconds=7)
    with pytest.raises(openai.RateLimitError) as limited:
        sdk.images.generate(model=MODEL, prompt="x")
    assert limited.value.code == "rate_limit_exceeded"
    assert limited.value.response.headers["retry-after-ms"] == "7000"
    sandbox.fault(vendor="openai", kind="500", match="images")
    with pytest.raises(openai.InternalServerError):
        sdk.images.generate(model=MODEL, prompt="x")


def test_a_picture_nobody_heard_of_is_made_again_by_a_retry(sandbox: Sandbox) -> None:
    """Why a client must not retry blindly: there is no key that would make the second call the first one."""
    sandbox.fault(vendor="openai", kind="cut_after_effect", match="images/generations")
    with client(sandbox, retries=1) as stubborn:
        stubborn.images.generate(model=MODEL, prompt="x")
    assert sandbox.stats()["openai"]["images"] == 2


def test_a_connection_that_breaks_is_a_connection_error(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    sandbox.fault(vendor="openai", kind="cut_before", match="images/edits")
    with pytest.raises(openai.APIConnectionError):
        sdk.images.edit(model=MODEL, image=named("a", png()), prompt="x")
    assert sandbox.stats()["openai"]["images"] == 0


def test_models_are_listed(sdk: openai.OpenAI) -> None:
    assert [model.id for model in sdk.models.list()] == [
        "gpt-image-2",
        "gpt-image-2-mini",
        "gpt-image-1.5",
        "gpt-5.4-mini",
    ]
    assert sdk.models.retrieve(MODEL).id == MODEL
