"""The state machines, as tables: what may follow what. Documents change state only along these (`transitions`).

`ARCHITECTURE.md` draws them from here. `planned` may become `generating` at once in batch mode, where a whole batch is
handed to a provider; `generating` becomes `generated` at once for a text, of which no files are made. `queued` follows
itself when an image moves to another provider's lane. What failed may wait again when somebody sends its dead letter
again or asks for it to be made again, and its batch, which may be complete by then, is open again until that is done. A
notice, delivered or not, may be asked for again.
"""

from collections.abc import Mapping
from enum import StrEnum

from pressroom.contracts.posts import PostState
from pressroom.contracts.vocabulary import (
    BatchState,
    ImageState,
    LaneState,
    NoticeState,
    ProviderJobState,
    PublicationState,
)

Machine = Mapping[StrEnum, frozenset[StrEnum]]


def _table(rows: Mapping[StrEnum, set[StrEnum]]) -> Machine:
    return {state: frozenset(following) for state, following in rows.items()}


BATCH: Machine = _table(
    {
        BatchState.SCHEDULED: {BatchState.REQUESTED, BatchState.CANCELLED},
        BatchState.REQUESTED: {BatchState.ACCEPTED, BatchState.REJECTED, BatchState.CANCELLED},
        BatchState.ACCEPTED: {BatchState.COMPLETED, BatchState.CANCELLED},
        BatchState.REJECTED: set(),
        BatchState.COMPLETED: {BatchState.ACCEPTED},
        BatchState.CANCELLED: set(),
    }
)

IMAGE: Machine = _table(
    {
        ImageState.PLANNED: {ImageState.QUEUED, ImageState.GENERATING, ImageState.FAILED, ImageState.CANCELLED},
        ImageState.QUEUED: {ImageState.QUEUED, ImageState.GENERATING, ImageState.FAILED, ImageState.CANCELLED},
        ImageState.GENERATING: {
            ImageState.GENERATING,
            ImageState.QUEUED,
            ImageState.FINISHING,
            ImageState.GENERATED,
            ImageState.FAILED,
            ImageState.CANCELLED,
        },
        ImageState.FINISHING: {ImageState.FINISHING, ImageState.GENERATED, ImageState.FAILED},
        ImageState.GENERATED: {ImageState.APPROVED, ImageState.REJECTED, ImageState.DELETED},
        ImageState.APPROVED: {ImageState.DELETED},
        ImageState.REJECTED: {ImageState.APPROVED, ImageState.DELETED},
        ImageState.FAILED: {ImageState.PLANNED, ImageState.QUEUED, ImageState.FINISHING, ImageState.DELETED},
        ImageState.CANCELLED: {ImageState.DELETED},
        ImageState.DELETED: set(),
    }
)

PUBLICATION: Machine = _table(
    {
        PublicationState.REQUESTED: {PublicationState.PUBLISHING, PublicationState.FAILED},
        PublicationState.PUBLISHING: {
            PublicationState.PUBLISHING,
            PublicationState.REQUESTED,
            PublicationState.PUBLISHED,
            PublicationState.FAILED,
        },
        PublicationState.PUBLISHED: set(),
        PublicationState.FAILED: {PublicationState.REQUESTED},
    }
)

PROVIDER_JOB: Machine = _table(
    {
        ProviderJobState.PLANNED: {ProviderJobState.SUBMITTING, ProviderJobState.CANCELLED, ProviderJobState.FAILED},
        ProviderJobState.SUBMITTING: {
            ProviderJobState.SUBMITTED,
            ProviderJobState.FAILED,
            ProviderJobState.CANCELLED,
        },
        ProviderJobState.SUBMITTED: {
            ProviderJobState.COLLECTING,
            ProviderJobState.FAILED,
            ProviderJobState.CANCELLED,
            ProviderJobState.EXPIRED,
        },
        ProviderJobState.COLLECTING: {
            ProviderJobState.SUCCEEDED,
            ProviderJobState.FAILED,
            ProviderJobState.CANCELLED,
            ProviderJobState.EXPIRED,
        },
        ProviderJobState.SUCCEEDED: set(),
        ProviderJobState.FAILED: set(),
        ProviderJobState.CANCELLED: set(),
        ProviderJobState.EXPIRED: set(),
    }
)

NOTICE: Machine = _table(
    {
        NoticeState.PENDING: {NoticeState.SENDING},
        NoticeState.SENDING: {
            NoticeState.SENDING,
            NoticeState.PENDING,
            NoticeState.DELIVERED,
            NoticeState.FAILED,
        },
        NoticeState.DELIVERED: {NoticeState.PENDING},
        NoticeState.FAILED: {NoticeState.PENDING},
    }
)

LANE: Machine = _table(
    {
        LaneState.OPEN: {LaneState.PAUSED, LaneState.CLOSED},
        LaneState.PAUSED: {LaneState.PAUSED, LaneState.OPEN, LaneState.CLOSED},
        LaneState.CLOSED: {LaneState.CLOSED, LaneState.OPEN},
    }
)

POST: Machine = _table(
    {
        PostState.DRAFT: {PostState.DRAFT, PostState.PUBLISHED, PostState.DELETED},
        PostState.PUBLISHED: {PostState.PUBLISHED, PostState.DRAFT, PostState.DELETED},
        PostState.DELETED: set(),
    }
)

MACHINES: dict[str, Machine] = {
    "batch": BATCH,
    "image": IMAGE,
    "publication": PUBLICATION,
    "provider job": PROVIDER_JOB,
    "notice": NOTICE,
    "lane": LANE,
    "post": POST,
}

IMAGE_READY = frozenset({ImageState.GENERATED, ImageState.APPROVED, ImageState.REJECTED})
"""The image has its files."""

IMAGE_SETTLED = IMAGE_READY | {ImageState.FAILED, ImageState.CANCELLED, ImageState.DELETED}
"""Nothing more happens to the image by itself."""

IMAGE_IN_WINDOW = frozenset({ImageState.PLANNED, ImageState.QUEUED, ImageState.GENERATING})
"""A released image in one of these holds its place in the batch's window."""

PROVIDER_JOB_FINAL = frozenset(state for state, following in PROVIDER_JOB.items() if not following)


def sources(machine: Machine, target: StrEnum) -> list[StrEnum]:
    """The states from which `target` may be reached."""
    return [state for state, following in machine.items() if target in following]
