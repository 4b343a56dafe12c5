"""The lines that go to Gemini and come back: pure, no server."""

import base64
import json
from collections.abc import AsyncIterator

import pytest

from pressroom.batch_poller.gemini_requests import request_line
from pressroom.batch_poller.gemini_results import row_of_inline, row_of_line
from pressroom.batch_poller.gemini_wire import Operation, OperationList, state_of
from pressroom.batch_poller.provider_jobs import VendorJobState, WantedJob, WantedRow
from pressroom.batch_poller.result_lines import lines_of
from pressroom.contracts.vocabulary import ErrorKind
from pressroom.runtime.vendors.gemini_content import nearest_aspect_ratio, nearest_image_size

PNG = b"\x89PNG\r\n\x1a\nrest"


def a_picture(data: bytes = PNG, **part: object) -> dict[str, object]:
    inline = {"mimeType": "image/png", "data": base64.b64encode(data).decode()}
    return {"inlineData": inline, **part}


def an_answer(*parts: dict[str, object], **candidate: object) -> dict[str, object]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": "STOP", **candidate}]}


def a_line(**fields: object) -> bytes:
    return json.dumps(fields).encode()


async def chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_lines_are_the_same_however_they_are_cut(size: int) -> None:
    data = b"one\n\ntwo\r\n \nthree"

    assert [line async for line in lines_of(chunks(data, size))] == [b"one", b"two", b"three"]


async def test_an_endless_line_is_not_kept() -> None:
    lines = [line async for line in lines_of(chunks(b'{"key":"k1","x":"' + b"a" * 100_000 + b'"}\nnext', 1000), 20_000)]

    assert len(lines[0]) <= 4096
    assert row_of_line(lines[0]).key == "k1"
    assert lines[1] == b"next"


def test_a_picture_is_known_by_its_bytes_and_not_by_its_claim() -> None:
    row = row_of_line(a_line(key="k", response=an_answer(a_picture(b"\xff\xd8\xff\xe0rest"))))

    assert (row.data, row.media_type, row.error) == (b"\xff\xd8\xff\xe0rest", "image/jpeg", None)


def test_a_draft_is_not_the_picture() -> None:
    row = row_of_line(a_line(key="k", response=an_answer(a_picture(b"\xff\xd8\xffdraft", thought=True), a_picture())))

    assert row.data == PNG


@pytest.mark.parametrize(
    ("line", "key", "kind"),
    [
        (a_line(response=an_answer(a_picture())), None, ErrorKind.API_ERROR),
        (a_line(key="k", response=an_answer(a_picture()))[:60], "k", ErrorKind.API_ERROR),
        (b'{"response":{}', None, ErrorKind.API_ERROR),
        (b"<html>", None, ErrorKind.API_ERROR),
        (b"null", None, ErrorKind.API_ERROR),
        (b'{"key":"k\\', None, ErrorKind.API_ERROR),
        (a_line(key=7, response=an_answer(a_picture())), None, ErrorKind.API_ERROR),
        (a_line(key="k", response="what"), "k", ErrorKind.API_ERROR),
        (a_line(key="k"), "k", ErrorKind.API_ERROR),
        (a_line(key="k", response={}), "k", ErrorKind.API_ERROR),
        (a_line(key="k", response=an_answer(a_picture(b"no image at all"))), "k", ErrorKind.API_ERROR),
        (a_line(key="k", response=an_answer({"inlineData": {"data": "%%%"}})), "k", ErrorKind.API_ERROR),
        (a_line(key="k", response=an_answer({"inlineData": {"data": "abc"}})), "k", ErrorKind.API_ERROR),
        (a_line(key="k", response=an_answer({"text": "I would rather not"})), "k", ErrorKind.API_ERROR),
        (a_line(key="k", response=an_answer(finishReason="IMAGE_OTHER")), "k", ErrorKind.API_ERROR),
        (a_line(key="k", response=an_answer(finishReason="PROHIBITED_CONTENT")), "k", ErrorKind.MODERATION),
        (a_line(key="k", response={"candidates": [{"finishReason": "IMAGE_SAFETY"}]}), "k", ErrorKind.MODERATION),
        (a_line(key="k", response={"promptFeedback": {"blockReason": "OTHER"}}), "k", ErrorKind.MODERATION),
        (a_line(key="k", error={"code": 13, "message": "m", "details": [{"@type": "x"}]}), "k", ErrorKind.API_ERROR),
        (a_line(key="k", error={"code": 3, "message": "m"}), "k", ErrorKind.VALIDATION),
        (a_line(key="k", error={"code": 429, "message": "m"}), "k", ErrorKind.RATE_LIMIT),
        (a_line(key="k", error={"message": "m"}), "k", ErrorKind.API_ERROR),
        (a_line(key="k", error="broken"), "k", ErrorKind.API_ERROR),
        (a_line(key="k", response={"error": {"code": 4, "message": "m"}}), "k", ErrorKind.TIMEOUT),
        (a_line(key="k", status={"code": 8, "message": "m"}), "k", ErrorKind.RATE_LIMIT),
    ],
)
def test_a_bad_line_is_a_row_with_an_error(line: bytes, key: str | None, kind: ErrorKind) -> None:
    row = row_of_line(line)

    assert row.data is None
    assert row.key == key
    assert row.error is not None
    assert row.error.kind is kind


def test_an_inline_result_has_its_key_in_the_metadata() -> None:
    row = row_of_inline({"metadata": {"key": "k1"}, "response": an_answer(a_picture())})

    assert (row.key, row.data) == ("k1", PNG)


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        ("BATCH_STATE_PENDING", VendorJobState.PENDING),
        ("JOB_STATE_SUCCEEDED", VendorJobState.SUCCEEDED),
        ("JOB_STATE_PARTIALLY_SUCCEEDED", VendorJobState.SUCCEEDED),
        ("BATCH_STATE_CANCELLED", VendorJobState.CANCELLED),
        ("BATCH_STATE_OF_2028", VendorJobState.RUNNING),
    ],
)
def test_a_state_is_known_by_its_suffix(raw: str, state: VendorJobState) -> None:
    operation = Operation.model_validate({"name": "batches/b", "metadata": {"state": raw}})

    assert state_of(operation) is state


def test_one_strange_job_does_not_hide_the_others() -> None:
    strange = {"name": "batches/a", "error": {"code": 3, "details": [{"@type": "x"}, "text"]}, "done": True}
    page = OperationList.model_validate({"operations": [strange, {"name": "batches/b", "metadata": {"new": 1}}]})

    assert [operation.name for operation in page.operations] == ["batches/a", "batches/b"]
    assert state_of(page.operations[0]) is VendorJobState.FAILED


@pytest.mark.parametrize(
    ("width", "height", "ratio", "size"),
    [(1024, 1024, "1:1", "1K"), (1024, 1280, "4:5", "1K"), (1920, 1080, "16:9", "2K"), (4500, 5400, "4:5", "4K")],
)
def test_the_nearest_shape_and_size_are_asked_for(width: int, height: int, ratio: str, size: str) -> None:
    assert nearest_aspect_ratio(width, height) == ratio
    assert nearest_image_size(width, height) == size


def test_a_row_is_one_line_with_everything_that_was_wanted() -> None:
    row = WantedRow("k", "a fox\nin the rain", 1024, 1280, seed=2**32 - 1, negative_prompt="text")

    line = request_line(WantedJob("job", "gemini-nano-banana-2.1"), row)

    assert line.count(b"\n") == 1
    parsed = json.loads(line)
    assert parsed["key"] == "k"
    assert parsed["request"]["generationConfig"] == {
        "responseModalities": ["IMAGE"],
        "imageConfig": {"aspectRatio": "4:5", "imageSize": "1K"},
        "seed": 2**31 - 1,
    }
    words = parsed["request"]["contents"][0]["parts"][0]["text"]
    assert words.startswith("a fox\nin the rain")
    assert words.endswith("text")
