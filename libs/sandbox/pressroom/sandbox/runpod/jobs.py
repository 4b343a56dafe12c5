"""The jobs of the endpoint. A job's status is worked out from its document and the clock each time it is asked for,
never stored, so that a restart changes nothing: IN_QUEUE for a third of `runpod_seconds`, IN_PROGRESS for the rest,
then what its work came to; CANCELLED is a mark, TIMED_OUT comes of its policy. Results are kept for a while only."""

from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import dataclass

from pressroom.sandbox.core.settings import Settings
from pressroom.sandbox.core.store import Row, Store
from pressroom.sandbox.core.wire import JsonObject, as_float, as_int, as_list, as_object, as_text, canonical
from pressroom.sandbox.runpod.errors import RunPodRefusalError, no_such_job

JOBS = "runpod.jobs"
EFFECT = "runpod.job"
FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"})


@dataclass(frozen=True)
class Span:
    """When a job begins, ends, and whether it ends by a time limit."""

    starts_at: float
    ends_at: float
    times_out: bool


class Jobs:
    """The jobs of one sandbox."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    def create(self, asked: JsonObject, work: JsonObject, base_url: str, *, is_sync: bool, fault: str) -> str:
        """Takes a job in and answers its id. Equal inputs are counted as made twice."""
        policy = as_object(asked.get("policy"))
        for name in ("executionTimeout", "ttl"):
            if name in policy and as_int(policy[name]) <= 0:
                raise RunPodRefusalError(400, f"policy.{name} must be a number of milliseconds above 0")
        job_id = f"{'sync-' if is_sync else ''}{uuid.uuid4()}-u1"
        document: JsonObject = {
            "created_at": time.time(),
            "is_sync": is_sync,
            "policy": policy,
            "webhook": as_text(asked.get("webhook")),
            "base_url": base_url,
            "work": work,
        }
        if fault in ("expire", "fail"):
            document["will_expire" if fault == "expire" else "will_fail"] = True
        with self._store.transaction():
            digest = hashlib.sha256(canonical(asked["input"])).hexdigest()
            pictures = [as_object(one) for one in as_list(work["pictures"])]
            note = as_text(pictures[0]["prompt"])[:200] if pictures else ""
            self._store.record_effect(EFFECT, job_id, digest, note)
            self._store.put(JOBS, job_id, document)
        return job_id

    def find(self, job_id: str) -> JsonObject:
        """The job's document; the API's 404 for one that never was or is not kept any more."""
        document = self.peek(job_id)
        keep = self._settings.runpod_keep_sync_seconds if document["is_sync"] else self._settings.runpod_keep_seconds
        if self.status(document) in FINAL and time.time() > self.ended_at(document) + keep:
            raise no_such_job()
        return document

    def peek(self, job_id: str) -> JsonObject:
        """The job's document, however long its result was kept."""
        document = self._store.get(JOBS, job_id)
        if document is None:
            raise no_such_job()
        return document

    def mark(self, job_id: str, **marks: float | bool) -> None:
        """Adds fields to the job's document, if it is still there."""
        with self._store.transaction():
            document = self._store.get(JOBS, job_id)
            if document is not None:
                self._store.put(JOBS, job_id, {**document, **marks})

    def span(self, document: JsonObject) -> Span:
        created, policy = as_float(document["created_at"]), as_object(document["policy"])
        seconds, times_out = self._settings.runpod_seconds, False
        starts, ends = created + seconds / 3, created + seconds
        for limit in (
            created + as_int(policy["ttl"]) / 1000 if "ttl" in policy else ends,
            starts + as_int(policy["executionTimeout"]) / 1000 if "executionTimeout" in policy else ends,
        ):
            if limit < ends:
                ends, times_out = limit, True
        return Span(min(starts, ends), ends, times_out or "will_expire" in document)

    def ended_at(self, document: JsonObject) -> float:
        return as_float(document["cancelled_at"]) if "cancelled_at" in document else self.span(document).ends_at

    def status(self, document: JsonObject) -> str:
        if "cancelled_at" in document:
            return "CANCELLED"
        span, now = self.span(document), time.time()
        if now < span.ends_at:
            return "IN_QUEUE" if now < span.starts_at else "IN_PROGRESS"
        if span.times_out:
            return "TIMED_OUT"
        work = as_object(document["work"])
        failed = "will_fail" in document or (work["error"] and not work["reported"])
        return "FAILED" if failed else "COMPLETED"

    def newest(self, limit: int = -1) -> list[Row]:
        return self._store.rows(JOBS, newest_first=True, limit=limit)

    def cancel(self, job_id: str) -> str:
        """Ends a job that has not ended; its status then."""
        with self._store.transaction():
            document = self.find(job_id)
            if self.status(document) not in FINAL:
                document = {**document, "cancelled_at": time.time()}
                self._store.put(JOBS, job_id, document)
        return self.status(document)

    def purge(self) -> int:
        """Removes the jobs that wait; how many there were."""
        waiting = [row.id for row in self.newest() if self.status(row.body) == "IN_QUEUE"]
        return sum(self._store.delete(JOBS, job_id) for job_id in waiting)

    def by_status(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in self.newest():
            status = self.status(row.body)
            found[status] = found.get(status, 0) + 1
        return found

    def images(self) -> int:
        """Pictures of all jobs that are COMPLETED."""
        return sum(
            len(as_list(as_object(row.body["work"])["pictures"]))
            for row in self.newest()
            if self.status(row.body) == "COMPLETED"
        )

    def untold(self) -> list[tuple[str, float]]:
        """The jobs whose webhook is still to be sent, and when they end."""
        owed = [row for row in self.newest() if row.body["webhook"] and "webhook_told" not in row.body]
        return [(row.id, self.span(row.body).ends_at) for row in owed]

    def count(self) -> int:
        return self._store.count_effects(EFFECT)

    def made_twice(self) -> int:
        return sum(found.times - 1 for found in self._store.repeated_effects(EFFECT))
