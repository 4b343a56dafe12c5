"""What follows from a failure: one policy per kind of error, in pure functions.

Never retried: validation, auth, moderation, budget. The whole lane waits: rate limit. Everything else is tried again
after a delay that doubles (1 s to 10 s by default), until the work has failed `max_attempts` times.
"""

from dataclasses import dataclass

from pressroom.contracts.vocabulary import ErrorKind

from .errors import NEVER_RETRIED, RateLimited, kind_of


@dataclass(frozen=True)
class RetryPolicy:
    """How often a piece of work may fail, and how long it waits in between; the wait doubles up to `backoff_max_s`."""

    max_attempts: int
    backoff_initial_s: float
    backoff_max_s: float
    rate_limit_pause_s: float


@dataclass(frozen=True)
class GiveUp:
    """The document fails, the message goes to DEAD."""


@dataclass(frozen=True)
class Retry:
    """The message comes again after `delay_s`."""

    delay_s: float


@dataclass(frozen=True)
class PauseLane:
    """Nobody takes from the lane for `seconds`; the job waits with the others and nothing is counted against it."""

    seconds: float


Decision = GiveUp | Retry | PauseLane


def backoff_s(failures: int, policy: RetryPolicy) -> float:
    """How long to wait after the `failures`-th failure (from 1)."""
    # Beyond 2^30 the doubling has long met its maximum; the cap keeps the power a float.
    doubled: float = policy.backoff_initial_s * float(2 ** min(failures - 1, 30))
    return min(doubled, policy.backoff_max_s)


def decide(error: BaseException, failures_before: int, policy: RetryPolicy) -> Decision:
    """What to do about `error` of a job whose work has failed `failures_before` times already."""
    kind = kind_of(error)
    if isinstance(error, RateLimited):
        asked = error.retry_after_s
        return PauseLane(policy.rate_limit_pause_s if asked is None else max(asked, policy.backoff_initial_s))
    if kind in NEVER_RETRIED:
        return GiveUp()
    failures = failures_before + 1
    return GiveUp() if failures >= policy.max_attempts else Retry(backoff_s(failures, policy))


def counts_as_failure(kind: ErrorKind) -> bool:
    """A lane's rate limit is nobody's failure."""
    return kind is not ErrorKind.RATE_LIMIT
