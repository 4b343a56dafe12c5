"""The lines of a Gemini job's input file: one picture or one text each, `{"key", "request"}`.

A line follows from its row, its job and the names of its reference pictures alone, so a process that dies while it
writes them writes the same ones again. Reference pictures are uploaded once and named in every row.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType

from pressroom.runtime.vendors.gemini_content import Part, picture_request, text_request

from .provider_jobs import WantedJob, WantedRow


def request_line(job: WantedJob, row: WantedRow, uploaded: Mapping[str, Part] = MappingProxyType({})) -> bytes:
    """One line of the input file, with its line end. `uploaded` are the parts that stand for reference pictures, by
    their names."""
    pictures = [uploaded[name] for name in row.references]
    if job.text_kind is not None:
        request = text_request(
            row.prompt,
            kind=job.text_kind,
            instructions=job.instructions,
            seed=row.seed,
            pictures=pictures,
            most_tokens=job.most_tokens,
        )
    else:
        request = picture_request(
            row.prompt,
            negative_prompt=row.negative_prompt,
            width_px=row.width_px,
            height_px=row.height_px,
            seed=row.seed,
            pictures=pictures,
        )
    return json.dumps({"key": row.key, "request": request}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
