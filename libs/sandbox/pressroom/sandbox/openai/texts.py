"""`/v1/responses`, as far as texts go: what a request asks for, and the sandbox's answer, which says that it is no
model's. A prompt chooses its own fate by a marker: `[sandbox:moderated]` (the model refuses), `[sandbox:cut-off]` (it
stops in the middle), `[sandbox:misshapen]` (JSON of another shape than was asked for), `[sandbox:error]` (a server
error). Source: openai-python 3.52.0, `responses.create` and `types.responses.Response`."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass

from pressroom.sandbox.core.imagefile import read_facts
from pressroom.sandbox.core.schemas import instance_of
from pressroom.sandbox.core.wire import (
    Json,
    JsonObject,
    as_list,
    as_object,
    as_objects,
    as_text,
    dump,
    json_list,
)
from pressroom.sandbox.openai.errors import (
    USER_ERROR,
    OpenAIRefusalError,
    broken,
    invalid_value,
    missing,
    no_such_model,
    unknown_parameter,
)
from pressroom.sandbox.openai.files import Files
from pressroom.sandbox.openai.parameters import makes_images

KNOWN = frozenset(
    {"model", "input", "instructions", "text", "store", "metadata", "max_output_tokens", "temperature", "top_p"}
    | {"reasoning", "service_tier", "safety_identifier", "prompt_cache_key", "truncation", "user"}
)
STRICT_REQUIRED = "In context=(), 'additionalProperties' is required to be supplied and to be false."
INPUT_IMAGE_TOKENS = 323
"""A guess of the right size, as for the input of an edit."""

MARKER = re.compile(r"\[sandbox:([a-z-]+)\]")


@dataclass(frozen=True)
class AskedText:
    """One request, understood."""

    model: str
    prompt: str
    instructions: str
    schema: Json
    pictures: int

    @property
    def markers(self) -> frozenset[str]:
        return frozenset(MARKER.findall(self.prompt))


def read_text_request(body: JsonObject, models: tuple[str, ...], files: Files) -> AskedText:
    """What the body asks; `OpenAIRefusalError` for what the API refuses."""
    for name in body:
        if name not in KNOWN:
            raise unknown_parameter(name)
    model = as_text(body.get("model"))
    if not model:
        raise missing("model")
    if model not in models:
        raise no_such_model(model)
    if makes_images(model):
        raise invalid_value(f"The model '{model}' writes no texts.", "model")
    words: list[str] = []
    pictures = 0
    given = body.get("input")
    messages = [as_object(one) for one in as_list(given)] if isinstance(given, list) else []
    if isinstance(given, str):
        words.append(given)
    for message in messages:
        content = message.get("content")
        if isinstance(content, str):
            words.append(content)
            continue
        for part in as_objects(content):
            kind = as_text(part.get("type"))
            if kind == "input_text":
                words.append(as_text(part.get("text")))
            elif kind == "input_image":
                _check_picture(as_text(part.get("file_id")), files)
                pictures += 1
            else:
                raise OpenAIRefusalError(400, f"Invalid value: '{kind}'.", param="input", code="invalid_value")
    if not any(words):
        raise missing("input")
    return AskedText(model, " ".join(words), as_text(body.get("instructions")), _schema(body), pictures)


def _check_picture(file_id: str, files: Files) -> None:
    if files.document(file_id) is None:
        raise OpenAIRefusalError(404, f"No such File object: {file_id}", param="input", code="not_found")
    try:
        read_facts(files.path(file_id).read_bytes())
    except ValueError as wrong:
        raise OpenAIRefusalError(
            400, "The image data you provided does not represent a valid image.", kind=USER_ERROR, param="input"
        ) from wrong


def _schema(body: JsonObject) -> Json:
    form = as_object(as_object(body.get("text")).get("format"))
    if as_text(form.get("type"), "text") != "json_schema":
        return None
    schema = as_object(form.get("schema"))
    # The strict mode takes closed objects with every field required ("Structured model outputs").
    closed = schema.get("additionalProperties") is False
    complete = sorted(as_text(name) for name in as_list(schema.get("required"))) == sorted(
        as_object(schema.get("properties"))
    )
    if form.get("strict") is True and not (closed and complete):
        raise OpenAIRefusalError(
            400,
            f"Invalid schema for response_format '{as_text(form.get('name'))}': {STRICT_REQUIRED}",
            param="text.format.schema",
            code="invalid_json_schema",
        )
    return schema


def answer_text(asked: AskedText, call_id: str) -> JsonObject:
    """The Response; `OpenAIRefusalError` when the prompt asks for an error."""
    if "error" in asked.markers:
        raise broken()
    identity = hashlib.sha256(call_id.encode()).hexdigest()
    cut_off = "cut-off" in asked.markers
    text = _written(asked)
    content: JsonObject = {"type": "output_text", "text": text[: len(text) // 2] if cut_off else text}
    content |= {"annotations": [], "logprobs": []}
    if "moderated" in asked.markers:
        content = {"type": "refusal", "refusal": "I'm sorry, but the sandbox was asked to refuse that."}
    read = max(1, (len(asked.prompt) + len(asked.instructions)) // 4) + asked.pictures * INPUT_IMAGE_TOKENS
    written = max(1, len(text) // 4)
    return {
        "id": f"resp_{identity[:48]}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "incomplete" if cut_off else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut_off else None,
        "error": None,
        "instructions": asked.instructions or None,
        "model": asked.model,
        "output": json_list(
            [
                {
                    "type": "message",
                    "id": f"msg_{identity[:48]}",
                    "status": "incomplete" if cut_off else "completed",
                    "role": "assistant",
                    "content": [content],
                }
            ]
        ),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "store": False,
        "usage": {
            "input_tokens": read,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": read + written,
        },
    }


def _written(asked: AskedText) -> str:
    if "misshapen" in asked.markers:
        return dump({"sandbox": "not what was asked for"})
    if asked.schema is not None:
        return dump(instance_of(asked.schema, asked.prompt))
    return f"This is the sandbox's answer, no model's. You asked: {asked.prompt[:500]}"
