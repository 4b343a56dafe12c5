"""OpenAI's texts, alone and in batches, with the vendor's own SDK as the referee."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.responses import Response

from .images import png
from .process import Sandbox
from .test_openai_batches import ended
from .test_openai_sdk import client

MODEL = "gpt-5.4-mini"
SHAPE: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["title", "tags"],
    "additionalProperties": False,
}


@pytest.fixture
def sdk(sandbox: Sandbox) -> Iterator[openai.OpenAI]:
    with client(sandbox) as opened:
        yield opened


def form(schema: dict[str, Any]) -> Any:
    return {"format": {"type": "json_schema", "name": "shape", "schema": schema, "strict": True}}


def test_a_text_says_that_it_is_the_sandboxs_and_what_it_cost(sdk: openai.OpenAI) -> None:
    reply = sdk.responses.create(model=MODEL, input="Say hello", instructions="Be short.", store=False)

    assert "no model's" in reply.output_text
    assert "Say hello" in reply.output_text
    assert reply.status == "completed"
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens


def test_an_asked_shape_is_filled_in(sdk: openai.OpenAI) -> None:
    reply = sdk.responses.create(model=MODEL, input="a fox", text=form(SHAPE))

    assert set(json.loads(reply.output_text)) == {"title", "tags"}


def test_a_shape_that_the_strict_mode_does_not_take_is_refused(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="additionalProperties"):
        sdk.responses.create(model=MODEL, input="a fox", text=form({**SHAPE, "additionalProperties": True}))


@pytest.mark.parametrize(
    ("marker", "status", "kind"),
    [("moderated", "completed", "refusal"), ("cut-off", "incomplete", "output_text")],
)
def test_a_prompt_chooses_its_fate(sdk: openai.OpenAI, marker: str, status: str, kind: str) -> None:
    reply = sdk.responses.create(model=MODEL, input=f"a fox [sandbox:{marker}]")

    assert reply.status == status
    (message,) = reply.output
    assert message.type == "message"
    assert [content.type for content in message.content] == [kind]


def test_a_picture_that_was_uploaded_is_shown_and_one_that_was_not_is_refused(sdk: openai.OpenAI) -> None:
    def ask(file_id: str) -> Response:
        content: Any = [
            {"type": "input_text", "text": "what is it?"},
            {"type": "input_image", "file_id": file_id, "detail": "auto"},
        ]
        return sdk.responses.create(model=MODEL, input=[{"role": "user", "content": content}])

    stored = sdk.files.create(file=("a.png", png()), purpose="vision")

    usage = ask(stored.id).usage
    assert usage is not None
    assert usage.input_tokens > 300
    with pytest.raises(openai.NotFoundError):
        ask("file-never")


def test_an_image_model_writes_no_texts_and_a_text_model_makes_no_images(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="writes no texts"):
        sdk.responses.create(model="gpt-image-2", input="x")
    with pytest.raises(openai.BadRequestError, match="makes no images"):
        sdk.images.generate(model=MODEL, prompt="x")


def test_a_batch_of_texts_answers_each_row_in_the_shape_of_a_response(sdk: openai.OpenAI) -> None:
    rows = [
        {"custom_id": key, "method": "POST", "url": "/v1/responses", "body": {"model": MODEL, "input": prompt}}
        for key, prompt in (("a", "a fox"), ("b", "a hare [sandbox:error]"))
    ]
    content = "\n".join(json.dumps(row) for row in rows).encode()
    stored = sdk.files.create(file=("rows.jsonl", content), purpose="batch")

    made = sdk.batches.create(input_file_id=stored.id, endpoint="/v1/responses", completion_window="24h")
    batch = ended(sdk, made.id)

    assert (batch.status, batch.model) == ("completed", MODEL)
    assert batch.output_file_id is not None
    assert batch.error_file_id is not None
    (good,) = sdk.files.content(batch.output_file_id).text.splitlines()
    read = Response.model_validate(json.loads(good)["response"]["body"])
    assert "a fox" in read.output_text
    (bad,) = sdk.files.content(batch.error_file_id).text.splitlines()
    assert json.loads(bad)["response"]["status_code"] == 500
