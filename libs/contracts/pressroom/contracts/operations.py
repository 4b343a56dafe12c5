"""What operators look at and do: lanes, and what could not be handled."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from .facts import Fact, NonNegative
from .vocabulary import LaneState

PAUSE_MAX_S = 7 * 24 * 3600
LISTED_BODY_CHARACTERS = 4096


class Lane(Fact):
    """The queue of one provider, platform or channel, by the name that its consumers have: `image-studio`,
    `publish-shopify`, `notice-webhook`."""

    name: str
    state: LaneState
    reason: str | None = Field(default=None, description="Why nobody takes from it.")
    paused_until: datetime | None = None
    waiting: NonNegative = Field(description="Jobs that nobody has taken.")
    taken: NonNegative = Field(description="Jobs that somebody is at.")


class PauseLane(BaseModel):
    """The body of `POST /v1/lanes/{name}/pause`."""

    model_config = ConfigDict(extra="forbid")

    seconds: Annotated[float, Field(gt=0, le=PAUSE_MAX_S, allow_inf_nan=False)]
    reason: Annotated[str, Field(min_length=1, max_length=500)] = "paused by an operator"


class DeadLetter(Fact):
    """One message that could not be handled, and why."""

    sequence: NonNegative = Field(description="Its place in the DEAD stream, which is its name.")
    consumer: str = Field(description="Who could not handle it: `<stream>.<consumer>`.")
    subject: str = Field(description="Where it came from, and goes when it is sent again.")
    kind: str = Field(description="The kind of the error.")
    reason: str
    attempt: NonNegative
    died_at: datetime
    cut_from: NonNegative | None = Field(
        default=None,
        description="How many bytes the message had, where only its beginning is kept; it is never sent again.",
    )
    body: str = Field(
        description=f"The message itself; what is no UTF-8 in it is shown as U+FFFD. Lists show its first "
        f"{LISTED_BODY_CHARACTERS} characters."
    )


class RefusedLetter(Fact):
    """One that was not sent again, and stays."""

    sequence: NonNegative
    type: str = Field(description="That of the problem: what the letter alone would be refused with.")
    detail: str


class ReplayedLetters(Fact):
    """What `POST /v1/dead-letters/replay` has sent again, and what not."""

    replayed: tuple[NonNegative, ...]
    refused: tuple[RefusedLetter, ...] = ()
