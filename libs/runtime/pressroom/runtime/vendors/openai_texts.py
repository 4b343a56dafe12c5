"""What OpenAI is asked for one text, and what its answer says of it: a body and an answer of `/v1/responses`, as they
stand in each row of a batch. Pure; nothing to lose. Source: openai-python 3.52.0, `responses.create`.
"""

from collections.abc import Sequence

from pressroom.contracts.vocabulary import TextKind

from ..errors import ApiFailed, Moderated
from .openai import VENDOR, Wire
from .texts import instructions_for, schema_of

RESPONSES = "/v1/responses"


class Content(Wire):
    """`output_text` has a text, `refusal` the model's word that it will not."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None


class OutputItem(Wire):
    """Only messages have contents; thoughts are told without."""

    type: str = ""
    content: tuple[Content, ...] | None = None


class Incomplete(Wire):
    reason: str | None = None


class Usage(Wire):
    input_tokens: int | None = None
    output_tokens: int | None = None


class ResponsesAnswer(Wire):
    """`output` is absent in the answer of another endpoint."""

    output: tuple[OutputItem, ...] | None = None
    status: str | None = None
    incomplete_details: Incomplete | None = None
    usage: Usage | None = None

    def whole_text(self) -> str:
        """The text that was asked for; raises the `WorkError` that says why there is none, or only a part."""
        contents = [content for item in self.output or () if item.type == "message" for content in item.content or ()]
        refused = next((content.refusal for content in contents if content.refusal), None)
        if refused is not None:
            raise Moderated(f"{VENDOR} refused the text ({refused}); change the prompt")
        if self.status == "incomplete":
            reason = (self.incomplete_details or Incomplete()).reason or "no reason given"
            if reason == "content_filter":
                raise Moderated(f"{VENDOR} refused the text ({reason}); change the prompt")
            raise ApiFailed(f"{VENDOR} stopped in the middle of the text ({reason}); ask for a shorter one")
        text = "".join(content.text or "" for content in contents if content.type == "output_text")
        if not text:
            raise ApiFailed(f"{VENDOR} wrote no text; ask again or say it better")
        return text


def text_wish(
    prompt: str,
    *,
    kind: TextKind,
    instructions: str | None,
    model: str,
    file_ids: Sequence[str] = (),
    most_tokens: int | None = None,
) -> dict[str, object]:
    """The body that asks for one text, shown the pictures of `file_ids`; of a kind with fields, as JSON of their shape;
    of at most `most_tokens`, thoughts included. Nothing of it is kept at the vendor's."""
    content: list[dict[str, str]] = [{"type": "input_text", "text": prompt}]
    content += [{"type": "input_image", "file_id": file_id, "detail": "auto"} for file_id in file_ids]
    body: dict[str, object] = {"model": model, "input": [{"role": "user", "content": content}], "store": False}
    if most_tokens is not None:
        body["max_output_tokens"] = most_tokens
    told = instructions_for(kind, instructions)
    if told is not None:
        body["instructions"] = told
    schema = schema_of(kind)
    if schema is not None:
        body["text"] = {"format": {"type": "json_schema", "name": str(kind), "schema": schema, "strict": True}}
    return body
