"""What delivering a notice is, however it is done, and how it can fail: for good, or until another try."""

from dataclasses import dataclass
from typing import Protocol

from pressroom.state.documents import NoticeDocument


@dataclass(frozen=True)
class Taken:
    """The receiver's answer by which it took the notice."""

    status: int


class NotTaken(Exception):
    """The notice was not taken this time. `status` is None when nobody answered; `retry_after_s`: what the receiver
    asked for; `for_good`: another try would meet the same."""

    def __init__(
        self, message: str, *, status: int | None = None, retry_after_s: float | None = None, for_good: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
        self.for_good = for_good


class Delivery(Protocol):
    """One way to tell somebody."""

    def receiver(self, notice: NoticeDocument) -> str | None:
        """Whom a dead one must not be taken for; None where all notices go to one server of ours."""
        ...

    async def deliver(self, notice: NoticeDocument) -> Taken:
        """Once. Raises `NotTaken`."""
        ...

    async def aclose(self) -> None: ...
