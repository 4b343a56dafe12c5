"""The lines of an OpenAI batch's input file: one picture or one text each, `{"custom_id", "method", "url", "body"}`.

A line follows from its row, its job, the settings and the names of its reference pictures alone, so a process that dies
while it writes them writes the same ones again. There is no seed.
"""

import json
from collections.abc import Mapping, Sequence

from pressroom.runtime.vendors.openai import OpenAIVendorSettings
from pressroom.runtime.vendors.openai_images import EDITS, GENERATIONS, picture_wish
from pressroom.runtime.vendors.openai_texts import RESPONSES, text_wish

from .provider_jobs import WantedJob, WantedRow


def endpoint_of(job: WantedJob) -> str:
    """Where all rows of a job go to."""
    if job.text_kind is not None:
        return RESPONSES
    return EDITS if job.references else GENERATIONS


def request_line(job: WantedJob, row: WantedRow, settings: OpenAIVendorSettings, file_ids: Sequence[str] = ()) -> bytes:
    """One line of the input file, with its line end. `file_ids` are the uploaded reference pictures."""
    line = {
        "custom_id": row.key,
        "method": "POST",
        "url": endpoint_of(job),
        "body": _body(job, row, settings, file_ids),
    }
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _body(
    job: WantedJob, row: WantedRow, settings: OpenAIVendorSettings, file_ids: Sequence[str]
) -> Mapping[str, object]:
    if job.text_kind is not None:
        return text_wish(
            row.prompt, kind=job.text_kind, instructions=job.instructions, model=job.model, file_ids=file_ids
        )
    wish = picture_wish(
        row.prompt,
        negative_prompt=row.negative_prompt,
        width_px=row.width_px,
        height_px=row.height_px,
        model=job.model,
        quality=settings.openai_quality,
        transparent=job.transparent,
    )
    if file_ids:
        # `moderation` is no parameter of an edit.
        return {**wish, "images": [{"file_id": file_id} for file_id in file_ids]}
    return {**wish, "moderation": settings.openai_moderation}
