"""The lines of an OpenAI batch's input file: one picture each, `{"custom_id", "method", "url", "body"}`.

A line follows from its row, the model and the settings alone, so a process that dies while it writes them writes the
same ones again. There is no seed, and no reference picture: every row is a generation.
"""

import json

from pydantic import ValidationError

from pressroom.runtime.errors import ApiFailed
from pressroom.runtime.vendors.openai import VENDOR, OpenAIVendorSettings, Wire
from pressroom.runtime.vendors.openai_images import GENERATIONS, picture_wish, size_for

from .provider_jobs import WantedRow


class InputRow(Wire):
    """A line that was written here."""

    custom_id: str
    body: dict[str, str]


def request_line(row: WantedRow, model: str, settings: OpenAIVendorSettings) -> bytes:
    """One line of the input file, with its line end."""
    wish = picture_wish(
        row.prompt,
        negative_prompt=row.negative_prompt,
        width_px=row.width_px,
        height_px=row.height_px,
        model=model,
        quality=settings.openai_quality,
    )
    return _line(row.key, {**wish, "moderation": settings.openai_moderation})


def with_model(line: bytes, model: str) -> bytes:
    """The same line for another model, in the size nearest to the one that it asks for; `ApiFailed` for what is no line
    of ours."""
    try:
        row = InputRow.model_validate_json(line)
        width_px, height_px = (int(side) for side in row.body.get("size", "").split("x"))
    except (ValidationError, ValueError) as error:
        raise ApiFailed(f"{VENDOR} returned a row that was not written here; upload the rows again") from error
    width_px, height_px = size_for(model, width_px, height_px)
    return _line(row.custom_id, {**row.body, "model": model, "size": f"{width_px}x{height_px}"})


def _line(custom_id: str, body: dict[str, str]) -> bytes:
    line = {"custom_id": custom_id, "method": "POST", "url": GENERATIONS, "body": body}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
