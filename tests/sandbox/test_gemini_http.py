"""Gemini over plain HTTP: the error shapes, the states, and what the SDK hides."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from .process import Sandbox, wait_for

MODEL = "/v1beta/models/gemini-3-pro-image"


def body(prompt: str, **config: object) -> dict[str, Any]:
    return {
        "contents": [{"parts": [{"text": prompt}]}],
        "generationConfig": {"responseModalities": ["IMAGE"], **config},
    }


def inline_batch(*prompts: str) -> dict[str, Any]:
    rows = [{"request": body(prompt), "metadata": {"key": f"k{n}"}} for n, prompt in enumerate(prompts)]
    return {"batch": {"displayName": "b", "inputConfig": {"requests": {"requests": rows}}}}


def create(http: httpx.Client, *prompts: str) -> str:
    reply = http.post(f"{MODEL}:batchGenerateContent", json=inline_batch(*prompts))
    assert reply.status_code == 200, reply.text
    return f"/v1beta/{reply.json()['name']}"


def state(http: httpx.Client, batch: str) -> str:
    return http.get(batch).json()["metadata"]["state"].removeprefix("BATCH_STATE_")


def test_refusals_have_googles_shape(sandbox: Sandbox) -> None:
    nobody = httpx.post(f"{sandbox.url}{MODEL}:generateContent", json=body("x"))
    assert (nobody.status_code, nobody.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    stranger = httpx.post(f"{sandbox.url}{MODEL}:generateContent?key=wrong", json=body("x"))
    assert stranger.status_code == 400
    assert stranger.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    with sandbox.gemini() as http:
        dead = http.post("/v1beta/models/gemini-1-image:batchGenerateContent", json=inline_batch("x"))
        assert dead.status_code == 404
        assert "models/gemini-1-image is not found for API version v1beta" in dead.json()["error"]["message"]
        absent = http.get("/v1beta/tunedModels")
        assert absent.status_code == 404
        assert "does not support" in absent.json()["error"]["message"]


def test_the_key_may_stand_in_the_query(sandbox: Sandbox) -> None:
    reply = httpx.get(f"{sandbox.url}/v1beta/models", params={"key": "sandbox-gemini-key"})
    assert len(reply.json()["models"]) == 6


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"contents": []},
        {"contents": [{"parts": []}]},
        body("x") | {"prompt": "x"},
        body("x", imageConfig={"aspectRatio": "7:5"}),
        body("x", imageConfig={"imageSize": "3K"}),
        body("x", responseModalities=["SMELL"]),
        body("x", numberOfImages=2),
    ],
)
def test_malformed_requests_are_invalid_arguments(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    with sandbox.gemini() as http:
        reply = http.post(f"{MODEL}:generateContent", json=wrong)
    assert (reply.status_code, reply.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_a_text_model_refuses_to_draw(sandbox: Sandbox) -> None:
    with sandbox.gemini() as http:
        reply = http.post("/v1beta/models/gemini-3-flash:generateContent", json=body("x"))
    assert reply.status_code == 400


def test_a_batch_goes_from_pending_over_running_to_succeeded(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(batch_seconds=0.9)
    with sandbox.gemini() as http:
        batch = create(http, "a", "b")
        seen: list[str] = []
        wait_for(lambda: seen.append(state(http, batch)) or seen[-1] == "SUCCEEDED", "the end")
        assert list(dict.fromkeys(seen)) == ["PENDING", "RUNNING", "SUCCEEDED"]
        metadata = http.get(batch).json()["metadata"]
    assert metadata["batchStats"]["successfulRequestCount"] == "2"
    assert metadata["createTime"] < metadata["endTime"]


def test_a_batch_cannot_be_cancelled_when_it_is_over(sandbox: Sandbox) -> None:
    with sandbox.gemini() as http:
        batch = create(http, "a")
        wait_for(lambda: state(http, batch) == "SUCCEEDED", "the end")
        reply = http.post(f"{batch}:cancel")
    assert (reply.status_code, reply.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")


def test_a_cancelled_batch_makes_and_bills_nothing(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(batch_seconds=0.6)
    with sandbox.gemini() as http:
        batch = create(http, "a")
        assert http.post(f"{batch}:cancel").json() == {}
        reply = http.get(batch).json()
        assert reply["done"] is True
        assert reply["error"]["code"] == 1
        other = create(http, "b")
        wait_for(lambda: state(http, other) == "SUCCEEDED", "the other batch")
    assert sandbox.stats()["gemini"]["images_made"] == 1


def test_a_file_that_is_no_jsonl_fails_the_batch(sandbox: Sandbox) -> None:
    with sandbox.gemini() as http:
        name = upload(http, b'{"key": "k1", "request": {}}\nno json\n')
        source = {"batch": {"inputConfig": {"fileName": name}}}
        batch = f"/v1beta/{http.post(f'{MODEL}:batchGenerateContent', json=source).json()['name']}"
        wait_for(lambda: state(http, batch) == "FAILED", "the failure")
        assert "could not be read" in http.get(batch).json()["error"]["message"]


def test_a_batch_needs_a_source_that_exists(sandbox: Sandbox) -> None:
    with sandbox.gemini() as http:
        for config, status in (({}, 400), ({"fileName": "files/nowhere"}, 404)):
            reply = http.post(f"{MODEL}:batchGenerateContent", json={"batch": {"inputConfig": config}})
            assert reply.status_code == status


def test_an_asked_expiry_and_failure_end_a_batch(sandbox: Sandbox) -> None:
    with sandbox.gemini() as http:
        sandbox.fault(vendor="gemini", kind="expire", match="batchGenerateContent")
        expiring = create(http, "a")
        assert state(http, expiring) == "PENDING"
        wait_for(lambda: state(http, expiring) == "EXPIRED", "the expiry")
        assert "output" not in http.get(expiring).json()["metadata"]
        later = create(http, "b")
        sandbox.fault(vendor="gemini", kind="expire", match=f"GET {later}")
        assert state(http, later) == "EXPIRED"
        assert state(http, later) == "EXPIRED"


def test_a_broken_off_chunk_can_be_sent_again(sandbox: Sandbox) -> None:
    with sandbox.gemini() as http:
        url = begin_upload(http, 8)
        first = {"X-Goog-Upload-Command": "upload", "X-Goog-Upload-Offset": "0"}
        assert http.post(url, headers=first, content=b"1234").headers["x-goog-upload-status"] == "active"
        again = http.post(url, headers=first, content=b"1234")
        assert again.status_code == 400
        asked = http.post(url, headers={"X-Goog-Upload-Command": "query"})
        assert asked.headers["x-goog-upload-size-received"] == "4"
        last = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "4"}
        final = http.post(url, headers=last, content=b"5678")
        assert final.headers["x-goog-upload-status"] == "final"
        assert final.json()["file"]["sizeBytes"] == "8"
        repeated = http.post(url, headers=last, content=b"5678")
        assert repeated.json()["file"]["name"] == final.json()["file"]["name"]
    assert sandbox.stats()["gemini"]["files"] == 1


def test_an_upload_that_is_too_short_is_refused(sandbox: Sandbox) -> None:
    with sandbox.gemini() as http:
        url = begin_upload(http, 100)
        last = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
        assert http.post(url, headers=last, content=b"short").status_code == 400


def test_an_uploaded_file_cannot_be_downloaded(sandbox: Sandbox) -> None:
    with sandbox.gemini() as http:
        name = upload(http, b"{}")
        assert http.get(f"/v1beta/{name}:download?alt=media").status_code == 400


def test_a_quota_refuses_with_a_time_to_come_back(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(gemini_per_minute=1)
    with sandbox.gemini() as http:
        assert http.post(f"{MODEL}:generateContent", json=body("x")).status_code == 200
        refused = http.post(f"{MODEL}:generateContent", json=body("x"))
    assert (refused.status_code, refused.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    retry = [one for one in refused.json()["error"]["details"] if one["@type"].endswith("RetryInfo")]
    assert float(retry[0]["retryDelay"].removesuffix("s")) > 30


def test_two_hundred_rows_stay_in_order(sandbox: Sandbox) -> None:
    rows = [{"key": f"k{n}", "request": body(f"picture {n}", imageConfig={"imageSize": "512"})} for n in range(200)]
    with sandbox.gemini() as http:
        name = upload(http, "\n".join(json.dumps(row) for row in rows).encode())
        source = {"batch": {"inputConfig": {"fileName": name}}}
        batch = f"/v1beta/{http.post(f'{MODEL}:batchGenerateContent', json=source).json()['name']}"
        started = time.monotonic()
        wait_for(lambda: state(http, batch) == "SUCCEEDED", "200 rows", 60)
        output = http.get(batch).json()["metadata"]["output"]["responsesFile"]
        lines = http.get(f"/v1beta/{output}:download?alt=media").text.splitlines()
    assert [json.loads(line)["key"] for line in lines] == [f"k{n}" for n in range(200)]
    assert time.monotonic() - started < 60
    assert sandbox.stats()["gemini"]["images_made_twice"] == 0


def begin_upload(http: httpx.Client, size: int) -> str:
    headers = {
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Length": str(size),
        "X-Goog-Upload-Header-Content-Type": "application/jsonl",
    }
    reply = http.post("/upload/v1beta/files", headers=headers, json={"file": {"displayName": "rows"}})
    return reply.headers["x-goog-upload-url"]


def upload(http: httpx.Client, raw: bytes) -> str:
    headers = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
    return http.post(begin_upload(http, len(raw)), headers=headers, content=raw).json()["file"]["name"]
