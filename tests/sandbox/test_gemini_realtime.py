"""Gemini one picture at a time: Google's SDK as the referee for what goes well, plain HTTP for what does not."""

from __future__ import annotations

import base64
import time
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from .images import png, size_of
from .process import Sandbox
from .test_gemini_sdk import client

MODEL = "gemini-3-pro-image"
GENERATE = f"/v1beta/models/{MODEL}:generateContent"
SLOW_S = 0.2


def draw(sdk: genai.Client, contents: Any, **image_config: str) -> types.GenerateContentResponse:
    config = types.GenerateContentConfig(
        response_modalities=["IMAGE"], seed=7, image_config=types.ImageConfig(**image_config)
    )
    return sdk.models.generate_content(model=MODEL, contents=contents, config=config)


def picture_of(reply: types.GenerateContentResponse) -> bytes:
    (part,) = reply.candidates[0].content.parts
    assert part.inline_data.mime_type == "image/png"
    return part.inline_data.data


def body(*parts: dict[str, Any], **config: object) -> dict[str, Any]:
    return {"contents": [{"parts": list(parts)}], "generationConfig": {"responseModalities": ["IMAGE"], **config}}


def inline(content: bytes, mime_type: str = "image/png") -> dict[str, Any]:
    return {"inlineData": {"mimeType": mime_type, "data": base64.b64encode(content).decode()}}


@pytest.mark.parametrize(
    ("ratio", "size", "pixels"),
    [("1:1", "1K", (128, 128)), ("16:9", "2K", (344, 192)), ("4:5", "4K", (464, 576)), ("8:1", "1K", (352, 44))],
)
def test_a_picture_has_the_asked_ratio_and_size(
    sandbox: Sandbox, ratio: str, size: str, pixels: tuple[int, int]
) -> None:
    reply = draw(client(sandbox), "a lighthouse", aspect_ratio=ratio, image_size=size)
    assert size_of(picture_of(reply)) == pixels


def test_reference_pictures_are_counted_and_change_the_picture(sandbox: Sandbox) -> None:
    sdk = client(sandbox)
    references = [types.Part.from_bytes(data=png(48, 48, (9, green, 9)), mime_type="image/png") for green in (10, 200)]
    replies = [draw(sdk, ["like this one", reference], aspect_ratio="1:1") for reference in references]
    assert picture_of(replies[0]) != picture_of(replies[1])
    usage = replies[0].usage_metadata
    assert [detail.modality for detail in usage.prompt_tokens_details] == ["TEXT", "IMAGE"]
    assert usage.prompt_token_count == sum(detail.token_count for detail in usage.prompt_tokens_details)
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count
    assert sandbox.stats()["gemini"]["images_made_twice"] == 0


def test_without_an_asked_ratio_the_first_reference_gives_it(sandbox: Sandbox) -> None:
    wide = types.Part.from_bytes(data=png(160, 90), mime_type="image/png")
    reply = draw(client(sandbox), ["wider than tall", wide], image_size="1K")
    assert size_of(picture_of(reply)) == (172, 96)


def test_another_seed_is_another_picture(sandbox: Sandbox) -> None:
    with sandbox.gemini() as http:
        data = [
            http.post(GENERATE, json=body({"text": "a pear"}, seed=seed)).json()["candidates"][0]["content"]["parts"]
            for seed in (1, 1, 2)
        ]
    assert data[0] == data[1]
    assert data[0] != data[2]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (body({"text": "x"}, imageConfig={"aspectRatio": "7:3"}), "aspect_ratio must be one of '1:1', '1:4', '1:8'"),
        (body({"text": "x"}, imageConfig={"aspectRatio": 1}), "aspect_ratio must be one of"),
        (body({"text": "x"}, imageConfig={"imageSize": "2k"}), "image_size must be one of"),
        (body({"text": "x"}, seed=2**31), "generation_config.seed"),
        (body({"text": "x"}, seed="7"), "generation_config.seed"),
        (body({"text": "x"}, {}), "required oneof field 'data'"),
        (body({"text": "x", **inline(png())}), "oneof field 'data' is already set"),
        (body({"text": "x", "picture": "y"}), "Unknown name \"picture\" at 'contents[0].parts[0]'"),
        (body(inline(b"no picture")), "Unable to process input image"),
        (body(inline(png()[:-20])), "Unable to process input image"),
        (body(inline(png(), "image/bmp")), "Unsupported MIME type: image/bmp"),
        (body({"inlineData": {"mimeType": "image/png", "data": "no base64!"}}), "Base64 decoding failed"),
        (body(*[inline(png(16, 16))] * 15), "at most 14"),
    ],
)
def test_what_the_api_would_refuse_is_an_invalid_argument(sandbox: Sandbox, wrong: dict[str, Any], says: str) -> None:
    with sandbox.gemini() as http:
        reply = http.post(GENERATE, json=wrong)
    assert (reply.status_code, reply.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert says in reply.json()["error"]["message"]
    assert sandbox.stats()["gemini"]["images_made"] == 0


def test_a_batch_row_with_a_broken_reference_fails_alone(sandbox: Sandbox) -> None:
    rows = [
        {"request": body({"text": "x"}, inline(content)), "metadata": {"key": key}}
        for key, content in (("good", png()), ("bad", b"no picture"))
    ]
    source = {"batch": {"inputConfig": {"requests": {"requests": rows}}}}
    with sandbox.gemini() as http:
        name = http.post(f"/v1beta/models/{MODEL}:batchGenerateContent", json=source).json()["name"]
        until = time.monotonic() + 20
        while not (job := http.get(f"/v1beta/{name}").json()).get("done"):
            assert time.monotonic() < until, "the batch did not end"
    answers = job["response"]["inlinedResponses"]["inlinedResponses"]
    assert [("response" in answer, "error" in answer) for answer in answers] == [(True, False), (False, True)]


def test_more_bytes_than_a_request_may_have_are_refused(sandbox: Sandbox) -> None:
    with sandbox.gemini() as http:
        reply = http.post(GENERATE, content=b" " * (20 * 1024 * 1024 + 1))
    assert reply.status_code == 400
    assert "payload size exceeds the limit" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("key", "model", "code"), [("wrong", MODEL, 400), ("sandbox-gemini-key", "gemini-0-image", 404)]
)
def test_the_sdk_names_a_bad_key_and_a_dead_model(sandbox: Sandbox, key: str, model: str, code: int) -> None:
    sdk = client(sandbox, key)
    with pytest.raises(errors.ClientError) as refused:
        sdk.models.generate_content(model=model, contents="x")
    assert refused.value.code == code
    assert refused.value.status == ("INVALID_ARGUMENT" if code == 400 else "NOT_FOUND")
    if code == 400:
        assert "API_KEY_INVALID" in str(refused.value.details)


def test_an_error_asked_for_by_the_prompt_is_internal(sandbox: Sandbox) -> None:
    with pytest.raises(errors.ServerError) as broken:
        draw(client(sandbox), "x [sandbox:error]")
    assert (broken.value.code, broken.value.status) == (500, "INTERNAL")


@pytest.mark.parametrize(("kind", "made"), [("cut_before", 0), ("cut_after_effect", 1), ("truncate", 1)])
def test_a_connection_that_breaks_leaves_what_was_done(sandbox: Sandbox, kind: str, made: int) -> None:
    sandbox.fault(vendor="gemini", kind=kind, match=":generateContent")
    with sandbox.gemini() as http, pytest.raises(httpx.TransportError):
        http.post(GENERATE, json=body({"text": "a fox"}))
    assert sandbox.stats()["gemini"]["images_made"] == made


def test_a_slow_answer_comes_whole(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="gemini", kind="slow", match=":generateContent", seconds=SLOW_S)
    started = time.monotonic()
    with sandbox.gemini() as http:
        assert http.post(GENERATE, json=body({"text": "a fox"})).status_code == 200
    assert time.monotonic() - started >= SLOW_S


@pytest.mark.parametrize("kind", ["html", "html_200", "bad_json"])
def test_an_answer_may_be_no_json(sandbox: Sandbox, kind: str) -> None:
    sandbox.fault(vendor="gemini", kind=kind, match=":generateContent")
    with sandbox.gemini() as http:
        reply = http.post(GENERATE, json=body({"text": "a fox"}))
    with pytest.raises(ValueError, match="Expecting"):
        reply.json()
