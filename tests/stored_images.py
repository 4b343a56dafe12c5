"""An image as it is stored, for tests of what becomes of it."""

from datetime import UTC, datetime
from typing import Any

from pressroom.state.documents import ImageDocument


def a_queued_image(index: int = 0, **fields: Any) -> ImageDocument:
    """Of the batch `b-1`."""
    now = datetime.now(UTC)
    queued: dict[str, Any] = {
        "_id": f"b-1-{index:04}",
        "created_at": now,
        "updated_at": now,
        "state": "queued",
        "batch_id": "b-1",
        "index": index,
        "owner": "some",
        "provider": "openai",
        "mode": "realtime",
        "priority": "normal",
        "prompt": "x",
        "seed": 1,
        "width": 64,
        "height": 64,
        "steps": 1,
        "guidance": 1,
        "profile": "none",
    }
    return ImageDocument.model_validate(queued | fields)
