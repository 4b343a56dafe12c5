"""OpenAI's files and batches, with the vendor's own SDK as the referee: what it understands is the wire format."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types import Batch

from pressroom.sandbox.openai.batch_rows import FAULTS_TOLD, MOST_ROWS, faults_of

from .images import png, size_of
from .process import Sandbox, wait_for
from .test_openai_sdk import client

MODEL = "gpt-image-2"
GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"


@pytest.fixture
def sdk(sandbox: Sandbox) -> Iterator[openai.OpenAI]:
    with client(sandbox) as opened:
        yield opened


def a_row(custom_id: str, prompt: str = "a fox", **more: Any) -> dict[str, Any]:
    body = {"model": MODEL, "prompt": prompt, "size": "1024x1024"}
    return {"custom_id": custom_id, "method": "POST", "url": GENERATIONS, "body": body, **more}


def jsonl(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def upload(sdk: openai.OpenAI, content: bytes, **more: Any) -> str:
    return sdk.files.create(file=("rows.jsonl", io.BytesIO(content)), purpose="batch", **more).id


def create(sdk: openai.OpenAI, *rows: dict[str, Any], name: str = "job", endpoint: Any = GENERATIONS) -> Batch:
    return sdk.batches.create(
        input_file_id=upload(sdk, jsonl(*rows)),
        endpoint=endpoint,
        completion_window="24h",
        metadata={"display_name": name},
    )


def ended(sdk: openai.OpenAI, batch_id: str) -> Batch:
    def done() -> Batch | None:
        batch = sdk.batches.retrieve(batch_id)
        return batch if batch.status in ("completed", "failed", "expired", "cancelled") else None

    batch = wait_for(done, "the batch to end")
    assert batch is not None
    return batch


def lines(sdk: openai.OpenAI, file_id: str | None) -> dict[str, dict[str, Any]]:
    if file_id is None:
        return {}
    read = [json.loads(line) for line in sdk.files.content(file_id).text.splitlines()]
    return {line["custom_id"]: line for line in read}


def test_a_batch_answers_each_row_under_its_custom_id(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    made = create(sdk, *(a_row(f"k{number}") for number in range(20)), name="foxes")
    assert (made.status, made.output_file_id, made.metadata) == ("validating", None, {"display_name": "foxes"})
    batch = ended(sdk, made.id)
    assert (batch.status, batch.model, batch.error_file_id) == ("completed", MODEL, None)
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (20, 20, 0)
    rows = lines(sdk, batch.output_file_id)
    assert sorted(rows) == sorted(f"k{number}" for number in range(20))
    response = rows["k7"]["response"]
    assert (response["status_code"], rows["k7"]["error"]) == (200, None)
    assert size_of(base64.b64decode(response["body"]["data"][0]["b64_json"])) == (128, 128)
    stats = sandbox.stats()["openai"]
    assert (stats["images"], stats["batches"], stats["images_made_twice"], stats["calls"]) == (20, 1, 0, 0)


def test_refused_rows_are_in_the_error_file(sdk: openai.OpenAI) -> None:
    rows = [a_row("good"), a_row("bad", "x [sandbox:moderated]"), a_row("broken", "x [sandbox:error]")]
    rows.append(a_row("size", **{"body": {"model": MODEL, "prompt": "x", "size": "7x7"}}))
    batch = ended(sdk, create(sdk, *rows).id)
    assert (batch.request_counts.completed, batch.request_counts.failed) == (1, 3)
    assert list(lines(sdk, batch.output_file_id)) == ["good"]
    told = {key: line["response"] for key, line in lines(sdk, batch.error_file_id).items()}
    assert {key: response["status_code"] for key, response in told.items()} == {"bad": 400, "broken": 500, "size": 400}
    assert told["bad"]["body"]["error"]["code"] == "moderation_blocked"


def test_the_same_row_in_two_batches_is_counted_as_made_twice(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    for _ in range(2):
        ended(sdk, create(sdk, a_row("k"), a_row("other", "a hare")).id)
    stats = sandbox.stats()["openai"]
    assert (stats["batches"], stats["images"], stats["images_made_twice"]) == (2, 4, 2)


def test_an_edit_takes_its_pictures_by_file_or_data_url(sdk: openai.OpenAI) -> None:
    picture = sdk.files.create(file=("fox.png", png(90, 60)), purpose="vision").id
    url = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
    body = {"model": MODEL, "prompt": "in snow", "images": [{"file_id": picture}, {"image_url": url}]}
    nothing = {"model": MODEL, "prompt": "in snow", "images": [{"file_id": "file-never"}]}
    rows = [a_row("good", url=EDITS, body=body), a_row("bad", url=EDITS, body=nothing)]
    batch = ended(sdk, create(sdk, *rows, endpoint=EDITS).id)
    assert lines(sdk, batch.output_file_id)["good"]["response"]["body"]["size"] == "1536x1024"
    assert lines(sdk, batch.error_file_id)["bad"]["response"]["status_code"] == 400


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty_file", None),
        (jsonl(a_row("a"), a_row("a")), "duplicate_custom_id", 2),
        (jsonl(a_row("a"), a_row("b", url="/v1/responses")), "invalid_url", 2),
        (jsonl(a_row("a", url=EDITS)), "invalid_url", 1),
        (jsonl(a_row("a", method="GET")), "invalid_method", 1),
        (jsonl(a_row("")), "missing_required_parameter", 1),
        (jsonl(a_row("a", body=None)), "missing_required_parameter", 1),
        (jsonl(a_row("a", body={"model": "gpt-image-1", "prompt": "x"})), "model_not_found", 1),
        (jsonl(a_row("a"), a_row("b", body={"model": "gpt-image-1.5", "prompt": "x"})), "mismatched_model", 2),
        (jsonl(a_row("a"))[:-20], "invalid_json_line", 1),
        (b"[]", "invalid_json_line", 1),
    ],
)
def test_a_bad_input_file_fails_the_whole_batch(
    sandbox: Sandbox, sdk: openai.OpenAI, content: bytes, code: str, line: int | None
) -> None:
    made = sdk.batches.create(input_file_id=upload(sdk, content), endpoint=GENERATIONS, completion_window="24h")
    batch = ended(sdk, made.id)
    assert batch.status == "failed"
    (fault,) = batch.errors.data
    assert (fault.code, fault.line) == (code, line)
    assert (batch.output_file_id, batch.request_counts.total) == (None, 0)
    assert sandbox.stats()["openai"]["images"] == 0


def test_too_many_rows_are_one_fault_and_many_faults_are_told_in_part(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(jsonl(*(a_row(f"k{number}") for number in range(MOST_ROWS))))
    assert faults_of(rows, GENERATIONS, (MODEL,)) == (MOST_ROWS, [])
    with rows.open("ab") as more:
        more.write(jsonl(a_row("one too many")))
    assert [fault["code"] for fault in faults_of(rows, GENERATIONS, (MODEL,))[1]] == ["too_many_requests"]
    rows.write_bytes(jsonl(*(a_row("same") for _ in range(50))))
    assert len(faults_of(rows, GENERATIONS, (MODEL,))[1]) == FAULTS_TOLD


def test_batches_are_listed_page_by_page_newest_first(sdk: openai.OpenAI) -> None:
    made = [create(sdk, a_row("k"), name=f"job-{number}").id for number in range(5)]
    assert [batch.id for batch in sdk.batches.list(limit=2)] == made[::-1]
    page = sdk.batches.list(limit=2, after=made[2])
    assert ([batch.id for batch in page.data], page.has_more) == ([made[1], made[0]], False)
    with pytest.raises(openai.BadRequestError):
        sdk.batches.list(limit=101)


def test_a_cancelled_batch_keeps_what_it_made_and_cannot_be_cancelled_again(sdk: openai.OpenAI) -> None:
    made = create(sdk, *(a_row(f"k{number}") for number in range(1000)))
    wait_for(lambda: sdk.batches.retrieve(made.id).request_counts.completed, "the first rows")
    assert sdk.batches.cancel(made.id).status == "cancelling"
    batch = ended(sdk, made.id)
    assert batch.status == "cancelled"
    assert 0 < len(lines(sdk, batch.output_file_id)) == batch.request_counts.completed < 1000
    with pytest.raises(openai.ConflictError):
        sdk.batches.cancel(made.id)


def test_a_batch_that_expires_delivers_its_first_half(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    sandbox.fault(vendor="openai", kind="expire", match="POST .*/batches$")
    batch = ended(sdk, create(sdk, *(a_row(f"k{number}") for number in range(4))).id)
    assert (batch.status, batch.request_counts.completed, batch.request_counts.failed) == ("expired", 2, 2)
    assert sorted(lines(sdk, batch.output_file_id)) == ["k0", "k1"]
    rest = lines(sdk, batch.error_file_id)
    assert sorted(rest) == ["k2", "k3"]
    assert (rest["k2"]["response"], rest["k2"]["error"]["code"]) == (None, "batch_expired")


@pytest.mark.parametrize(("kind", "status"), [("expire", "expired"), ("fail", "failed")])
def test_a_batch_ends_when_somebody_looks_at_it(sandbox: Sandbox, sdk: openai.OpenAI, kind: str, status: str) -> None:
    made = create(sdk, a_row("k"))
    sandbox.fault(vendor="openai", kind=kind, match="GET .*/batches/")
    assert sdk.batches.retrieve(made.id).status == status
    assert sdk.batches.retrieve(made.id).status == status


def test_a_batch_fails_from_the_start_when_that_was_asked_for(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    sandbox.fault(vendor="openai", kind="fail", match="POST .*/batches$")
    batch = create(sdk, a_row("k"))
    assert (batch.status, batch.errors.data[0].code) == ("failed", "sandbox_failure")


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "/v1/embeddings"},
        {"completion_window": "48h"},
        {"metadata": {"long": "x" * 513}},
        {"metadata": {f"k{number}": "" for number in range(17)}},
        {"extra_body": {"surprise": 1}},
    ],
)
def test_a_bad_batch_is_refused(sdk: openai.OpenAI, wrong: dict[str, Any]) -> None:
    asked = {"input_file_id": upload(sdk, jsonl(a_row("k"))), "endpoint": GENERATIONS, "completion_window": "24h"}
    with pytest.raises(openai.BadRequestError):
        sdk.batches.create(**{**asked, **wrong})


def test_what_is_not_there_is_not_found(sdk: openai.OpenAI) -> None:
    asks: list[Callable[[], object]] = [
        lambda: sdk.batches.retrieve("batch_never"),
        lambda: sdk.batches.cancel("batch_never"),
        lambda: sdk.files.retrieve("file-never"),
        lambda: sdk.files.content("file-never"),
        lambda: sdk.files.delete("file-never"),
        lambda: sdk.batches.create(input_file_id="file-never", endpoint=GENERATIONS, completion_window="24h"),
    ]
    for ask in asks:
        with pytest.raises(openai.NotFoundError):
            ask()


def test_files_are_read_listed_and_deleted(sdk: openai.OpenAI) -> None:
    content = jsonl(a_row("k"))
    kept = [upload(sdk, content, expires_after={"anchor": "created_at", "seconds": 3600}), upload(sdk, content)]
    first = sdk.files.retrieve(kept[0])
    assert (first.bytes, first.purpose, first.filename) == (len(content), "batch", "rows.jsonl")
    assert first.expires_at == first.created_at + 3600
    assert [file.id for file in sdk.files.list(limit=1, order="asc")] == kept
    assert [file.id for file in sdk.files.list(purpose="batch_output")] == []
    assert sdk.files.content(kept[1]).content == content
    assert sdk.files.delete(kept[1]).deleted
    assert [file.id for file in sdk.files.list()] == kept[:1]


def test_a_file_of_the_wrong_life_or_purpose_is_refused(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        upload(sdk, b"{}", expires_after={"anchor": "created_at", "seconds": 60})
    with pytest.raises(openai.BadRequestError):
        sdk.files.create(file=("a", b"{}"), purpose="fine-tune")
    picture = sdk.files.create(file=("a.png", png()), purpose="vision").id
    with pytest.raises(openai.BadRequestError):
        sdk.batches.create(input_file_id=picture, endpoint=GENERATIONS, completion_window="24h")


def test_killed_in_the_middle_it_makes_and_bills_each_row_once(start_sandbox: Callable[..., Sandbox]) -> None:
    first = start_sandbox(batch_seconds=0.6)
    with client(first) as sdk:
        batch_id = create(sdk, *(a_row(f"k{number}") for number in range(40))).id
        wait_for(lambda: sdk.batches.retrieve(batch_id).status == "in_progress", "the batch to run")
    first.kill()
    second = start_sandbox(batch_seconds=0.6)
    with client(second) as sdk:
        batch = ended(sdk, batch_id)
        assert batch.status == "completed"
        assert len(lines(sdk, batch.output_file_id)) == 40
    stats = second.stats()["openai"]
    assert (stats["images"], stats["images_made_twice"], stats["batches"]) == (40, 0, 1)


def test_a_batch_nobody_heard_of_is_in_the_list(sandbox: Sandbox, sdk: openai.OpenAI) -> None:
    sandbox.fault(vendor="openai", kind="cut_after_effect", match="POST .*/batches$")
    with pytest.raises(openai.APIConnectionError):
        create(sdk, a_row("k"), name="lost")
    assert [batch.metadata for batch in sdk.batches.list()] == [{"display_name": "lost"}]
