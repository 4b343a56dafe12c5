"""Gemini, with Google's own SDK as the referee: what it understands is the wire format."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from google import genai
from google.genai import errors, types
from pydantic import ValidationError

from .images import png, size_of
from .process import Sandbox, wait_for

MODEL = "gemini-3.1-flash-lite-image"
IMAGE_ONLY = types.GenerateContentConfig(response_modalities=["IMAGE"])


def client(sandbox: Sandbox, key: str = "sandbox-gemini-key") -> genai.Client:
    # The SDK speaks /v1 unless it is told otherwise; the Batch API is v1beta.
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=sandbox.url, api_version="v1beta"))


def upload_rows(sdk: genai.Client, prompts: list[str]) -> str:
    rows = [
        {
            "key": f"k{number}",
            "request": {
                "contents": [{"parts": [{"text": prompt}]}],
                "generation_config": {"responseModalities": ["IMAGE"], "seed": number},
            },
        }
        for number, prompt in enumerate(prompts)
    ]
    raw = "\n".join(json.dumps(row) for row in rows).encode()
    uploaded = sdk.files.upload(file=io.BytesIO(raw), config=types.UploadFileConfig(mime_type="jsonl"))
    assert uploaded.size_bytes == len(raw)
    assert uploaded.state == types.FileState.ACTIVE
    return uploaded.name


def finished(sdk: genai.Client, name: str) -> types.BatchJob:
    def done() -> types.BatchJob | None:
        job = sdk.batches.get(name=name)
        return job if job.done else None

    job = wait_for(done, "the batch to end")
    assert job is not None
    return job


def test_an_image_comes_in_the_asked_ratio(sandbox: Sandbox) -> None:
    config = types.GenerateContentConfig(
        response_modalities=["TEXT", "IMAGE"], image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K")
    )
    sdk = client(sandbox)
    reply = sdk.models.generate_content(model=MODEL, contents="a lighthouse", config=config)
    words, picture = reply.candidates[0].content.parts
    assert "a lighthouse" in words.text
    assert picture.inline_data.mime_type == "image/png"
    assert size_of(picture.inline_data.data) == (344, 192)
    assert reply.usage_metadata.candidates_token_count > 0


def test_a_model_without_the_image_modality_answers_in_text(sandbox: Sandbox) -> None:
    config = types.GenerateContentConfig(response_modalities=["TEXT"])
    sdk = client(sandbox)
    reply = sdk.models.generate_content(model=MODEL, contents="say hello", config=config)
    assert "say hello" in reply.text
    assert sandbox.stats()["gemini"]["images_made"] == 0


def test_json_answers_follow_the_asked_schema(sandbox: Sandbox) -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "mood": {"type": "STRING", "enum": ["calm", "wild"]},
            "subjects": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": 2},
        },
    }
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=schema)
    sdk = client(sandbox)
    reply = sdk.models.generate_content(model="gemini-3-flash", contents="a storm", config=config)
    answer = json.loads(reply.text)
    assert answer["mood"] in ("calm", "wild")
    assert len(answer["subjects"]) >= 2


def test_a_picture_that_was_uploaded_is_shown_to_the_model(sandbox: Sandbox, tmp_path: Path) -> None:
    sdk = client(sandbox)
    path = tmp_path / "reference.png"
    path.write_bytes(png())
    stored = sdk.files.upload(file=path)
    reply = sdk.models.generate_content(model=MODEL, contents=["in the snow", stored], config=IMAGE_ONLY)
    assert reply.candidates[0].content.parts[0].inline_data.mime_type == "image/png"
    assert [detail.modality for detail in reply.usage_metadata.prompt_tokens_details][-1] == "IMAGE"


def test_a_picture_that_nobody_uploaded_is_refused(sandbox: Sandbox) -> None:
    sdk = client(sandbox)
    gone = types.Part.from_uri(file_uri=f"{sandbox.url}/v1beta/files/never", mime_type="image/png")
    with pytest.raises(errors.ClientError, match="permission to access the File never"):
        sdk.models.generate_content(model=MODEL, contents=["in the snow", gone], config=IMAGE_ONLY)


def test_the_same_request_draws_the_same_picture_and_is_billed_twice(sandbox: Sandbox) -> None:
    sdk = client(sandbox)
    pictures = [
        sdk.models.generate_content(model=MODEL, contents="a pear", config=IMAGE_ONLY).candidates[0].content.parts[0]
        for _ in range(2)
    ]
    assert pictures[0].inline_data.data == pictures[1].inline_data.data
    stats = sandbox.stats()["gemini"]
    assert stats["images_made"] == 2
    assert stats["images_made_twice"] == 1


def test_a_blocked_prompt_has_a_reason_and_no_candidate(sandbox: Sandbox) -> None:
    sdk = client(sandbox)
    reply = sdk.models.generate_content(model=MODEL, contents="x [sandbox:moderated]", config=IMAGE_ONLY)
    assert reply.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
    assert not reply.candidates


@pytest.mark.parametrize(
    ("marker", "reason"), [("unsafe-image", "IMAGE_SAFETY"), ("no-image", "NO_IMAGE"), ("text-only", "STOP")]
)
def test_a_marker_makes_a_model_answer_without_a_picture(sandbox: Sandbox, marker: str, reason: str) -> None:
    sdk = client(sandbox)
    reply = sdk.models.generate_content(model=MODEL, contents=f"x [sandbox:{marker}]", config=IMAGE_ONLY)
    candidate = reply.candidates[0]
    assert candidate.finish_reason == reason
    assert not any(part.inline_data for part in candidate.content.parts or [])


@pytest.mark.parametrize(("key", "status"), [("wrong", 400), ("sandbox-gemini-key", 404)])
def test_a_bad_key_and_a_dead_model_are_refused(sandbox: Sandbox, key: str, status: int) -> None:
    sdk = client(sandbox, key)
    with pytest.raises(errors.ClientError) as refused:
        sdk.models.generate_content(model="gemini-2.0-flash-image", contents="x")
    assert refused.value.code == status


def test_a_batch_of_inline_requests_answers_inline(sandbox: Sandbox) -> None:
    sdk = client(sandbox)
    rows = [types.InlinedRequest(contents=f"cat {n}", metadata={"key": f"k{n}"}, config=IMAGE_ONLY) for n in range(2)]
    job = sdk.batches.create(model=MODEL, src=rows, config={"display_name": "cats"})
    assert job.state == types.JobState.JOB_STATE_PENDING
    assert job.display_name == "cats"
    job = finished(sdk, job.name)
    assert job.state == types.JobState.JOB_STATE_SUCCEEDED
    answers = job.dest.inlined_responses
    assert [answer.metadata["key"] for answer in answers] == ["k0", "k1"]
    assert size_of(answers[0].response.candidates[0].content.parts[0].inline_data.data) == (128, 128)


def test_a_batch_from_a_file_answers_in_a_file(sandbox: Sandbox) -> None:
    sdk = client(sandbox)
    job = sdk.batches.create(model=MODEL, src=upload_rows(sdk, ["a cat", "a dog [sandbox:error]", "an owl"]))
    job = finished(sdk, job.name)
    assert job.dest.file_name.startswith("files/")
    rows = [json.loads(line) for line in sdk.files.download(file=job.dest.file_name).splitlines()]
    assert [row["key"] for row in rows] == ["k0", "k1", "k2"]
    assert [("response" in row, "error" in row) for row in rows] == [(True, False), (False, True), (True, False)]
    assert rows[1]["error"].keys() == {"code", "message"}
    assert sandbox.stats()["gemini"]["images_made"] == 2


def test_files_get_on_a_result_file_fails(sandbox: Sandbox) -> None:
    sdk = client(sandbox)
    job = finished(sdk, sdk.batches.create(model=MODEL, src=upload_rows(sdk, ["a cat"])).name)
    assert len(job.dest.file_name.removeprefix("files/")) > 40
    with pytest.raises(errors.ClientError):
        sdk.files.get(name=job.dest.file_name)


def test_one_bad_inline_row_breaks_the_sdk_for_the_whole_page(sandbox: Sandbox) -> None:
    """Why our client talks HTTP itself: the SDK's JobError takes `details` for strings, and the API sends objects."""
    sdk = client(sandbox)
    rows = [types.InlinedRequest(contents="x [sandbox:error]", metadata={"key": "k"}, config=IMAGE_ONLY)]
    job = sdk.batches.create(model=MODEL, src=rows)
    with sandbox.gemini() as http:
        wait_for(lambda: http.get(f"/v1beta/{job.name}").json().get("done"), "the batch to end")
    with pytest.raises(ValidationError):
        sdk.batches.get(name=job.name)
    with pytest.raises(ValidationError):
        list(sdk.batches.list())


def test_batches_are_listed_cancelled_and_deleted(sandbox: Sandbox) -> None:
    sdk = client(sandbox)
    names = [
        sdk.batches.create(model=MODEL, src=[types.InlinedRequest(contents=f"{number}", config=IMAGE_ONLY)]).name
        for number in range(5)
    ]
    sdk.batches.cancel(name=names[-1])
    assert sdk.batches.get(name=names[-1]).state == types.JobState.JOB_STATE_CANCELLED
    listed = [job.name for job in sdk.batches.list(config={"page_size": 2})]
    assert listed == names[::-1]
    sdk.batches.delete(name=names[0])
    with pytest.raises(errors.ClientError) as refused:
        sdk.batches.get(name=names[0])
    assert refused.value.code == 404


def test_files_are_listed_read_and_deleted(sandbox: Sandbox) -> None:
    sdk = client(sandbox)
    names = {upload_rows(sdk, [f"prompt {number}"]) for number in range(3)}
    assert {file.name for file in sdk.files.list(config={"page_size": 2})} == names
    name = names.pop()
    assert sdk.files.get(name=name).mime_type == "jsonl"
    sdk.files.delete(name=name)
    with pytest.raises(errors.ClientError):
        sdk.files.get(name=name)


def test_a_large_upload_goes_in_chunks(sandbox: Sandbox) -> None:
    raw = b"x" * (17 * 1024 * 1024)
    sdk = client(sandbox)
    uploaded = sdk.files.upload(file=io.BytesIO(raw), config={"mime_type": "text/plain"})
    assert uploaded.size_bytes == len(raw)
