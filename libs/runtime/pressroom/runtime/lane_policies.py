"""What a lane of images may do: how often it tries, how long it waits, how much it asks of its provider at once.

Three say so, the later the stronger: the settings for all lanes, `PRESSROOM_LANE_POLICIES` for one, and the batch for
its own images. What a batch says never loosens a lane's limits on its provider.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pressroom.contracts.vocabulary import ProviderName
from pressroom.state.documents import Pacing

from .policies import RetryPolicy

Seconds = Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)]


class LanePolicy(BaseModel):
    """One lane's own values; what is absent is as for all lanes.

    `requests_per_minute` and `in_flight` hold for all workers together, `at_once` for each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    backoff_initial_s: Seconds | None = None
    backoff_max_s: Seconds | None = None
    rate_limit_pause_s: Annotated[float, Field(ge=0.1, le=86400, allow_inf_nan=False)] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)] | None = None
    requests_per_minute: Annotated[float, Field(gt=0, le=60000, allow_inf_nan=False)] | None = None
    in_flight: Annotated[int, Field(ge=1, le=1000)] | None = None
    at_once: Annotated[int, Field(ge=1, le=100)] | None = None
    delay_s: Seconds | None = None
    delay_after_error_s: Seconds | None = None


VENDOR_LIMITS: Mapping[ProviderName, LanePolicy] = {
    # BFL runs 24 tasks of one account at a time (docs.bfl.ai, 2026-11).
    ProviderName.FLUX: LanePolicy(in_flight=24),
    # Gemini's free tier; a paid one allows more (ai.google.dev, "Rate limits", 2026-11).
    ProviderName.GEMINI: LanePolicy(requests_per_minute=60),
}
"""What vendors are known to allow; a deployment's own word replaces each value."""


class LaneRules(BaseModel):
    """A lane's values, complete. Times in seconds."""

    model_config = ConfigDict(frozen=True)

    retry: RetryPolicy
    timeout_s: float
    requests_per_minute: float | None
    in_flight: int | None
    at_once: int | None
    delay_s: float
    delay_after_error_s: float

    @property
    def has_gate(self) -> bool:
        """Whether anything must be agreed upon with other workers."""
        return bool(self.requests_per_minute or self.in_flight or self.delay_s or self.delay_after_error_s)

    @property
    def interval_s(self) -> float:
        """The least time between two images."""
        return 60.0 / self.requests_per_minute if self.requests_per_minute else 0.0

    def for_image(self, pacing: Pacing) -> "LaneRules":
        """With what the image's batch asked for."""
        attempts = pacing.max_attempts or self.retry.max_attempts
        delay = max(self.retry.backoff_initial_s, pacing.delay_after_error_s)
        retry = RetryPolicy(
            max_attempts=attempts,
            backoff_initial_s=delay,
            backoff_max_s=max(self.retry.backoff_max_s, delay),
            rate_limit_pause_s=self.retry.rate_limit_pause_s,
        )
        return self.model_copy(update={"retry": retry, "timeout_s": pacing.timeout_s or self.timeout_s})


def rules_of(lane: LanePolicy | None, vendor: LanePolicy | None, general: LanePolicy) -> LaneRules:
    """The first word of the three for each value. `general` is complete but for the limits."""

    def first(name: str) -> float | None:
        for policy in (lane, vendor, general):
            value: float | None = getattr(policy, name) if policy is not None else None
            if value is not None:
                return value
        return None

    def known(name: str) -> float:
        value = first(name)
        assert value is not None, f"the settings for all lanes say nothing of {name}"
        return value

    def count(name: str) -> int | None:
        value = first(name)
        return None if value is None else int(value)

    return LaneRules(
        retry=RetryPolicy(
            max_attempts=int(known("max_attempts")),
            backoff_initial_s=known("backoff_initial_s"),
            backoff_max_s=known("backoff_max_s"),
            rate_limit_pause_s=known("rate_limit_pause_s"),
        ),
        timeout_s=known("timeout_s"),
        requests_per_minute=first("requests_per_minute"),
        in_flight=count("in_flight"),
        at_once=count("at_once"),
        delay_s=first("delay_s") or 0.0,
        delay_after_error_s=first("delay_after_error_s") or 0.0,
    )
