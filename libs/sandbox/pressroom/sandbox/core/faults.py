"""Faults that somebody asked for: what goes wrong, at which requests, how often. They are memory only and gone with the
process, so that a restarted sandbox is a healthy one."""

from __future__ import annotations

import random
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

FaultKind = Literal[
    "429",  # refused, no word on when to come back
    "429_retry_after",  # refused, with `seconds` in the vendor's way of saying so
    "500",
    "502",
    "503",
    "504",
    "slow",  # answered after `seconds`
    "cut_before",  # the connection is cut, nothing was done
    "cut_after_effect",  # everything was done, then the connection is cut without an answer
    "truncate",  # the answer breaks off in its middle
    "html",  # a gateway's HTML error page instead of the vendor's JSON
    "html_200",  # the same with status 200, as captive portals and CDNs do
    "bad_json",  # status 200 and JSON that breaks off, with a matching Content-Length
    "forget",  # the vendor's 404: what is asked for was never there
    "throttled",  # the vendor's own throttling: HTTP 200 and THROTTLED at Shopify, 429 elsewhere
    "expire",  # Gemini: the batch that is made or looked at is EXPIRED; RunPod: the job that is made is TIMED_OUT
    "fail",  # what is made ends as FAILED (Gemini's batches, Shopify's media, RunPod's jobs, Flux's tasks)
    "not_a_picture",  # the pictures in the answer are some words instead
    "huge_picture",  # the pictures in the answer claim to have 60000 x 60000 pixels
    "other_size",  # the pictures in the answer are narrower than they were made
    "late_progress",  # RunPod: IN_PROGRESS is told once more after COMPLETED
    "no_credit",  # Flux: 402, the account is empty
    "foreign_url",  # Flux: the URLs in the answer point at another host, inside the client's own network
]

REFUSALS: dict[str, int] = {
    "429": 429, "429_retry_after": 429, "500": 500, "502": 502, "503": 503, "504": 504, "forget": 404, "throttled": 429
}  # fmt: skip


class Fault(BaseModel):
    """One fault, as posted to `/_sandbox/faults`."""

    model_config = ConfigDict(extra="forbid")

    vendor: str | None = Field(None, description="its name, as the statistics have it; none means any")
    match: str = Field(
        ".", description="regular expression searched in `METHOD /path?query`; a WebSocket's method is WS"
    )
    match_body: str | None = Field(None, description="regular expression searched in the request's body")
    kind: FaultKind
    times: int = Field(1, description="how many requests it hits; -1 until it is cleared")
    after: int = Field(0, ge=0, description="how many matching requests pass first")
    seconds: float = Field(1.0, ge=0, description="delay of `slow`, advice of `429_retry_after`")
    probability: float = Field(1.0, ge=0, le=1, description="how often a matching request is hit")
    hits: int = Field(0, description="how often it has struck; counted by the sandbox")
    id: int = Field(0, description="given by the sandbox")

    @field_validator("match", "match_body")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as wrong:
                raise ValueError(f"{value!r} is no regular expression: {wrong}") from wrong
        return value


class FaultBook:
    """The faults in force, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._given = 0

    def add(self, fault: Fault) -> Fault:
        self._given += 1
        kept = fault.model_copy(update={"id": self._given, "hits": 0})
        self._faults.append(kept)
        return kept

    def listed(self) -> list[Fault]:
        return list(self._faults)

    def clear(self, fault_id: int | None = None) -> int:
        """Ends one fault or all; how many there were."""
        before = len(self._faults)
        self._faults = [fault for fault in self._faults if fault_id is not None and fault.id != fault_id]
        return before - len(self._faults)

    def wants_body(self, vendor: str) -> bool:
        return any(fault.match_body is not None and fault.vendor in (None, vendor) for fault in self._faults)

    def strike(self, vendor: str, line: str, body: bytes) -> Fault | None:
        """The first fault that hits this request, used up by one; `line` is `METHOD /path?query`."""
        for index, fault in enumerate(self._faults):
            if fault.times == 0 or fault.vendor not in (None, vendor) or not re.search(fault.match, line):
                continue
            if fault.match_body is not None and not re.search(fault.match_body, body.decode("utf-8", "replace")):
                continue
            if fault.after > 0:
                self._faults[index] = fault.model_copy(update={"after": fault.after - 1})
                continue
            if random.random() >= fault.probability:  # noqa: S311 chance, not secrecy
                continue
            struck = fault.model_copy(update={"times": max(fault.times - 1, -1), "hits": fault.hits + 1})
            self._faults[index] = struck
            return struck
        return None
