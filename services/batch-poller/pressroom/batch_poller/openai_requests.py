"""The lines of an OpenAI batch's input file: one picture or one text each, `{"custom_id", "method", "url", "body"}`.

A line follows from its row, its job, the settings and the names of its reference pictures alone, so a process that dies
while it writes them writes the same ones again. There is no seed.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType

from pressroom.runtime.vendors.openai import OpenAIVendorSettings
from pressroom.runtime.vendors.openai_images import EDITS, GENERATIONS, picture_wish
from pressroom.runtime.vendors.openai_texts import RESPONSES, text_wish

from .provider_jobs import WantedJob, WantedRow


def endpoint_of(job: WantedJob) -> str:
    """Where all rows of a job go to."""
    if job.text_kind is not None:
        return RESPONSES
    return EDITS if job.has_references else GENERATIONS


def request_line(
    job: WantedJob, row: WantedRow, settings: OpenAIVendorSettings, uploaded: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """One line of the input file, with its line end. `uploaded` are the ids of reference pictures, by
    their names."""
    line = {
        "custom_id": row.key,
        "method": "POST",
        "url": endpoint_of(job),
        "body": _body(job, row, settings, uploaded),
    }
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _body(
    job: WantedJob, row: WantedRow, settings: OpenAIVendorSettings, uploaded: Mapping[str, str]
) -> Mapping[str, object]:
    file_ids = [uploaded[name] for name in row.references]
    if job.text_kind is not None:
        return text_wish(
            row.prompt,
            kind=job.text_kind,
            instructions=job.instructions,
            model=job.model,
            file_ids=file_ids,
            most_tokens=job.most_tokens,
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
