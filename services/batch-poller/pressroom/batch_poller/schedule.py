"""When a provider's job is looked at next: soon at first, more and more slowly as it gets older."""

from datetime import datetime, timedelta

from .settings import BatchPollerSettings

AGE_SHARE = 0.1
"""A job is looked at again after a tenth of its age: nobody waits longer than a tenth more than the job took."""


def next_poll(now: datetime, submitted_at: datetime, settings: BatchPollerSettings) -> datetime:
    """The next look at a job that was submitted at `submitted_at` and is not done at `now`."""
    age_s = max(0.0, (now - submitted_at).total_seconds())
    wait_s = min(max(age_s * AGE_SHARE, settings.poll_initial_s), settings.poll_max_s)
    return now + timedelta(seconds=wait_s)
