"""The lines that go to OpenAI and come back, and how its batches are read: pure, no server."""

import base64
import json

import pytest

from pressroom.batch_poller.openai_requests import request_line
from pressroom.batch_poller.openai_results import row_of_line
from pressroom.batch_poller.openai_wire import Batch, BatchList, job_of
from pressroom.batch_poller.provider_jobs import VendorJobState, WantedJob, WantedRow
from pressroom.batch_poller.settings import BatchPollerSettings
from pressroom.contracts.vocabulary import ErrorKind

PNG = b"\x89PNG\r\n\x1a\nrest"
MODEL = "gpt-image-2"


def b64(data: bytes = PNG) -> str:
    return base64.b64encode(data).decode()


def an_answer(*pictures: object, status: object = 200) -> dict[str, object]:
    body = {"created": 1, "data": [{"b64_json": picture} for picture in pictures], "usage": {"total_tokens": 3}}
    return {"status_code": status, "request_id": "r", "body": body}


def a_refusal(status: int, code: str | None = None, **more: object) -> dict[str, object]:
    error = {"message": "It says why.", "type": "invalid_request_error", "param": None, "code": code, **more}
    return {"status_code": status, "request_id": "r", "body": {"error": error}}


def a_line(**fields: object) -> bytes:
    return json.dumps({"id": "batch_req_1", **fields}).encode()


GOOD = a_line(custom_id="k", response=an_answer(b64()), error=None)


def test_a_picture_is_known_by_its_bytes() -> None:
    row = row_of_line(a_line(custom_id="k", response=an_answer(b64(b"\xff\xd8\xff\xe0rest")), error=None))

    assert row is not None
    assert (row.key, row.data, row.media_type, row.error) == ("k", b"\xff\xd8\xff\xe0rest", "image/jpeg", None)


@pytest.mark.parametrize("status", [200, None])
def test_a_row_without_a_status_may_be_a_picture_all_the_same(status: int | None) -> None:
    row = row_of_line(a_line(custom_id="k", response=an_answer(None, b64(), status=status)))

    assert row is not None
    assert row.data == PNG


@pytest.mark.parametrize(
    ("line", "key", "kind"),
    [
        (a_line(response=an_answer(b64())), None, ErrorKind.API_ERROR),
        (a_line(custom_id="", response=an_answer(b64())), None, ErrorKind.API_ERROR),
        (GOOD[:80], "k", ErrorKind.API_ERROR),
        (GOOD[:-1], "k", ErrorKind.API_ERROR),
        (GOOD[:20], None, ErrorKind.API_ERROR),
        (b'{"custom_id": "k", "resp', "k", ErrorKind.API_ERROR),
        (b'{"custom_id": "k\\', None, ErrorKind.API_ERROR),
        (b'{"response": {"body": "\\"custom_id\\": \\"x\\""', None, ErrorKind.API_ERROR),
        (b"<html>", None, ErrorKind.API_ERROR),
        (b"null", None, ErrorKind.API_ERROR),
        (b"\xff\xfe", None, ErrorKind.API_ERROR),
        (a_line(custom_id=7, response=an_answer(b64())), None, ErrorKind.API_ERROR),
        (a_line(custom_id="\ud800", response=an_answer(b64())), None, ErrorKind.API_ERROR),
        (a_line(custom_id="\ud800", response=an_answer(b64()))[:60], None, ErrorKind.API_ERROR),
        (a_line(custom_id="k"), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response=None, error=None), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response="what"), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response={}), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response={"status_code": 200, "body": {}}), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response={"status_code": 200, "body": "<html>"}), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response={"status_code": 502, "body": "<html>"}), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response={"status_code": 504, "body": None}), "k", ErrorKind.TIMEOUT),
        (a_line(custom_id="k", response=an_answer()), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response=an_answer(b64(b"no image at all"))), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response=an_answer("%%%")), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response=an_answer("abc")), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response=a_refusal(400, "moderation_blocked")), "k", ErrorKind.MODERATION),
        (a_line(custom_id="k", response=a_refusal(400, "content_policy_violation")), "k", ErrorKind.MODERATION),
        (a_line(custom_id="k", response=a_refusal(200, "moderation_blocked")), "k", ErrorKind.MODERATION),
        (a_line(custom_id="k", response=a_refusal(400, "invalid_value")), "k", ErrorKind.VALIDATION),
        (a_line(custom_id="k", response=a_refusal(404, "model_not_found")), "k", ErrorKind.VALIDATION),
        (a_line(custom_id="k", response=a_refusal(413)), "k", ErrorKind.VALIDATION),
        (a_line(custom_id="k", response=a_refusal(401, "invalid_api_key")), "k", ErrorKind.AUTH),
        (a_line(custom_id="k", response=a_refusal(403)), "k", ErrorKind.AUTH),
        (a_line(custom_id="k", response=a_refusal(429, "insufficient_quota")), "k", ErrorKind.AUTH),
        (a_line(custom_id="k", response=a_refusal(429, "rate_limit_exceeded")), "k", ErrorKind.RATE_LIMIT),
        (a_line(custom_id="k", response=a_refusal(500)), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response={"status_code": 500, "body": {"error": "oh"}}), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response=None, error={"code": "batch_expired"}), "k", ErrorKind.TIMEOUT),
        (a_line(custom_id="k", response=None, error={"code": "moderation_blocked"}), "k", ErrorKind.MODERATION),
        (a_line(custom_id="k", response=None, error={"code": "of_2028", "message": "m"}), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response=None, error="broken"), "k", ErrorKind.API_ERROR),
        (a_line(custom_id="k", response=None, error={}), "k", ErrorKind.API_ERROR),
    ],
)
def test_a_bad_line_is_a_row_with_an_error(line: bytes, key: str | None, kind: ErrorKind) -> None:
    row = row_of_line(line)

    assert row is not None
    assert row.data is None
    assert row.key == key
    assert row.error is not None
    assert row.error.kind is kind


def test_a_dead_model_in_a_row_names_the_setting() -> None:
    row = row_of_line(a_line(custom_id="k", response=a_refusal(404, "model_not_found")))

    assert row is not None
    assert row.error is not None
    assert "PRESSROOM_OPENAI_MODEL" in row.error.message


def test_a_dead_model_of_a_text_names_its_own_setting() -> None:
    row = row_of_line(a_line(custom_id="k", response=a_refusal(404, "model_not_found")), texts=True)
    faults = {"data": [{"code": "model_not_found", "message": "no"}]}
    of_texts, of_pictures = (
        job_of(Batch.model_validate({"id": "b", "status": "failed", "endpoint": endpoint, "errors": faults}))
        for endpoint in ("/v1/responses", "/v1/images/generations")
    )

    assert row is not None
    assert row.error is not None
    assert "PRESSROOM_OPENAI_TEXT_MODEL" in row.error.message
    assert "PRESSROOM_OPENAI_TEXT_MODEL" in (of_texts.error or "")
    assert "PRESSROOM_OPENAI_MODEL" in (of_pictures.error or "")


def test_a_row_that_a_cancelled_batch_never_reached_is_left_to_the_jobs_end() -> None:
    assert row_of_line(a_line(custom_id="k", response=None, error={"code": "batch_cancelled"})) is None


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        ("validating", VendorJobState.PENDING),
        ("in_progress", VendorJobState.RUNNING),
        ("finalizing", VendorJobState.RUNNING),
        ("cancelling", VendorJobState.RUNNING),
        ("completed", VendorJobState.SUCCEEDED),
        ("failed", VendorJobState.FAILED),
        ("expired", VendorJobState.EXPIRED),
        ("cancelled", VendorJobState.CANCELLED),
        ("of_2028", VendorJobState.RUNNING),
        ("", VendorJobState.RUNNING),
    ],
)
def test_a_state_that_nobody_knows_counts_as_running(raw: str, state: VendorJobState) -> None:
    assert job_of(Batch(id="batch_1", status=raw)).state is state


def test_one_strange_batch_does_not_hide_the_others() -> None:
    strange = {"id": "batch_a", "metadata": [1], "errors": "oh", "output_file_id": "", "new": {}}
    ours = {"id": "batch_b", "metadata": {"display_name": "job"}, "errors": {"data": None}}
    page = BatchList.model_validate({"object": "list", "data": [strange, ours], "has_more": False})

    assert [batch.display_name for batch in page.data] == ["", "job"]
    job = job_of(page.data[0])
    assert (job.error, job.has_results) == (None, False)


def test_a_failed_batch_says_what_is_wrong_with_which_line() -> None:
    faults = [{"code": "invalid_url", "message": f"no {number}", "line": number} for number in range(1, 9)]
    job = job_of(Batch.model_validate({"id": "b", "status": "failed", "errors": {"object": "list", "data": faults}}))

    assert job.error == "OpenAI refused the batch (line 1: no 1; line 2: no 2; line 3: no 3)"


def test_a_row_is_one_line_with_everything_that_was_wanted() -> None:
    row = WantedRow("k", "a fox\nin the rain", 1024, 1280, seed=7, negative_prompt="text")

    line = request_line(
        WantedJob("job", MODEL), row, BatchPollerSettings(openai_quality="low", openai_moderation="low")
    )

    assert line.count(b"\n") == 1
    parsed = json.loads(line)
    prompt = parsed["body"].pop("prompt")
    assert parsed == {
        "custom_id": "k",
        "method": "POST",
        "url": "/v1/images/generations",
        "body": {
            "model": MODEL,
            "size": "1024x1280",
            "quality": "low",
            "background": "opaque",
            "output_format": "png",
            "moderation": "low",
        },
    }
    assert prompt.startswith("a fox\nin the rain")
    assert prompt.endswith("text")


def test_a_row_of_an_older_model_asks_for_a_size_that_it_has() -> None:
    line = request_line(WantedJob("job", "gpt-image-1.5"), WantedRow("k", "a fox", 1024, 1280), BatchPollerSettings())

    body = json.loads(line)["body"]

    assert (body["model"], body["size"]) == ("gpt-image-1.5", "1024x1536")
