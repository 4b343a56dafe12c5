"""The lines of a Gemini job's input file: one picture each, `{"key", "request"}`.

A line follows from its row alone, so a process that dies while it writes them writes the same ones again.
"""

import json

from pressroom.runtime.vendors.gemini_content import picture_request

from .provider_jobs import WantedRow


def request_line(row: WantedRow) -> bytes:
    """One line of the input file, with its line end."""
    request = picture_request(
        row.prompt,
        negative_prompt=row.negative_prompt,
        width_px=row.width_px,
        height_px=row.height_px,
        seed=row.seed,
    )
    return json.dumps({"key": row.key, "request": request}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
