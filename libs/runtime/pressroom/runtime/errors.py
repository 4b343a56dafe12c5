"""Why work fails. Each error has a kind, and each kind has one policy (`pressroom.runtime.policies`).

WorkError                what a job may raise; carries its ErrorKind
├── RateLimited          429: the whole lane waits, for `retry_after_s` if the vendor said so
├── NetworkFailed        no answer, or a torn one: the effect may or may not have happened
├── ApiFailed            the vendor answered 5xx, or something that makes no sense
├── InvalidRequest       400 and its kin: asking again changes nothing
│   └── ModelGone        the vendor has no such model (any more); names the setting
├── AuthFailed           401 and 403: a key is missing or wrong; names the setting
│   └── OutOfCredit      402: the account at the vendor is empty
├── TimedOut             took longer than it may
├── Moderated            the vendor refused the content
└── OverBudget           a cap in money does not leave what the call would cost
LeaseLost                another taker has the document; nothing of this one may be written
WorkCancelled            somebody cancelled the batch while its image was being made
NotYet                   it is too early for this job, which nobody failed at
"""

from typing import ClassVar

from pressroom.contracts.facts import ErrorReport
from pressroom.contracts.vocabulary import ErrorKind


class WorkError(Exception):
    """Something that a job could not do. The message says what to do next."""

    kind: ClassVar[ErrorKind] = ErrorKind.UNKNOWN
    closes_lane: ClassVar[bool] = False
    """Whether every other job of the lane would meet the same, until somebody mends a setting."""


class RateLimited(WorkError):
    """`retry_after_s`: seconds that the vendor asked to wait, or None when it did not say."""

    kind = ErrorKind.RATE_LIMIT

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NetworkFailed(WorkError):
    kind = ErrorKind.NETWORK


class ApiFailed(WorkError):
    kind = ErrorKind.API_ERROR


class InvalidRequest(WorkError):
    kind = ErrorKind.VALIDATION


class ModelGone(InvalidRequest):
    """The message names the setting, or says that the batch named the model."""

    closes_lane = True


class AuthFailed(WorkError):
    kind = ErrorKind.AUTH
    closes_lane = True


class OutOfCredit(AuthFailed):
    """The message says where to pay."""


class TimedOut(WorkError):
    kind = ErrorKind.TIMEOUT


class Moderated(WorkError):
    kind = ErrorKind.MODERATION


class OverBudget(WorkError):
    """Nothing was asked for. The message names the cap, what is spent of it, and what was needed."""

    kind = ErrorKind.BUDGET


class StoreUnavailable(Exception):
    """The blob store cannot take or give a file now: a full disk, a bucket that does not answer."""


class LeaseLost(Exception):
    """The fence: this taker's token is no longer on the document."""


class WorkCancelled(Exception):
    """The document says that its work is not wanted any more."""


class NotYet(Exception):
    """The job waits for `delay_s` more; nothing is counted."""

    def __init__(self, delay_s: float) -> None:
        super().__init__(f"not for another {delay_s:.1f} s")
        self.delay_s = delay_s


NEVER_RETRIED = frozenset({ErrorKind.VALIDATION, ErrorKind.AUTH, ErrorKind.MODERATION, ErrorKind.BUDGET})


def kind_of(error: BaseException) -> ErrorKind:
    """The kind of any exception; what is not a `WorkError` is a fault of ours and `unknown`."""
    if isinstance(error, WorkError):
        return error.kind
    if isinstance(error, TimeoutError):
        return ErrorKind.TIMEOUT
    return ErrorKind.UNKNOWN


def report_of(error: BaseException) -> ErrorReport:
    """What is stored and told of an exception."""
    kind = kind_of(error)
    message = str(error) or type(error).__name__
    if kind is ErrorKind.UNKNOWN:
        message = f"{type(error).__name__}: {message}"
    return ErrorReport(kind=kind, message=message[:2000], recoverable=kind not in NEVER_RETRIED)
