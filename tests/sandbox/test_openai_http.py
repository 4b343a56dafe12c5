"""OpenAI over plain HTTP: the error shapes, the limits, the faults, and what stays after a restart."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from .images import png, size_of
from .process import DEADLINE_S, Sandbox
from .test_openai_sdk import mask_of

SLOW_S = 0.2


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with connect(sandbox) as opened:
        yield opened


def connect(sandbox: Sandbox) -> httpx.Client:
    headers = {"Authorization": "Bearer sandbox-openai-key"}
    return httpx.Client(base_url=f"{sandbox.url}/openai/v1", headers=headers, timeout=DEADLINE_S)


def generate(http: httpx.Client, **more: Any) -> httpx.Response:
    return http.post("/images/generations", json={"model": "gpt-image-2", "prompt": "a fox", **more})


def edit(http: httpx.Client, *files: tuple[str, bytes], **more: str) -> httpx.Response:
    named = [(name, (f"{name}.png", content, "image/png")) for name, content in files]
    return http.post("/images/edits", data={"model": "gpt-image-2", "prompt": "a fox", **more}, files=named)


def error_of(reply: httpx.Response) -> dict[str, Any]:
    error = reply.json()["error"]
    assert {"message", "type", "param", "code"} <= error.keys()
    assert reply.headers["x-request-id"].startswith("req_")
    return error


def openai_stats(sandbox: Sandbox) -> dict[str, Any]:
    return sandbox.stats()["openai"]


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ("1024x1024", (128, 128)),
        ("3840x2160", (128, 72)),
        ("2160x3840", (72, 128)),
        ("2304x768", (128, 43)),
        ("2880x2880", (128, 128)),
        ("auto", (128, 128)),
    ],
)
def test_a_size_within_the_limits_is_drawn_smaller_in_its_ratio(
    http: httpx.Client, size: str, drawn: tuple[int, int]
) -> None:
    reply = generate(http, size=size)
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-request-id"].startswith("req_")
    assert size_of(base64.b64decode(reply.json()["data"][0]["b64_json"])) == drawn
    assert reply.json()["size"] == ("1024x1024" if size == "auto" else size)


@pytest.mark.parametrize(
    ("size", "says"),
    [
        ("1792x936", "Invalid size '1792x936'. Width and height must both be divisible by 16."),
        ("1000x1024", "divisible by 16"),
        ("0x1024", "divisible by 16"),
        ("3072x1008", "between 1:3 and 3:1"),
        ("3856x2160", "at most 3840"),
        ("3840x2176", "between 655360 and 8294400"),
        ("512x512", "between 655360 and 8294400"),
        ("9:16", "Expected WIDTHxHEIGHT"),
        ("large", "Expected WIDTHxHEIGHT"),
    ],
)
def test_a_size_outside_the_limits_is_an_invalid_value(http: httpx.Client, size: str, says: str) -> None:
    reply = generate(http, size=size)
    error = error_of(reply)
    assert (reply.status_code, error["type"], error["code"]) == (400, "invalid_request_error", "invalid_value")
    assert error["param"] == "size"
    assert says in error["message"]


@pytest.mark.parametrize(
    ("wrong", "param", "code"),
    [
        ({"prompt": None}, "prompt", "missing_required_parameter"),
        ({"prompt": ""}, "prompt", "empty_string"),
        ({"prompt": "x" * 32_001}, "prompt", "string_above_max_length"),
        ({"prompt": ["x"]}, "prompt", "invalid_type"),
        ({"model": None}, "model", "missing_required_parameter"),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 11}, "n", "integer_above_max_value"),
        ({"n": 1.5}, "n", "invalid_type"),
        ({"n": True}, "n", "invalid_type"),
        ({"size": 1024}, "size", "invalid_type"),
        ({"quality": "hd"}, "quality", "invalid_value"),
        ({"background": "green"}, "background", "invalid_value"),
        ({"background": "transparent", "output_format": "jpeg"}, "background", "invalid_value"),
        ({"output_format": "tiff"}, "output_format", "invalid_value"),
        ({"output_compression": 50}, "output_compression", "invalid_value"),
        ({"output_format": "webp", "output_compression": 101}, "output_compression", "integer_above_max_value"),
        ({"moderation": "none"}, "moderation", "invalid_value"),
        ({"stream": True}, "stream", "invalid_value"),
        ({"seed": 7}, "seed", "unknown_parameter"),
        ({"response_format": "url"}, "response_format", "unknown_parameter"),
        ({"input_fidelity": "high"}, "input_fidelity", "unknown_parameter"),
    ],
)
def test_a_generation_that_cannot_be_names_the_parameter(
    sandbox: Sandbox, http: httpx.Client, wrong: dict[str, Any], param: str, code: str
) -> None:
    reply = generate(http, **wrong)
    assert reply.status_code == 400
    error = error_of(reply)
    assert (error["param"], error["code"]) == (param, code)
    assert openai_stats(sandbox) == {"calls": 1, "images": 0, "edits": 0, "refused": 1}


def test_the_longest_prompt_is_taken(http: httpx.Client) -> None:
    assert generate(http, prompt="x" * 32_000, moderation="low", user="someone").status_code == 200


def test_quality_is_paid_for_and_compression_makes_smaller(http: httpx.Client) -> None:
    usages = [generate(http, quality=quality).json()["usage"] for quality in ("low", "medium", "high")]
    tokens = [usage["output_tokens"] for usage in usages]
    assert tokens == sorted(set(tokens))
    sizes = [
        len(generate(http, output_format="jpeg", output_compression=percent).json()["data"][0]["b64_json"])
        for percent in (5, 100)
    ]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_object_is_refused(http: httpx.Client, content: bytes) -> None:
    reply = http.post("/images/generations", content=content)
    assert reply.status_code == 400
    assert "could not parse the JSON body" in error_of(reply)["message"]


@pytest.mark.parametrize(
    ("files", "fields", "param", "code"),
    [
        ([], {}, "image", "missing_required_parameter"),
        ([("image[]", png(16, 16))] * 17, {}, "image", "array_above_max_length"),
        ([("image", b"no picture")], {}, "image", "invalid_image_file"),
        ([("image", png()[:-20])], {}, "image", "invalid_image_file"),
        ([("image", png()), ("mask", mask_of(9, 9))], {}, "mask", "invalid_mask_image_format"),
        ([("image", png()), ("mask", png())], {}, "mask", "invalid_mask_image_format"),
        ([("image", png()), ("markup", png())], {}, "markup", "unknown_parameter"),
        ([("image", png())], {"seed": "7"}, "seed", "unknown_parameter"),
        ([("image", png())], {"n": "many"}, "n", "invalid_type"),
        ([("image", png())], {"n": "11"}, "n", "integer_above_max_value"),
        ([("image", png())], {"size": "100x100"}, "size", "invalid_value"),
        ([("image", png())], {"input_fidelity": "high"}, "input_fidelity", "invalid_input_fidelity_model"),
    ],
)
def test_an_edit_that_cannot_be_names_the_parameter(
    sandbox: Sandbox,
    http: httpx.Client,
    files: list[tuple[str, bytes]],
    fields: dict[str, str],
    param: str,
    code: str,
) -> None:
    # A part without a picture keeps the body multipart where there are no files.
    reply = edit(http, *files, **fields) if files else http.post("/images/edits", files={"prompt": (None, "x")})
    assert reply.status_code == 400
    error = error_of(reply)
    assert (error["param"], error["code"]) == (param, code)
    assert openai_stats(sandbox) == {"calls": 1, "images": 0, "edits": 1, "refused": 1}


def test_a_picture_given_as_words_is_of_the_wrong_type(http: httpx.Client) -> None:
    reply = http.post("/images/edits", files={"image": (None, "https://example.com/fox.png")})
    assert (reply.status_code, error_of(reply)["code"]) == (400, "invalid_type")


def test_an_edit_in_json_is_refused(http: httpx.Client) -> None:
    reply = http.post("/images/edits", json={"model": "gpt-image-2", "prompt": "x"})
    assert reply.status_code == 400
    assert "multipart/form-data" in error_of(reply)["message"]


def test_an_edit_remembers_which_pictures_it_was_given(sandbox: Sandbox, http: httpx.Client) -> None:
    assert edit(http, ("image[]", png(64, 48)), ("image[]", png(16, 16))).status_code == 200
    (call,) = httpx.get(f"{sandbox.url}/_sandbox/openai/calls").json()["items"]
    assert [(image["width"], image["height"]) for image in call["inputs"]] == [(64, 48), (16, 16)]
    assert call["mask"] is None


def test_without_a_key_nothing_is_done(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/openai/v1/images/generations"
    nobody = httpx.post(url, json={})
    stranger = httpx.post(url, json={}, headers={"Authorization": "Bearer wrong"})
    assert [nobody.status_code, stranger.status_code] == [401, 401]
    assert [error_of(nobody)["code"], error_of(stranger)["code"]] == [None, "invalid_api_key"]


def test_a_dead_model_is_not_found(http: httpx.Client) -> None:
    reply = generate(http, model="dall-e-3")
    assert (reply.status_code, error_of(reply)["code"]) == (404, "model_not_found")
    assert "`dall-e-3`" in error_of(reply)["message"]


def test_what_is_not_played_says_so(http: httpx.Client) -> None:
    reply = http.post("/chat/completions", json={})
    assert reply.status_code == 404
    assert "does not support POST /openai/v1/chat/completions" in error_of(reply)["message"]


@pytest.mark.parametrize(
    ("marker", "status", "code"),
    [("moderated", 400, "moderation_blocked"), ("unsafe-image", 400, "moderation_blocked"), ("error", 500, None)],
)
def test_a_prompt_chooses_its_own_fate(http: httpx.Client, marker: str, status: int, code: str | None) -> None:
    for reply in (
        generate(http, prompt=f"x [sandbox:{marker}]"),
        edit(http, ("image", png()), prompt=f"[sandbox:{marker}]"),
    ):
        assert (reply.status_code, error_of(reply)["code"]) == (status, code)
        if code:
            stage = "input" if marker == "moderated" else "output"
            assert error_of(reply)["moderation_details"]["moderation_stage"] == stage


@pytest.mark.parametrize(
    ("kind", "status"),
    [("429", 429), ("500", 500), ("502", 502), ("503", 503), ("504", 504), ("throttled", 429), ("forget", 404)],
)
def test_a_refusal_on_request_has_the_vendors_shape(
    sandbox: Sandbox, http: httpx.Client, kind: str, status: int
) -> None:
    sandbox.fault(vendor="openai", kind=kind, match="POST .*images/generations")
    reply = generate(http)
    assert reply.status_code == status
    assert error_of(reply)["message"]
    assert "retry-after" not in reply.headers
    assert generate(http).status_code == 200
    assert openai_stats(sandbox) == {"calls": 1, "images": 1, "edits": 0, "refused": 0}


def test_a_rate_limit_says_when_to_come_back_in_both_headers(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.fault(vendor="openai", kind="429_retry_after", match="images", seconds=1.5)
    reply = generate(http)
    assert (reply.status_code, error_of(reply)["code"]) == (429, "rate_limit_exceeded")
    assert (reply.headers["retry-after"], reply.headers["retry-after-ms"]) == ("1.5", "1500")


@pytest.mark.parametrize(("kind", "made"), [("cut_before", 0), ("cut_after_effect", 1), ("truncate", 1)])
def test_a_connection_that_breaks_leaves_what_was_done(
    sandbox: Sandbox, http: httpx.Client, kind: str, made: int
) -> None:
    sandbox.fault(vendor="openai", kind=kind, match="images/generations")
    with pytest.raises(httpx.TransportError):
        generate(http)
    assert openai_stats(sandbox)["images"] == made


def test_a_slow_answer_comes_whole(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.fault(vendor="openai", kind="slow", match="images/generations", seconds=SLOW_S)
    started = time.monotonic()
    assert generate(http).status_code == 200
    assert time.monotonic() - started >= SLOW_S


@pytest.mark.parametrize(("kind", "status"), [("html", 502), ("html_200", 200), ("bad_json", 200)])
def test_an_answer_may_be_no_json(sandbox: Sandbox, http: httpx.Client, kind: str, status: int) -> None:
    sandbox.fault(vendor="openai", kind=kind, match="images/edits")
    reply = edit(http, ("image", png()))
    assert reply.status_code == status
    with pytest.raises(json.JSONDecodeError):
        reply.json()
    assert openai_stats(sandbox)["images"] == 0


def test_the_page_shows_the_pictures_and_a_fault_may_look_into_a_prompt(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.fault(vendor="openai", kind="500", match="images", match_body="a wolf")
    assert generate(http, prompt="a wolf").status_code == 500
    assert generate(http, prompt="a <b>fox</b>", background="transparent").status_code == 200
    assert edit(http, ("image", png())).status_code == 200
    page = httpx.get(f"{sandbox.url}/_sandbox/").text
    assert "a &lt;b&gt;fox" in page
    pictures = re.findall(r'<img [^>]*src="(/_sandbox/openai/picture/[^"]+)"', page)
    assert len(pictures) == 2
    for picture in pictures:
        assert httpx.get(f"{sandbox.url}{picture}").headers["content-type"] == "image/webp"
    assert httpx.get(f"{sandbox.url}/_sandbox/openai/picture/none").status_code == 404


def test_a_killed_sandbox_still_knows_its_bill(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox()
    with connect(sandbox) as http:
        assert generate(http, n=3).status_code == 200
    before = openai_stats(sandbox)
    sandbox.kill()
    assert openai_stats(start_sandbox()) == before == {"calls": 1, "images": 3, "edits": 0, "refused": 0}


def test_the_key_and_the_models_are_settings(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(openai_key="other", openai_models="gpt-image-2-2026-04-21")
    with connect(sandbox) as http:
        assert generate(http).status_code == 401
        http.headers["Authorization"] = "Bearer other"
        assert generate(http).status_code == 404
        assert generate(http, model="gpt-image-2-2026-04-21", size="2048x1024").status_code == 200
