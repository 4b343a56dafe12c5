"""What the poller asks of a provider that makes images or texts as asynchronous jobs, and the values that pass between
them.

A job costs money, so it is made once: the caller stores its intent (the job's display name) before `create`, and its
outside name after. A process that dies between the two calls `find` with the display name first; the same goes for a
`create` that raised `NetworkFailed`, `TimedOut` or `ApiFailed`, because the job may have been made all the same.
Everything else here may be repeated freely: an uploaded input file costs nothing and expires by itself, and results
may be read again from the beginning.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar, runtime_checkable

from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.vocabulary import ProviderName, TextKind
from pressroom.runtime.errors import InvalidRequest

Item = TypeVar("Item")
AnyIterable = Iterable[Item] | AsyncIterable[Item]


class VendorJobState(StrEnum):
    """How a provider says that its job stands; a state that nobody knows yet counts as `running`."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ENDED_STATES = frozenset(
    {VendorJobState.SUCCEEDED, VendorJobState.FAILED, VendorJobState.CANCELLED, VendorJobState.EXPIRED}
)
"""States that a job never leaves."""


class JobLost(InvalidRequest):
    """Nothing more comes of a job, however often it is asked about; what it was for may be made by another."""


class JobForgotten(JobLost):
    """The provider knows no job of this name any more: it was deleted there, or its retention ended."""


class InputForgotten(InvalidRequest):
    """The provider has the input file no more, as files expire: upload the rows again, then create."""


@dataclass(frozen=True)
class WantedJob:
    """A job as it is asked for: what holds for all its rows. Without a `text_kind` its rows are pictures, which are
    made by changing others where `has_references`. `most_tokens`: of each text, where its cost has a limit."""

    display_name: str
    model: str
    text_kind: TextKind | None = None
    instructions: str | None = None
    has_references: bool = False
    transparent: bool = False
    most_tokens: int | None = None


@dataclass(frozen=True)
class WantedRow:
    """One picture, or one text, of a job. `key` comes back with its result; sides are in pixels and tell a picture's
    shape and size; `references` are names of the reference pictures that are uploaded with the job."""

    key: str
    prompt: str
    width_px: int
    height_px: int
    seed: int | None = None
    negative_prompt: str | None = None
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reference:
    """A reference picture, encoded, under the name that rows have for it."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Tokens:
    """What a text is billed by."""

    read: int
    written: int


@dataclass(frozen=True)
class ResultRow:
    """What a job says of one row: either `data` with its `media_type`, or a `text`, or an `error`.

    `key` is None when the provider's line cannot be told to belong to anyone. `text` may also be what the model wrote
    beside or instead of a picture.
    """

    key: str | None
    data: bytes | None = None
    media_type: str | None = None
    text: str | None = None
    tokens: Tokens | None = None
    error: ErrorReport | None = None


@dataclass(frozen=True)
class VendorJob:
    """A job as the provider tells it. `raw_state` is its own word, for logs; `inline_results` are its rows, where they
    are in no file."""

    name: str
    display_name: str
    state: VendorJobState
    raw_state: str
    model: str | None = None
    created_at: datetime | None = None
    ended_at: datetime | None = None
    results_file: str | None = None
    inline_results: tuple[object, ...] | None = None
    error: str | None = None
    request_count: int | None = None
    succeeded_count: int | None = None
    failed_count: int | None = None

    @property
    def is_ended(self) -> bool:
        """Whether asking again can tell nothing new."""
        return self.state in ENDED_STATES

    @property
    def has_results(self) -> bool:
        """Whether there is something to read, which a cancelled or expired job may have too."""
        return self.results_file is not None or self.inline_results is not None


class BatchProvider(Protocol):
    """A provider's asynchronous jobs. Every method raises `WorkError`s only."""

    @property
    def name(self) -> ProviderName: ...

    @property
    def default_model(self) -> str:
        """The model of a batch of pictures that names none."""
        ...

    @property
    def default_text_model(self) -> str:
        """The model of a batch of texts that names none."""
        ...

    @property
    def grade(self) -> str | None:
        """The quality that pictures are asked for in, where their price depends on it."""
        ...

    def asked_px(self, model: str, width_px: int, height_px: int) -> tuple[int, int]:
        """The width and height that a picture of these sides is priced by."""
        ...

    async def upload(
        self, job: WantedJob, rows: AnyIterable[WantedRow], references: AnyIterable[Reference] = ()
    ) -> str:
        """Bring the rows to the provider, and before them the reference pictures that they are shown; the outside name
        of the input file."""
        ...

    async def find(self, display_name: str) -> VendorJob | None:
        """The job of this display name, looked for in the provider's whole list; None when there is none."""
        ...

    async def create(self, job: WantedJob, input_file: str) -> VendorJob:
        """Start a job of the rows that were uploaded for it, which costs money. `InvalidRequest` names the setting when
        the model does not exist; `InputForgotten` when the input file is gone."""
        ...

    async def status(self, name: str) -> VendorJob:
        """How a job stands; `JobForgotten` when the provider has it no more."""
        ...

    def results(self, job: VendorJob, *, texts: bool = False) -> AsyncGenerator[ResultRow]:
        """Every row that the provider tells of, in its order, one at a time in memory; `texts` are looked for in place
        of pictures.

        A bad row is a `ResultRow` with an error and never raises; a download that breaks off raises, and the caller
        reads again from the beginning; `JobForgotten` when the results are gone. Rows that are missing altogether are
        the caller's to find by their keys.
        """
        ...

    async def cancel(self, name: str) -> None:
        """Ask for a job's end. A job that has ended or is gone already is no error."""
        ...

    async def delete(self, name: str) -> None:
        """Remove a job from the provider's list. A job that is gone already is no error."""
        ...

    async def aclose(self) -> None: ...


@runtime_checkable
class ListsJobs(Protocol):
    """What a `BatchProvider` may have beside: a list that answers for many jobs in one request."""

    def pages(self) -> AsyncGenerator[tuple[VendorJob, ...]]:
        """All jobs, the newest first, a request for each page; up to 100 jobs on one. Raises `WorkError`s only."""
        ...


async def each(items: AnyIterable[Item]) -> AsyncIterator[Item]:
    """One after another, wherever they come from."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def found_among(pages: AsyncGenerator[tuple[VendorJob, ...]], display_name: str) -> VendorJob | None:
    """The first job of that name; no page is asked for beyond its own."""
    async with aclosing(pages):
        async for page in pages:
            for job in page:
                if job.display_name == display_name:
                    return job
    return None
