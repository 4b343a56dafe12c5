"""A provider's asynchronous job as it is planned: the same for a new batch and for what is made again of an old one.

Its id follows from its batch and its number, so who plans it a second time plans the same. Pure.
"""

from collections.abc import Sequence
from datetime import datetime

from pressroom.contracts.vocabulary import ProviderJobState, ProviderName
from pressroom.state.documents import BatchDocument, ProviderJobDocument


def planned_job(
    batch: BatchDocument,
    number: int,
    *,
    provider: ProviderName,
    model: str | None,
    first_index: int,
    last_index: int,
    image_ids: Sequence[str] | None = None,
    estimated_cost_microusd: int | None = None,
    deadline_at: datetime | None = None,
    now: datetime,
    due_at: datetime,
) -> ProviderJobDocument:
    """Of a batch's images from `first_index` to before `last_index`, or of exactly `image_ids` between them."""
    request = batch.request
    return ProviderJobDocument(
        _id=f"{batch.id}-job-{number}",
        created_at=now,
        updated_at=now,
        state=ProviderJobState.PLANNED,
        batch_id=batch.id,
        owner=batch.owner,
        provider=provider,
        model=model,
        image_count=last_index - first_index if image_ids is None else len(image_ids),
        first_index=first_index,
        last_index=last_index,
        image_ids=None if image_ids is None else tuple(image_ids),
        text_kind=request.text_kind,
        instructions=request.instructions,
        has_references=max(request.pictures_shown()) > 0,
        transparent=request.transparent,
        estimated_cost_microusd=estimated_cost_microusd,
        deadline_at=deadline_at,
        next_poll_at=due_at,
    )
